import pytest
from sqlalchemy.orm import Session

from server.services.user import UserDataManager


@pytest.fixture
def users(session: Session) -> UserDataManager:
    return UserDataManager(session)


@pytest.mark.usefixtures("catalogue")
def test_a_new_user_comes_after_those_of_the_source(users: UserDataManager) -> None:
    assert [users.create() for _ in range(3)] == [5, 6, 7]


@pytest.mark.usefixtures("catalogue")
def test_users_of_the_source_exist_and_others_do_not(users: UserDataManager) -> None:
    assert [users.exists(user_id) for user_id in (1, 4, 5)] == [True, True, False]


@pytest.mark.usefixtures("catalogue")
def test_the_first_user_is_the_one_with_the_lowest_id(session: Session) -> None:
    assert UserDataManager(session).find_first() == 1


def test_an_empty_database_has_no_first_user(session: Session) -> None:
    assert UserDataManager(session).find_first() is None
