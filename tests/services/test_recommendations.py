"""Additions to a list of ids: the movies themselves, explanations, similar movies."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.orm import Session

from server.backend.config import Settings
from server.backend.database import Database
from server.errors import ArtifactError, InvalidField, MovieNotFound, NoActiveModel
from server.models import Rating
from server.schemas.movies import BestMoviesQuery, Expansion, GenreMatch, SimilarMovies
from server.schemas.ratings import RatingCreate
from server.schemas.user import Explanation, GuestRating, RecommendationQuery, RecommendationRequest
from server.services.live.model import LiveModel
from server.services.movies import SimilarMoviesService
from server.services.ratings import RatingService
from server.services.recommendations import RecommendationService
from server.services.user import UserDataManager
from tests.services.conftest import learned_taste
from tests.support.builders import NEWER_MOVIES, TASTE_MOVIES, add_version, is_of_kind
from tests.support.readers import cards_of, recommendations_of
from tests.support.tables import for_each, for_each_in

UNKNOWN = 999
MOVIES = [Expansion.MOVIES]
on_each_database = for_each_in("recommenders", "recommendations")
similar_on_each_database = for_each_in("similar_movies", "similar")
NOTHING = {"score": 0.0, "because": [], "other_ratings": 0.0, "rest": 0.0}


@pytest.fixture(scope="module")
def nmf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveModel]:
    """A live model like those of `trained`, whose scores are not sums over the user's ratings."""
    settings = Settings(_env_file=None, algorithm="nmf")
    with learned_taste(request, tmp_path_factory.mktemp("nmf"), "sqlite", settings) as live_model:
        yield live_model


@pytest.fixture
def similar_movies(recommenders: dict[str, RecommendationService]) -> dict[str, SimilarMoviesService]:
    """The service of similar movies, in the same transactions."""
    return {
        kind: SimilarMoviesService(found.session, found.live_model, cards_of(found.session))
        for kind, found in recommenders.items()
    }


