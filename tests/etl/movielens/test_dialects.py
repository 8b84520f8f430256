"""Files that spreadsheets, databases and pandas wrote are read like those of GroupLens."""

from collections.abc import Callable
from pathlib import Path

from server.etl.movielens.batches import Rejected
from tests.etl.movielens.reading import Contents, movie, read_source
from tests.support.archives import write_folder
from tests.support.tables import for_each

MOVIES = "movieId,title,genres\n1,Amélie (2001),Comedy|Romance\n2,Heat (1995),Crime\n"
RATINGS = "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,2,3.5,964982704\n"
MOVIE_ROWS = [movie(1, "Amélie (2001)", "Comedy", "Romance"), movie(2, "Heat (1995)", "Crime")]
RATING_ROWS = [(1, 1, 4.0, 964982703), (1, 2, 3.5, 964982704)]


def read(folder: Path, movies: str | bytes = MOVIES, ratings: str | bytes = RATINGS) -> Contents:
    files = {"movies.csv": movies, "ratings.csv": ratings}
    return read_source(
        write_folder(folder, {name: text if isinstance(text, bytes) else text.encode() for name, text in files.items()})
    )


def ratings_of(contents: Contents) -> list[tuple[int, int, float, int]]:
    return [(user, movie_id, stars, seconds) for _, user, movie_id, stars, seconds in contents.ratings]


@for_each(
    "save",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.replace(",", "\t").encode("utf-16-be"),
        lambda text: text.encode("windows-1252"),
        lambda text: text.replace(",", ";").encode(),
        lambda text: f"sep=;\n{text.replace(',', ';')}".encode(),
        lambda text: text.replace("|", "/").replace(",", "|").replace("/", ";").encode(),
        lambda text: text.replace(",", ",,,").encode(),
    ],
)
def test_encodings_line_ends_and_separators_make_no_difference(tmp_path: Path, save: Callable[[str], bytes]) -> None:
    contents = read(tmp_path, save(MOVIES), save(RATINGS))

    assert (contents.movies, ratings_of(contents), contents.rejected) == (MOVIE_ROWS, RATING_ROWS, [])


@for_each(
    ("movies", "ratings"),
    [
        (("movie_id", "title", "genres"), ("user_id", "movie_id", "rating", "timestamp")),
        (("MOVIEID", "Title", "Genre"), ("UserID", "MovieID", "Rating", "Timestamp")),
        (('"movieId"', '"movie title"', '"genres"'), ("user", "item", "stars", "date")),
        (("id", "name", "genres"), ("userid", "itemid", "score", "rated_at")),
    ],
)
def test_columns_are_found_by_name(tmp_path: Path, movies: tuple[str, ...], ratings: tuple[str, ...]) -> None:
    renamed = ",".join(movies) + MOVIES[MOVIES.index("\n") :], ",".join(ratings) + RATINGS[RATINGS.index("\n") :]

    contents = read(tmp_path, *renamed)

    assert (contents.movies, ratings_of(contents)) == (MOVIE_ROWS, RATING_ROWS)


def test_columns_may_be_in_any_order_among_others(tmp_path: Path) -> None:
    movies = ',genres,year,title,movieId\n0,Comedy|Romance,2001,Amélie (2001),1\n1,Crime,"19,95",Heat (1995),2\n'
    ratings = ",timestamp,title,rating,movieId,userId\n0,964982703,x,4.0,1,1\n1,964982704,\xe9,3.5,2,1\n"

    contents = read(tmp_path, movies, ratings.encode("latin-1"))

    assert (contents.movies, ratings_of(contents), contents.rejected) == (MOVIE_ROWS, RATING_ROWS, [])


