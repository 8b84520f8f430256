from fastapi.testclient import TestClient

from tests.support.mocked_app import Fakes


def test_genres_are_a_page_that_holds_them_all(client: TestClient, behind: Fakes) -> None:
    response = client.get("/api/rest/v1/genres")

    assert response.status_code == 200
    assert response.json() == {
        "genres": [{"genre_id": 1, "genre_name": "Action", "total_movies": 1828}],
        "total": 1,
        "page": 1,
        "limit": 100,
    }
    assert [(paging.page, paging.limit) for paging in behind.genres.pagings] == [(1, 100)]
