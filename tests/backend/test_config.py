import os
import secrets
from pathlib import Path

import pytest
from pydantic import ValidationError

from server.backend.config import Settings
from server.errors import SettingsError
from tests.support.passwords import SECRET

NO_ORIGIN = "names {!r}, which is no origin; write https://films.example, without a path."
NO_LIMIT = "is no limit; write 100/minute, several as 100/minute; 1000/hour, or nothing at all."
WEAK_SECRETS = ["", "short", SECRET[:31], "changeme" * 8, "x" * 64]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run without settings of the machine's: neither in the environment nor in a file."""
    for name in os.environ:
        if name.startswith("MATINEE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_everything_has_a_default() -> None:
    settings = Settings.load()

    assert settings == Settings(database_url="sqlite:///data/matinee.db", model_store="data/models")
    assert settings.sqlite_file == Path("data/matinee.db")
    assert (settings.algorithm, settings.log_level) == ("ease", "info")


def test_the_environment_goes_before_the_file_and_values_before_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tmp_path.joinpath(".env").write_text(
        "MATINEE_SEED=1\nMATINEE_ALGORITHM=filed\nMATINEE_MODEL_STORE=filed\nOTHER=x\n", encoding="utf-8"
    )
    monkeypatch.setenv("MATINEE_ALGORITHM", "exported")
    monkeypatch.setenv("MATINEE_MODEL_STORE", "exported")

    settings = Settings.load(model_store="given")

    assert (settings.seed, settings.algorithm, settings.model_store) == (1, "exported", "given")


@pytest.mark.parametrize(
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
            "names a database in memory, which the training process could not see; name a file.",
        ),
        (
            "DATABASE_URL",
            "sqlite:///:memory:",
            "names a database in memory, which the training process could not see; name a file.",
        ),
        ("MODEL_STORE", "", ": String should have at least 1 character."),
        ("SEED", "-1", ": Input should be greater than or equal to 0."),
        ("SEED", "many", ": Input should be a valid integer, unable to parse string as an integer."),
        ("REFRESH_INTERVAL_S", "0", ": Input should be greater than 0."),
        ("TRAINING_LEASE_S", "0.5", ": Input should be greater than or equal to 1."),
        ("DATABASE_TIMEOUT_S", "601", ": Input should be less than or equal to 600."),
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
        ("AUTH_TOKEN_LIFETIME_S", "59", ": Input should be greater than or equal to 60."),
        ("REQUEST_TIMEOUT_S", "0", ": Input should be greater than 0."),
        ("LOG_LEVEL", "loud", ": String should match pattern '^(debug|info|warning|error)$'."),
    ],
)
def test_a_wrong_setting_is_a_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"MATINEE_{name}", value)

    with pytest.raises(SettingsError) as raised:
        Settings.load()

    blank = "" if sentence.startswith(":") else " "
    assert str(raised.value) == f"MATINEE_{name}{blank}{sentence}"


def test_each_wrong_setting_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_SEED", "-1")
    monkeypatch.setenv("MATINEE_LOG_LEVEL", "loud")

    with pytest.raises(SettingsError) as raised:
        Settings.load()

    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == ["MATINEE_SEED", "MATINEE_LOG_LEVEL"]


def test_a_misspelt_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_MODELSTORE", "models")

    with pytest.raises(SettingsError, match=r"^MATINEE_MODELSTORE is no setting. Do you mean MATINEE_MODEL_STORE\?$"):
        Settings.load()


def test_a_variable_that_resembles_no_setting_is_nobodys_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_TEST_DATA", "folder")

    assert Settings.load() == Settings()


def test_a_settings_file_must_be_text(tmp_path: Path) -> None:
    tmp_path.joinpath(".env").write_bytes("MATINEE_MODEL_STORE=Müller".encode("latin-1"))

    with pytest.raises(SettingsError, match=r"^The file \.env is not text in UTF-8\.$"):
        Settings.load()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_reached_by_any_of_its_names(scheme: str) -> None:
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


@pytest.mark.parametrize("secret", WEAK_SECRETS)
def test_authentication_needs_a_strong_secret_and_says_how_to_make_one(secret: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.load(auth=True, auth_secret=secret)

    assert str(raised.value) == (
        "MATINEE_AUTH_SECRET must hold at least 32 random characters where MATINEE_AUTH is on; "
        "python3 -c 'import secrets; print(secrets.token_hex(32))' prints some."
    )


@pytest.mark.parametrize("secret", WEAK_SECRETS)
def test_without_authentication_no_secret_is_needed(secret: str) -> None:
    assert Settings.load(auth_secret=secret).auth is False


def test_any_secret_made_as_told_is_strong_enough() -> None:
    for _ in range(1000):
        assert Settings.load(auth=True, auth_secret=secrets.token_hex(32)).auth is True


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(Settings.load(auth=True, auth_secret=SECRET))


def test_authentication_is_switched_by_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATINEE_AUTH_SECRET", SECRET)
    switched = []

    for word in ("on", "off"):
        monkeypatch.setenv("MATINEE_AUTH", word)
        switched.append(Settings.load().auth)

    assert switched == [True, False]


def test_settings_do_not_change() -> None:
    settings = Settings.load()

    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 1  # type: ignore[misc]  # the very thing that must not work
