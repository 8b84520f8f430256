"""Every published layout is read, wherever its files are."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from server.command_errors import SourceError
from server.etl.movielens.batches import SourceLink
from server.etl.movielens.source import open_source
from tests.etl.movielens.reading import movie, read_source
from tests.support.archives import Files, write_folder, write_gz_files, write_tar_gz, write_zip
from tests.support.tables import for_each

MOVIES = (
    b'movieId,title,genres\r\n1,Toy Story (1995),Animation|Comedy\r\n2,"Postman, The (1994)",(no genres listed)\r\n'
)
RATINGS = b"userId,movieId,rating,timestamp\r\n1,1,4.0,964982703\r\n7,2,0.5,1704067199\r\n"
FILES = {"movies.csv": MOVIES, "ratings.csv": RATINGS}
MOVIE_ROWS = [movie(1, "Toy Story (1995)", "Animation", "Comedy"), movie(2, "Postman, The (1994)")]
RATING_ROWS = [(2, 1, 1, 4.0, 964982703), (3, 7, 2, 0.5, 1704067199)]

Write = Callable[[Path, Files], Path]


def renamed(change: Callable[[str], str]) -> dict[str, bytes]:
    return {change(name): content for name, content in FILES.items()}


def write_zip_in_a_zip(folder: Path, files: Files) -> Path:
    inner = write_zip(folder, files)
    return write_zip(folder, {"ml.zip": inner.read_bytes()})


@for_each(
    ("write", "files"),
    [
        (write_folder, FILES),
        (write_folder, renamed("ml-small/{}".format)),
        (write_folder, renamed(str.upper)),
        (write_folder, {"movie.csv": MOVIES, "rating.csv": RATINGS}),
        (write_gz_files, FILES),
        (write_zip, FILES),
        (write_zip, renamed("a/b/{}".format)),
        (write_zip, renamed("ml\\{}".format)),
        (write_zip, {"__MACOSX/ml/._movies.csv": b"\0", **renamed("ml/{}".format)}),
        (write_zip, {f"{name}.gz": gzip.compress(content) for name, content in FILES.items()}),
        (write_zip_in_a_zip, FILES),
        (write_tar_gz, renamed("ml/{}".format)),
    ],
)
def test_files_are_found_in_folders_and_archives(tmp_path: Path, write: Write, files: Files) -> None:
    contents = read_source(write(tmp_path, files))

    assert (contents.movies, contents.ratings, contents.rejected) == (MOVIE_ROWS, RATING_ROWS, [])


def test_a_folder_that_contains_only_an_archive_is_that_archive(tmp_path: Path) -> None:
    write_zip(tmp_path, FILES)

    assert read_source(tmp_path).movies == MOVIE_ROWS


def test_a_single_file_is_read_alone(tmp_path: Path) -> None:
    write_gz_files(write_folder(tmp_path, FILES), FILES)

    movies_only, ratings_only = read_source(tmp_path / "movies.csv"), read_source(tmp_path / "ratings.csv.gz")

    assert (movies_only.movies, movies_only.ratings) == (MOVIE_ROWS, [])
    assert (ratings_only.movies, ratings_only.ratings) == ([], RATING_ROWS)


def test_movies_need_no_ratings(tmp_path: Path) -> None:
    contents = read_source(write_folder(tmp_path, {"movies.csv": MOVIES}))

    assert (contents.movies, contents.ratings) == (MOVIE_ROWS, [])


@for_each("encoding", ["utf-8", "latin-1"])
def test_releases_1m_and_10m_are_separated_by_double_colons(tmp_path: Path, encoding: str) -> None:
    movies = (
        "1::Toy Story (1995)::Animation|Comedy\n11::Star Wars: Episode::IV (1977)::Sci-Fi\n73::Léon (1994)::Crime\n"
    )
    write_folder(
        tmp_path,
        {
            "movies.dat": movies.encode(encoding),
            "ratings.dat": b"1::1::4::964982703\n7::11::0.5::1704067199\n",
            "tags.dat": b"15::11::space::opera::1215184630\n",
            "users.dat": b"1::F::1::10::48067\n",
        },
    )

    contents = read_source(tmp_path)

    assert contents.movies == [
        movie(1, "Toy Story (1995)", "Animation", "Comedy"),
        movie(11, "Star Wars: Episode::IV (1977)", "Sci-Fi"),
        movie(73, "Léon (1994)", "Crime"),
    ]
    assert contents.ratings == [(1, 1, 1, 4.0, 964982703), (2, 7, 11, 0.5, 1704067199)]
    assert contents.tags == [(11, "space::opera")]


def test_release_100k_has_flags_for_genres(tmp_path: Path) -> None:
    genres = ("unknown", "Action", "Comedy", "Sci-Fi")
    files = {
        "u.item": (
            "1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Toy%20Story%20(1995)|0|0|1|0\n"
            "2|Léon (1994)|01-Jan-1994||http://us.imdb.com/|0|1|0|1\n"
            "267|unknown||||1|0|0|0\n"
        ).encode("latin-1"),
        "u.genre": "".join(f"{name}|{number}\n" for number, name in enumerate(genres)).encode() + b"\n",
        "u.data": b"196\t1\t3\t881250949\n186\t2\t5\t891717742\n",
        "u.user": b"1|24|M|technician|85711\n",
    }

    contents = read_source(write_folder(tmp_path, {f"ml-100k/{name}": content for name, content in files.items()}))

    assert contents.movies == [
        movie(1, "Toy Story (1995)", "Comedy"),
        movie(2, "Léon (1994)", "Action", "Sci-Fi"),
        movie(267, "unknown"),
    ]
    assert contents.ratings == [(1, 196, 1, 3.0, 881250949), (2, 186, 2, 5.0, 891717742)]
    assert contents.rejected == []


def test_release_100k_has_known_genres_without_u_genre(tmp_path: Path) -> None:
    flags = "|".join("1" if number in {8, 16} else "0" for number in range(19))
    contents = read_source(write_folder(tmp_path, {"u.item": f"1|Heat (1995)||||{flags}\n".encode()}))

    assert contents.movies == [movie(1, "Heat (1995)", "Drama", "Thriller")]


def test_links_and_tags_are_read_where_present(tmp_path: Path) -> None:
    links = b"movieId,imdbId,tmdbId\n1,0114709,862\n2,110877.0,\n3,tt9999999,3.0\n4,,12\n"
    tags = b'userId,movieId,tag,timestamp\n2,1,pixar,1445714994\n7,1," Tom \x01 Hanks ",1445714994\n7,2.0,"a ""b""",0\n'

    contents = read_source(write_folder(tmp_path, FILES | {"links.csv": links, "tags.csv": tags}))

    assert contents.links == [
        SourceLink(1, "tt0114709", 862),
        SourceLink(2, "tt0110877", None),
        SourceLink(3, "tt9999999", 3),
        SourceLink(4, None, 12),
    ]
    assert contents.tags == [(1, "pixar"), (1, "Tom Hanks"), (2, 'a "b"')]
    assert contents.rejected == []


