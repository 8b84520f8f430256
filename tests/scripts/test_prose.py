"""The prose check refuses the habits of version 0.1, and accepts plain English."""

import subprocess
from pathlib import Path

from scripts.prose.lengths import find_long_lines, find_long_subjects
from scripts.prose.patterns import find_banned
from scripts.prose.references import Repository, find_broken_links, find_missing
from scripts.prose.texts import read_texts
from scripts.prose.versions import find_wrong_version
from tests.support.tables import for_each

REPOSITORY = Repository(Path(__file__).parents[2])
UNKNOWN = "_".join(("in", "no", "module"))


@for_each(
    ("sentence", "words"),
    [
        ("Who asks is not known.", "Who"),
        ("It ends. Who stays connected and sends no more would be waited for without end.", "Who"),
        ("Do it as the user whose it is, or as an admin: give him a password", "him"),
        ("MATINEE_X is no setting. Do you mean Y?", "is no"),
        ("It was to go live whatever it is like.", "was to go"),
        ("Of each user so many latest ratings are learned from.", "so many"),
        ("What the sum lacks to the score, his ratings have no part in.", "What"),
        ("What was shown to who signed in is not for others.", "to who"),
        ("A movie that likes\nstand for is told to the page.", "is told"),
        ("Where it is set, the pages follow.", "Where"),
        ("The address, for it is in the document.", ", for it"),
        ("Formats the code and mends what the linter can.", "mends"),
    ],
)
def test_a_sentence_in_dialect_is_found(sentence: str, words: str) -> None:
    assert words in [finding.words for finding in find_banned(sentence)]


@for_each("verb", ["Give", "Tell", "Say"])
def test_a_docstring_does_not_give_tell_or_say(verb: str) -> None:
    docstring = f"{verb} how a training stands on `line 3`"

    assert f"{verb}" in [finding.words for finding in find_banned(docstring, is_docstring=True)]


@for_each(
    "sentence",
    [
        "The request is not authenticated.",
        "Set a password first. There is no user 42, so nobody can sign in. What can you do? Create one.",
        "Unknown setting MATINEE_X. Did you mean MATINEE_Y?",
        "Use at most this many of each user's most recent ratings.",
        "Return the ids of movies that users like, which is no longer than a page. NMF stands for a factorization.",
        "`whoever` and `so many` are names in code.",
    ],
)
def test_plain_english_is_accepted(sentence: str) -> None:
    assert list(find_banned(sentence, is_docstring=True)) == []


def test_docstrings_comments_error_texts_and_names_of_tests_are_read(tmp_path: Path) -> None:
    module = tmp_path / "server" / "example.py"
    module.parent.mkdir()
    module.write_text(
        '"""A module."""\n\n'
        "LIMIT = 3\n"
        '"""At most this many."""\n'
        "# A comment of\n# two lines\n"
        'raise ValueError(f"Movie {LIMIT} does " "not exist")\n'
        "def test_who_asks_is_known(): ...\n"
    )

    assert {(text.line, text.content) for text in read_texts(module)} == {
        (1, "A module."),
        (4, "At most this many."),
        (5, "A comment of\ntwo lines"),
        (7, "Movie … does not exist"),
        (8, "Who asks is known"),
    }


def test_a_line_of_prose_may_have_100_characters() -> None:
    page = "\n".join(["x" * 100, "y" * 101, "| a table " + "z" * 100, f"[link](https://example.org/{'w' * 100})"])

    assert list(find_long_lines(f"{page}\n```\n{'v' * 120}\n```\n")) == [(2, 101)]


def test_a_long_subject_of_a_commit_is_found(tmp_path: Path) -> None:
    commit = ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--allow-empty", "--message"]
    for arguments in (["init", "--quiet"], [*commit, "s" * 72], [*commit, "t" * 73]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)  # noqa: S607 (the git of the developer)

    (problem,) = find_long_subjects(tmp_path)

    assert problem.endswith(f"more than 72: {'t' * 73}")


def test_a_folder_without_history_has_no_long_subjects(tmp_path: Path) -> None:
    assert list(find_long_subjects(tmp_path)) == []


@for_each(
    ("code", "problem"),
    [
        ("server/routing.py", "server/routing.py does not exist"),
        ("matinee ingest --fast", "matinee has no --fast in `matinee ingest --fast`"),
        ("matinee models burn", "matinee has no burn in `matinee models burn`"),
        ("make coffee", "make has no target coffee"),
        ("python -m benchmarks.coffee", "benchmarks.coffee is not a module"),
        ("GET /movies/{id}/poster", "the API has no GET /movies/{id}/poster"),
        (UNKNOWN, f"{UNKNOWN} is not in the code"),
    ],
)
def test_a_name_that_does_not_exist_is_found(code: str, problem: str) -> None:
    assert list(find_missing(f"One\n`{code}`", REPOSITORY)) == [(2, problem)]


@for_each(
    "code",
    [
        "server/app.py",
        "server/routers/<resource>.py",
        "services/live/",
        "docs/decisions/NNNN-*.md",
        "matinee models activate 3",
        "matinee serve --workers 2",
        "make demo DATA=ml-latest-small",
        "python -m benchmarks request-parts",
        "create_app(settings)",
        "GET /movies/190/similar?n=3",
        "PUT /recommendation-engine/active-model",
        "movie_statistics",
        "MATINEE_DATABASE_URL",
        "application/problem+json",
        "ratings.csv",
    ],
)
def test_a_name_that_exists_is_accepted(code: str) -> None:
    assert list(find_missing(f"`{code}`\n\n```console\n$ {code}  # why\n```\n", REPOSITORY)) == []


def test_a_broken_link_is_found() -> None:
    page = "[This](README.md#matinee) and [that](https://example.org/x)\n[gone](docs/gone.md)"

    assert list(find_broken_links(page, REPOSITORY.root)) == [(2, "the link to docs/gone.md is broken")]


def test_change_log_and_package_agree_on_the_version(tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text("# Change log\n\n## [0.2.0] - 2026-11-27\n\n## [0.1.0] - 2026-11-20\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n')

    assert list(find_wrong_version(tmp_path)) == [
        "CHANGELOG.md: the newest release is ['0.2.0'], but pyproject.toml has version 0.1.0"
    ]
