"""Other search engines for comparison, each with all names of a movie and popularity in its ranking.

An engine that requires too much of a query with typos gets a second query that requires less.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from math import log10
from typing import Any, Protocol

import psycopg

from server.search.index import SearchDocument, build_index

HITS = 10
RERANKED = 100


class Engine(Protocol):
    """A search engine filled with the catalogue."""

    def search(self, query: str) -> list[int]:
        """Return the ids of the first ten hits."""


class Matinee:
    """The search of Matinee."""

    def __init__(self, documents: Sequence[SearchDocument]) -> None:
        self._index = build_index(documents)

    def search(self, query: str) -> list[int]:
        """Return the ids of the first ten hits."""
        found: list[int] = self._index.search(query).first(HITS).tolist()
        return found


class Fts5:
    """SQLite FTS5 with unicode61 and without accents: all words, the last as a prefix, else any word."""

    ORDER = "bm25(movies, 10, 5) * (1 + weight)"

    def __init__(self, documents: Iterable[SearchDocument]) -> None:
        self._connection = sqlite3.connect(":memory:")
        self._connection.execute(
            "CREATE VIRTUAL TABLE movies USING fts5"
            "(names, description, weight UNINDEXED, tokenize = \"unicode61 remove_diacritics 2\", prefix = '2 3')"
        )
        rows = ((document.movie_id, *_texts(document), _weight(document)) for document in documents)
        self._connection.executemany("INSERT INTO movies (rowid, names, description, weight) VALUES (?, ?, ?, ?)", rows)

    def search(self, query: str) -> list[int]:
        """Return the ids of the first ten hits for all words, else for any word."""
        words = [f'"{word}"' for word in _words(query)]
        if not words:
            return []
        words[-1] += "*"
        return self._match(" AND ".join(words)) or self._match(" OR ".join(words))

    def _match(self, expression: str) -> list[int]:
        rows = self._connection.execute(
            f"SELECT rowid FROM movies WHERE movies MATCH ? ORDER BY {self.ORDER}, rowid LIMIT {HITS}",  # noqa: S608 (constants)
            (expression,),
        )
        return [movie_id for (movie_id,) in rows]


class PgTrgm:
    """PostgreSQL pg_trgm and tsvector: similar names, or names with all words, the last as a prefix."""

    SCHEMA = """
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
        CREATE EXTENSION IF NOT EXISTS unaccent;
        CREATE TABLE names (movie_id bigint, name text, words tsvector, weight real);
    """
    INDEXES = """
        CREATE INDEX ON names USING gin (name gin_trgm_ops);
        CREATE INDEX ON names USING gin (words);
        ANALYZE names;
    """
    QUERY = """
        WITH query AS (
            SELECT lower(unaccent(%(text)s)) AS text, to_tsquery('simple', unaccent(%(words)s)) AS words
        )
        SELECT movie_id
        FROM names, query
        WHERE name %% query.text OR names.words @@ query.words
        GROUP BY movie_id
        ORDER BY max(similarity(name, query.text) + (names.words @@ query.words)::int * 0.5) + 0.1 * max(weight) DESC,
            movie_id
        LIMIT 10
    """

    def __init__(self, connection: psycopg.Connection[Any], documents: Iterable[SearchDocument]) -> None:
        self._connection = connection
        connection.execute(self.SCHEMA)
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO names VALUES (%s, lower(unaccent(%s)), to_tsvector('simple', unaccent(%s)), %s)",
                [
                    (document.movie_id, name, f"{name} {_description(document)}", _weight(document))
                    for document in documents
                    for name in _names(document)
                ],
            )
        connection.execute(self.INDEXES)

    def search(self, query: str) -> list[int]:
        """Return the ids of the first ten hits for similar names or all words."""
        words = [f"'{word}'" for word in _words(query)]
        if not words:
            return []
        rows = self._connection.execute(self.QUERY, {"text": query, "words": " & ".join(words) + ":*"})
        return [movie_id for (movie_id,) in rows]


class Tantivy:
    """Tantivy: all words with the same number of typos as Matinee, the last as a prefix, else any word.

    It cannot order by a product, so the best hundred by BM25 are weighed with popularity here.
    """

    def __init__(self, documents: Sequence[SearchDocument]) -> None:
        import tantivy  # noqa: PLC0415 (in the bench group only)

        self._tantivy = tantivy
        builder = tantivy.SchemaBuilder()
        for field in ("names", "description"):
            builder.add_text_field(field, tokenizer_name="folded")
        builder.add_integer_field("position", stored=True)
        self._schema = builder.build()
        self._index = tantivy.Index(self._schema)
        analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        folded = analyzer.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold()).build()
        self._index.register_tokenizer("folded", folded)
        self._analyzer = folded
        self._ids = [document.movie_id for document in documents]
        self._weights = [_weight(document) for document in documents]
        self._fill(documents)
        self._searcher = self._index.searcher()

    def search(self, query: str) -> list[int]:
        """Return the ids of the first ten hits for all words, else for any word."""
        words = self._analyzer.analyze(query)
        if not words:
            return []
        return self._match(words, self._tantivy.Occur.Must) or self._match(words, self._tantivy.Occur.Should)

    def _match(self, words: Sequence[str], occur: Any) -> list[int]:  # noqa: ANN401 (tantivy's own type)
        clauses = [(occur, self._any_form(word, is_last=word is words[-1])) for word in words]
        hits = self._searcher.search(self._tantivy.Query.boolean_query(clauses), RERANKED).hits
        scored = [(score, self._searcher.doc(address)["position"][0]) for score, address in hits]
        scored.sort(key=lambda hit: -hit[0] * (1 + self._weights[hit[1]]))
        return [self._ids[position] for _, position in scored[:HITS]]

    def _fill(self, documents: Iterable[SearchDocument]) -> None:
        writer = self._index.writer(num_threads=1)
        for position, document in enumerate(documents):
            names, description = _texts(document)
            writer.add_document(self._tantivy.Document(names=names, description=description, position=position))
        writer.commit()
        self._index.reload()

    def _any_form(self, word: str, *, is_last: bool) -> Any:  # noqa: ANN401 (tantivy's own query)
        query, should = self._tantivy.Query, self._tantivy.Occur.Should
        distance = (len(word) >= 5) + (len(word) >= 9)
        forms = []
        for field, boost in (("names", 4.0), ("description", 2.0)):
            forms.append((should, query.boost_query(query.term_query(self._schema, field, word), boost)))
            if distance or is_last:
                fuzzy = query.fuzzy_term_query(self._schema, field, word, distance, True, is_last)  # noqa: FBT003
                forms.append((should, fuzzy))
        return query.boolean_query(forms)


@contextmanager
def contenders(documents: Sequence[SearchDocument], server: str | None) -> Iterator[dict[str, Engine]]:
    """Yield all engines, filled with the catalogue. ``server`` is the URL of an empty PostgreSQL database."""
    engines: dict[str, Engine] = {"Matinee": Matinee(documents), "FTS5": Fts5(documents)}
    if find_spec("tantivy") is None:
        print("tantivy is not installed (the dependency group bench): it is left out.")
    else:
        engines["tantivy"] = Tantivy(documents)
    if server is None:
        yield engines
        return
    with psycopg.connect(server, autocommit=True) as connection:
        yield engines | {"pg_trgm": PgTrgm(connection, documents)}


def _names(document: SearchDocument) -> Iterator[str]:
    yield from (document.title, *document.alternative_titles)
    if document.year is not None:
        yield f"{document.title} {document.year}"
    bare = re.sub(r"^(The|A|An) ", "", document.title)
    if bare != document.title:
        yield bare


def _description(document: SearchDocument) -> str:
    return " ".join([*document.genres, str(document.year or "")])


def _texts(document: SearchDocument) -> tuple[str, str]:
    return " ".join((document.title, *document.alternative_titles)), _description(document)


def _weight(document: SearchDocument) -> float:
    return log10(1 + document.popularity)


def _words(query: str) -> list[str]:
    return re.findall(r"[^\W_]+", query.lower())
