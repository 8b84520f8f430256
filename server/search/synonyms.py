"""Other words for genres, decades and numbers: "kids", "90s", "the eighties", "2" for "II".

The synonyms of a genre or a decade match the metadata of a movie (genres and year), not its titles. docs/search.md
lists the tables.
A synonym of two words is looked up as one: "science fiction" as "sciencefiction". The words of the genres themselves
need no entry, joined or split: "sci fi", "scifi", "film noir".
"""

import re

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

NUMERALS = {
    **{"2": "ii", "3": "iii", "4": "iv", "5": "v", "6": "vi", "7": "vii", "8": "viii", "9": "ix"},
    **{"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"},
}
"""The other way to write the number of a sequel; "v" and "x" are missing because they are letters as well."""

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
