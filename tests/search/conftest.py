"""A small catalogue of real films with about as many ratings as in ml-latest-small."""

from collections.abc import Callable

import pytest

from server.search.index import SearchDocument, SearchIndex, build_index

Search = Callable[[str], list[str]]

FILMS = [
    SearchDocument(1, "Toy Story", (), 1995, ("Adventure", "Animation", "Children", "Comedy", "Fantasy"), 215),
    SearchDocument(6, "Heat", (), 1995, ("Action", "Crime", "Thriller"), 102),
    SearchDocument(32, "Twelve Monkeys", ("12 Monkeys",), 1995, ("Mystery", "Sci-Fi", "Thriller"), 177),
    SearchDocument(47, "Seven", ("Se7en",), 1995, ("Mystery", "Thriller"), 203),
    SearchDocument(260, "Star Wars: Episode IV - A New Hope", (), 1977, ("Action", "Adventure", "Sci-Fi"), 251),
    SearchDocument(293, "Léon: The Professional", ("The Professional", "Léon"), 1994, ("Action", "Crime"), 133),
    SearchDocument(318, "The Shawshank Redemption", (), 1994, ("Crime", "Drama"), 317),
    SearchDocument(592, "Batman", (), 1989, ("Action", "Crime", "Thriller"), 189),
    SearchDocument(858, "The Godfather", (), 1972, ("Crime", "Drama"), 192),
    SearchDocument(910, "Some Like It Hot", (), 1959, ("Comedy", "Crime"), 50),
    SearchDocument(924, "2001: A Space Odyssey", (), 1968, ("Adventure", "Drama", "Sci-Fi"), 109),
    SearchDocument(968, "Night of the Living Dead", (), 1968, ("Horror", "Sci-Fi", "Thriller"), 28),
    SearchDocument(1036, "Die Hard", (), 1988, ("Action", "Crime", "Thriller"), 145),
    SearchDocument(1097, "E.T. the Extra-Terrestrial", (), 1982, ("Children", "Drama", "Sci-Fi"), 122),
    SearchDocument(1196, "Star Wars: Episode V - The Empire Strikes Back", (), 1980, ("Action", "Sci-Fi"), 211),
    SearchDocument(1199, "Brazil", (), 1985, ("Fantasy", "Sci-Fi"), 59),
    SearchDocument(1200, "Aliens", (), 1986, ("Action", "Adventure", "Horror", "Sci-Fi"), 126),
    SearchDocument(1214, "Alien", (), 1979, ("Horror", "Sci-Fi"), 146),
    SearchDocument(1252, "Chinatown", (), 1974, ("Crime", "Film-Noir", "Mystery", "Thriller"), 59),
    SearchDocument(1260, "M", (), 1931, ("Crime", "Film-Noir", "Thriller"), 15),
    SearchDocument(1982, "Halloween", (), 1978, ("Horror",), 43),
    SearchDocument(2116, "The Lord of the Rings", (), 1978, ("Adventure", "Animation", "Children", "Fantasy"), 15),
    SearchDocument(2571, "The Matrix", (), 1999, ("Action", "Sci-Fi", "Thriller"), 278),
    SearchDocument(2788, "Monty Python's And Now for Something Completely Different", (), 1971, ("Comedy",), 28),
    SearchDocument(3006, "The King of Comedy", (), 1983, ("Comedy", "Drama"), 7),
    SearchDocument(3549, "Guys and Dolls", (), 1955, ("Comedy", "Musical"), 3),
    SearchDocument(4973, "Amelie", ("Le Fabuleux Destin d'Amélie Poulain",), 2001, ("Comedy", "Romance"), 120),
    SearchDocument(4993, "The Lord of the Rings: The Fellowship of the Ring", (), 2001, ("Adventure", "Fantasy"), 198),
    SearchDocument(5477, "Sex and Lucia", ("Lucía y el sexo",), 2001, ("Drama", "Romance"), 4),
    SearchDocument(5952, "The Lord of the Rings: The Two Towers", (), 2002, ("Adventure", "Fantasy"), 188),
    SearchDocument(6016, "City of God", ("Cidade de Deus",), 2002, ("Crime", "Drama"), 75),
    SearchDocument(6365, "The Matrix Reloaded", (), 2003, ("Action", "Sci-Fi", "Thriller"), 96),
    SearchDocument(6807, "Monty Python's The Meaning of Life", (), 1983, ("Comedy",), 36),
    SearchDocument(7068, "L'Avventura", (), 1960, ("Drama", "Mystery", "Romance"), 2),
    SearchDocument(7153, "The Lord of the Rings: The Return of the King", (), 2003, ("Adventure", "Fantasy"), 185),
    SearchDocument(7820, "$", ("Dollars",), 1971, ("Comedy", "Crime"), 3),
    SearchDocument(8405, "To Be or Not to Be", (), 1942, ("Comedy", "Drama", "War"), 3),
    SearchDocument(8622, "M*A*S*H", ("MASH",), 1970, ("Comedy", "Drama", "War"), 46),
    SearchDocument(8690, "Them!", (), 1954, ("Horror", "Sci-Fi", "Thriller"), 5),
    SearchDocument(26649, "Ocean's Eleven", (), 1960, ("Comedy", "Crime"), 11),
    SearchDocument(26840, "Solaris", ("Solyaris",), 1972, ("Drama", "Mystery", "Sci-Fi"), 11),
    SearchDocument(26903, "Ocean's Eleven", (), 2001, ("Crime", "Thriller"), 119),
    SearchDocument(53125, "Das Boot", ("The Boat",), 1981, ("Action", "Drama", "War"), 40),
    SearchDocument(86190, "Hanna", (), None, (), 20),
    SearchDocument(164909, "La La Land", (), 2016, ("Comedy", "Drama", "Romance"), 9),
    SearchDocument(175303, "It", (), 2017, ("Horror",), 9),
]


@pytest.fixture(scope="package")
def index() -> SearchIndex:
    return build_index(FILMS)


@pytest.fixture
def search(index: SearchIndex) -> Search:
    """Return a function from a query to the titles it finds, in rank order."""
    titles = {film.movie_id: film.title for film in FILMS}
    return lambda query: [titles[movie_id] for movie_id in index.search(query).movie_ids.tolist()]
