import functools
import gc
import tracemalloc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from server.recommender.algorithms.ease.candidates import N_ITEM_FEATURES
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.scoring import EaseConfig
from server.recommender.algorithms.popularity import Popularity, PopularityConfig
from server.recommender.algorithms.registry import ALGORITHMS
from server.recommender.data.catalogue import Catalogue, MovieFilter
from server.recommender.data.ratings import History
from server.recommender.model import Recommendations, TrainedModel
from tests.support.generated_tastes import CATALOGUE, KINDS, history_of, taste_ratings, train_on
from tests.support.tables import for_each

NEWCOMERS = Catalogue.of_movies([
    (1000, 2024, ["Drama"]),
    (1001, None, []),
    (1002, 1890, ["Western"]),
    (1003, 1960, []),
])
HISTORY = history_of({4: 5.0, 8: 4.5, 12: 4.0, 3: 2.0, 7: 1.0, 999: 5.0})


every_algorithm = for_each("algorithm", sorted(ALGORITHMS))


@functools.cache
def trained(algorithm: str) -> TrainedModel:
    return train_on(taste_ratings(), algorithm=algorithm).model


def values(recommendations: Recommendations) -> dict[str, object]:
    return {name: np.asarray(value).tolist() for name, value in vars(recommendations).items()}


@every_algorithm
@for_each("history", [HISTORY, history_of({}), history_of({1: 1.0})])
def test_all_movies_have_a_place_and_a_probability_that_falls(algorithm: str, history: History) -> None:
    model = trained(algorithm)
    whole = model.recommend(history, n=1_000, exclude_seen=False)

    assert sorted(whole.movie_ids.tolist()) == CATALOGUE.tolist()
    assert np.all(np.diff(whole.probabilities) < 0)
    assert 1 > whole.probabilities[0] > whole.probabilities[-1] > 0


@every_algorithm
def test_movies_that_nobody_has_rated_come_last(algorithm: str) -> None:
    model = trained(algorithm)
    whole = model.recommend(HISTORY, n=1_000, exclude_seen=False)

    # The two movies that the user dislikes follow.
    assert set(whole.movie_ids[-10:-2].tolist()) == set(CATALOGUE[-8:].tolist())


@for_each("kind", range(4))
def test_of_movies_without_evidence_those_of_the_users_kind_come_first(kind: int) -> None:
    model = train_on(taste_ratings(), algorithm="ease").model
    newcomers = Catalogue.of_movies((1_000 + number, 2030, [KINDS[number % 4]]) for number in range(12))

    whole = model.recommend(
        history_of(dict.fromkeys(range(kind + 4, 60, 4), 5.0)), n=1_000, exclude_seen=False, newcomers=newcomers
    )

    nobody_rated, newer = whole.movie_ids[-20:-12], whole.movie_ids[-12:]
    assert nobody_rated.min() > 152
    assert set(nobody_rated[:2] % 4) == {kind}
    assert newer.min() >= 1_000
    assert set(newer[:3] % 4) == {kind}


@every_algorithm
@for_each("exclude_seen", [True, False])
@for_each("history", [HISTORY, history_of({}), history_of({159: 5.0, 1001: 5.0})])
def test_newcomers_end_the_list_and_change_nothing_before_them(
    algorithm: str, history: History, *, exclude_seen: bool
) -> None:
    model = trained(algorithm)
    own = model.recommend(history, n=1_000, exclude_seen=exclude_seen)

    whole = model.recommend(history, n=1_000, exclude_seen=exclude_seen, newcomers=NEWCOMERS)

    n_disliked = 0 if exclude_seen else np.count_nonzero(history.ratings < 4)
    n_own = own.movie_ids.size - n_disliked
    unseen = np.setdiff1d(NEWCOMERS.movie_ids, history.movie_ids) if exclude_seen else NEWCOMERS.movie_ids
    assert whole.movie_ids[:n_own].tolist() == own.movie_ids[:n_own].tolist()
    assert whole.probabilities[:n_own].tolist() == own.probabilities[:n_own].tolist()
    assert sorted(whole.movie_ids[n_own : whole.movie_ids.size - n_disliked].tolist()) == unseen.tolist()
    assert np.all(np.diff(whole.probabilities) < 0)
    assert whole.probabilities[-1] > 0


