"""The first calls of a new user: those that `matinee serve` prints, those of the README, and ratings of their own."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Client, Response

from tests.support.installation import API, Server
from tests.support.problem_details import assert_problem
from tests.support.waiting import poll

PROBABILITY_TOLERANCE = 0.03
"""Processors round differently, and calibration amplifies that: 0.003 between three OpenBLAS kernels, 0.01 seen."""

README = Path(__file__).parents[2] / "README.md"


def read_console(text: str) -> list[tuple[list[str], str]]:
    """Return the curl calls of all console blocks: the words of each, and the answer printed below it."""
    blocks = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL)).replace("\\\n", "")
    calls = [block.partition("\n") for block in re.split(r"^\$ ", blocks, flags=re.MULTILINE)]
    return [(shlex.split(command), answer.strip()) for command, _, answer in calls if command.startswith("curl ")]


def call(client: Client, words: list[str]) -> Response:
    """Send the request of a curl command."""
    options = {name: value for name, value in pairwise(words) if name in {"-X", "-H", "-d"}}
    url = next(word for word in words if word.startswith("http"))
    headers = dict([options["-H"].split(": ")]) if "-H" in options else {}
    return client.request(
        options.get("-X", "GET"), re.sub(r"^http://[^/]+", "", url), headers=headers, content=options.get("-d")
    )


def assert_same_answer(answer: dict[str, Any], documented: dict[str, Any]) -> None:
    """Compare two answers, except for the time and for digits that depend on the processor."""
    assert answer.keys() == documented.keys()
    for name in answer.keys() - {"timestamp", "movie_ids", "probabilities"}:
        assert without_rounding(answer[name]) == without_rounding(documented[name])


def without_rounding(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """Return a JSON value with its floats as approximations, because documents round them."""
    if isinstance(value, dict):
        return {name: without_rounding(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_rounding(inner) for inner in value]
    return pytest.approx(value, abs=0.01) if isinstance(value, float) else value


def assert_recommended_alike(client: Client, words: list[str], documented: dict[str, Any]) -> None:
    """Check that the documented movies are recommended, with about the documented probabilities.

    The order of movies that are nearly equal depends on the processor, so they are looked up in a longer list.
    """
    longer = call(client, [re.sub(r"\bn=\d+", "n=20", word) for word in words]).json()
    probabilities = dict(zip(longer["movie_ids"], longer["probabilities"], strict=True))
    found = [probabilities.get(movie_id, 0.0) for movie_id in documented["movie_ids"]]
    assert found == pytest.approx(documented["probabilities"], abs=PROBABILITY_TOLERANCE)


def printed_addresses(server: Server) -> list[str]:
    """Return the server's own addresses in the complete lines that it has printed. Its log names others."""
    lines = [line for line in server.log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    own = rf"{re.escape(server.address)}(?!\d)\S*?(?=['\s])"
    return re.findall(own, "".join(line for line in lines if " INFO " not in line))


def test_the_urls_that_serve_prints_are_answered(shared_server: Server) -> None:
    paths = ["", "/", "/docs", f"{API}/movies?search=the+matrix", f"{API}/user/1/recommended-movies?n=5"]

    # Printed line by line once the server listens, between lines of the log.
    printed = poll(lambda: found if len(found := printed_addresses(shared_server)) >= len(paths) else None)

    answers = {url.removeprefix(shared_server.address): shared_server.client.get(url).status_code for url in printed}
    assert answers == dict.fromkeys(paths, 200)


def test_the_first_calls_of_the_readme_are_answered_as_printed(server: Server) -> None:
    calls = read_console(README.read_text(encoding="utf-8"))

    assert calls
    for words, expected in calls:
        response = call(server.client, words)
        assert response.is_success
        if "-i" in words:
            status = f"HTTP/1.1 {response.status_code} {response.reason_phrase}"
            assert f"{status}\nlocation: {response.headers['Location']}" == expected
        else:
            documented = json.loads(expected)
            assert_same_answer(response.json(), documented)
            if "probabilities" in documented:
                assert_recommended_alike(server.client, words, documented)


def test_a_new_users_ratings_count_at_once(shared_server: Server) -> None:
    client = shared_server.client
    user_id = client.post(f"{API}/user").json()["user_id"]
    recommended = f"{API}/user/{user_id}/recommended-movies"
    before = client.get(recommended).json()
    animations = client.get(f"{API}/movies?search=animation&sort=popularity&limit=5").json()["movies"]

    ratings = [
        client.post(f"{API}/ratings", json={"user_id": user_id, "movie_id": movie["movie_id"], "rating": 5.0})
        for movie in animations
    ]
    after = client.get(recommended).json()
    unseen = client.get(recommended, params={"n": 100, "exclude_seen": "true"}).json()

    rated_ids = [movie["movie_id"] for movie in animations]
    assert [rating.status_code for rating in ratings] == [201] * 5
    assert [len(before["movie_ids"]), len(after["movie_ids"]), len(unseen["movie_ids"])] == [10, 10, 100]
    assert before["movie_ids"] != after["movie_ids"]
    assert after["probabilities"] == sorted(after["probabilities"], reverse=True)
    assert set(unseen["movie_ids"]).isdisjoint(rated_ids)
    assert [rating["movie_id"] for rating in client.get(f"{API}/user/{user_id}/ratings").json()["ratings"]] == (
        rated_ids[::-1]
    )


def test_each_rating_changes_the_average_exactly(shared_server: Server) -> None:
    client = shared_server.client
    average = f"{API}/movies/1/avg-rating"
    user_id = client.post(f"{API}/user").json()["user_id"]
    before = client.get(average).json()
    count, stars = before["total_ratings"], round(before["avg_rating"] * before["total_ratings"] * 2) / 2
    means = []

    for rating in (0.5, 4.0):
        created = client.post(f"{API}/ratings", json={"user_id": user_id, "movie_id": 1, "rating": rating})
        means.append(client.get(average).json())
    deleted = client.delete(created.headers["Location"])

    title = {"movie_id": 1, "title": before["title"]}
    assert means == [
        title | {"avg_rating": (stars + 0.5) / (count + 1), "total_ratings": count + 1},
        title | {"avg_rating": (stars + 4.0) / (count + 1), "total_ratings": count + 1},
    ]
    assert deleted.status_code == 204
    assert client.get(average).json() == before


def test_following_the_next_links_reaches_every_movie(shared_server: Server) -> None:
    url, movie_ids = f"{API}/movies?limit=100", list[int]()

    while url:
        response = shared_server.client.get(url)
        movie_ids += [movie["movie_id"] for movie in response.json()["movies"]]
        url = response.links.get("next", {}).get("url", "")

    assert len(movie_ids) == response.json()["total"] == 300
    assert movie_ids == sorted(set(movie_ids))


def test_a_real_server_answers_errors_with_problem_details(shared_server: Server) -> None:
    client = shared_server.client

    assert_problem(client.get("/nowhere"), 404, "not-found")
    assert_problem(client.get(f"{API}/movies/{2**53 - 1}"), 404, "movie-not-found")
    assert_problem(client.get(f"{API}/user/{2**53 - 1}/recommended-movies"), 404, "user-not-found")
    assert_problem(client.put(f"{API}/movies/1"), 405, "method-not-allowed")
    assert_problem(client.post(f"{API}/ratings", content=b"{"), 422, "invalid-input")


def test_a_head_request_has_the_headers_of_get_and_leaves_its_connection_open(shared_server: Server) -> None:
    path, log = f"{API}/movies", shared_server.log
    before = len(log.read_text())
    with Client(base_url=shared_server.address) as client:
        for _ in range(2):
            head, get = client.head(path), client.get(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["Content-Length"] == get.headers["Content-Length"]

    assert "Traceback" not in log.read_text()[before:]
