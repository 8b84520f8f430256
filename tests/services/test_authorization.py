import pytest
from sqlalchemy.orm import Session

from server.backend.tokens import Caller
from server.errors import AccessDenied, InvalidToken
from server.models import Role
from server.services.authorization import OpenAccess, TokenPermissions
from server.services.token import CredentialsService
from tests.support.passwords import ANOTHER, PASSWORD, CountingPasswords
from tests.support.readers import SessionReader
from tests.support.tables import for_each, for_each_in


@pytest.fixture
def people(sessions: dict[str, Session]) -> dict[str, tuple[Session, CredentialsService, int, int]]:
    """Return a session on each kind of database, the service, and the ids of a user and of an administrator."""
    return {kind: with_people(session) for kind, session in sessions.items()}


def with_people(session: Session) -> tuple[Session, CredentialsService, int, int]:
    credentials = CredentialsService(session, CountingPasswords())
    user, admin = (credentials.create_user(PASSWORD, role) for role in (Role.USER, Role.ADMIN))
    return session, credentials, user, admin


on_each_database = for_each_in("people", "session, credentials, user, admin")


def access_of(session: Session, user_id: int, generation: int = 1) -> TokenPermissions:
    return TokenPermissions(SessionReader(session), Caller(user_id, generation))


@on_each_database
def test_a_user_acts_only_for_themselves(session: Session, user: int, admin: int) -> None:
    access = access_of(session, user)

    access.require_user(user)
    with pytest.raises(AccessDenied):
        access.require_user(admin)
    with pytest.raises(AccessDenied):
        access.require_admin()


@on_each_database
def test_an_admin_acts_as_anybody(session: Session, user: int, admin: int) -> None:
    access = access_of(session, admin)

    access.require_user(admin)
    access.require_user(user)
    access.require_admin()


@on_each_database
def test_a_role_counts_at_once(session: Session, credentials: CredentialsService, user: int) -> None:
    access = access_of(session, user)

    credentials.set_role(user, Role.ADMIN)
    access.require_admin()
    credentials.set_role(user, Role.USER)

    with pytest.raises(AccessDenied):
        access.require_admin()


@on_each_database
def test_a_new_password_voids_the_tokens_of_the_old(
    session: Session, credentials: CredentialsService, user: int
) -> None:
    credentials.set_password(user, ANOTHER)

    with pytest.raises(InvalidToken):
        access_of(session, user).require_user(user)
    with pytest.raises(InvalidToken):
        access_of(session, user).require_valid()
    access_of(session, user, generation=2).require_user(user)
    access_of(session, user, generation=2).require_valid()


@on_each_database
@for_each("generation", [0, 2])
def test_a_token_of_another_generation_is_void(session: Session, admin: int, generation: int) -> None:
    with pytest.raises(InvalidToken):
        access_of(session, admin, generation).require_admin()


@on_each_database
def test_a_token_of_a_user_who_cannot_log_in_is_void(session: Session, credentials: CredentialsService) -> None:
    user_id = credentials.users.create()

    with pytest.raises(InvalidToken):
        access_of(session, user_id).require_user(user_id)


def test_without_authentication_everyone_may_do_everything() -> None:
    access = OpenAccess()

    access.require_user(1)
    access.require_admin()
