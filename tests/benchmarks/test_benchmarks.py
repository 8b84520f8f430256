"""Every benchmark runs, at a size that takes seconds: what it measures then means nothing."""

import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sqlalchemy import URL

from benchmarks import (
    beside_training,
    catalogue_size,
    durability,
    engines,
    generated,
    ingest,
    list_times,
    orm,
    processes,
    recommender,
    request_parts,
    search,
    serve,
    shared_memory,
    splits,
    train,
)
from benchmarks.__main__ import BENCHMARKS, write_tables
from benchmarks.workbench import POSTGRESQL, Workbench
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.scoring import EaseConfig
from server.recommender.algorithms.registry import TUNERS
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.interactions import Interactions
from server.recommender.data.ratings import Ratings
from server.services.training.dataset import Dataset
from tests.support import postgres
from tests.support.generated_tastes import history_of

RATINGS = 900
BOUNDS_ARE_SHOWN = {
    "ingest-sqlite": ["raw bulk load", "Matinee", "the same again", "read for a training"],
    "ingest-postgresql": ["raw bulk load", "Matinee", "the same again", "read for a training"],
    "train": ["popularity", "ease"],
    "serve-sqlite": ["average", "list of ten", "recommended movies"],
    "serve-postgresql": ["average", "list of ten", "recommended movies"],
    "beside-training": ["nothing (/livez)", "average rating", "recommended movies"],
    "durability": ["PostgreSQL, durable on", "PostgreSQL, durable off"],
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


@pytest.fixture(scope="module")
def bench(source: Path, tmp_path_factory: pytest.TempPathFactory, postgres_server: URL) -> Workbench:
    """The workbench of all benchmarks, as in `make bench`: its database is loaded once, and trained where needed."""
    return Workbench(source, tmp_path_factory.mktemp("bench"), postgres_server)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a benchmark send few requests, and measure in this process, because a new one takes seconds to start."""
    for module in (serve, durability, orm, catalogue_size):
        monkeypatch.setattr(module, "SECONDS", 0.1)
    for module in (serve, orm):
        monkeypatch.setattr(module, "ROUNDS", 1)
    for module in (ingest, train, catalogue_size, request_parts):
        monkeypatch.setattr(module, "measure", processes.measure_here)
    monkeypatch.setattr(durability, "KINDS", (POSTGRESQL,))
    monkeypatch.setattr(beside_training, "REQUESTS", 3)
    monkeypatch.setattr(request_parts, "REQUESTS", 20)
    monkeypatch.setattr(shared_memory, "WORKERS", 2)
    monkeypatch.setattr(shared_memory, "REQUESTS", 40)


@pytest.mark.parametrize("name", BOUNDS_ARE_SHOWN)
def test_a_benchmark_shows_what_is_bounded(name: str, bench: Workbench) -> None:
    bench.shown.clear()

    BENCHMARKS[name](bench)

    first_cells = [line.split(" | ")[0].removeprefix("| ") for line in "\n".join(bench.shown).splitlines()]
    assert [cell for cell in first_cells if cell in BOUNDS_ARE_SHOWN[name]] == BOUNDS_ARE_SHOWN[name]


def test_work_is_measured_in_a_process_of_its_own() -> None:
    cost = processes.measure(os.getpid)

    assert cost.result != os.getpid()
    assert cost.peak_mb > 1


def test_engines_train_on_the_same_export(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(generated, "RATINGS_PER_USER", 20)

    # PySpark is not in this environment: `tests/e2e/test_spark.py` compares the engines.
    ((ratings, engine, _, of_local, cpu_s, _, peak_mb, *_, largest),) = engines.compare(
        tmp_path, RATINGS, ["local"], ""
    )

    assert (ratings, engine, of_local, largest) == ("900", "local", "1.00", "0.0e+00")
    assert float(cpu_s) > 0
    assert float(peak_mb.replace(",", "")) > 50


def test_a_large_catalogue_is_measured_from_ingestion_to_lists(source: Path, tmp_path: Path) -> None:
    bench = Workbench(source, tmp_path)

    catalogue_size.run(bench, "tiny")

    shown = "\n".join(bench.shown)
    for measured in (
        "ingestion, with the search index",
        "training",
        "start of a worker",
        "search, two words",
        "recommended movies",
    ):
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


def test_the_recommender_is_measured_on_several_splits(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- splits -->\n<!-- /splits -->\n")
    options = ["--seeds", "1", "--sessions", "1", "--algorithms", "ease", "popularity", "--set", "popularity_damping=0"]
    monkeypatch.setattr(sys, "argv", ["splits", "--data", str(source), *options, "--write", str(page)])

    splits.main()

    shown = capsys.readouterr().out
    assert splits.LATEST in shown
    first_cells = [line.split(" | ")[0].removeprefix("| ") for line in page.read_text().splitlines()]
    assert first_cells.count("ease, popularity_damping=0") == first_cells.count("popularity") == shown.count("lists of")


def test_lists_of_one_user_count_once() -> None:
    seeds = [
        splits.Measured(np.array(users), np.array(values), np.array(values), 0)
        for users, values in (([3, 7], [1.0, 0.5]), ([7], [0.0]))
    ]

    np.testing.assert_allclose(splits.by_user(seeds, "ndcg_at_10"), [1, 0.25])


def test_earlier_sessions_are_held_out_one_by_one() -> None:
    days = np.repeat(np.arange(5), 10)
    ratings = Ratings(np.ones(50, np.int64), np.arange(50), np.full(50, 4, np.float32), days * 2 * generated.DAY_S + 1)

    parts = [
        trial.parts[0]
        for trial in splits.trials(Interactions.from_ratings(ratings, np.arange(50)), seeds=0, sessions=2)
    ]

    assert [(known.summary.n_ratings, split.held_out.items.min()) for _, known, split in parts] == [(40, 40), (30, 30)]


def test_a_fixed_setting_is_not_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        TUNERS,
        Ease.name,
        lambda _holdouts, _config, *, seed, catalogue: EaseConfig(penalty=200 + seed + len(catalogue)),
    )

    nothing, movies = Interactions.empty(np.arange(3)), Catalogue.of_ids(np.arange(1, 4))
    config = splits.Contender(Ease, {"recency_power": 0.25}).tune(nothing, movies, seed=0)

    assert config == EaseConfig(penalty=203, recency_power=0.25)


def test_the_search_is_measured_beside_others(
    postgres_server: URL, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(postgres, "running_server", lambda: nullcontext(postgres_server))
    monkeypatch.setattr(search, "ROUNDS", 1)
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


def test_the_same_ratings_are_generated_as_an_export(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generated, "RATINGS_PER_USER", 20)
    monkeypatch.setattr(sys, "argv", ["generated", "--ratings", str(RATINGS), "--export", str(tmp_path / "export")])

    generated.main()

    dataset = Dataset(str(tmp_path / "export"))
    exported = Ratings.concatenate(list(dataset.read_ratings(dataset.read_manifest().parts)))
    order = np.lexsort((exported.movie_ids, exported.user_ids))
    written = pl.read_csv(source / "ratings.csv")
    assert exported.movie_ids[order].tolist() == written["movieId"].to_list()
    assert exported.rated_at[order].tolist() == written["timestamp"].to_list()


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
