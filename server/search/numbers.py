"""Numbers in titles: in digits, in words, as Roman numerals, as ordinals.

The forms of one number that are a single word each are listed by `single_words`: "7", "seven", "vii". Longer numbers
in words are read by `read_number` and written by `spell_out`: "twenty one", "one hundred and one".
"""

from collections.abc import Sequence
from typing import NamedTuple

MAX_NUMBER = 999_999
MAX_NUMERAL = 39
"""Larger Roman numerals are not sequels."""
MAX_WORDS_OF_NUMBER = 12
MAX_SPELLINGS = 8

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_CARDINALS = {
    **{word: number for number, word in enumerate(_SMALL)},
    **{word: number for number, word in zip(range(20, 100, 10), _TENS, strict=True)},
}
_LARGE = {"hundred": 100, "thousand": 1000}
_ORDINALS = {
    **{"first": 1, "second": 2, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12},
    **{f"{word}th": number for word, number in _CARDINALS.items() if number in {4, 6, 7, 10, 11, *range(13, 20)}},
    **{f"{word[:-1]}ieth": _CARDINALS[word] for word in _TENS},
    "hundredth": 100,
}
_NUMBER_WORDS = {**_CARDINALS, **_LARGE}
_WORD_OF = {number: word for word, number in _NUMBER_WORDS.items()}
_ORDINAL_OF = {number: word for word, number in _ORDINALS.items()}
_SUFFIXES = {1: "st", 2: "nd", 3: "rd"}


class Number(NamedTuple):
    """A number in the words of a query."""

    value: int
    is_ordinal: bool
    n_words: int

    @property
    def digits(self) -> str:
        """The number in digits, as one word."""
        return _ordinal_digits(self.value) if self.is_ordinal else str(self.value)


def to_numeral(number: int) -> str:
    """Return a Roman numeral up to `MAX_NUMERAL`."""
    units = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
    return "x" * (number // 10) + units[number % 10]


_NUMERALS = {to_numeral(number): number for number in range(1, MAX_NUMERAL + 1)}


def single_words(word: str) -> list[str]:
    """Return the other single words for the same number; none if the word is not a number."""
    ordinal = _read_ordinal(word)
    if ordinal is not None:
        forms = [_ordinal_digits(ordinal), _ORDINAL_OF.get(ordinal, "")]
    elif (number := _read_cardinal(word)) is not None:
        numeral = to_numeral(number) if 1 <= number <= MAX_NUMERAL else ""
        forms = [str(number), _WORD_OF.get(number, ""), numeral]
    else:
        forms = []
    return [form for form in forms if form and form != word]


def is_number_word(word: str) -> bool:
    """Return whether a number of several words may begin with this one: "twenty", but not "first" or "and"."""
    return word in _NUMBER_WORDS


def read_number(words: Sequence[str]) -> Number | None:
    """Return the longest number of at least two words that the words begin with."""
    if not words or not is_number_word(words[0]):
        return None
    for n_words in range(min(MAX_WORDS_OF_NUMBER, len(words)), 1, -1):
        *others, last = words[:n_words]
        is_ordinal = last in _ORDINALS
        value = _value([*others, _WORD_OF.get(_ORDINALS[last], "") if is_ordinal else last])
        if value is not None:
            return Number(value, is_ordinal, n_words)
    return None


def spell_out(word: str) -> list[tuple[str, ...]]:
    """Return the ways to write a number in digits as several words; none for any other word."""
    ordinal = _read_ordinal(word) if word[:1].isdigit() else None
    number = ordinal if ordinal is not None else int(word) if _is_number(word) else None
    if number is None:
        return []
    written = [words for words in [*_year_spellings(number), *_spellings(number)] if len(words) > 1][:MAX_SPELLINGS]
    return written if ordinal is None else [_as_ordinal(words) for words in written]


def _read_cardinal(word: str) -> int | None:
    if _is_number(word):
        return int(word)
    return _NUMBER_WORDS.get(word, _NUMERALS.get(word))


def _read_ordinal(word: str) -> int | None:
    digits = word[:-2]
    if _is_number(digits) and word == _ordinal_digits(int(digits)):
        return int(digits)
    return _ORDINALS.get(word)


def _is_number(word: str) -> bool:
    return word.isdecimal() and word.isascii() and word == str(int(word[:7])) and int(word) <= MAX_NUMBER


def _ordinal_digits(number: int) -> str:
    suffix = "th" if 10 < number % 100 < 20 else _SUFFIXES.get(number % 10, "th")
    return f"{number}{suffix}"


def _value(words: Sequence[str]) -> int | None:
    """Return the value of a number in words, also of a year like "nineteen eighty four"."""
    value = _plain_value(words)
    if value is not None:
        return value
    century, year = _plain_value(words[:1]), _plain_value(words[1:])
    is_year = century is not None and year is not None and 13 <= century <= 20 and 10 <= year < 100
    return 100 * (century or 0) + (year or 0) if is_year else None


def _plain_value(words: Sequence[str]) -> int | None:
    total = current = 0
    previous = ""
    for word in words:
        if word in _LARGE:
            if (previous and not current) or previous == word:
                return None
            factor = _LARGE[word]
            total, current = (total, max(current, 1) * 100) if factor == 100 else (total + max(current, 1) * factor, 0)
        elif word != "and":
            number = _CARDINALS.get(word)
            # "twenty one" adds up, "one twenty" and "twenty eleven" do not.
            if number is None or not _fits(current, number, previous):
                return None
            current += number
        elif previous not in _LARGE:
            return None
        previous = word
    return total + current if previous in _NUMBER_WORDS else None


def _fits(current: int, number: int, previous: str) -> bool:
    if previous in _LARGE or previous in {"", "and"}:
        return True
    return current % 100 >= 20 and current % 10 == 0 and 0 < number < 10


def _spellings(number: int) -> list[tuple[str, ...]]:
    if number in _WORD_OF and number < 100:
        return [(_WORD_OF[number],)]
    if number < 100:
        return [(_WORD_OF[number // 10 * 10], _WORD_OF[number % 10])]
    factor = 1000 if number >= 1000 else 100
    large = [(*words, _WORD_OF[factor]) for words in _spellings(number // factor)]
    rest = number % factor
    if not rest:
        return large
    return [(*head, *link, *tail) for head in large for tail in _spellings(rest) for link in (("and",), ())]


def _year_spellings(number: int) -> list[tuple[str, ...]]:
    if not 1300 <= number < 2100 or number % 100 < 10:
        return []
    return [(*century, *year) for century in _spellings(number // 100) for year in _spellings(number % 100)]


def _as_ordinal(words: tuple[str, ...]) -> tuple[str, ...]:
    last = _NUMBER_WORDS[words[-1]]
    return (*words[:-1], _ORDINAL_OF.get(last, words[-1]))
