"""Titles as MovieLens writes them, taken apart: "Postman, The (Postino, Il) (1994)" is "The Postman" of 1994.

The rules were read off the 87,585 titles of MovieLens 32M. Where a title can be read in two ways, none of its
words is lost.
"""

import html
import re
from dataclasses import dataclass

from server.search.folding import ALSO_KNOWN_AS, INVERTED_ARTICLES, fold

_ARTICLES = "|".join(["the", "L\u2019", *(article.capitalize() for article in INVERTED_ARTICLES)])
_INVERTED = re.compile(rf"(?P<name>.*\S)\s*,\s*(?P<article>{_ARTICLES})(?P<rest>:.*)?")
_ENGLISH_ARTICLE = re.compile(r"(?:the|an?)\s+(?=\S)", re.IGNORECASE)

_YEAR = re.compile(r"((?:18|19|20)\d\d)(?:\s*[-\u2013]\s*(?:(?:18|19|20)\d\d)?)?")
# "Ah Boys To Men (Part 1)", "Help (TV Movie)", "7 Reasons to Run Away (from Society)": no other title.
_NOTE = re.compile(
    r"(?i:parts?|vol\.|volume|episode|chapter|season)\s(?:\d+|[IVX]+|One|Two|Three)\b.*"
    r"|(?i:(?:tv )?movie|live(?: (?:in|at) .*)?|.* (?:version|edition)|director'?s cut)"
    r"|(?:and|but|for|from|in|of|or|Or|with) .*"
    rf"|{_YEAR.pattern}"
)
# "Spy(ies)", "Birdman: Or (The Unexpected Virtue of Ignorance)": what stands before the bracket needs it.
_UNFINISHED = re.compile(r"[^\s)]$|[:&]\s*$|\s(?:or|and)\s*$", re.IGNORECASE)

_ENTITY = re.compile(r"&#?\w+;")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class ParsedTitle:
    """What a source's title says.

    ``sort_title`` is the title without its article, in lower case, without accents and signs. Ordered by its
    code points, titles stand as a person expects them, alike in every database.
    """

    title: str
    alternative_titles: tuple[str, ...]
    year: int | None
    sort_title: str


def parse_title(source_title: str) -> ParsedTitle:
    """Take a title of MovieLens apart. Never fails; the title is empty only when the source's says nothing."""
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
    """Resolve entities ("&#354;"), make every run of white space one blank, drop a bracket closed twice."""
    unescaped = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    cleaned = " ".join(unescaped.split())
    if cleaned.endswith("))") and cleaned.count(")") > cleaned.count("("):
        return cleaned[:-1]
    return cleaned


def _split_brackets(text: str) -> tuple[str, list[str]]:
    """Split "Fury (Chinese Connection, The) (1972)" into the name and the contents of its last brackets."""
    brackets: list[str] = []
    while (start := _find_last_bracket(text)) is not None:
        name, bracket = text[:start], text[start + 1 : -1].strip()
        if _UNFINISHED.search(name) and _find_year(bracket) is None:
            break
        text = name.rstrip()
        brackets.append(bracket)
    return text, brackets[::-1]


def _find_last_bracket(text: str) -> int | None:
    """Find where the bracket begins that ends the text, if a name stands before it."""
    if not text.endswith(")"):
        return None
    depth = 0
    for start in range(len(text) - 1, 0, -1):
        depth += (text[start] == ")") - (text[start] == "(")
        if depth == 0:
            return start
    return None


def _find_year(bracket: str) -> int | None:
    """Find the year, or the first one of a range ("2006-2007"), in a bracket that holds nothing else."""
    match = _YEAR.fullmatch(bracket)
    return int(match[1]) if match else None


def _read_alternative(bracket: str) -> str:
    """Read "a.k.a. Naked Island, The" as "The Naked Island"."""
    mark = ALSO_KNOWN_AS.match(bracket)
    title, _ = _put_article_first(bracket[mark.end() :] if mark else bracket)
    return title


def _put_article_first(text: str) -> tuple[str, str]:
    """Read "Avventura, L'" as "L'Avventura"; return it with and without its article.

    A title that begins with the same word, like "Die, Mommie, Die", ends with no article.
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
