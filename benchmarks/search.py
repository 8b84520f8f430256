"""Search in process, beside SQL's LIKE over title and genres in the same database."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from benchmarks.workbench import Workbench, percentiles_ms, print_table
from server.models import Genre, Movie, MovieGenre
from server.search.index import SearchDocument, SearchIndex
from server.services.live import CatalogueDataManager

QUERIES_A_KIND = 200


def run(bench: Workbench) -> None:
    """Print milliseconds, and how often the film meant comes first, by kind of query."""
    with bench.loaded_database() as database, database.transaction(writes=False) as session:
        documents = CatalogueDataManager(session).list_documents()
        started = time.perf_counter()
        index = SearchIndex(documents)
        build_s = time.perf_counter() - started
        rows = []
        for kind, make in KINDS.items():
            sample = _sample(documents)
            own = _measure(lambda query: index.search(query).movie_ids[:1].tolist(), sample, make)
            like = _measure(lambda query: _like(session, query), sample, make)
            rows.append((kind, *own, *like))
    header = ("query", "first hit", "p50 ms", "p99 ms", "LIKE: first hit", "p50 ms", "p99 ms")
    print_table(f"Search of {len(documents):,} movies, index built in {build_s:.2f} s", header, rows)


def _sample(documents: Sequence[SearchDocument]) -> list[SearchDocument]:
    """Choose movies that people look for: by their number of ratings."""
    weights = np.array([document.popularity for document in documents], dtype=float)
    chosen = np.random.default_rng(0).choice(len(documents), QUERIES_A_KIND, p=weights / weights.sum())
    return [documents[number] for number in chosen]


def _measure(
    search: Callable[[str], list[int]], sample: Sequence[SearchDocument], make: Callable[[SearchDocument], str]
) -> tuple[str, float, float]:
    durations, hits = [], 0
    for document in sample:
        query = make(document)
        started = time.perf_counter()
        first = search(query)
        durations.append(time.perf_counter() - started)
        hits += first == [document.movie_id]
    p50, p99, _ = percentiles_ms(durations)
    return f"{hits / len(sample):.3f}", p50, p99


def _like(session: Session, query: str) -> list[int]:
    pattern = f"%{query}%"
    genres = select(MovieGenre.movie_id).join(Genre).where(Genre.genre_name.ilike(pattern))
    found = select(Movie.movie_id).where(or_(Movie.title.ilike(pattern), Movie.movie_id.in_(genres)))
    return list(session.scalars(found.order_by(Movie.movie_id).limit(1)))


def _article_last(document: SearchDocument) -> str:
    return f"{document.title[4:]}, The" if document.title.startswith("The ") else document.title


KINDS: dict[str, Callable[[SearchDocument], str]] = {
    "title": lambda document: document.title,
    "lower case": lambda document: document.title.lower(),
    "article last": _article_last,
    "title and year": lambda document: f"{document.title} {document.year or ''}".strip(),
    "last letter missing": lambda document: document.title[:-1] or document.title,
    "words swapped": lambda document: " ".join(reversed(document.title.split())),
}
