import json
import re
import sqlite3
from pathlib import Path

from tests.support.command_line import Matinee, Outcome, TypeIn
from tests.support.passwords import ANOTHER, PASSWORD
from tests.support.tables import for_each


def test_users_who_can_sign_in_are_created_and_changed(matinee: Matinee, type_in: TypeIn) -> None:
    created = []
    for options in ([], ["--admin"], ["--username", "Ripley"], ["--username", "RIPLEY"]):
        type_in(PASSWORD)
        created.append(matinee("user", "create", *options))
    type_in(ANOTHER)
    changed = [matinee("user", "set-password", "1"), matinee("user", "grant", "1"), matinee("user", "revoke", "2")]

    assert created == [
        Outcome(0, "User 1 can log in; the role is user.\n", ""),
        Outcome(0, "User 2 can log in; the role is admin.\n", ""),
        Outcome(0, "User 3 can log in as ripley; the role is user.\n", ""),
        Outcome(1, "", "Error: The user name 'ripley' is taken. Choose another one.\n"),
    ]
    assert changed == [
        Outcome(0, "User 1 can log in with the new password only.\n", ""),
        Outcome(0, "User 1 is an administrator.\n", ""),
        Outcome(0, "User 2 is no longer an administrator.\n", ""),
    ]
    with sqlite3.connect("data/matinee.db") as connection:
        rows = connection.execute(
            "SELECT user_id, role, generation, username FROM credentials ORDER BY user_id"
        ).fetchall()
    connection.close()
    assert rows == [(1, "admin", 2, None), (2, "user", 1, None), (3, "user", 1, "ripley")]


@for_each(
    ("typed", "sentence"),
    [
        (b"short", "A password has 12 to 1024 characters; this one has 5. "),
        (b"", "A password has 12 to 1024 characters; this one has 0. "),
        (b"\xff" * 20, "The password is not valid UTF-8."),
    ],
)
def test_an_unfit_password_is_one_sentence(matinee: Matinee, type_in: TypeIn, typed: bytes, sentence: str) -> None:
    type_in(typed)

    outcome = matinee("user", "create")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith(f"Error: {sentence}")


@for_each("username", ["7", "ab", "a b c", "a" * 33, "ripley\n", ""])
def test_an_unfit_user_name_is_one_sentence(matinee: Matinee, type_in: TypeIn, username: str) -> None:
    type_in(PASSWORD)

    outcome = matinee("user", "create", "--username", username)

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained == (
        f"Error: The user name {username!r} cannot be used. A name has 3 to 32 letters, digits, _, . and -, "
        "beginning with a letter.\n"
    )


def test_no_password_is_taken_from_the_arguments(matinee: Matinee, type_in: TypeIn) -> None:
    type_in(PASSWORD)

    assert matinee("user", "create", PASSWORD).exit_code == 2
    assert matinee("user", "create", "--password", PASSWORD).exit_code == 2


def test_a_user_without_a_password_gets_no_role(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    assert matinee("user", "grant", "7").complained == (
        "Error: User 7 has no password. Set a password first: matinee user set-password 7\n"
    )


def test_an_unknown_user_gets_no_password(matinee: Matinee, type_in: TypeIn) -> None:
    type_in(PASSWORD)

    assert matinee("user", "set-password", "7").complained.startswith("Error: User 7 does not exist.")


@for_each("user", ["0", "9007199254740992", "alice"])
def test_a_user_is_identified_by_a_number(matinee: Matinee, user: str) -> None:
    assert matinee("user", "grant", user).exit_code == 2


def test_a_user_is_deleted_with_all_their_ratings(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    deleted, again = (matinee("user", "delete", "7") for _ in range(2))

    assert (deleted.exit_code, deleted.complained) == (0, "")
    assert re.fullmatch(r"User 7 and \d+ ratings were deleted\.\n", deleted.printed)
    assert again == Outcome(1, "", "Error: User 7 does not exist.\n")
    assert "ok       statistics" in matinee("doctor").printed


def test_a_ratings_file_is_imported_and_reported(matinee: Matinee, tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text("Name,Year,Rating\nThe Matrix,1999,4.5\nMy Holiday,2003,5\n", encoding="utf-8")
    matinee("ingest", "demo")

    outcome = matinee("user", "import", "1", str(file))
    again = matinee("user", "import", "1", str(file), "--json")

    assert outcome.exit_code == 0
    assert outcome.printed.startswith("1 of 2 ratings belong to a movie: ")
    assert outcome.printed.endswith(f"{file}:3: My Holiday: No movie has this title and year.\n")
    assert (json.loads(again.printed)["unchanged"], json.loads(again.printed)["added"]) == (1, 0)


def test_another_file_is_not_imported(matinee: Matinee, tmp_path: Path) -> None:
    file = tmp_path / "movies.csv"
    file.write_text("movieId,title,genres\n1,Heat (1995),Crime\n", encoding="utf-8")

    outcome = matinee("user", "import", "1", str(file))

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith("Error: The file does not have the columns of a ratings file")
