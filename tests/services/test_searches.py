"""Recent searches are remembered for one index, within a bound."""

from server.search.index import SearchDocument, SearchIndex, build_index
from server.services.live.searches import FIXED_SIZE, RecentSearches


def index_of(*titles: str) -> SearchIndex:
    return build_index(
        SearchDocument(movie_id, title, (), None, (), popularity=0) for movie_id, title in enumerate(titles, start=1)
    )


def test_a_search_is_made_once() -> None:
    index, searches = index_of("The Matrix", "Heat"), RecentSearches()

    first = searches.find(index, "matrix")

    assert first.movie_ids.tolist() == [1]
    assert searches.find(index, "matrix") is first
    assert searches.find(index, "heat").movie_ids.tolist() == [2]


def test_another_index_has_hits_of_its_own() -> None:
    older, newer, searches = index_of("Heat"), index_of("Heat", "Heat 2"), RecentSearches()

    assert searches.find(older, "heat").total == 1
    assert searches.find(newer, "heat").total == 2
    # A request that began before the change keeps its index.
    assert searches.find(older, "heat").total == 1


def test_the_number_of_remembered_hits_is_bounded() -> None:
    index, searches = index_of("Heat", "Heat 2", "Alien"), RecentSearches(max_hits=FIXED_SIZE + 1)

    alien, heat = searches.find(index, "alien"), searches.find(index, "heat")

    assert searches.find(index, "alien") is alien
    assert searches.find(index, "heat") is not heat
