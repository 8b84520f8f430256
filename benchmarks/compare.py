"""Serving of two checkouts, or without a trick, beside bare FastAPI: all in one interleaved run, on one core.

    python -m benchmarks.compare --database data/matinee.db --models data/models [--before FOLDER] [--without NAME ...]

The database and the models are copied for each server. On a busy machine compare the ratios, not the rates.
"""

import argparse
import shutil
import sqlite3
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import put_under_load
from benchmarks.serve import CONNECTIONS, Question, choose_questions
from benchmarks.servers import API, Server, bare_server, matinee_server, off_the_first_core
from benchmarks.without import TRICKS
from benchmarks.workbench import percentiles_ms, print_table
from server.backend.config import Settings
from server.backend.database import Database
from server.backend.migrate import upgrade

NOW, BARE = "now", "bare"


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description="Compare serving.")
    parser.add_argument("--database", type=Path, required=True, help="a SQLite file")
    parser.add_argument("--models", type=Path, required=True, help="the folder of its models")
    parser.add_argument("--before", type=Path, help="another checkout, to compare with this one")
    parser.add_argument("--before-models", type=Path, help="its models, if it cannot read the others")
    parser.add_argument("--without", nargs="*", default=[], choices=TRICKS, help="serve without a trick as well")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each round (default: %(default)s)")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = _upgraded(_copied(options, folder / NOW))
        questions = _questions(settings)
        servers = {BARE: stack.enter_context(bare_server())}
        if options.before is not None:
            copied = _copied(options, folder / "before", options.before_models)
            servers["before"] = stack.enter_context(matinee_server(copied, checkout=options.before.resolve()))
        servers[NOW] = stack.enter_context(matinee_server(settings))
        for trick in options.without:
            copied = _upgraded(_copied(options, folder / trick))
            servers[f"without {trick}"] = stack.enter_context(matinee_server(copied, without=trick))
        stack.enter_context(off_the_first_core())
        _compare(questions, servers, options)


def _copied(options: argparse.Namespace, folder: Path, models: Path | None = None) -> Settings:
    folder.mkdir()
    with sqlite3.connect(options.database) as source, sqlite3.connect(folder / "matinee.db") as target:
        source.backup(target)
    shutil.copytree(models or options.models, folder / "models")
    return Settings(_env_file=None, database_url=f"sqlite:///{folder}/matinee.db", model_store=str(folder / "models"))


def _upgraded(settings: Settings) -> Settings:
    database = Database(settings)
    upgrade(database)
    database.dispose()
    return settings


def _questions(settings: Settings) -> list[Question]:
    database = Database(settings)
    try:
        return choose_questions(database)
    finally:
        database.dispose()


def _compare(questions: list[Question], servers: dict[str, Server], options: argparse.Namespace) -> None:
    others = [name for name in servers if name not in {NOW, BARE}]
    header = ["of bare", f"{BARE} r/s", NOW, *others, *(f"{NOW} / {name}" for name in others), f"{NOW} p99 ms"]
    rows = []
    for question in questions:
        rates, durations = _measure(question, servers, options)
        # A server without any answer counts as one with a single answer per round.
        rates = {name: rate or 1 / options.seconds for name, rate in rates.items()}
        shares = {name: rate / rates[BARE] for name, rate in rates.items()}
        ratios = [rates[NOW] / rates[name] for name in others]
        row = [shares[NOW], *(shares[name] for name in others), *ratios, percentiles_ms(durations)[1]]
        rows.append((question.name, f"{rates[BARE]:,.0f}", *row))
        print(question.name, {name: round(rate) for name, rate in rates.items()}, file=sys.stderr)
    print_table("Requests a second, one worker on SQLite", header, rows)


def _measure(
    question: Question, servers: dict[str, Server], options: argparse.Namespace
) -> tuple[dict[str, float], list[float]]:
    """Measure the servers in turn; return the best rate of each, and the durations of this checkout in that round."""
    rates, durations = dict.fromkeys(servers, 0.0), [0.0]
    for number in range(options.rounds):
        for name, server in servers.items():
            paths = question.bare_paths if name == BARE else [API + path for path in question.paths]
            # Each round begins elsewhere, so that it does not repeat the requests of the one before.
            first = number * len(paths) // options.rounds
            load = put_under_load(
                server.port, paths[first:] + paths[:first], seconds=options.seconds, connections=CONNECTIONS
            )
            if load.requests_a_second > rates[name]:
                rates[name] = load.requests_a_second
                durations = load.durations_s if name == NOW else durations
    return rates, durations


if __name__ == "__main__":
    main()
