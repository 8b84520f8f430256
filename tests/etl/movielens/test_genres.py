from server.etl.movielens.genres import parse_genres
from tests.support.tables import for_each


@for_each(
    ("text", "genres"),
    [
        ("Adventure|Comedy", ("Adventure", "Comedy")),
        ("Animation, Comedy", ("Animation", "Comedy")),
        ("Adventure;Family", ("Adventure", "Family")),
        ("['Action', 'Crime']", ("Action", "Crime")),
        ('["Sci-Fi", "Children\'s"]', ("Sci-Fi", "Children's")),
        (r"['Children\'s', \"Drama\"]".replace('\\"', '"'), ("Children's", "Drama")),
        ("[{'id': 16, 'name': 'Animation'}, {'id': 35, 'name': 'Comedy'}]", ("Animation", "Comedy")),
        ('[{"id": 28, "name": "Action"}]', ("Action",)),
        ("{Action,Sci-Fi}", ("Action", "Sci-Fi")),
        ("[Action, Crime]", ("Action", "Crime")),
        ("Comedy|comedy|COMEDY| War ||War", ("Comedy", "War")),
        ("film-noir|sword and sorcery", ("Film-Noir", "sword and sorcery")),
        ("(no genres listed)", ()),
        ("[]", ()),
        ("\\N", ()),
        ("  ", ()),
    ],
)
def test_genres_are_read_from_every_form_of_list(text: str, genres: tuple[str, ...]) -> None:
    assert parse_genres(text) == genres
