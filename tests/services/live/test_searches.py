"""Recent searches are remembered within a bound."""

from server.search.index import SearchDocument, SearchIndex, build_index
from server.services.live.searches import FIXED_SIZE, RecentSearches


def index_of(*titles: str) -> SearchIndex:
    return build_index(
        SearchDocument(movie_id, title, (), None, (), popularity=0) for movie_id, title in enumerate(titles, start=1)
    )


def test_a_search_is_made_once() -> None:
    searches = RecentSearches(index_of("The Matrix", "Heat"))

    first = searches.find("matrix")

    assert first.movie_ids.tolist() == [1]
    assert searches.find("matrix") is first
    assert searches.find("heat").movie_ids.tolist() == [2]


def test_the_number_of_remembered_hits_is_bounded() -> None:
    searches = RecentSearches(index_of("Heat", "Heat 2", "Alien"), max_hits=FIXED_SIZE + 1)

    alien, heat = searches.find("alien"), searches.find("heat")

    assert searches.find("alien") is alien
    assert searches.find("heat") is not heat
