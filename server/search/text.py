"""From text to words: titles and queries are read by the same rules, so that they meet.

Case, accents, punctuation and ``&`` make no difference. An article in front of a title, or after its comma
("Matrix, The"), is set apart, because people leave it out, put it back or move it; elsewhere it is an ordinary word.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

_ENGLISH_ARTICLES = ("the", "a", "an")
_OTHER_ARTICLES = (
    *("le", "la", "les", "l'", "un", "une", "el", "los", "las", "una", "il", "lo", "gli"),
    *("der", "die", "das", "ein", "eine", "het", "een", "den", "det"),
)
_ARTICLE = "|".join((*_ENGLISH_ARTICLES, *_OTHER_ARTICLES))

_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u2032\u0060\u00b4", "'"))
_LETTERS_WITHOUT_DECOMPOSITION = str.maketrans({
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ħ": "h",
    "\u0131": "i",
})
_MARKS_AND_FORMAT_CHARACTERS = frozenset({"Mn", "Mc", "Me", "Cf"})

# The lookbehinds stand after the sign, because a pattern that begins with a literal is searched twice as fast.
_BETWEEN_INITIALS = re.compile(r"[.*](?<=\b[^\W\d_].)(?=[^\W\d_]\b)")
_ELISION = re.compile(r"'(?<=\b[ld].)(?=\w)")
_TRAILING_ARTICLE = re.compile(rf"(.+), *({_ARTICLE}) *(?=\(|$)")
_LEADING_ARTICLE = re.compile(rf"[\W_]*({_ARTICLE})(?:(?<=')|(?=\s))[\W_]*(?=[^\W_])")
_WORD = re.compile(r"[^\W_]+")


class Name(NamedTuple):
    """A title as it is compared: ``article`` is the word in front or "", ``words`` are the others."""

    article: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """Words that must all be found; the last may be the beginning of a longer one if it ``is_unfinished``."""

    words: tuple[str, ...]
    is_unfinished: bool


def parse_name(text: str) -> Name:
    """Read a title, a genre or a query.

    Apostrophes join ("ocean's" is "oceans") except in the French and Italian l' and d'; dots and stars join
    initials ("E.T.", "M*A*S*H"); other signs separate. Of a text of signs only, the signs are its words.
    Only a blank text has no words.
    """
    folded = _fold(text)
    if trailing := _TRAILING_ARTICLE.match(folded):
        folded = f"{trailing[2]} {trailing[1]} {folded[trailing.end() :]}"
    if leading := _LEADING_ARTICLE.match(folded):
        return Name(leading[1].rstrip("'"), _words(folded[leading.end() :]))
    return Name("", _words(folded) or tuple(text.split()))


def read_query(text: str) -> list[Query]:
    """Return the ways to read what was typed, the likeliest first; no way for a blank text.

    An English article in front never counts. Articles of other languages are also words and names in English
    ("Die Hard", "La La Land"), so they count at first, and are left out in a second way.
    """
    article, words = parse_name(text)
    is_unfinished = not text[-1:].isspace()
    bare = Query(words, is_unfinished)
    if not words:
        return []
    if not article or article in _ENGLISH_ARTICLES:
        return [bare]
    return [Query((article, *words), is_unfinished), bare]


def _fold(text: str) -> str:
    """Remove case, accents and invisible characters, and write every apostrophe as ``'``."""
    if text.isascii():
        return text.lower().replace("`", "'")
    decomposed = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    visible = "".join(c for c in decomposed if unicodedata.category(c) not in _MARKS_AND_FORMAT_CHARACTERS)
    return visible.casefold().translate(_LETTERS_WITHOUT_DECOMPOSITION)


def _words(folded: str) -> tuple[str, ...]:
    text = folded.replace("&", " and ").replace(" + ", " and ")
    text = _ELISION.sub(" ", _BETWEEN_INITIALS.sub("", text))
    return tuple(_WORD.findall(text.replace("'", "")))
