from tests.support.command_line import Matinee, Outcome


def test_an_upgrade_can_be_repeated(matinee: Matinee) -> None:
    outcomes = [matinee("db", "upgrade") for _ in range(2)]

    assert outcomes == [Outcome(0, "The database has the schema of this release.\n", "")] * 2
