"""Every benchmark runs, at a size that takes seconds: what it measures then means nothing."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from benchmarks import (
    beside_training,
    catalogue_size,
    durability,
    engines,
    generated,
    list_times,
    orm,
    recommender,
    request_parts,
    search,
    serve,
)
from benchmarks.__main__ import BENCHMARKS, write_tables
from benchmarks.workbench import Workbench
from tests.support.generated_tastes import history_of

RATINGS = 900
BOUNDS_ARE_SHOWN = {
    "ingest-sqlite": ["raw bulk load", "Matinee", "the same again", "read for a training"],
    "ingest-postgresql": ["raw bulk load", "Matinee", "the same again", "read for a training"],
    "train": ["popularity", "ease"],
    "serve-sqlite": ["average", "list of ten", "recommended movies"],
    "serve-postgresql": ["average", "list of ten", "recommended movies"],
    "beside-training": ["nothing (/livez)", "average rating", "recommended movies"],
    "durability": ["SQLite, durable on", "SQLite, durable off", "PostgreSQL, durable on", "PostgreSQL, durable off"],
    "long-history": ["recommended movies", "recommended, with movies", "recommended, explained"],
    "shared-memory": ["worker 1", "all"],
    "request-parts": ["average", "list of ten", "recommended movies", "the service", "FastAPI, middlewares and JSON"],
    "peers": ["list of ten", "search", "average", "recommended movies"],
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generated, "RATINGS_PER_USER", 20)
        yield generated.write_source(tmp_path_factory.mktemp("generated"), ratings=RATINGS)


@pytest.mark.parametrize("name", BOUNDS_ARE_SHOWN)
def test_a_benchmark_shows_what_is_bounded(
    name: str, source: Path, tmp_path: Path, postgres_server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "SECONDS", 0.2)
    monkeypatch.setattr(serve, "ROUNDS", 1)
    monkeypatch.setattr(durability, "SECONDS", 0.2)
    monkeypatch.setattr(orm, "SECONDS", 0.2)
    monkeypatch.setattr(orm, "ROUNDS", 1)
    monkeypatch.setattr(beside_training, "REQUESTS", 3)
    monkeypatch.setattr(request_parts, "REQUESTS", 20)
    bench = Workbench(source, tmp_path, postgres_server)

    BENCHMARKS[name](bench)

    first_cells = [line.split(" | ")[0].removeprefix("| ") for line in "\n".join(bench.shown).splitlines()]
    assert [cell for cell in first_cells if cell in BOUNDS_ARE_SHOWN[name]] == BOUNDS_ARE_SHOWN[name]


def test_engines_train_on_the_same_export(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(generated, "RATINGS_PER_USER", 20)

    # PySpark is not in this environment: `tests/e2e/test_spark.py` compares the engines.
    ((ratings, engine, _, of_local, peak_mb, *_, largest),) = engines.compare(tmp_path, RATINGS, ["local"], "")

    assert (ratings, engine, of_local, largest) == ("900", "local", "1.00", "0.0e+00")
    assert float(peak_mb.replace(",", "")) > 50


def test_a_large_catalogue_is_measured_from_ingestion_to_lists(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_size, "SECONDS", 0.2)
    bench = Workbench(source, tmp_path)

    catalogue_size.run(bench, "tiny")

    shown = "\n".join(bench.shown)
    for measured in ("search index", "training", "start of a worker", "search, two words", "recommended movies"):
        assert f"| {measured} |" in shown


def test_the_lists_of_a_model_with_random_numbers_are_timed() -> None:
    assert list_times.random_model(2_000, 1).recommend(history_of({}), n=3, exclude_seen=False).movie_ids.size == 3


def test_the_recommender_is_measured_beside_others(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names, every = ("popularity", "Matinee"), recommender.contenders
    monkeypatch.setattr(recommender, "contenders", lambda movies: {name: every(movies)[name] for name in names})
    monkeypatch.setattr(sys, "argv", ["recommender", "--data", str(source)])

    recommender.main()

    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert [name for name in shown if name in names] == [*names] * 3


def test_the_search_is_measured_beside_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["search", "--queries", "1"])

    search.main()

    shown = capsys.readouterr().out
    assert "MRR@10" in shown
    assert "first search answered" in " ".join(shown.split())


def test_the_same_number_and_seed_generate_the_same_files(source: Path, tmp_path: Path) -> None:
    again = generated.write_source(tmp_path, ratings=RATINGS)

    for name in ("movies.csv", "ratings.csv"):
        assert again.joinpath(name).read_bytes() == source.joinpath(name).read_bytes()
    assert len(source.joinpath("ratings.csv").read_text().splitlines()) == RATINGS + 1


def test_tables_take_the_place_of_those_of_the_last_run(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("before\n<!-- one -->\nold\n<!-- /one -->\nafter\n")

    write_tables(file, "one", ["| a |", "| b |"])

    assert file.read_text() == "before\n<!-- one -->\n\n| a |\n\n| b |\n\n<!-- /one -->\nafter\n"


def test_a_page_without_a_place_for_the_tables_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("nothing\n")

    with pytest.raises(SystemExit, match="has no place for one"):
        write_tables(file, "one", [])
