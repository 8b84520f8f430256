import os
import secrets
from math import comb
from pathlib import Path

import pytest
from pydantic import ValidationError

from server.backend.config import SECRET_CHARACTERS, Settings, without_password
from server.command_errors import SettingsError
from tests.support.passwords import SECRET
from tests.support.tables import for_each

NO_ORIGIN = "names {!r}, which is not an origin; write https://films.example, without a path."
NO_LIMIT = "is not a rate limit; write 100/minute, or 100/minute; 1000/hour for several, or leave it empty for none."
NOT_ENCODED = (
    "holds a user name or password with characters that are not percent-encoded; "
    "write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25."
)
WEAK_SECRETS = ["", "short", SECRET[:31], "changeme" * 8, "x" * 64]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the settings of the machine from the environment, and work in an empty folder."""
    for name in os.environ:
        if name.startswith("MATINEE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_everything_has_a_default() -> None:
    settings = Settings.load()

    assert settings == Settings(database_url="sqlite:///data/matinee.db", model_store="data/models")
    assert settings.sqlite_file == Path("data/matinee.db")
    assert (settings.algorithm, settings.log_level) == ("ease", "info")


def test_values_override_the_environment_which_overrides_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tmp_path.joinpath(".env").write_text(
        "MATINEE_SEED=1\nMATINEE_ALGORITHM=filed\nMATINEE_MODEL_STORE=filed\nOTHER=x\n", encoding="utf-8"
    )
    monkeypatch.setenv("MATINEE_ALGORITHM", "exported")
    monkeypatch.setenv("MATINEE_MODEL_STORE", "exported")

    settings = Settings.load(model_store="given")

    assert (settings.seed, settings.algorithm, settings.model_store) == (1, "exported", "given")


@for_each(
    ("name", "value", "sentence"),
    [
        (
            "DATABASE_URL",
            "a file",
            "is not a database URL; write sqlite:///path/to/file.db or postgresql://user@host/database.",
        ),
        ("DATABASE_URL", "mysql://user@host/db", "names the database 'mysql'; Matinee runs on sqlite and postgresql."),
        (
            "DATABASE_URL",
            "sqlite://",
            "names a database in memory, which other processes can't see; name a file.",
        ),
        (
            "DATABASE_URL",
            "sqlite:///:memory:",
            "names a database in memory, which other processes can't see; name a file.",
        ),
        ("DATABASE_URL", "postgresql://u:p@ss:w/rd@127.0.0.1:5432/m", NOT_ENCODED),
        ("DATABASE_URL", "postgresql://u:p@ss@127.0.0.1/m", NOT_ENCODED),
        ("DATABASE_URL", "postgresql://u:p@ss/w:rd@127.0.0.1/m", NOT_ENCODED),
        ("DATABASE_URL", "postgresql://u:p@ss?w#rd@127.0.0.1/m", NOT_ENCODED),
        (
            "DATABASE_URL",
            "postgresql://host:port/m",
            "is not a database URL; write sqlite:///path/to/file.db or postgresql://user@host/database.",
        ),
        (
            "DATABASE_URL",
            "postgresql://u@host/m?sslmode=require&prepare_threshold=0",
            "has the unknown option 'prepare_threshold'; remove it from the URL.",
        ),
        (
            "DATABASE_URL",
            "postgresql://u@host/m?port=abc",
            "has an option with a wrong value; correct the part after the question mark.",
        ),
        ("DATABASE_URL", "sqlite:///a.db?mode=ro", "has the unknown option 'mode'; remove it from the URL."),
        ("MODEL_STORE", "", "must not be empty."),
        ("SEED", "-1", "must be at least 0."),
        ("SEED", "many", "must be a whole number."),
        ("AUTH", "maybe", "must be on or off."),
        ("REFRESH_INTERVAL_S", "0", "must be greater than 0.0."),
        ("REFRESH_INTERVAL_S", "often", "must be a number."),
        ("TRAINING_LEASE_S", "0.5", "must be at least 1.0."),
        ("DATABASE_TIMEOUT_S", "601", "must be at most 600.0."),
        ("CORS_ORIGINS", "films.example", NO_ORIGIN.format("films.example")),
        ("CORS_ORIGINS", "https://films.example/", NO_ORIGIN.format("https://films.example/")),
        (
            "CORS_ORIGINS",
            "http://a.example,http://b.example/x",
            NO_ORIGIN.format("http://a.example,http://b.example/x"),
        ),
        ("CORS_ORIGINS", "https://good.example ftp://a.example", NO_ORIGIN.format("ftp://a.example")),
        ("LOGIN_LIMIT", "often", NO_LIMIT),
        ("WRITE_LIMIT", "100", NO_LIMIT),
        ("WRITE_LIMIT", "100/minute; often", NO_LIMIT),
        ("AUTH_TOKEN_LIFETIME_S", "59", "must be at least 60."),
        ("REQUEST_TIMEOUT_S", "0", "must be greater than 0.0."),
        ("LOG_LEVEL", "loud", "must be 'debug', 'info', 'warning' or 'error'."),
    ],
)
def test_a_wrong_setting_is_a_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"MATINEE_{name}", value)

    with pytest.raises(SettingsError) as raised:
        Settings.load()

    assert str(raised.value) == f"MATINEE_{name} {sentence}"


def test_each_wrong_setting_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_SEED", "-1")
    monkeypatch.setenv("MATINEE_LOG_LEVEL", "loud")

    with pytest.raises(SettingsError) as raised:
        Settings.load()

    assert [line.split()[0] for line in str(raised.value).splitlines()] == ["MATINEE_SEED", "MATINEE_LOG_LEVEL"]


def test_a_misspelt_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_MODELSTORE", "models")

    with pytest.raises(
        SettingsError, match=r"^Unknown setting MATINEE_MODELSTORE\. Did you mean MATINEE_MODEL_STORE\?$"
    ):
        Settings.load()


@for_each(
    ("line", "sentence"),
    [
        (
            "MATINEE_DATABSE_URL=sqlite:///other.db",
            "Unknown setting MATINEE_DATABSE_URL in .env. Did you mean MATINEE_DATABASE_URL?",
        ),
        ("matinee_sede=1", "Unknown setting matinee_sede in .env. Did you mean MATINEE_SEED?"),
        ("MATINEE_42=1", "Unknown setting MATINEE_42 in .env. docs/reference/settings.md lists all settings."),
    ],
)
def test_an_unknown_setting_in_the_file_is_refused(line: str, sentence: str) -> None:
    Path(".env").write_text(f"OTHER=x\n{line}\n", encoding="utf-8")

    with pytest.raises(SettingsError) as raised:
        Settings.load()

    assert str(raised.value) == sentence


@for_each(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host:5433/films", "postgresql+psycopg://me:***@host:5433/films"),
        ("postgresql://host/films?password=secret", "postgresql+psycopg://host/films"),
        ("sqlite:///films.db", "sqlite:///films.db"),
    ],
)
def test_a_database_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert Settings.load(database_url=url).shown_database_url == shown


def test_a_url_is_shown_without_its_password() -> None:
    assert without_password("ftp://me:se/cr@et@host/models") == "ftp://***@host/models"
    assert without_password("data/models") == "data/models"


def test_a_variable_in_the_environment_that_resembles_no_setting_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_TEST_DATA", "folder")

    assert Settings.load() == Settings()


def test_a_settings_file_must_be_text(tmp_path: Path) -> None:
    tmp_path.joinpath(".env").write_bytes("MATINEE_MODEL_STORE=Müller".encode("latin-1"))

    with pytest.raises(SettingsError, match=r"^The file \.env is not valid UTF-8\.$"):
        Settings.load()


@for_each("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_has_several_url_schemes(scheme: str) -> None:
    settings = Settings.load(database_url=f"{scheme}://user:p%40ss@host:5433/films?sslmode=require")

    url = settings.sqlalchemy_url
    assert (url.drivername, url.username, url.password) == ("postgresql+psycopg", "user", "p@ss")
    assert (url.host, url.port, url.database, url.query) == ("host", 5433, "films", {"sslmode": "require"})
    assert settings.sqlite_file is None


def test_another_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.load(
        database_url="postgresql://user:p%40ss@host/films",
        model_store="s3://bucket/models",
        algorithm="popularity",
        seed=7,
        refresh_interval_s=0.25,
        training_lease_s=60,
        log_level="debug",
        auth=True,
        auth_secret=SECRET,
        cors_origins="",
    )

    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)

    assert Settings.load() == settings


@for_each("secret", WEAK_SECRETS)
def test_authentication_requires_a_strong_secret(secret: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.load(auth=True, auth_secret=secret)

    assert str(raised.value) == (
        "MATINEE_AUTH_SECRET must have at least 32 random characters if MATINEE_AUTH is on; "
        "generate one with: python3 -c 'import secrets; print(secrets.token_hex(32))'."
    )


@for_each("secret", WEAK_SECRETS)
def test_without_authentication_no_secret_is_required(secret: str) -> None:
    assert Settings.load(auth_secret=secret).auth is False


def test_a_generated_secret_is_strong_enough() -> None:
    assert Settings.load(auth=True, auth_secret=secrets.token_hex(32)).auth is True

    # At most the chance that one of 16 digits' subsets, each one digit too small, contains all 64 digits.
    too_few = SECRET_CHARACTERS - 1
    assert comb(16, too_few) * (too_few / 16) ** 64 < 1e-15


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(Settings.load(auth=True, auth_secret=SECRET))


def test_authentication_is_on_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_AUTH_SECRET", SECRET)
    switched = []

    for word in ("on", "off"):
        monkeypatch.setenv("MATINEE_AUTH", word)
        switched.append(Settings.load().auth)

    assert switched == [True, False]


def test_settings_do_not_change() -> None:
    settings = Settings.load()

    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 1  # type: ignore[misc]  # what must not work
