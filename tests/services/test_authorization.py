import pytest
from sqlalchemy.orm import Session

from server.backend.tokens import Caller
from server.errors import AccessDenied, InvalidToken
from server.models import Role
from server.services.authorization import OpenAccess, TokenPermissions
from server.services.token import CredentialsService
from tests.support.passwords import ANOTHER, PASSWORD, CountingPasswords
from tests.support.readers import SessionReader
from tests.support.tables import for_each


@pytest.fixture
def credentials(session: Session) -> CredentialsService:
    return CredentialsService(session, CountingPasswords())


@pytest.fixture
def user(credentials: CredentialsService) -> int:
    return credentials.create_user(PASSWORD, Role.USER)


@pytest.fixture
def admin(credentials: CredentialsService) -> int:
    return credentials.create_user(PASSWORD, Role.ADMIN)


def access_of(session: Session, user_id: int, generation: int = 1) -> TokenPermissions:
    return TokenPermissions(SessionReader(session), Caller(user_id, generation))


def test_a_user_acts_only_for_themselves(session: Session, user: int, admin: int) -> None:
    access = access_of(session, user)

    access.require_user(user)
    with pytest.raises(AccessDenied):
        access.require_user(admin)
    with pytest.raises(AccessDenied):
        access.require_admin()


def test_an_admin_acts_as_anybody(session: Session, user: int, admin: int) -> None:
    access = access_of(session, admin)

    access.require_user(admin)
    access.require_user(user)
    access.require_admin()


def test_a_role_counts_at_once(session: Session, credentials: CredentialsService, user: int) -> None:
    access = access_of(session, user)

    credentials.set_role(user, Role.ADMIN)
    access.require_admin()
    credentials.set_role(user, Role.USER)

    with pytest.raises(AccessDenied):
        access.require_admin()


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


@for_each("generation", [0, 2])
def test_a_token_of_another_generation_is_void(session: Session, admin: int, generation: int) -> None:
    with pytest.raises(InvalidToken):
        access_of(session, admin, generation).require_admin()


def test_a_token_of_a_user_who_cannot_log_in_is_void(session: Session, credentials: CredentialsService) -> None:
    user_id = credentials.users.create()

    with pytest.raises(InvalidToken):
        access_of(session, user_id).require_user(user_id)


def test_without_authentication_everyone_may_do_everything() -> None:
    access = OpenAccess()

    access.require_user(1)
    access.require_admin()