@every_algorithm
@for_each("n", [10, 152, 158, 160, 164])
def test_movies_rated_below_4_follow_every_unrated_one(algorithm: str, n: int) -> None:
    model = trained(algorithm)
    whole = model.recommend(HISTORY, n=n, exclude_seen=False, newcomers=NEWCOMERS)

    disliked = [movie_id for movie_id in whole.movie_ids.tolist() if movie_id in {3, 7}]
    assert whole.movie_ids.size == n
    assert len(disliked) == max(n - 162, 0)
    assert whole.movie_ids[n - len(disliked) :].tolist() == disliked


@every_algorithm
@for_each(
    ("movie_filter", "passes"),
    [
        (MovieFilter(("Crime",)), lambda movie: movie % 4 == 1),
        (MovieFilter(("Crime", "Drama")), lambda _movie: False),
        (MovieFilter(("Crime", "Drama"), needs_all_genres=False), lambda movie: movie % 4 in {1, 2}),
        (MovieFilter(("Western",)), lambda _movie: False),
        (MovieFilter(year_from=1960, year_to=1969), lambda movie: 40 <= movie <= 59),
        (MovieFilter(("Horror",), year_from=1990), lambda movie: movie % 4 == 3 and movie >= 100),
    ],
)
def test_a_filter_keeps_order_and_probabilities_of_the_movies_that_pass(
    algorithm: str, movie_filter: MovieFilter, passes: Callable[[int], bool]
) -> None:
    model = trained(algorithm)
    whole = model.recommend(HISTORY, n=1_000, exclude_seen=True)
    expected = [movie_id for movie_id in whole.movie_ids.tolist() if passes(movie_id)]

    for n in (5, 1_000):
        filtered = model.recommend(HISTORY, n=n, exclude_seen=True, movie_filter=movie_filter)

        assert filtered.movie_ids.tolist() == expected[:n]
        shown = whole.probabilities[np.isin(whole.movie_ids, filtered.movie_ids)]
        np.testing.assert_allclose(filtered.probabilities, shown, atol=1e-6)


@every_algorithm
def test_a_filter_by_year_leaves_out_newcomers_of_unknown_year(algorithm: str) -> None:
    model = trained(algorithm)
    found = model.recommend(
        HISTORY, n=1_000, exclude_seen=True, newcomers=NEWCOMERS, movie_filter=MovieFilter(year_to=1965)
    )

    assert {1002, 1003} <= set(found.movie_ids.tolist())
    assert not {1000, 1001} & set(found.movie_ids.tolist())


@every_algorithm
def test_seen_movies_are_left_out_on_request_and_change_nothing_else(algorithm: str) -> None:
    model = trained(algorithm)
    whole = model.recommend(HISTORY, n=160, exclude_seen=False)

    unseen = model.recommend(HISTORY, n=160, exclude_seen=True)

    is_unseen = np.isin(whole.movie_ids, HISTORY.movie_ids, invert=True)
    assert unseen.movie_ids.tolist() == whole.movie_ids[is_unseen].tolist()
    np.testing.assert_allclose(unseen.probabilities, whole.probabilities[is_unseen], rtol=0, atol=1e-6)


@every_algorithm
@for_each("n", [1, 5, 100, 146, 147, 148, 152, 153, 154, 155, 160, 163])
def test_a_short_list_is_the_head_of_the_long_one(algorithm: str, n: int) -> None:
    model = trained(algorithm)
    for exclude_seen in (True, False):
        long = model.recommend(HISTORY, n=164, exclude_seen=exclude_seen, newcomers=NEWCOMERS)

        short = model.recommend(HISTORY, n=n, exclude_seen=exclude_seen, newcomers=NEWCOMERS)

        assert values(short) == {
            "movie_ids": long.movie_ids[:n].tolist(),
            "probabilities": long.probabilities[:n].tolist(),
        }


