"""The real MovieLens, ml-latest-small."""

import os
from pathlib import Path

import pytest

from tests.support.installation import API, Installation

DATA = os.environ.get("MATINEE_TEST_DATA", "")

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA, reason="MATINEE_TEST_DATA does not name a folder with the files of ml-latest-small"),
]


def read_counts(report: str) -> dict[str, list[int]]:
    """Return the numbers of an ingestion report: read, added, updated, unchanged, rejected."""
    rows = (line.split() for line in report.splitlines()[1:5])
    return {name: [int(number.replace(",", "")) for number in numbers] for name, *numbers in rows}


def test_the_real_data_is_loaded_completely_and_only_once(database_url: str, tmp_path: Path) -> None:
    installation = Installation(tmp_path, database_url)

    first, second = installation.run("ingest", DATA), installation.run("ingest", DATA)

    assert read_counts(first) == {
        "movies": [9742, 9742, 0, 0, 0],
        "links": [9742, 9742, 0, 0, 0],
        "ratings": [100_836, 100_836, 0, 0, 0],
        "tags": [3683, 3683, 0, 0, 0],
    }
    assert "610 new users." in first
    assert read_counts(second) == {
        "movies": [9742, 0, 0, 9742, 0],
        "links": [9742, 0, 0, 9742, 0],
        "ratings": [100_836, 0, 0, 100_836, 0],
        "tags": [3683, 0, 0, 3683, 0],
    }
    assert "0 new users." in second
    with installation.serve() as server:
        get = server.client.get
        assert get("/readyz").json()["movies"] == 9742
        assert get(f"{API}/genres").json()["total"] == 19
        assert get(f"{API}/movies/1/avg-rating").json() == {
            "movie_id": 1,
            "title": "Toy Story",
            "avg_rating": pytest.approx(843 / 215),
            "total_ratings": 215,
        }
        assert get(f"{API}/movies?search=thriller").json()["total"] >= 1894
        for text in ("matrix", "the matrix", "Matrix, The"):
            assert get(f"{API}/movies", params={"search": text}).json()["movies"][0]["title"] == "The Matrix"
        rated = server.client.post(f"{API}/ratings", json={"user_id": 1, "movie_id": 1, "rating": 2.0})
        assert (rated.status_code, rated.json()["rating"]) == (200, 2.0)
