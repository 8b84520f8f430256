"""The banned patterns, one a line, with what to write instead. Extend the lists when a habit returns.

A blank in a pattern matches a line break, too. Code in backquotes is not looked at.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

ANYWHERE = {
    r"\bso (many|much)\b": "'at most N', 'as many ... as fit', 'this much'",
    r"\bas much as\b": "'up to', 'the same amount as', 'as many as'",
    r"\b(is|are|was|were|be|been|being) told\b": "'is reported', 'is returned', 'receives'",
    r"(?<!here\s)\b(is|are|was|were) no (?!longer\b|more than\b|less than\b|later than\b)": "'is not a'",
    r"\b(what|all|as|that|runs) there (is|are)\b|\bthere (is|are)(?=[.;,)])": "leave it out",
    r"\bmend(s|ed|ing)?\b": "'fix', 'remedy', 'what to do'",
    r"\b(he|him|his|himself)\b": "'the user ... they', or the plural",
    r"\bstands?\b(?! for\b|-)": "'is', 'appears', 'waits'",
    r"[,;:] for (it|they|there|we|he|nobody|nothing|no)\b": "'because', or a new sentence",
    r"\b(of|for|to|by|from|with|and|but|as|than|beside|when|where) who\b": "name them: 'users who', 'clients that'",
    r"(?<!regardless\s)\b(of|for|from|by|with|beside|than|into|under|over) what\b": "name the thing",
    r"\b(whoever|whatever)\b": "name the person or the thing",
    r"\b(the|their|of|on|from|and|many|user's) likes\b": "'positive ratings'",
    r"\b(was|were) to (?!the\b|an?\b|be\b|its\b)\w+": "'was meant to', 'must'",
    r"\bwithout end\b": "'forever'",
    r"\banew\b": "'again'",
    r"\bof late\b": "'recently'",
    r"\bbut for\b": "'except'",
    r"\bfor ever\b": "'forever'",
    r"\bin the place of\b": "'instead of'",
    r"\bwhere there (is|are)\b": "'if there is'",
    r"\b(0|1|true|false|none|nothing) where\b": "'if'",
    r"\bwhose (it|they) (is|are)\b": "name the owner",
    r"\btell(s|ing)? (how|what|of|it|itself)\b": "'report', 'return', 'show'",
    r"\b(is|are) to (be|have)\b": "'must', 'will'",
    r"\b(ought|shall)\b": "'must'",
    r"\b(is|are) of (no )?use\b": "'is usable', 'cannot be used'",
}
AT_THE_BEGINNING_OF_A_SENTENCE = {
    r"(Who|Whose|Whoever|What|Whatever) (?!to do\b|happened\b)(?![^.!?]*\?)": "begin with the thing",
    r"Where (?!possible\b|applicable\b)(?![^.!?]*\?)": "begin with the thing, or with 'If'",
}
AT_THE_BEGINNING_OF_A_SENTENCE_IN_A_DOCSTRING = {
    r"(Give|Tell|Say|Ask)s? ": "'Return', 'Raise', 'Report', 'Query'",
}
SENTENCE = r"(?:\A|(?<=[.!?])\s+|\n\s*\n|\n[-*] )\s*(?:[-*] )?"


class Finding(NamedTuple):
    """A banned pattern in a text: where, the words found, and what to write instead."""

    offset: int
    words: str
    instead: str


def find_banned(text: str, *, is_docstring: bool = False) -> Iterator[Finding]:
    """Yield what a text should not say."""
    prose = re.sub(r"`[^`]*`", lambda code: re.sub(r"\S", "`", code[0]), text)
    for pattern, instead in _patterns(is_docstring=is_docstring):
        for match in pattern.finditer(prose):
            words = match[0].strip(" \n-*")
            yield Finding(match.start() + match[0].index(words), " ".join(words.split()), instead)


@cache
def _patterns(*, is_docstring: bool) -> list[tuple[re.Pattern[str], str]]:
    patterns = [(_compiled(f"(?i:{words})"), instead) for words, instead in ANYWHERE.items()]
    patterns += [(_compiled(SENTENCE + words), instead) for words, instead in AT_THE_BEGINNING_OF_A_SENTENCE.items()]
    if is_docstring:
        beginnings = AT_THE_BEGINNING_OF_A_SENTENCE_IN_A_DOCSTRING.items()
        patterns += [(_compiled(SENTENCE + words), instead) for words, instead in beginnings]
    return patterns


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace(" ", r"\s+"))
