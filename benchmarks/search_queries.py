"""Queries of people who look for a film, generated from its titles, by kind."""

import csv
import random
import re
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
SHORT_YEARS = ("", "'")
OTHER_NUMBERS = {
    **{"one": ("1",), "two": ("2",), "three": ("3",), "four": ("4",), "five": ("5",), "six": ("6",), "seven": ("7",)},
    **{"eight": ("8",), "nine": ("9",), "ten": ("10",), "eleven": ("11",), "twelve": ("12",), "thirteen": ("13",)},
    **{"twenty": ("20",), "hundred": ("100",), "first": ("1st",), "second": ("2nd",), "third": ("3rd",)},
    **{"2": ("ii", "two"), "3": ("iii", "three"), "4": ("iv", "four"), "5": ("v", "five"), "6": ("vi", "six")},
    **{"7": ("seven",), "8": ("viii", "eight"), "9": ("nine",), "10": ("x", "ten"), "12": ("twelve",)},
    **{"13": ("thirteen",), "21": ("twenty one", "twenty-one"), "40": ("forty",), "100": ("hundred",)},
    **{"ii": ("2", "two"), "iii": ("3", "three"), "iv": ("4", "four"), "vi": ("6",), "viii": ("8",)},
}
"""Numbers as titles write them, and the other ways to write them."""
OTHER_ABBREVIATIONS = {
    **{"dr": "doctor", "mr": "mister", "mrs": "missus", "st": "saint", "vol": "volume", "vs": "versus", "jr": "junior"},
    **{"doctor": "dr", "saint": "st", "volume": "vol", "part": "pt", "versus": "vs", "junior": "jr", "mister": "mr"},
    **{"sergeant": "sgt", "sgt": "sergeant", "v": "vs", "captain": "capt"},
}


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
Typo = Callable[[str, random.Random], str]


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


def _with_typos(n_typos: int, shortest: int, typo: Typo, *, shortest_typed: int = 0) -> Maker:
    """Return a maker of typos in one word of a title with enough letters.

    Both the word of the title and, unless ``shortest_typed`` is given, the typed word have at least ``shortest``.
    """
    shortest_typed = shortest_typed or shortest

    def make(film: Film, generator: random.Random) -> str | None:
        words = film.title.lower().split()
        long = [position for position, word in enumerate(words) if len(word) >= shortest and _is_plain(word)]
        if not long:
            return None
        position = generator.choice(long)
        word = words[position]
        for _ in range(n_typos):
            word = typo(word, generator)
        if len(word) < shortest_typed or word == words[position]:
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


def _possessive_dropped(film: Film, _generator: random.Random) -> str | None:
    words = film.title.lower().split()
    bare = [re.sub(r"['\u2019]s$", "", word) for word in words]
    return " ".join(bare) if bare != words else None


def _plural_changed(film: Film, generator: random.Random) -> str | None:
    """Append an s to a word of three letters or more, or remove it."""
    words = film.title.lower().split()
    plain = [position for position, word in enumerate(words) if len(word) >= 3 and _is_plain(word) and word != "the"]
    if len(words) < 2 or not plain:
        return None
    position = generator.choice(plain)
    word = words[position]
    words[position] = word[:-1] if word.endswith("s") and len(word) > 3 else f"{word}s"
    return " ".join(words)


def _number_rewritten(film: Film, generator: random.Random) -> str | None:
    """Write a number of the title in another of its forms."""
    words = film.title.lower().replace(":", "").split()
    numbers = [position for position, word in enumerate(words) if word in OTHER_NUMBERS]
    if not numbers or len(words) < 2:
        return None
    position = generator.choice(numbers)
    words[position] = generator.choice(OTHER_NUMBERS[words[position]])
    return " ".join(words)


def _abbreviation_changed(film: Film, generator: random.Random) -> str | None:
    words = film.title.lower().replace(".", "").replace(":", "").split()
    positions = [position for position, word in enumerate(words) if word in OTHER_ABBREVIATIONS]
    if not positions:
        return None
    position = generator.choice(positions)
    words[position] = OTHER_ABBREVIATIONS[words[position]]
    return " ".join(words)


def _initials_spaced(film: Film, generator: random.Random) -> str | None:
    """Write initials with dots as one word or as single letters."""
    initials = re.search(r"\b(?:\w\.){2,}", film.title)
    if initials is None:
        return None
    written = generator.choice([initials[0].replace(".", ""), initials[0].replace(".", " ").strip()])
    return f"{film.title[: initials.start()]}{written} {film.title[initials.end() :]}".lower().strip()


def _digits_joined(film: Film, _generator: random.Random) -> str | None:
    """Join a number with the word before it, or split the two: "spiderman2", "k9"."""
    joined = re.sub(r"(?<=[^\W\d])[ -](?=\d{1,2}\b)", "", film.title, count=1)
    return joined.lower() if joined != film.title else None


def _short_year(film: Film, generator: random.Random) -> str | None:
    year = film.document.year
    return f"{film.title} {generator.choice(SHORT_YEARS)}{year % 100:02}".lower() if year else None


def _typo_in_four_letters(film: Film, generator: random.Random) -> str | None:
    """Type four letters: a transposition of a word of four, or a word of five with a letter missing."""
    words = film.title.lower().split()
    short = [position for position, word in enumerate(words) if len(word) in {4, 5} and _is_plain(word)]
    if len(words) < 2 or not short:
        return None
    position = generator.choice(short)
    word = words[position]
    typed = _transpose(word, generator) if len(word) == 4 else _delete(word, generator)
    return " ".join([*words[:position], typed, *words[position + 1 :]]) if typed != word else None


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
    "any typo in five letters": _with_typos(1, 5, _any_typo, shortest_typed=4),
    "any two typos in nine letters": _with_typos(2, 9, _any_typo, shortest_typed=7),
    "a typo in four letters": _typo_in_four_letters,
    "number in another form": _number_rewritten,
    "abbreviation": _abbreviation_changed,
    "initials": _initials_spaced,
    "letters and digits": _digits_joined,
    "possessive dropped": _possessive_dropped,
    "plural changed": _plural_changed,
    "year of two digits": _short_year,
    "accents dropped": _without_accents,
    "alternative title": _alternative_title,
    "title and year": _with_year,
    "genre and word": _genre_and_word,
    "words swapped": _swapped,
    "words joined": _joined,
    "word split": _split,
}
