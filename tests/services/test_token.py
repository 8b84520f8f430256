import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.backend.database import Database
from server.backend.passwords import Passwords
from server.backend.rate_limits import AccountLimits
from server.backend.tokens import Caller, TokenSigner
from server.command_errors import NoCredentials, UnfitPassword
from server.errors import TooManyRequests, UsernameTaken, UserNotFound, WrongCredentials
from server.models import Role, User
from server.schemas.token import TokenRequest
from server.services.token import CredentialsReader, CredentialsService, LoginService
from server.services.user import UserDataManager
from tests.support.builders import in_transaction
from tests.support.passwords import ANOTHER, PASSWORD, SECRET, CountingPasswords
from tests.support.readers import SessionReader
from tests.support.tables import for_each, for_each_in
from tests.support.threads import at_once

UNKNOWN = 999


def login_service(database: Database, passwords: CountingPasswords) -> LoginService:
    """Return the service with no failed logins."""
    return LoginService(
        database.reader,
        TokenSigner(SECRET, lifetime_s=60),
        Passwords(passwords),
        AccountLimits(),
    )


@pytest.fixture
def logins(databases: dict[str, Database]) -> dict[str, tuple[Database, CountingPasswords, LoginService, int]]:
    """Return each kind of database, its passwords, the service, and the id of a user with a password."""
    return {kind: with_alice(database, CountingPasswords()) for kind, database in databases.items()}


def with_alice(
    database: Database, passwords: CountingPasswords
) -> tuple[Database, CountingPasswords, LoginService, int]:
    alice = in_transaction(
        database, lambda session: CredentialsService(session, passwords).create_user(PASSWORD, Role.USER)
    )
    return database, passwords, login_service(database, passwords), alice


@pytest.fixture
def credential_services(sessions: dict[str, Session]) -> dict[str, CredentialsService]:
    return {kind: CredentialsService(session, CountingPasswords()) for kind, session in sessions.items()}


on_each_database = for_each_in("logins", "database, passwords, login, alice")
with_credentials = for_each_in("credential_services", "credentials")


def log_in(login: LoginService, username: object, password: str = PASSWORD) -> Caller:
    """Log in, and give what the token says."""
    request = TokenRequest(grant_type="password", username=str(username), password=password)
    return login.tokens.read(login.log_in(request).access_token)


@on_each_database
def test_a_user_with_a_password_gets_a_token(login: LoginService, alice: int) -> None:
    assert log_in(login, alice) == Caller(alice, generation=1)


@on_each_database
def test_a_token_tells_its_kind_and_lifetime(login: LoginService, alice: int) -> None:
    form = {"grant_type": "password", "username": str(alice), "password": PASSWORD}

    token = login.log_in(TokenRequest.model_validate(form))

    assert (token.token_type, token.expires_in) == ("bearer", 60)


@on_each_database
@for_each(
    "username",
    ["{alice}0", "0", "-1", "", "alice", "1.0", " 1", "1e0", "\u0661", "9" * 18, "9" * 19, "9" * 5000, "' OR 1=1"],
)
def test_a_wrong_user_and_a_wrong_password_answer_the_same_for_the_same_work(
    database: Database, passwords: CountingPasswords, alice: int, username: str
) -> None:
    login = login_service(database, passwords)
    passwords.verified.clear()
    messages = []

    for name, password in ((str(alice), ANOTHER), (username.format(alice=alice), PASSWORD)):
        with pytest.raises(WrongCredentials) as raised:
            log_in(login, name, password)
        messages.append(str(raised.value))

    assert messages[0] == messages[1]
    # One hash each, made with the same parameters: the same work.
    assert len(passwords.verified) == 2
    assert len({str(password_hash).split("$")[3] for password_hash in passwords.verified}) == 1


@on_each_database
def test_a_user_without_a_password_cannot_log_in(
    database: Database, login: LoginService, passwords: CountingPasswords
) -> None:
    user_id = in_transaction(database, lambda session: UserDataManager(session).create())

    with pytest.raises(WrongCredentials):
        log_in(login, user_id, "")
    assert len(passwords.verified) == 1


@with_credentials
def test_no_password_is_kept(credentials: CredentialsService) -> None:
    user_id = credentials.create_user(PASSWORD, Role.USER)

    kept = CredentialsReader(SessionReader(credentials.session)).find(user_id)

    assert kept is not None
    assert kept.password_hash.startswith("$argon2id$")
    assert PASSWORD not in kept.password_hash