def test_a_source_can_be_read_repeatedly(tmp_path: Path) -> None:
    with open_source(write_tar_gz(tmp_path, FILES)) as source:
        assert list(source.movies()) == list(source.movies())
        assert len(list(source.ratings())) == len(list(source.ratings())) == 1


def test_the_files_of_one_release_belong_together(tmp_path: Path) -> None:
    old = {"movies.dat": b"1::Heat (1995)::Crime\n", "ratings.dat": b"5::1::4::9\n"}

    both = read_source(write_folder(tmp_path / "both", FILES | old))
    incomplete = read_source(write_folder(tmp_path / "incomplete", {"movies.csv": MOVIES} | old))

    assert both.movies == MOVIE_ROWS
    assert (incomplete.movies, incomplete.ratings) == ([movie(1, "Heat (1995)", "Crime")], [(1, 5, 1, 4.0, 9)])


@for_each(
    ("files", "message"),
    [
        ({"readme.txt": b""}, "readme.txt is not read. Matinee reads movies.csv, ratings.csv, "),
        ({"movies.json": b"[]", "a": b""}, "movies.json is not read. Matinee reads movies.csv, ratings.csv, "),
        (FILES | {"tags.parquet": b"PAR1"}, "tags.parquet is not read. Matinee reads movies.csv, ratings.csv, "),
        ({"movies.csv": MOVIES, "my_ratings.csv": RATINGS}, "my_ratings.csv is not read. Matinee reads movies.csv, "),
        ({"movies.csv": MOVIES, "ratings.xlsx": b"PK"}, "ratings.xlsx is not read. Matinee reads movies.csv, "),
        (
            {"ratings.csv": RATINGS, "b.txt": b""},
            "{path} contains no movies file, only b.txt, ratings.csv. Matinee reads ",
        ),
        (
            renamed("a/{}".format) | renamed("b/{}".format),
            "{path} contains several sources: a, b. Pass the path of one",
        ),
        ({"movies.csv": MOVIES, "ratings.csv": b""}, "ratings.csv is empty."),
        ({"movies.csv": b"\x1fPNG\n"}, 'movies.csv has no column movieId, title and genres. Its first line is " PNG".'),
        ({"movies.csv": RATINGS}, "movies.csv has no column title and genres. Its first line is "),
        (
            {"movies.csv": MOVIES, "ratings.csv": b"userId,movieId,rating\n1,1,4.0\n"},
            'ratings.csv has no column timestamp. Its first line is "userId,movieId,rating". Matinee finds columns by '
            "name, in any order, and needs userId, movieId, rating and timestamp.",
        ),
        (
            {"movies.csv": MOVIES, "ratings.csv": b"1,1,4.0,964982703\n"},
            'ratings.csv has no column userId, movieId, rating and timestamp. Its first line is "1,1,4.0,964982703".',
        ),
    ],
)
@for_each("write", [write_folder, write_zip])
def test_other_files_are_refused_by_name(tmp_path: Path, write: Write, files: Files, message: str) -> None:
    path = write(tmp_path, files)

    with pytest.raises(SourceError) as refusal:
        open_source(path)

    assert str(refusal.value).startswith(message.format(path=path))


def test_a_spreadsheet_is_refused_by_name(tmp_path: Path) -> None:
    spreadsheet = write_zip(tmp_path, {"xl/workbook.xml": b""}).rename(tmp_path / "ratings.xlsx")

    with pytest.raises(SourceError, match=r"^ratings\.xlsx is not read\. Matinee reads movies\.csv, ratings\.csv, "):
        open_source(spreadsheet)


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere does not exist\.$"):
        open_source(tmp_path / "nowhere")
