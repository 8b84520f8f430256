"""Tokenization of titles and queries."""

from server.search.text import Name, Query, parse_name, read_query
from tests.support.tables import for_each


@for_each(
    ("text", "words"),
    [
        ("Toy Story 2", ("toy", "story", "2")),
        ("20,000 Leagues, 12,5 and 1,2,3", ("20000", "leagues", "12", "5", "and", "1", "2", "3")),
        ("AMÉLIE Straße Ærø Łódź Đặng", ("amelie", "strasse", "aero", "lodz", "dang")),
        ("\uff21\uff4c\uff49\uff45\uff4e³ \u2167", ("alien3", "viii")),
        ("Йёлка Ελλάδα", ("иелка", "ελλαδα")),
        ("Romeo & Juliet", ("romeo", "and", "juliet")),
        ("Romeo + Juliet", ("romeo", "and", "juliet")),
        ("Bonnie&Clyde", ("bonnie", "and", "clyde")),
        ("Ocean's O'Brien", ("oceans", "obrien")),
        ("Ocean\u2019s Ocean\u2018s Ocean`s Océan\u00b4s", ("oceans", "oceans", "oceans", "oceans")),
        ("coup d'état à l'ombre", ("coup", "d", "etat", "a", "l", "ombre")),
        ("E.T. S.W.A.T. M*A*S*H", ("et", "swat", "mash")),
        ("Mr. Smith, Vol.2 2.0", ("mr", "smith", "vol", "2", "2", "0")),
        ("Spider-Man: WALL·E / F/X_2", ("spider", "man", "wall", "e", "f", "x", "2")),
        ("shaw\u00adshank\u200b \ufeffredemption\u200f", ("shawshank", "redemption")),
        ("one\x00two\ud800three😀four", ("one", "two", "three", "four")),
    ],
)
def test_words_have_no_case_accents_or_signs(text: str, words: tuple[str, ...]) -> None:
    name = parse_name(text)

    assert name == Name("", words)


@for_each(
    ("text", "name"),
    [
        ("The Matrix", Name("the", ("matrix",))),
        ("Matrix, The", Name("the", ("matrix",))),
        ("matrix,the ", Name("the", ("matrix",))),
        ("Matrix, The (1999)", Name("the", ("matrix", "1999"))),
        ("Good, the Bad and the Ugly, The", Name("the", ("good", "the", "bad", "and", "the", "ugly"))),
        ("Boot, Das", Name("das", ("boot",))),
        ("Avventura, L'", Name("l", ("avventura",))),
        ("L\u2019Âge d\u2019or", Name("l", ("age", "d", "or"))),
        ("The 'Burbs", Name("the", ("burbs",))),
        ('"A Star Is Born"', Name("a", ("star", "is", "born"))),
        ("The The", Name("the", ("the",))),
    ],
)
def test_an_article_in_front_or_after_the_comma_is_separated(text: str, name: Name) -> None:
    assert parse_name(text) == name


@for_each(
    ("text", "words"),
    [
        ("The", ("the",)),
        ("Das!", ("das",)),
        ("The $", ("the",)),
        ("A-Team", ("a", "team")),
        ("Them!", ("them",)),
        ("Theatre", ("theatre",)),
        ("Land of the Lost", ("land", "of", "the", "lost")),
    ],
)
def test_other_articles_are_words(text: str, words: tuple[str, ...]) -> None:
    assert parse_name(text) == Name("", words)


@for_each(
    ("text", "words"),
    [("$", ("$",)), ("...", ("...",)), (" () ", ("()",)), ("! ?", ("!", "?")), ("'", ("'",)), ("\u0301", ("\u0301",))],
)
def test_the_words_of_a_text_of_signs_are_the_signs(text: str, words: tuple[str, ...]) -> None:
    assert parse_name(text) == Name("", words)


def test_a_query_ends_in_an_unfinished_word_unless_a_space_follows() -> None:
    assert read_query("toy sto") == (Query(("toy", "sto"), is_unfinished=True),)
    assert read_query("toy story ") == (Query(("toy", "story"), is_unfinished=False),)
    assert read_query("W.") == (Query(("w",), is_unfinished=False),)


@for_each("text", ["matrix", "the matrix", "The Matrix", "Matrix, The", "a matrix"])
def test_an_english_article_in_front_of_a_query_is_ignored(text: str) -> None:
    assert read_query(text) == (Query(("matrix",), is_unfinished=True),)


def test_an_article_of_another_language_is_first_a_word_and_then_ignored() -> None:
    assert read_query("die hard") == (
        Query(("die", "hard"), is_unfinished=True),
        Query(("hard",), is_unfinished=True),
    )


@for_each("text", ["", " ", "\t\n"])
def test_a_blank_query_has_no_tokenization(text: str) -> None:
    assert read_query(text) == ()
