"""A ratings file on another scale is refused as a whole, or converted to half stars on request."""

from pathlib import Path

import pytest

from server.command_errors import SourceError
from server.etl.movielens.scale import Scale
from tests.etl.movielens.reading import Contents, read_source
from tests.support.archives import write_folder
from tests.support.tables import for_each


def read(folder: Path, ratings: list[str], scale: Scale = Scale.STARS) -> Contents:
    rows = "".join(f"{user},1,{rating},9\n" for user, rating in enumerate(ratings, 1))
    files = {"movies.csv": b"movieId,title,genres\n1,Heat (1995),Crime\n"}
    return read_source(
        write_folder(folder, files | {"ratings.csv": f"userId,movieId,rating,timestamp\n{rows}".encode()}), scale
    )


@for_each(
    ("ratings", "seen", "advice"),
    [
        (["10", "4", "7", "1"], "from 1 to 10", "Load it with --scale 1-10"),
        (["0", "7.5", "10"], "from 0 to 10", "Load it with --scale 1-10"),
        (["80", "4", "3", "100"], "from 3 to 100", "Load it with --scale 0-100"),
        (["1", "0", "1"], "from 0 to 1", "Load it with --scale thumbs"),
        (["-1", "1"], "from -1 to 1", "Load it with --scale thumbs"),
        (["3.3", "4.1", "2.7"] * 10, "from 2.7 to 4.1", "Load it with --scale 1-5"),
        (["0", "5", "3"] * 10, "from 0 to 5", "Load it with --scale 1-5"),
        (["300", "800"], "from 300 to 800", "None of the known scales contains them"),
    ],
)
def test_the_error_names_the_range_and_the_option(tmp_path: Path, ratings: list[str], seen: str, advice: str) -> None:
    with pytest.raises(SourceError) as refusal:
        read(tmp_path, ratings)

    assert str(refusal.value) == (
        f"ratings.csv contains ratings {seen}, not 0.5 to 5 stars in half steps. Nothing was loaded. "
        f"{advice} (scales: thumbs, 1-5, 1-10, 0-100)."
    )


def test_single_odd_values_are_rejected_rows(tmp_path: Path) -> None:
    contents = read(tmp_path, ["4", "3.3", "0", "NaN", "5.5", "0.5", *["5"] * 1000, "55"])

    assert len(contents.ratings) == 1002
    assert [row.line for row in contents.rejected] == [3, 4, 5, 6, 1008]


@for_each(
    ("scale", "stars_of"),
    [
        (Scale.ONE_TO_TEN, {"1": 0.5, "2": 1.0, "7": 3.5, "7.5": 4.0, "7.4": 3.5, "10": 5.0, "0": 0.5}),
        (Scale.ONE_TO_FIVE, {"1": 1.0, "3.3": 3.5, "3.2": 3.0, "4.75": 5.0, "5": 5.0, "0": 0.5}),
        (Scale.PERCENT, {"0": 0.5, "4": 0.5, "50": 2.5, "87": 4.5, "88": 4.5, "100": 5.0}),
        (Scale.THUMBS, {"1": 5.0, "0": 1.0, "-1": 1.0, "up": 5.0, "Down": 1.0, "true": 5.0, "dislike": 1.0}),
    ],
)
def test_other_scales_are_converted_to_the_nearest_half_star(
    tmp_path: Path, scale: Scale, stars_of: dict[str, float]
) -> None:
    contents = read(tmp_path, list(stars_of), scale)

    assert [stars for _, _, _, stars, _ in contents.ratings] == list(stars_of.values())
    assert contents.rejected == []


def test_a_file_that_does_not_fit_the_option_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"^ratings\.csv contains ratings from 3 to 90, which is not the scale 1-10\."
    ):
        read(tmp_path, ["3", "90"], Scale.ONE_TO_TEN)