def test_of_equal_scores_the_smaller_id_comes_first_with_hardly_more_probability() -> None:
    model = trained("popularity")
    shares = np.zeros(160)
    shares[[70, 20]] = 0.5
    even = replace(model, algorithm=Popularity(PopularityConfig(), shares))

    recommendations = even.recommend(history_of({}), n=4, exclude_seen=False)

    assert recommendations.movie_ids.tolist() == [21, 71, 1, 2]
    best, second, third, fourth = recommendations.probabilities
    assert best > second > third > fourth
    assert [best - second, third - fourth] == pytest.approx([1e-9, 1e-9], rel=1e-3)


def test_two_seen_movies_of_different_scores_have_different_probabilities() -> None:
    model = trained("popularity")
    shares = np.linspace(0.5, 0.1, 160)
    steady = replace(model, algorithm=Popularity(PopularityConfig(), shares))

    recommendations = steady.recommend(history_of({1: 5.0, 2: 5.0, 3: 5.0}), n=160, exclude_seen=False)

    assert np.all(np.diff(recommendations.probabilities) < 0)


@every_algorithm
def test_a_user_who_has_rated_everything_gets_an_empty_list_of_the_unseen(algorithm: str) -> None:
    model = trained(algorithm)
    history = history_of(dict.fromkeys(CATALOGUE.tolist(), 4.0))

    recommendations = model.recommend(history, n=10, exclude_seen=True)

    assert recommendations.movie_ids.size == recommendations.probabilities.size == 0


@every_algorithm
def test_threads_share_a_model(algorithm: str) -> None:
    model = trained(algorithm)
    histories = [history_of({movie: 5.0, movie + 4: 1.0}) for movie in range(1, 41)]
    alone = [values(model.recommend(history, n=20, exclude_seen=True)) for history in histories]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda history: values(model.recommend(history, n=20, exclude_seen=True)), histories))

    assert together == alone


@every_algorithm
def test_a_list_is_made_once_for_each_history(algorithm: str) -> None:
    model = trained(algorithm)
    first = model.recommend(HISTORY, n=7, exclude_seen=True)

    assert model.recommend(HISTORY, n=7, exclude_seen=True) is first
    assert model.recommend(history_of({4: 4.5}), n=7, exclude_seen=True) is not first


def test_a_replaced_model_is_garbage_without_the_collector() -> None:
    model = train_on(taste_ratings(n_users=40), algorithm="ease").model
    model.recommend(HISTORY, n=10, exclude_seen=True)
    model.explain(HISTORY, model.recommend(history_of({}), n=200, exclude_seen=False).movie_ids)
    model.similar(4, 10)
    parts = [weakref.ref(part) for part in (model, model.algorithm, model.catalogue)]

    # Only reference counting: a cycle would keep a model of the size of the budget until the collector runs.
    gc.disable()
    try:
        del model
        assert [part() for part in parts] == [None, None, None]
    finally:
        gc.enable()


@every_algorithm
@for_each("history", [HISTORY, history_of({}), history_of({999: 5.0})])
def test_an_explanation_adds_up_to_what_the_list_is_ordered_by(algorithm: str, history: History) -> None:
    model = trained(algorithm)
    listed = model.recommend(history, n=160, exclude_seen=True).movie_ids

    explanation = model.explain(history, listed)

    assert explanation.movie_ids.tolist() == listed.tolist()
    assert np.all(np.diff(explanation.scores) <= 0)
    np.testing.assert_allclose(explanation.contributions.sum(axis=1) + explanation.rest, explanation.scores, rtol=1e-12)


@every_algorithm
def test_an_explanation_leaves_out_unknown_movies_of_the_history(algorithm: str) -> None:
    model = trained(algorithm)
    explanation = model.explain(HISTORY, np.array([16, 5]))

    assert explanation.rated_movie_ids.tolist() == [3, 4, 7, 8, 12]
    assert explanation.contributions.shape == (2, 5)