@contextmanager
def counted_statements(engine: Engine | Connection) -> Iterator[list[str]]:
    """Yield a list that collects every statement sent to the database."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def rate(session: Session, user_id: int, stars: dict[int, float]) -> None:
    for movie_id, rating in stars.items():
        RatingService(session).save_rating(RatingCreate(user_id=user_id, movie_id=movie_id, rating=rating))


def rated_by(session: Session, user_id: int) -> dict[int, float]:
    rows = session.execute(select(Rating.movie_id, Rating.rating).where(Rating.user_id == user_id))
    return dict(rows.all())


def explained(recommendations: RecommendationService, user_id: int, **query: int | bool) -> list[Explanation]:
    found = recommendations.recommend_movies(user_id, RecommendationQuery(n=100, explain=True).model_copy(update=query))
    assert found.explanations is not None
    assert [explanation.movie_id for explanation in found.explanations] == found.movie_ids
    return found.explanations


def sum_of(explanation: Explanation) -> float:
    contributions = sum(reason.contribution for reason in explanation.because)
    return contributions + explanation.other_ratings + explanation.rest


@on_each_database
def test_nothing_is_added_that_was_not_asked_for(recommendations: RecommendationService) -> None:
    found = recommendations.recommend_movies(1, RecommendationQuery())

    assert found.model_dump().keys() == {"movie_ids", "probabilities"}


@on_each_database
@for_each("exclude_seen", [False, True])
def test_the_movies_come_in_the_order_of_the_list(recommendations: RecommendationService, exclude_seen: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    plain = recommendations.recommend_movies(1, RecommendationQuery(n=100, exclude_seen=exclude_seen))

    found = recommendations.recommend_movies(1, RecommendationQuery(n=100, exclude_seen=exclude_seen, expand=MOVIES))

    assert (found.movie_ids, found.probabilities) == (plain.movie_ids, plain.probabilities)
    assert found.movies == recommendations.cards.list_by_ids(plain.movie_ids)
    # The movies that are newer than the model are among them.
    assert len(found.movies) == len(found.movie_ids) >= 17


@on_each_database
def test_the_movies_are_read_together(recommendations: RecommendationService) -> None:
    recommendations.session.connection()
    counts = []
    for n in (1, 10):
        with counted_statements(recommendations.session.get_bind()) as statements:
            recommendations.recommend_movies(1, RecommendationQuery(n=n, expand=MOVIES, explain=True))
        counts.append(len(statements))

    assert counts[0] == counts[1]


@on_each_database
def test_an_explanation_adds_up_to_the_score(recommendations: RecommendationService) -> None:
    explanations = explained(recommendations, 1, exclude_seen=True)

    scores = [explanation.score for explanation in explanations if explanation.movie_id in TASTE_MOVIES]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]
    assert [sum_of(explanation) for explanation in explanations] == pytest.approx(
        [explanation.score for explanation in explanations], rel=1e-12, abs=1e-15
    )


@on_each_database
def test_an_explanation_names_the_ratings_that_speak_for_a_movie_most(recommendations: RecommendationService) -> None:
    stars = rated_by(recommendations.session, 1)

    best = explained(recommendations, 1)[0]

    contributions = [reason.contribution for reason in best.because]
    assert len(contributions) == 5
    assert contributions == sorted(contributions, reverse=True)
    assert contributions[-1] > 0
    assert [(reason.title, reason.rating) for reason in best.because] == [
        (f"Film {reason.movie_id}", stars[reason.movie_id]) for reason in best.because
    ]
    assert all(is_of_kind(reason.movie_id, 1) for reason in best.because[:2])


@on_each_database
def test_a_rating_is_named_at_once_and_what_speaks_against_a_movie_is_not(
    recommendations: RecommendationService,
) -> None:
    user_id = UserDataManager(recommendations.session).create()
    rate(recommendations.session, user_id, {2: 5.0, 1: 0.5})

    explanations = explained(recommendations, user_id, exclude_seen=True)

    named = {reason.movie_id for explanation in explanations for reason in explanation.because}
    assert 2 in named
    assert not {1, 2} & {explanation.movie_id for explanation in explanations}
    assert all(reason.contribution > 0 for explanation in explanations for reason in explanation.because)
    assert min(explanation.other_ratings for explanation in explanations) < 0


@on_each_database
def test_a_user_without_ratings_owes_everything_to_popularity(recommendations: RecommendationService) -> None:
    explanations = explained(recommendations, UserDataManager(recommendations.session).create())

    assert explanations[0].score > 0
    assert explanations == [
        Explanation(movie_id=found.movie_id, score=found.score, because=[], other_ratings=0.0, rest=found.score)
        for found in explanations
    ]


@on_each_database
@for_each("exclude_seen", [False, True])
def test_a_movie_newer_than_the_model_has_nothing_to_explain(
    recommendations: RecommendationService, *, exclude_seen: bool
) -> None:
    newer = [
        movie_id for movie_id in NEWER_MOVIES if not (exclude_seen and movie_id in rated_by(recommendations.session, 1))
    ]

    explanations = explained(recommendations, 1, exclude_seen=exclude_seen)

    of_newer = [explanation for explanation in explanations if explanation.movie_id in newer]
    assert sorted(of_newer, key=lambda explanation: explanation.movie_id) == [
        Explanation(movie_id=movie_id, **NOTHING) for movie_id in newer
    ]


def test_a_score_that_is_not_a_sum_is_all_rest(nmf: LiveModel) -> None:
    with nmf.database.open_session(writes=False) as session:
        explanations = explained(recommendations_of(session, nmf), 1)

    assert explanations[0].score > 0
    assert explanations == [
        Explanation(movie_id=found.movie_id, score=found.score, because=[], other_ratings=0.0, rest=found.score)
        for found in explanations
    ]


@on_each_database
def test_a_user_who_has_seen_everything_gets_empty_lists(recommendations: RecommendationService) -> None:
    user_id = UserDataManager(recommendations.session).create()
    rate(recommendations.session, user_id, dict.fromkeys([*TASTE_MOVIES, *NEWER_MOVIES], 4.0))

    found = recommendations.recommend_movies(
        user_id, RecommendationQuery(exclude_seen=True, expand=MOVIES, explain=True)
    )

    assert found.model_dump() == {
        "movie_ids": [],
        "probabilities": [],
        "recommendations": [],
        "movies": [],
        "explanations": [],
    }


@similar_on_each_database
def test_movies_are_similar_that_the_same_people_like(similar: SimilarMoviesService) -> None:
    of_same_kind = [
        is_of_kind(movie_id, to_movie_id)
        for to_movie_id in (1, 2, 3, 4)
        for movie_id in similar.list_similar_movies(to_movie_id, BestMoviesQuery(n=4)).movie_ids
    ]

    assert len(of_same_kind) == 16
    assert sum(of_same_kind) > 12


@similar_on_each_database
def test_similar_movies_come_with_similarities_that_fall(similar: SimilarMoviesService) -> None:
    found = similar.list_similar_movies(1, BestMoviesQuery(n=100))

    assert found.model_dump().keys() == {"movie_ids", "similarities"}
    assert len(found.similarities) == len(set(found.movie_ids) - {1}) == len(found.movie_ids) > 5
    assert found.similarities == sorted(found.similarities, reverse=True)
    assert similar.list_similar_movies(1, BestMoviesQuery(n=5)).movie_ids == found.movie_ids[:5]


@similar_on_each_database
def test_similar_movies_hold_the_movies_on_request(similar: SimilarMoviesService) -> None:
    found = similar.list_similar_movies(1, BestMoviesQuery(n=5, expand=MOVIES))

    assert found.movies == similar.cards.list_by_ids(found.movie_ids)
    assert len(found.movies) == 5


@similar_on_each_database
def test_nothing_is_similar_to_a_movie_newer_than_the_model(similar: SimilarMoviesService) -> None:
    found = similar.list_similar_movies(NEWER_MOVIES[0], BestMoviesQuery(expand=MOVIES))

    assert found == SimilarMovies(movie_ids=[], similarities=[], movies=[])


@similar_on_each_database
def test_an_unknown_movie_is_not_found_with_a_model_and_without(
    similar: SimilarMoviesService, trained: dict[str, LiveModel]
) -> None:
    model = next(iter(trained.values()))
    untrained = LiveModel(model.database, model.store)
    for service in (similar, SimilarMoviesService(similar.session, untrained, similar.cards)):
        with pytest.raises(MovieNotFound, match=str(UNKNOWN)):
            service.list_similar_movies(UNKNOWN, BestMoviesQuery())


@pytest.mark.usefixtures("catalogue")
def test_without_a_model_nothing_is_similar(session: Session, live_model: LiveModel) -> None:
    with pytest.raises(NoActiveModel):
        SimilarMoviesService(session, live_model, cards_of(session)).list_similar_movies(1, BestMoviesQuery())


def test_without_a_model_that_can_be_read_nothing_is_similar(catalogue: Database, live_model: LiveModel) -> None:
    with catalogue.transaction(writes=True) as session:
        version = add_version(session, "nowhere")
    live_model.refresh()

    with (
        catalogue.transaction(writes=False) as session,
        pytest.raises(ArtifactError, match=f"version {version} cannot be read"),
    ):
        SimilarMoviesService(session, live_model, cards_of(session)).list_similar_movies(1, BestMoviesQuery())


@on_each_database
def test_movies_probabilities_and_reasons_come_together(recommendations: RecommendationService) -> None:
    found = recommendations.recommend_movies(1, RecommendationQuery(n=5, expand=MOVIES, explain=True))

    assert found.recommendations is not None
    assert found.explanations is not None
    assert [each.movie.movie_id for each in found.recommendations] == found.movie_ids
    assert [each.probability for each in found.recommendations] == found.probabilities
    assert [each.because for each in found.recommendations] == [each.because for each in found.explanations]


@on_each_database
@for_each(
    ("filters", "kinds"),
    [
        ({"genre": ["drama"]}, {1}),
        ({"genre": ["Drama", "Comedy"]}, set()),
        ({"genre": ["Drama", "Comedy"], "genre_match": GenreMatch.ANY}, {0, 1}),
        ({"year_from": 2001}, set()),
        ({"year_from": 2000, "year_to": 2000, "genre": ["COMEDY"]}, {0}),
    ],
)
def test_filters_keep_the_order_of_the_list(
    recommendations: RecommendationService, filters: dict[str, object], kinds: set[int]
) -> None:
    whole = recommendations.recommend_movies(1, RecommendationQuery(n=100))
    query = RecommendationQuery.model_validate({"n": 100, **filters})

    found = recommendations.recommend_movies(1, query)

    expected = [movie_id for movie_id in whole.movie_ids if movie_id % 2 in kinds]
    assert [movie_id for movie_id in found.movie_ids if movie_id in TASTE_MOVIES] == [
        movie_id for movie_id in expected if movie_id in TASTE_MOVIES
    ]
    shown = dict(zip(whole.movie_ids, whole.probabilities, strict=True))
    assert found.probabilities == pytest.approx([shown[movie_id] for movie_id in found.movie_ids], abs=1e-6)


@on_each_database
def test_a_list_ends_at_the_smallest_probability(recommendations: RecommendationService) -> None:
    whole = recommendations.recommend_movies(1, RecommendationQuery(n=20))
    limit = whole.probabilities[7]

    found = recommendations.recommend_movies(1, RecommendationQuery(n=20, min_probability=limit))

    assert found.movie_ids == whole.movie_ids[:8]
    assert found.probabilities == whole.probabilities[:8]


@on_each_database
@for_each(("genre", "message"), [("Dramma", "Did you mean 'Drama'"), ("Quiz", "GET /genres lists all genres")])
def test_an_unknown_genre_is_refused(recommendations: RecommendationService, genre: str, message: str) -> None:
    with pytest.raises(InvalidField, match=message) as refused:
        recommendations.recommend_movies(1, RecommendationQuery(genre=[genre]))
    assert refused.value.pointer == "#/query/genre"

    with pytest.raises(InvalidField) as refused_guest:
        recommendations.recommend_to_guest(RecommendationRequest(ratings=[], genre=[genre]))
    assert refused_guest.value.pointer == "#/body/genre"


@on_each_database
def test_a_guest_gets_the_list_of_a_user_with_the_same_ratings(recommendations: RecommendationService) -> None:
    user = UserDataManager(recommendations.session).create()
    stars = {4: 5.0, 7: 1.0, 12: 4.5, 31: 4.0}
    rate(recommendations.session, user, stars)
    ratings = [GuestRating(movie_id=movie_id, rating=rating) for movie_id, rating in stars.items()]

    guest = recommendations.recommend_to_guest(
        RecommendationRequest(ratings=ratings, n=100, explain=True, expand=MOVIES)
    )

    assert guest == recommendations.recommend_movies(user, RecommendationQuery(n=100, explain=True, expand=MOVIES))


@on_each_database
def test_a_guest_without_ratings_gets_the_list_of_a_new_user(recommendations: RecommendationService) -> None:
    user = UserDataManager(recommendations.session).create()

    guest = recommendations.recommend_to_guest(RecommendationRequest(ratings=[]))

    assert guest == recommendations.recommend_movies(user, RecommendationQuery())


@on_each_database
def test_a_guests_rating_of_an_unknown_movie_is_refused(recommendations: RecommendationService) -> None:
    with pytest.raises(MovieNotFound, match="999"):
        recommendations.recommend_to_guest(RecommendationRequest(ratings=[GuestRating(movie_id=UNKNOWN, rating=4.0)]))
