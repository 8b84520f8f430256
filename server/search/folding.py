"""How titles are compared: folded letters, articles and "a.k.a.". The search and the ingestion share these rules."""

import re
import unicodedata
from typing import Final

ENGLISH_ARTICLES: Final = ("the", "a", "an")
OTHER_ARTICLES: Final = (
    *("le", "la", "les", "l'", "un", "une", "el", "los", "las", "una", "il", "lo", "gli"),
    *("der", "die", "das", "ein", "eine", "het", "een", "den", "det"),
)
"""Articles of other languages. In English, some are also ordinary words ("Die Hard")."""
INVERTED_ARTICLES: Final = (
    *ENGLISH_ARTICLES,
    *OTHER_ARTICLES,
    *("i", "o", "os", "as", "um", "uma", "de", "en", "et", "ett", "da", "ha-"),
)
"""Words that are an article at the end of a title, after a comma ("Vitelloni, I"). In front, the last row is not."""

ALSO_KNOWN_AS: Final = re.compile(r"\b(?!Aka\s)(?i:a\.?k\.?a)\b[.:]*\s*")
"""The mark of a second title, as a word of its own: "haka" doesn't contain it, and "Aka" begins Japanese titles."""

MARKS_AND_FORMAT_CHARACTERS: Final = frozenset({"Mn", "Mc", "Me", "Cf"})
"""The Unicode categories that folding removes: accents, and characters without a width."""

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


def fold(text: str) -> str:
    """Remove case, accents and invisible characters, and write every apostrophe as ``'``."""
    if text.isascii():
        return text.lower().replace("`", "'")
    decomposed = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    visible = "".join(c for c in decomposed if unicodedata.category(c) not in MARKS_AND_FORMAT_CHARACTERS)
    return visible.casefold().translate(_LETTERS_WITHOUT_DECOMPOSITION)