def test_a_very_long_history_is_explained_in_little_memory() -> None:
    n_items, n_modelled, n_kept = 50_000, 9_000, 400
    columns = np.arange(n_modelled)[:, None] + 22 * np.arange(n_kept)
    algorithm = Ease(
        config=EaseConfig(),
        popularity=np.full(n_items, 0.1),
        items=np.arange(n_modelled) * 5,
        columns=np.sort(columns % n_modelled, axis=1).astype(np.int32),
        weights=np.full((n_modelled, n_kept), 0.001, np.float32),
        neighbours=np.zeros((n_modelled, 1), np.int32),
        similarity=np.zeros((n_modelled, 1), np.float16),
        features=np.zeros((n_modelled, N_ITEM_FEATURES), np.float32),
        directions=np.full((n_modelled, 16), 0.01, np.float32),
        tail_items=np.arange(n_modelled) * 5 + 1,
        tail_codes=np.full((n_modelled, 16), 3, np.int8),
        tail_scales=np.full(n_modelled, 0.01, np.float32),
    )
    ids = np.arange(1, n_items + 1)
    small = train_on(taste_ratings(n_users=40), algorithm="popularity").model
    model = replace(small, algorithm=algorithm, catalogue=Catalogue.of_ids(ids))
    history = History(ids[:40_000], np.full(40_000, 4.5, np.float32), ids[:40_000])

    tracemalloc.start()
    explanation = model.explain(history, ids[:500:5])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert explanation.contributions.shape == (100, 8_000)
    assert np.count_nonzero(explanation.contributions) > 30_000
    # All the weights of the history take 50 MB, and their places twice as much.
    assert peak_bytes < 40e6


@every_algorithm
def test_an_unknown_movie_has_no_score(algorithm: str) -> None:
    model = trained(algorithm)
    explanation = model.explain(HISTORY, np.array([16, 12345, 5]))

    alone = model.explain(HISTORY, np.array([16, 5]))
    assert [explanation.scores[1], explanation.rest[1], *explanation.contributions[1]] == [0.0] * 7
    assert explanation.scores[[0, 2]].tolist() == alone.scores.tolist()
    assert explanation.contributions[[0, 2]].tolist() == alone.contributions.tolist()


def test_the_rest_of_an_ease_score_is_popularity() -> None:
    model = trained("ease")
    # Three positive ratings against the weight of popularity; the last movies have no weights.
    power = model.card.parameters["prior_power"]
    prior = model.card.parameters["prior_likes"] ** power
    popular = prior / (3**power + prior)

    explanation = model.explain(HISTORY, CATALOGUE)

    has_weights = np.isin(CATALOGUE - 1, model.algorithm.modelled_items)
    expected = popular * model.algorithm.popularity[has_weights]
    np.testing.assert_allclose(explanation.rest[has_weights], expected, atol=1e-6)
    assert np.count_nonzero(explanation.contributions[has_weights]) > 0
    assert np.count_nonzero(explanation.contributions[~has_weights]) == 0
    assert np.count_nonzero(~has_weights) == 8


@every_algorithm
def test_similar_movies_are_others_the_most_similar_first(algorithm: str) -> None:
    model = trained(algorithm)
    similar = model.similar(4, 200)

    assert similar.movie_ids.size > 20
    assert set(similar.movie_ids.tolist()) <= set(CATALOGUE[:-8].tolist()) - {4}
    assert np.all(np.diff(similar.similarities) <= 0)
    assert similar.similarities[-1] > 0
    assert model.similar(4, 5).movie_ids.tolist() == similar.movie_ids[:5].tolist()


def test_movies_that_are_not_similar_at_all_are_left_out() -> None:
    model = trained("popularity")
    shares = np.zeros(160)
    shares[[3, 20, 70]] = 0.25, 0.5, 0.125
    few = replace(model, algorithm=Popularity(PopularityConfig(), shares))

    similar = few.similar(4, 10)

    # The two are of another genre, which counts half.

    assert (similar.movie_ids.tolist(), similar.similarities.tolist()) == ([21, 71], [0.25, 0.0625])


@every_algorithm
@for_each("movie_id", [0, 12345, *CATALOGUE[-8:].tolist()])
def test_nothing_is_similar_to_a_movie_that_is_unknown_or_has_no_ratings(algorithm: str, movie_id: int) -> None:
    model = trained(algorithm)
    similar = model.similar(movie_id, 5)

    assert similar.movie_ids.size == similar.similarities.size == 0
