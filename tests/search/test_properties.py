"""Properties of every catalogue and every query."""

from hypothesis import given
from hypothesis import strategies as st

from server.search.index import SearchDocument, SearchIndex, build_index
from server.search.text import parse_name
from tests.search.conftest import FILMS

WORDS = st.sampled_from([
    "the",
    "das",
    "a",
    "it",
    "m",
    "toy",
    "toys",
    "story",
    "star",
    "wars",
    "L'Âge",
    "Drama",
    "1995",
    "200",
    "$",
    "&",
])
TITLES = st.lists(WORDS, min_size=1, max_size=5).map(" ".join) | st.text(min_size=1, max_size=12).filter(str.strip)
POPULARITY = st.integers(0, 100_000)


@st.composite
def catalogues(draw: st.DrawFn, popularity: st.SearchStrategy[int] = POPULARITY) -> list[SearchDocument]:
    movie_ids = draw(st.lists(st.integers(1, 2**63 - 1), min_size=1, max_size=6, unique=True))
    return [
        SearchDocument(
            movie_id=movie_id,
            title=draw(TITLES),
            alternative_titles=tuple(draw(st.lists(TITLES, max_size=2))),
            year=draw(st.none() | st.integers(1995, 2005)),
            genres=tuple(draw(st.lists(st.sampled_from(["Drama", "Sci-Fi", "War"]), max_size=2, unique=True))),
            popularity=draw(popularity),
        )
        for movie_id in movie_ids
    ]


def with_and_without_article(title: str) -> set[tuple[str, ...]]:
    article, words = parse_name(title)
    return {words, (article, *words)}


@given(query=st.text(st.characters(), max_size=200))
def test_any_text_finds_each_movie_at_most_once(index: SearchIndex, query: str) -> None:
    hits = index.search(query)

    movie_ids = hits.movie_ids.tolist()
    assert hits.total == len(set(movie_ids)) == len(movie_ids)
    assert set(movie_ids) <= {film.movie_id for film in FILMS}


@given(catalogues(popularity=st.just(10)))
def test_every_movie_is_found_by_its_title_with_none_but_its_namesakes_before_it(
    documents: list[SearchDocument],
) -> None:
    index = build_index(documents)
    readings = {document.movie_id: with_and_without_article(document.title) for document in documents}

    for document in documents:
        movie_ids = index.search(document.title).movie_ids.tolist()
        before = movie_ids[: movie_ids.index(document.movie_id)]
        assert all(readings[movie_id] & readings[document.movie_id] for movie_id in before)


@given(catalogues(), TITLES, st.data())
def test_the_order_of_the_catalogue_does_not_matter(
    documents: list[SearchDocument], query: str, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(documents))

    assert (
        build_index(shuffled).search(query).movie_ids.tolist()
        == build_index(documents).search(query).movie_ids.tolist()
    )


@given(catalogues(), st.lists(st.sampled_from(["toy", "story", "star", "drama", "1995", "m"])), st.data())
def test_the_order_of_finished_words_changes_no_hit(
    documents: list[SearchDocument], words: list[str], data: st.DataObject
) -> None:
    index = build_index(documents)
    shuffled = data.draw(st.permutations(words))

    hits = index.search(" ".join([*words, ""])).movie_ids.tolist()

    assert set(index.search(" ".join([*shuffled, ""])).movie_ids.tolist()) == set(hits)
