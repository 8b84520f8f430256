"""Other words for genres, decades and years, and other forms of words: "kids", "90s", "2" for "II", "dr" for "doctor".

The synonyms of a genre or a decade match the metadata of a movie (genres and year), not its titles. docs/search.md
lists the tables.
A synonym of two words is looked up as one: "science fiction" as "sciencefiction". The words of the genres themselves
need no entry, joined or split: "sci fi", "scifi", "film noir".
"""

import re
from typing import NamedTuple

from server.search.numbers import single_words

GENRE_SYNONYMS = {
    "animation": ("animated", "cartoon", "cartoons", "anime"),
    "children": ("kids", "family"),
    "comedy": ("comedies", "funny"),
    "documentary": ("docs", "documentaries"),
    "drama": ("dramas",),
    "horror": ("scary",),
    "musical": ("musicals",),
    "mystery": ("mysteries", "whodunit"),
    "romance": ("romantic", "romances", "romcom"),
    "sci": ("sciencefiction", "sf"),
    "thriller": ("thrillers", "suspense"),
    "western": ("westerns",),
}
"""By the word that identifies the genre."""

ABBREVIATIONS = {
    **{"dr": ("doctor",), "mr": ("mister",), "mrs": ("missus", "mistress"), "prof": ("professor",)},
    **{"sgt": ("sergeant",), "capt": ("captain",), "cpt": ("captain",), "lt": ("lieutenant",), "col": ("colonel",)},
    **{"gen": ("general",), "maj": ("major",), "pvt": ("private",), "sen": ("senator",), "gov": ("governor",)},
    **{"st": ("saint", "street"), "mt": ("mount",), "ft": ("fort",), "ave": ("avenue",), "vs": ("versus",)},
    **{"vol": ("volume",), "pt": ("part",), "ch": ("chapter",), "ep": ("episode",), "jr": ("junior",)},
    **{"sr": ("senior",), "rev": ("reverend",), "bros": ("brothers",), "dept": ("department",), "xmas": ("christmas",)},
}
"""The words that an abbreviation is short for."""

_LETTERS_AS_WORDS = {"v": ("vs", "versus"), "vs": ("v",), "versus": ("v",)}
"""Single letters that may be a word, a numeral, or a letter."""
_GENRES = {synonym: genre for genre, synonyms in GENRE_SYNONYMS.items() for synonym in synonyms}
_DECADES = {
    "twenties": 20,
    "thirties": 30,
    "forties": 40,
    "fifties": 50,
    "sixties": 60,
    "seventies": 70,
    "eighties": 80,
    "nineties": 90,
}
_DECADE = re.compile(r"(1[89]|20)?([0-9]0)s")
_TWO_DIGITS = re.compile(r"[0-9]{2}")
SHORTEST_STEM = 2
"""A single letter with an s is another word: "a" and "as"."""


_SHORT_FOR = {word: short for short, words in ABBREVIATIONS.items() for word in words}


class OtherForm(NamedTuple):
    """Another way to write a word of a query. Single letters are uncertain: "v" may be 5, versus or a letter."""

    word: str
    is_uncertain: bool


def other_forms(word: str) -> list[OtherForm]:
    """Return the other ways to write a word as a single word: numbers and abbreviations."""
    forms = dict.fromkeys([*single_words(word), *ABBREVIATIONS.get(word, ()), *_LETTERS_AS_WORDS.get(word, ())])
    if word in _SHORT_FOR:
        forms[_SHORT_FOR[word]] = None
    return [OtherForm(form, is_uncertain=_is_uncertain(word, form)) for form in forms]


def _is_uncertain(word: str, form: str) -> bool:
    """Return whether one of two forms is a letter, except for "5" as "v" and "10" as "x", which are sequels."""
    if word.isdigit():
        return form == "i"
    return len(word) == 1 or (len(form) == 1 and not form.isdigit())


def other_number(word: str) -> str | None:
    """Return the word with an s if it has none, or without: a plural or possessive. None for a short or odd word."""
    if not word.isalpha() or word.endswith("ss") or len(word.removesuffix("s")) < SHORTEST_STEM:
        return None
    return word.removesuffix("s") if word.endswith("s") else f"{word}s"


def short_years(word: str) -> list[str]:
    """Return the years that two digits may be short for."""
    return [f"{century}{word}" for century in (19, 20)] if _TWO_DIGITS.fullmatch(word) else []


def describing_words(word: str) -> list[str]:
    """Return the words of the metadata that a word of a query is a synonym of.

    A decade of two digits belongs to the 20th and to the 21st century.
    """
    if word in _GENRES:
        return [_GENRES[word]]
    if word in _DECADES:
        return _years(19, _DECADES[word])
    if decade := _DECADE.fullmatch(word):
        centuries = (int(decade[1]),) if decade[1] else (19, 20)
        return [year for century in centuries for year in _years(century, int(decade[2]))]
    return []


def _years(century: int, decade: int) -> list[str]:
    first = century * 100 + decade
    return [str(year) for year in range(first, first + 10)]
