import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from server.etl.movielens.titles import ParsedTitle, parse_title
from tests.support.tables import for_each

WORDS = st.text("abcdefghijklmnop", min_size=1, max_size=8).map(str.title)
NAMES = st.lists(WORDS, min_size=1, max_size=5).map(lambda words: "Xo " + " ".join(words))
YEARS = st.integers(1874, 2099)


def test_every_part_of_a_title_is_found() -> None:
    parsed = parse_title("Fist of Fury (Chinese Connection, The)  (Jing wu men) (1972)")

    assert parsed == ParsedTitle(
        title="Fist of Fury",
        alternative_titles=("The Chinese Connection", "Jing wu men"),
        year=1972,
        sort_title="fist of fury",
    )


@for_each(
    ("source_title", "title"),
    [
        ("Matrix, The (1999)", "The Matrix"),
        ("Walk in the Clouds, A (1995)", "A Walk in the Clouds"),
        ("Good, the Bad and the Ugly, The (1966)", "The Good, the Bad and the Ugly"),
        ("Avventura, L' (1960)", "L'Avventura"),
        ("Boot, Das (1981)", "Das Boot"),
        ("Vitelloni, I (1953)", "I Vitelloni"),
        ("Valachi Papers,The (1972)", "The Valachi Papers"),
        ("Mad Adventures of Rabbi Jacob, the (1973)", "The Mad Adventures of Rabbi Jacob"),
        ("Crow, The: Wicked Prayer (2005)", "The Crow: Wicked Prayer"),
        ("Godfather: Part II, The (1974)", "The Godfather: Part II"),
        ("Human Centipede II (Full Sequence), The (2011)", "The Human Centipede II (Full Sequence)"),
    ],
)
def test_the_article_moves_to_the_front(source_title: str, title: str) -> None:
    assert parse_title(source_title).title == title


@for_each(
    "title",
    [
        "I, Robot",
        "Monsters, Inc.",
        "Steamboat Bill, Jr.",
        "McFarland, USA",
        "Paris, Texas",
        "Die, Mommie, Die",
        "Die, Monster, Die!",
        "T,O,U,C,H,I,N,G",
        "The Matrix",
        "Genitori & figli:) - Agitare bene prima dell'uso",
    ],
)
def test_a_word_that_only_looks_like_an_article_stays(title: str) -> None:
    assert parse_title(f"{title} (2004)").title == title


@for_each(
    ("source_title", "alternatives"),
    [
        ("City of God (Cidade de Deus) (2002)", ("Cidade de Deus",)),
        ("Seven (a.k.a. Se7en) (1995)", ("Se7en",)),
        ("Postman, The (Postino, Il) (1994)", ("Il Postino",)),
        ("Bear, The (Ours, L') (1988)", ("L'Ours",)),
        ("Secrets, The (Sodot, Ha-) (2007)", ("Ha-Sodot",)),
        ("$ (Dollars) (1971)", ("Dollars",)),
        ("Or (a.k.a. My Treasure) (2004)", ("My Treasure",)),
        ("Asterix in America (a.k.a Asterix Conquers America) (1994)", ("Asterix Conquers America",)),
        ("Witches, The (aka Devil's Own, The) (1966)", ("The Devil's Own",)),
        ("Clink of Ice, The (a.k.a.: Sound of Ice Cubes, The) (2010)", ("The Sound of Ice Cubes",)),
        ("Red Beard (Akahige) (1965)", ("Akahige",)),
        ("Red Pagoda (Aka no to) (1961)", ("Aka no to",)),
        ("Grave of the Fireflies (Hotaru no haka) (1988)", ("Hotaru no haka",)),
        ("Poppy Slope (Kokuriko-zaka kara) (2011)", ("Kokuriko-zaka kara",)),
        ("Spy(ies) (Espion(s)) (2009)", ("Espion(s)",)),
        ("Manual of Love 2 (Manuale d'amore (capitoli successivi)) (2007)", ("Manuale d'amore (capitoli successivi)",)),
        ("Vlad Tepes (Vlad &#354;epe&#351;) (1979)", ("Vlad Ţepeş",)),
        ("Ten Little Indians (And Then There Were None) (1974)", ("And Then There Were None",)),
        ("Solaris (Solaris) (a.k.a. Sun) (Sun) () (1972)", ("Sun",)),
    ],
)
def test_a_bracket_holds_an_alternative_title(source_title: str, alternatives: tuple[str, ...]) -> None:
    assert parse_title(source_title).alternative_titles == alternatives


