"""Parse titles of MovieLens: "Postman, The (Postino, Il) (1994)" is "The Postman" of 1994, or "Il Postino".

The rules are derived from the 87,585 titles of MovieLens 32M. An ambiguous title keeps all its words.
"""

import html
import re
from dataclasses import dataclass

from server.search.folding import ALSO_KNOWN_AS, INVERTED_ARTICLES, fold

_ARTICLES = "|".join(["the", "L\u2019", *(article.capitalize() for article in INVERTED_ARTICLES)])
_INVERTED = re.compile(rf"(?P<name>.*\S)\s*,\s*(?P<article>{_ARTICLES})(?P<rest>:.*)?")
_ENGLISH_ARTICLE = re.compile(r"(?:the|an?)\s+(?=\S)", re.IGNORECASE)

_YEAR = re.compile(r"((?:18|19|20)\d\d)(?:\s*[-\u2013]\s*(?:(?:18|19|20)\d\d)?)?")
# Not an alternative title: "Ah Boys To Men (Part 1)", "Help (TV Movie)", "7 Reasons to Run Away (from Society)".
_NOTE = re.compile(
    r"(?i:parts?|vol\.|volume|episode|chapter|season)\s(?:\d+|[IVX]+|One|Two|Three)\b.*"
    r"|(?i:(?:tv )?movie|live(?: (?:in|at) .*)?|.* (?:version|edition)|director'?s cut)"
    r"|(?:and|but|for|from|in|of|or|Or|with) .*"
    rf"|{_YEAR.pattern}"
)
# The name is incomplete without the bracket: "Spy(ies)", "Birdman: Or (The Unexpected Virtue of Ignorance)".
_UNFINISHED = re.compile(r"[^\s)]$|[:&]\s*$|\s(?:or|and)\s*$", re.IGNORECASE)

_ENTITY = re.compile(r"&#?\w+;")
# Windows-1252 that was read as Latin-1 contains control characters in place of signs: U+0092 is an apostrophe.
_CONTROL_CHARACTERS = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " "),
    **{code: sign for code in range(0x80, 0xA0) if (sign := bytes([code]).decode("windows-1252", "ignore"))},
    **dict.fromkeys((0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF), ""),
}
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class ParsedTitle:
    """The parts of a title.

    ``sort_title`` is the title without its article, in lower case, without accents and signs. Its code points give the
    expected order, the same in every database.
    """

    title: str
    alternative_titles: tuple[str, ...]
    year: int | None
    sort_title: str


def parse_title(source_title: str) -> ParsedTitle:
    """Parse a title of MovieLens. Every text parses, and the title is empty only for a blank text."""
    name, brackets = _split_brackets(_clean(source_title))
    years = [year for bracket in brackets if (year := _find_year(bracket)) is not None]
    year = years[-1] if years else None
    others = [bracket for bracket in brackets if year is None or _find_year(bracket) != year]

    notes = "".join(f" ({bracket})" for bracket in others if _NOTE.fullmatch(bracket))
    title, bare_title = _put_article_first(name)
    alternatives = (_read_alternative(bracket) for bracket in others if not _NOTE.fullmatch(bracket))
    return ParsedTitle(
        title=title + notes,
        alternative_titles=tuple(dict.fromkeys(other for other in alternatives if other not in {"", title})),
        year=year,
        sort_title=_fold_for_sorting(bare_title + notes),
    )


def _clean(text: str) -> str:
    """Resolve entities ("&#354;"), normalize white space, and remove control characters and a superfluous bracket."""
    unescaped = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    visible = unescaped if unescaped.isprintable() else unescaped.translate(_CONTROL_CHARACTERS)
    cleaned = " ".join(visible.split())
    if cleaned.endswith("))") and cleaned.count(")") > cleaned.count("("):
        return cleaned[:-1]
    return cleaned


def _split_brackets(text: str) -> tuple[str, list[str]]:
    """Split "Fury (Chinese Connection, The) (1972)" into the name and the contents of the trailing brackets."""
    brackets: list[str] = []
    while (start := _find_last_bracket(text)) is not None:
        name, bracket = text[:start], text[start + 1 : -1].strip()
        if _UNFINISHED.search(name) and _find_year(bracket) is None:
            break
        text = name.rstrip()
        brackets.append(bracket)
    return text, brackets[::-1]


def _find_last_bracket(text: str) -> int | None:
    """Return the start of the bracket at the end of a text, if a name precedes it."""
    if not text.endswith(")"):
        return None
    depth = 0
    for start in range(len(text) - 1, 0, -1):
        depth += (text[start] == ")") - (text[start] == "(")
        if depth == 0:
            return start
    return None


def _find_year(bracket: str) -> int | None:
    """Return the year of a bracket that contains only a year, or the first year of a range ("2006-2007")."""
    match = _YEAR.fullmatch(bracket)
    return int(match[1]) if match else None


def _read_alternative(bracket: str) -> str:
    """Return "The Naked Island" for "a.k.a. Naked Island, The"."""
    mark = ALSO_KNOWN_AS.match(bracket)
    title, _ = _put_article_first(bracket[mark.end() :] if mark else bracket)
    return title


def _put_article_first(text: str) -> tuple[str, str]:
    """Return "L'Avventura" and "Avventura" for "Avventura, L'": the title with and without its article.

    The last word is not an article if the title begins with it, like "Die, Mommie, Die".
    """
    inverted = _INVERTED.fullmatch(text)
    if inverted is None or re.match(rf"{inverted['article']}\b", text, re.IGNORECASE):
        article = _ENGLISH_ARTICLE.match(text)
        return text, text[article.end() :] if article else text
    bare_title = inverted["name"] + (inverted["rest"] or "")
    blank = " " if inverted["article"].isalpha() else ""
    return inverted["article"].capitalize() + blank + bare_title, bare_title


def _fold_for_sorting(title: str) -> str:
    """Return the folded words with one blank between them, "its" for "it's"; a title of signs alone stays as it is."""
    letters = fold(title.replace("½", " 1/2")).replace("'", "")
    return " ".join(_WORD.findall(_THOUSANDS.sub("", letters))) or title
