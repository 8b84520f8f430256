from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from server.backend.database import Database
from server.errors import UserNotFound
from server.models import Credentials, DeletedUser, MovieStatistics, Rating, User
from server.schemas.base import MAX_ID
from server.schemas.diagnostics import Health
from server.services.accounts import AccountService
from server.services.diagnostics import DoctorDataManager
from server.services.user import UserDataManager
from tests.support.source_files import load_folder, write_source


def in_transaction(database: Database, act: Callable[..., int]) -> int:
    """Run a function with a session, commit, and return its result."""
    with database.transaction(writes=True) as session:
        return act(session)


@pytest.mark.usefixtures("catalogue")
def test_a_deleted_user_leaves_no_ratings_and_the_averages_follow(database: Database) -> None:
    deleted = in_transaction(database, lambda session: AccountService(session).delete_user(1))

    with database.transaction(writes=False) as session:
        assert deleted == 5
        assert session.scalar(select(func.count()).select_from(Rating).where(Rating.user_id == 1)) == 0
        toy_story = session.execute(select(MovieStatistics).where(MovieStatistics.movie_id == 1)).scalar_one()
        assert (toy_story.rating_count, toy_story.rating_sum) == (2, 8.5)
        assert DoctorDataManager(session).compare_statistics().health is Health.OK
        assert session.scalars(select(User.user_id).order_by(User.user_id)).all() == [2, 3, 4]
        assert session.scalars(select(DeletedUser.user_id)).all() == [1]


@pytest.mark.usefixtures("catalogue")
def test_a_deleted_user_can_no_longer_sign_in(database: Database) -> None:
    with database.transaction(writes=True) as session:
        values = {"user_id": 2, "password_hash": "hash", "role": "user", "generation": 1}
        session.execute(insert(Credentials).values(values))

    in_transaction(database, lambda session: AccountService(session).delete_user(2))

    with database.transaction(writes=False) as session:
        assert session.scalars(select(Credentials.user_id)).all() == []


def test_an_unknown_user_cannot_be_deleted(database: Database) -> None:
    with pytest.raises(UserNotFound, match="User 9 does not exist"):
        in_transaction(database, lambda session: AccountService(session).delete_user(9))


def test_no_new_user_gets_an_id_that_javascript_rounds(database: Database, tmp_path: Path) -> None:
    ratings = [f"{user_id},1,4.0,1000000000" for user_id in (1, 2, 4, MAX_ID)]
    load_folder(write_source(tmp_path / "source", movies=["1,Toy Story (1995),Comedy"], ratings=ratings), database)
    in_transaction(database, lambda session: AccountService(session).delete_user(2))

    created = [in_transaction(database, lambda session: UserDataManager(session).create()) for _ in range(3)]

    assert created == [3, 5, 6]