@for_each(
    "title",
    [
        "(500) Days of Summer",
        "(Untitled)",
        "()",
        "Frontière(s)",
        "Evangelion: 2.0 You Can (Not) Advance",
        "Ah Boys To Men (Part 1)",
        "Help (TV Movie)",
        "Schoolhouse Rock: Science (Classroom Edition)",
        "Bon Voyage, Charlie Brown (and Don't Come Back!)",
        "Birdman: Or (The Unexpected Virtue of Ignorance)",
        "Hip Hop and Skateboarding (1987-1997)",
        "Remélem legközelebb sikerül meghalnod :)",
    ],
)
def test_a_bracket_that_is_not_a_title_stays_in_the_title(title: str) -> None:
    parsed = parse_title(f"{title} (2004)")

    assert (parsed.title, parsed.alternative_titles, parsed.year) == (title, (), 2004)


@for_each(
    ("source_title", "title", "year"),
    [
        ("Heat (1995)", "Heat", 1995),
        ("2001: A Space Odyssey (1968) ", "2001: A Space Odyssey", 1968),
        ("Death Note: Desu nôto (2006–2007)", "Death Note: Desu nôto", 2006),  # noqa: RUF001 - as in the file
        ("Mona and the Time of Burning Love (1983))", "Mona and the Time of Burning Love", 1983),
        ("The Naked Truth (1957) (Your Past Is Showing)", "The Naked Truth", 1957),
        ("Don Quixote (1973) (1973)", "Don Quixote", 1973),
        ("Deadly Advice(1994)", "Deadly Advice", 1994),
        ("Nocturne (1946", "Nocturne (1946", None),
        ("Babylon 5", "Babylon 5", None),
        ("Sixtynine (69)", "Sixtynine", None),
        (" (2019)", "(2019)", None),
    ],
)
def test_the_year_leaves_the_title(source_title: str, title: str, year: int | None) -> None:
    parsed = parse_title(source_title)

    assert (parsed.title, parsed.year) == (title, year)


@for_each(
    ("source_title", "sort_title"),
    [
        ("Matrix, The (1999)", "matrix"),
        ("The Matrix (1999)", "matrix"),
        ("Beautiful Mind, A (2001)", "beautiful mind"),
        ("Dolce Vita, La (1960)", "dolce vita"),
        ("Die Hard (1988)", "die hard"),
        ("A.I. Artificial Intelligence (2001)", "a i artificial intelligence"),
        ("Amélie (2001)", "amelie"),
        ("Søndagsengler Łódź Straße (1996)", "sondagsengler lodz strasse"),
        ("Ocean's Eleven (2001)", "oceans eleven"),
        ("...And Justice for All (1979)", "and justice for all"),
        ("10,000 BC (2008)", "10000 bc"),
        ("8½ (1963)", "8 1 2"),
        ("Ah Boys To Men (Part 1) (2012)", "ah boys to men part 1"),
        ("Карусель (1970)", "карусель"),
        ("$ (Dollars) (1971)", "$"),
        ("The (2001)", "the"),
    ],
)
def test_titles_sort_without_article_case_accents_and_signs(source_title: str, sort_title: str) -> None:
    assert parse_title(source_title).sort_title == sort_title


@given(st.text())
def test_no_text_breaks_the_parser_or_leaves_nothing(source_title: str) -> None:
    parsed = parse_title(source_title)

    assert bool(parsed.title) == bool(parsed.sort_title)
    assert parsed.title or not source_title.strip() or not source_title.isprintable()
    assert not any(unicodedata.category(character) == "Cc" for character in parsed.title)


@given(st.text("ab,()&: TheA1980'"))
def test_brackets_and_commas_in_any_order_leave_a_title(source_title: str) -> None:
    parsed = parse_title(source_title)

    assert bool(parsed.title) == bool(source_title.strip())
    assert "" not in parsed.alternative_titles


@given(NAMES, NAMES, YEARS)
def test_a_title_that_was_parsed_parses_to_itself(name: str, other: str, year: int) -> None:
    parsed = parse_title(f"{name}, The ({other}, La) ({year})")

    assert parsed == ParsedTitle(f"The {name}", (f"La {other}",), year, name.lower())
    assert parse_title(parsed.title) == ParsedTitle(f"The {name}", (), None, name.lower())