def test_line_breaks_in_quotation_marks_belong_to_the_field(tmp_path: Path) -> None:
    movies = 'movieId,title,genres\n1,"Movie with\r\na break (1999)",Drama\n2,"A\nB\nC (2000)","Drama\n|War"\n3,Z,War\n'
    ratings = 'userId,movieId,rating,timestamp,review\n1,1,4.0,7,"good,\nbut ""long"""\n1,2,3.0,8,\n2,9,bad,8,\n'

    contents = read(tmp_path, movies, ratings)

    assert [(each.title.title, each.genres) for each in contents.movies] == [
        ("Movie with a break", ("Drama",)),
        ("A B C", ("Drama", "War")),
        ("Z", ("War",)),
    ]
    assert contents.ratings == [(2, 1, 1, 4.0, 7), (4, 1, 2, 3.0, 8)]
    assert contents.rejected == [Rejected("ratings.csv", 5, "rating bad is not one of 0.5, 1.0, … 5.0")]


def test_a_quotation_mark_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    movies = 'movieId,title,genres\n1,"Alien (1979),Horror\n2,"Postman, The (1994)",Drama\n3,Great "One" (1990),Drama\n'

    contents = read(tmp_path, movies)

    assert contents.movies == [movie(2, "Postman, The (1994)", "Drama"), movie(3, 'Great "One" (1990)', "Drama")]
    assert contents.rejected == [Rejected("movies.csv", 2, "not a row of CSV: unexpected end of data")]


def test_quotation_marks_are_doubled_or_escaped(tmp_path: Path) -> None:
    movies = (
        "movieId,title,genres\n"
        '1,"""Great"" One, The (1990)",Drama\n'
        '2,"The \\"Great\\" One, Part 2 (1991)",Drama\n'
        '3,"Slash\\",Drama\n'
        '4, "Postman, The (1994)", "Drama"\n'
        '5,"A \\"line\\" \nbreak",Drama\n'
    )

    assert [each.source_title for each in read(tmp_path, movies).movies] == [
        '"Great" One, The (1990)',
        'The "Great" One, Part 2 (1991)',
        "Slash\\",
        "Postman, The (1994)",
        'A "line" \nbreak',
    ]


def test_signs_of_windows_1252_are_kept_and_control_characters_are_not(tmp_path: Path) -> None:
    movies = b"movieId,title,genres\n1,Ocean\x92s Eleven (2001),Crime\n2,L\xe9on \x96 Uncut (1994),\n"
    movies += "3,Ocean\x92s\x01 Twelve\u200b (2004),Crime\n".encode()

    contents = read(tmp_path, movies)

    assert [(each.title.title, each.title.sort_title) for each in contents.movies] == [
        ("Ocean\u2019s Eleven", "oceans eleven"),
        ("Léon \N{EN DASH} Uncut", "leon uncut"),
        ("Ocean\u2019s Twelve", "oceans twelve"),
    ]


@for_each(
    ("row", "seconds"),
    [
        ("1.0,2.0,3.5,964982703", 964982703),
        ("1,2,3.5,964982703.0", 964982703),
        ("1,2,3.5,964982703.9", 964982703),
        ("1,2,3.5,964982703123", 964982703),
        ("1,2,3.5,2000-07-30 18:45:03", 964982703),
        ("1,2,3.5,2000-07-30T18:45:03Z", 964982703),
        ("1,2,3.5,2000-07-30 18:45:03 UTC", 964982703),
        ("1,2,3.5,2000-07-30T20:45:03.250+02:00", 964982703),
        ("1,2,3.5,2000-07-30 18:45", 964982700),
        ("1,2,3.5,2000-07-30", 964915200),
        ("1,2,3.5,2000/7/30 18:45:03 GMT", 964982703),
        ('"1","2","3.5","964982703"', 964982703),
        ("001, 2,3.50, 964982703", 964982703),
        ("1,2,3.5,0", 0),
        ("1,2,3.5,964982703,,,", 964982703),
    ],
)
def test_ids_and_times_are_written_in_several_ways(tmp_path: Path, row: str, seconds: int) -> None:
    contents = read(tmp_path, ratings=f"userId,movieId,rating,timestamp\n{row}\n")

    assert ratings_of(contents) == [(1, 2, 3.5, seconds)]


def test_decimal_commas_are_read_between_semicolons(tmp_path: Path) -> None:
    contents = read(tmp_path, ratings="userId;movieId;rating;timestamp\n1;2;3,5;9\n1;1;4;9\n")

    assert ratings_of(contents) == [(1, 2, 3.5, 9), (1, 1, 4.0, 9)]