@with_credentials
def test_two_users_with_one_password_have_different_hashes(credentials: CredentialsService) -> None:
    users = [credentials.create_user(PASSWORD, Role.USER) for _ in range(2)]

    stored = CredentialsReader(SessionReader(credentials.session))
    hashes = {kept.password_hash for kept in map(stored.find, users) if kept is not None}

    assert len(hashes) == 2


@on_each_database
def test_a_new_password_replaces_the_old_and_begins_a_generation(
    database: Database, login: LoginService, passwords: CountingPasswords, alice: int
) -> None:
    in_transaction(database, lambda session: CredentialsService(session, passwords).set_password(alice, ANOTHER))

    assert log_in(login, alice, ANOTHER) == Caller(alice, generation=2)
    with pytest.raises(WrongCredentials):
        log_in(login, alice)


@on_each_database
def test_a_user_of_the_source_is_given_a_password(
    database: Database, login: LoginService, passwords: CountingPasswords
) -> None:
    user_id = in_transaction(database, lambda session: UserDataManager(session).create())

    in_transaction(database, lambda session: CredentialsService(session, passwords).set_password(user_id, PASSWORD))

    assert log_in(login, user_id) == Caller(user_id, generation=1)


@with_credentials
def test_a_new_password_keeps_the_role(credentials: CredentialsService) -> None:
    admin = credentials.create_user(PASSWORD, Role.ADMIN)

    credentials.set_password(admin, ANOTHER)

    kept = CredentialsReader(SessionReader(credentials.session)).find(admin)
    assert kept is not None
    assert kept.role == Role.ADMIN


@with_credentials
def test_an_unfit_password_is_refused_and_makes_no_user(credentials: CredentialsService) -> None:
    for length in (0, 11, 1025):
        with pytest.raises(UnfitPassword, match=f"12 to 1024 characters; this one has {length}"):
            credentials.create_user("x" * length, Role.USER)

    assert credentials.create_user("x" * 12, Role.USER) == 1


@with_credentials
def test_an_unknown_user_gets_no_password(credentials: CredentialsService) -> None:
    with pytest.raises(UserNotFound, match=str(UNKNOWN)):
        credentials.set_password(UNKNOWN, PASSWORD)


@with_credentials
def test_a_user_without_a_password_gets_no_role(credentials: CredentialsService) -> None:
    user_id = credentials.users.create()

    with pytest.raises(NoCredentials, match=f"matinee user set-password {user_id}"):
        credentials.set_role(user_id, Role.ADMIN)


@on_each_database
def test_wrong_passwords_of_one_account_are_limited_before_they_are_verified(
    login: LoginService, passwords: CountingPasswords, alice: int
) -> None:
    for _ in range(10):
        with pytest.raises(WrongCredentials):
            log_in(login, alice, ANOTHER)
    verified = len(passwords.verified)

    with pytest.raises(TooManyRequests) as refusal:
        log_in(login, alice, ANOTHER)

    assert len(passwords.verified) == verified
    assert 1 <= refusal.value.retry_after_s <= 60


@on_each_database
def test_wrong_passwords_of_one_account_do_not_lock_out_another(
    login: LoginService, database: Database, passwords: CountingPasswords, alice: int
) -> None:
    bob = in_transaction(
        database, lambda session: CredentialsService(session, passwords).create_user(PASSWORD, Role.USER)
    )
    for _ in range(10):
        with pytest.raises(WrongCredentials):
            log_in(login, alice, ANOTHER)

    assert log_in(login, bob) == Caller(bob, generation=1)


@on_each_database
def test_of_many_who_want_a_name_at_once_one_gets_it(database: Database, passwords: CountingPasswords) -> None:
    def sign_up() -> int:
        def create(session: Session) -> int:
            return CredentialsService(session, passwords).create_user(PASSWORD, Role.USER, "Ripley")

        try:
            return in_transaction(database, create)
        except UsernameTaken:
            return 0

    created = at_once([sign_up] * 8)

    (winner,) = (user_id for user_id in created if user_id)
    assert CredentialsReader(database.reader).find_user_id("ripley") == winner
    with database.transaction(writes=False) as session:
        # Alice was there before.
        assert session.scalar(select(func.count()).select_from(User)) == 2
