"""What a newcomer does first: what the command prints, what the README says, and then his own ratings."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

from httpx2 import Client, Response

from tests.support.installation import API, Server
from tests.support.problem_details import assert_problem

README = Path(__file__).parents[2] / "README.md"


def read_console(text: str) -> list[tuple[list[str], str]]:
    """Give the curl calls in console blocks, each as its words and the answer printed below it."""
    blocks = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL)).replace("\\\n", "")
    calls = [block.partition("\n") for block in re.split(r"^\$ ", blocks, flags=re.MULTILINE)]
    return [(shlex.split(command), answer.strip()) for command, _, answer in calls if command.startswith("curl ")]


def call(client: Client, words: list[str]) -> Response:
    """Send what a curl command would."""
    options = {name: value for name, value in pairwise(words) if name in {"-X", "-H", "-d"}}
    url = next(word for word in words if word.startswith("http"))
    headers = dict([options["-H"].split(": ")]) if "-H" in options else {}
    return client.request(
        options.get("-X", "GET"), re.sub(r"^http://[^/]+", "", url), headers=headers, content=options.get("-d")
    )


def comparable(answer: str) -> dict[str, Any]:
    """Leave out of an answer what differs from day to day, and the last digits, which differ between machines."""
    document: dict[str, Any] = json.loads(answer, parse_float=lambda digits: round(float(digits), 2))
    document.pop("timestamp", None)
    return document


def test_what_serve_prints_to_call_first_is_answered(shared_server: Server) -> None:
    printed = re.findall(r"http://\S+?(?=['\s])", shared_server.log.read_text().partition("INFO")[0])

    answers = {url.removeprefix(shared_server.address): shared_server.client.get(url).status_code for url in printed}

    assert answers == {
        "": 404,
        "/docs": 200,
        f"{API}/movies?search=the+matrix": 200,
        f"{API}/user/1/recommended-movies?n=5": 200,
    }


def test_the_first_calls_of_the_readme_answer_as_it_says(server: Server) -> None:
    calls = read_console(README.read_text(encoding="utf-8"))

    assert calls
    for words, expected in calls:
        response = call(server.client, words)
        assert response.is_success
        if "-i" in words:
            status = f"HTTP/1.1 {response.status_code} {response.reason_phrase}"
            assert f"{status}\nlocation: {response.headers['Location']}" == expected
        else:
            assert comparable(response.text) == comparable(expected)


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


def test_an_average_follows_each_rating_to_the_last_digit(shared_server: Server) -> None:
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


def test_every_page_of_the_catalogue_is_reached_by_its_links(shared_server: Server) -> None:
    url, movie_ids = f"{API}/movies?limit=100", list[int]()

    while url:
        response = shared_server.client.get(url)
        movie_ids += [movie["movie_id"] for movie in response.json()["movies"]]
        url = response.links.get("next", {}).get("url", "")

    assert len(movie_ids) == response.json()["total"] == 300
    assert movie_ids == sorted(set(movie_ids))


def test_errors_are_problems_on_a_real_server_too(shared_server: Server) -> None:
    client = shared_server.client

    assert_problem(client.get("/nowhere"), 404, "not-found")
    assert_problem(client.get(f"{API}/movies/{2**63 - 1}"), 404, "movie-not-found")
    assert_problem(client.get(f"{API}/user/{2**63 - 1}/recommended-movies"), 404, "user-not-found")
    assert_problem(client.put(f"{API}/movies/1"), 405, "method-not-allowed")
    assert_problem(client.post(f"{API}/ratings", content=b"{"), 422, "invalid-input")
