"""Tokenization of titles and queries, by the same rules.

Case, accents, punctuation and ``&`` make no difference. An article in front of a title, or after its comma
("Matrix, The"), is separated from the other words, because people omit, restore or move it. Elsewhere it is an
ordinary word.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from server.search.folding import ALSO_KNOWN_AS, ENGLISH_ARTICLES, OTHER_ARTICLES, fold

_ARTICLE = "|".join((*ENGLISH_ARTICLES, *OTHER_ARTICLES))

_INITIALS = r"\b[^\W\d_](?:[.*][^\W\d_]\b)+"
_ELIDED_ARTICLE = r"\b[ld](?='\w)"
_THOUSANDS = r"\b\d{1,3}(?:,\d{3})+\b"
_PLAIN_WORD = r"[^\W_]+(?:'+[^\W_]+)*"
_AND = r"&|(?<= )\+(?= )"
_WORD = re.compile(rf"{_INITIALS}|{_THOUSANDS}|{_ELIDED_ARTICLE}|{_PLAIN_WORD}|{_AND}")
_PLAIN = re.compile(r"[^\W_]+")
_SIGN_IN_WORDS = re.compile(r"['.*&+]|\d,\d")
_SIGNS_IN_WORDS = str.maketrans({"'": None, ".": None, "*": None, "&": "and", "+": "and", ",": None})
_TRAILING_ARTICLE = re.compile(rf".+, *({_ARTICLE}) *(?=\(|$)")
_LEADING_ARTICLE = re.compile(rf"[\W_]*({_ARTICLE})(?:(?<=')|(?=\s))[\W_]*(?=[^\W_])")
MAX_CACHED_QUERIES = 256
"""Remember the words of at most this many queries: each is read twice, to decide where it runs, and to run it."""
_ENDS = (".", "!", "?")
# "(a.k.a. Se7en)", as MovieLens writes it. Without the bracket it may be a word of the title.
_ALSO_KNOWN_AS = re.compile(rf"\(\s*{ALSO_KNOWN_AS.pattern}")


class Name(NamedTuple):
    """A tokenized title: the article in front or "", and the other words."""

    article: str
    words: tuple[str, ...]

    @property
    def all_words(self) -> tuple[str, ...]:
        """The words with the article, if there is one."""
        return (self.article, *self.words) if self.article else self.words


@dataclass(frozen=True, slots=True)
class Query:
    """Words that must all match. If it ``is_unfinished``, the last may be the beginning of a longer word."""

    words: tuple[str, ...]
    is_unfinished: bool


class WrittenWord(NamedTuple):
    """A word of a text, and for each of its letters the position of the original character."""

    word: str
    origins: Sequence[int]


def tag_word(word: str) -> str:
    """Return a word as it is in a tag: with a blank, so that no beginning, typo or other form of a word matches it."""
    return f" {word}"


def parse_name(text: str) -> Name:
    """Tokenize a title, a genre or a query.

    Apostrophes join ("ocean's" is "oceans") except in the French and Italian l' and d'. Dots and stars join initials
    ("E.T.", "M*A*S*H"), and a comma joins thousands ("20,000"). Other signs separate words, unless the text has only
    signs: then the signs are its words. Only a blank text has no words.
    """
    folded = fold(text)
    article = _find_article(folded)
    if article is None:
        return Name("", tuple(_words(folded)) or tuple(text.split()))
    start, stop = article.span(1)
    return Name(article[1].rstrip("'"), tuple(_words(f"{folded[:start]} {folded[stop:]}")))


def locate_words(text: str) -> list[WrittenWord]:
    """Return the words of a title with their positions in its text, in order."""
    folded, origins = _fold_with_origins(text)
    words = [_locate(match, origins) for match in _WORD.finditer(folded)]
    return words or [WrittenWord(match[0], range(*match.span())) for match in re.finditer(r"\S+", text)]


@lru_cache(MAX_CACHED_QUERIES)
def read_query(text: str) -> tuple[Query, ...]:
    """Return the tokenizations of a search text, the likeliest first; none for a blank text.

    An English article in front is ignored. Articles of other languages are also words and names in English ("Die
    Hard", "La La Land"), and "a" may be an initial, so the first tokenization includes them and the second does not.
    """
    article, words = parse_name(_ALSO_KNOWN_AS.sub("(", text))
    is_unfinished = not text[-1:].isspace() and not text.endswith(_ENDS)
    bare = Query(words, is_unfinished)
    if not words:
        return ()
    is_initial = article == "a" and len(words[0]) == 1
    if not article or (article in ENGLISH_ARTICLES and not is_initial):
        return (bare,)
    return Query((article, *words), is_unfinished), bare


def _fold_with_origins(text: str) -> tuple[str, list[int]]:
    """Fold character by character; also return the original position of each folded character."""
    folded = [(character, origin) for origin, written in enumerate(text) for character in fold(written)]
    return "".join(character for character, _ in folded), [origin for _, origin in folded]


def _find_article(folded: str) -> re.Match[str] | None:
    """Return a match whose group 1 is the leading or trailing article, or None."""
    trailing = _TRAILING_ARTICLE.match(folded) if "," in folded else None
    if trailing and _WORD.search(folded, 0, trailing.start(1)):
        return trailing
    return _LEADING_ARTICLE.match(folded)


def _words(folded: str) -> list[str]:
    # The fast path: most titles have none of the signs that may belong to a word.
    if not _SIGN_IN_WORDS.search(folded):
        return _PLAIN.findall(folded)
    return [word.translate(_SIGNS_IN_WORDS) for word in _WORD.findall(folded)]


def _locate(match: re.Match[str], origins: Sequence[int]) -> WrittenWord:
    letters = [
        (letter, origin)
        for sign, origin in zip(match[0], origins[match.start() : match.end()], strict=True)
        for letter in sign.translate(_SIGNS_IN_WORDS)
    ]
    return WrittenWord("".join(letter for letter, _ in letters), [origin for _, origin in letters])
