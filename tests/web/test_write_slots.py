"""Requests that wait to write leave room for reads."""

from concurrent.futures import ThreadPoolExecutor

from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.app import WRITE_SLOTS, create_app
from server.backend.config import Settings
from server.backend.database import Database
from tests.support.waiting import DEADLINE_S

WAITING = 8 * WRITE_SLOTS


def is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def test_while_many_wait_to_write_others_read(database: Database, settings: Settings) -> None:
    patient = settings.model_copy(update={"database_timeout_s": DEADLINE_S})
    with TestClient(create_app(patient)) as client, ThreadPoolExecutor(WAITING) as pool:
        with database.transaction(writes=True) as session:
            session.execute(text("LOCK TABLE users IN EXCLUSIVE MODE" if is_postgresql(session) else "SELECT 1"))
            waiting = [pool.submit(client.post, "/api/rest/v1/user") for _ in range(WAITING)]
            answers = [client.get("/api/rest/v1/movies").status_code for _ in range(5)]
            still_waiting = sum(not request.done() for request in waiting)
        statuses = {request.result(timeout=DEADLINE_S).status_code for request in waiting}

    assert answers == [200] * 5
    assert still_waiting == WAITING
    assert statuses == {201}
