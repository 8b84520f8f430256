"""Queries of people who look for a film, generated from its titles, by kind."""

import csv
import random
import string
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

from server.search.index import SearchDocument

GOLDEN = "golden"
MIN_RATINGS = 20
GENRES = ("Action", "Adventure", "Children", "Comedy", "Crime", "Fantasy", "Horror", "Mystery", "Romance", "Western")
ARTICLES = ("The ", "A ", "An ")


@dataclass(frozen=True, slots=True)
class Film:
    """A movie of the catalogue with the title of its source."""

    document: SearchDocument
    source_title: str

    @property
    def title(self) -> str:
        """The title without year, its article in front."""
        return self.document.title

    @property
    def words(self) -> list[str]:
        """The words of the title without the article in front."""
        return without_article(self.title).split()


@dataclass(frozen=True, slots=True)
class Query:
    """A search text, and the movie it means."""

    kind: str
    text: str
    movie_id: int


Maker = Callable[[Film, random.Random], str | None]


def golden_queries(films: Sequence[Film]) -> list[Query]:
    """Return the handwritten queries whose films are in the catalogue."""
    ids = {(film.title, film.document.year): film.document.movie_id for film in films}
    with resources.files(__package__).joinpath("golden_queries.csv").open(encoding="utf-8") as file:
        rows = [(row["query"], (row["title"], int(row["year"]))) for row in csv.DictReader(file)]
    return [Query(GOLDEN, text, ids[film]) for text, film in rows if film in ids]


def make_queries(films: Sequence[Film], *, a_kind: int, seed: int) -> list[Query]:
    """Generate at most ``a_kind`` queries of each kind, for films with enough ratings."""
    known = [film for film in films if film.document.popularity >= MIN_RATINGS]
    return [query for kind, make in KINDS.items() for query in _of_kind(kind, make, known, a_kind, seed)]


def _of_kind(kind: str, make: Maker, films: Iterable[Film], at_most: int, seed: int) -> list[Query]:
    generator = random.Random(f"{kind} {seed}")  # noqa: S311 (reproducible queries, no secret)
    shuffled = generator.sample(films := list(films), len(films))
    texts = ((make(film, generator), film.document.movie_id) for film in shuffled)
    queries = (Query(kind, text, movie_id) for text, movie_id in texts if text)
    return [query for query, _ in zip(queries, range(at_most), strict=False)]


def without_article(title: str) -> str:
    """Return the title without an English article in front."""
    return next((title[len(article) :] for article in ARTICLES if title.startswith(article)), title)


def _article_moved(film: Film, generator: random.Random) -> str | None:
    article = next((article for article in ARTICLES if film.title.startswith(article)), None)
    if article is None:
        return None
    bare = without_article(film.title)
    return generator.choice([f"{bare}, {article.strip()}", bare, f"{bare} {article.strip()}".lower()])


def _first_words(film: Film, _generator: random.Random) -> str | None:
    return " ".join(film.words[:2]).lower() if len(film.words) >= 3 else None


def _unfinished(film: Film, generator: random.Random) -> str | None:
    *others, last = film.title.lower().split()
    if len(last) < 4 or not last.isalpha():
        return None
    return " ".join([*others, last[: generator.randint(3, len(last) - 1)]])


def _with_typos(n_typos: int, shortest: int, typo: Callable[[str, random.Random], str]) -> Maker:
    """Return a maker of typos in one word of a title with enough letters."""

    def make(film: Film, generator: random.Random) -> str | None:
        words = film.title.lower().split()
        long = [position for position, word in enumerate(words) if len(word) >= shortest and _is_plain(word)]
        if not long:
            return None
        position = generator.choice(long)
        word = words[position]
        for _ in range(n_typos):
            word = typo(word, generator)
        # The number of allowed typos depends on the word as typed.
        if len(word) < shortest or word == words[position]:
            return None
        return " ".join([*words[:position], word, *words[position + 1 :]])

    return make


def _is_plain(word: str) -> bool:
    return word.isascii() and word.isalpha()


def _insert(word: str, generator: random.Random) -> str:
    position = generator.randint(0, len(word))
    return word[:position] + generator.choice(string.ascii_lowercase) + word[position:]


def _delete(word: str, generator: random.Random) -> str:
    position = generator.randrange(len(word))
    return word[:position] + word[position + 1 :]


def _substitute(word: str, generator: random.Random) -> str:
    position = generator.randrange(len(word))
    return word[:position] + generator.choice(string.ascii_lowercase) + word[position + 1 :]


def _transpose(word: str, generator: random.Random) -> str:
    position = generator.randrange(len(word) - 1)
    return word[:position] + word[position + 1] + word[position] + word[position + 2 :]


def _any_typo(word: str, generator: random.Random) -> str:
    return generator.choice([_insert, _delete, _substitute, _transpose])(word, generator)


def _without_accents(film: Film, _generator: random.Random) -> str | None:
    decomposed = unicodedata.normalize("NFKD", film.title)
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return plain if plain != film.title else None


def _alternative_title(film: Film, generator: random.Random) -> str | None:
    titles = film.document.alternative_titles
    return generator.choice(titles) if titles else None


def _with_year(film: Film, _generator: random.Random) -> str | None:
    return f"{film.title} {film.document.year}".lower() if film.document.year else None


def _genre_and_word(film: Film, generator: random.Random) -> str | None:
    words = [word for word in film.words if len(word) >= 4 and _is_plain(word) and word not in GENRES]
    if not words or not film.document.genres:
        return None
    both = [generator.choice(film.document.genres), max(words, key=len)]
    generator.shuffle(both)
    return " ".join(both).lower()


def _swapped(film: Film, generator: random.Random) -> str | None:
    words = film.words
    if len(words) < 2:
        return None
    position = generator.randrange(len(words) - 1)
    words[position], words[position + 1] = words[position + 1], words[position]
    return " ".join(words).lower()


def _joined(film: Film, generator: random.Random) -> str | None:
    words = without_article(film.title).lower().replace("-", " ").split()
    pairs = [i for i in range(len(words) - 1) if _is_plain(words[i]) and _is_plain(words[i + 1])]
    pairs = [i for i in pairs if len(words[i]) >= 3 and len(words[i + 1]) >= 3]
    if not pairs:
        return None
    first = generator.choice(pairs)
    return " ".join([*words[:first], words[first] + words[first + 1], *words[first + 2 :]])


def _split(film: Film, generator: random.Random) -> str | None:
    words = film.title.lower().split()
    long = [position for position, word in enumerate(words) if len(word) >= 6 and _is_plain(word)]
    if not long:
        return None
    position = generator.choice(long)
    end = generator.randint(3, len(words[position]) - 3)
    words[position] = f"{words[position][:end]} {words[position][end:]}"
    return " ".join(words)


KINDS: dict[str, Maker] = {
    "exact": lambda film, _: film.source_title,
    "without year": lambda film, _: film.title,
    "article moved": _article_moved,
    "first words": _first_words,
    "unfinished last word": _unfinished,
    "a letter too many": _with_typos(1, 5, _insert),
    "a letter missing": _with_typos(1, 5, _delete),
    "a wrong letter": _with_typos(1, 5, _substitute),
    "two letters swapped": _with_typos(1, 5, _transpose),
    "two typos": _with_typos(2, 9, _any_typo),
    "accents dropped": _without_accents,
    "alternative title": _alternative_title,
    "title and year": _with_year,
    "genre and word": _genre_and_word,
    "words swapped": _swapped,
    "words joined": _joined,
    "word split": _split,
}
