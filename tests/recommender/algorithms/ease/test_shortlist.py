"""The list of one user, on random models: the same as by the formulas, written plainly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from server.recommender.algorithms.ease import tail_search
from server.recommender.algorithms.ease.candidates import N_CANDIDATES, N_FEATURES, N_ITEM_FEATURES
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.profiles import DECAYS, RECENT_RATINGS, RERANKED_RATINGS, TASTE_DECAY
from server.recommender.algorithms.ease.reranker import Reranker
from server.recommender.algorithms.ease.scoring import FACTORS, EaseConfig, personal_weights, preference_weight
from server.recommender.algorithms.ease.tail import TailFactors
from server.recommender.algorithms.ease.tail_search import TailSearch
from server.recommender.data.interactions import Interactions
from server.recommender.data.ratings import History
from tests.support.tables import for_each

N_MOVIES, N_HEAD, N_TAIL, KEPT, N_GENRES = 900, 320, 500, 60, 5
CATALOGUE = np.arange(1, N_MOVIES + 1)


def random_reranker(random: np.random.Generator) -> Reranker:
    knots = np.sort(random.uniform(-1, 1.5, (N_FEATURES, 5)), axis=1)
    return Reranker(knots=tuple(map(tuple, knots)), rises=tuple(map(tuple, random.normal(size=(N_FEATURES, 4)))))


def random_model(seed: int, *, tail_scale: float, has_second_stage: bool = True) -> Ease:
    random = np.random.default_rng(seed)
    items, tail = np.split(random.permutation(N_MOVIES)[: N_HEAD + N_TAIL], [N_HEAD])
    columns = np.sort([random.choice(N_HEAD, KEPT, replace=False) for _ in range(N_HEAD)]).astype(np.int32)
    return Ease(
        config=EaseConfig(reranker=random_reranker(random) if has_second_stage else None),
        popularity=random.random(N_MOVIES) ** 8 / 3,
        items=np.sort(items),
        columns=columns,
        weights=(random.normal(size=columns.shape) / 50).astype(np.float32),
        neighbours=np.zeros((N_HEAD, 1), np.int32),
        similarity=np.zeros((N_HEAD, 1), np.float16),
        features=random.random((N_HEAD, N_ITEM_FEATURES + N_GENRES)).astype(np.float32),
        directions=(random.normal(size=(N_HEAD, FACTORS)) / 10).astype(np.float32),
        tail_items=np.sort(tail),
        tail_codes=random.integers(-127, 128, (N_TAIL, FACTORS)).astype(np.int8),
        tail_scales=(tail_scale * random.random(N_TAIL) / 127).astype(np.float32),
    )


def random_history(seed: int, n_ratings: int) -> Interactions:
    random = np.random.default_rng(seed)
    stars = (random.integers(1, 11, n_ratings) / 2).astype(np.float32)
    movies = random.choice(CATALOGUE, n_ratings, replace=False)
    return Interactions.from_history(History(movies, stars, random.integers(0, 50, n_ratings)), CATALOGUE)


def dense_weights(model: Ease) -> NDArray[np.float64]:
    weights = np.zeros((N_HEAD, N_HEAD))
    np.put_along_axis(weights, model.columns, model.weights, axis=1)
    return weights


def in_unit_range(values: NDArray[np.float64]) -> NDArray[np.float64]:
    in_range: NDArray[np.float64] = values / np.maximum(np.abs(values).max(axis=0, initial=0), 1e-6)
    return in_range


def plain_scores(model: Ease, history: Interactions) -> NDArray[np.float64]:
    """Return the scores of all items, as the decisions describe them."""
    preferences, ages, config = preference_weight(history).astype(float), history.ages, model.config
    (positive,), (negative,) = personal_weights(history, prior_likes=config.prior_likes, prior_power=config.prior_power)
    factors = preferences * config.decay.weights(ages) * np.where(preferences < 0, negative, positive)
    in_head = np.isin(history.items, model.items)
    rows = np.searchsorted(model.items, history.items[in_head])
    head = factors[in_head] @ dense_weights(model)[rows]
    taste = factors[in_head] @ model.directions[rows]
    tail = (model.tail_codes * model.tail_scales[:, None]) @ taste
    scores: NDArray[np.float64] = (1 - positive) * model.popularity
    scores += min(head.min(), tail.min(), 0)
    scores[model.tail_items] = (1 - positive) * model.popularity[model.tail_items] + tail
    scores[model.items] = (1 - positive) * model.popularity[model.items] + head
    if config.reranker is not None and ages.size >= RERANKED_RATINGS:
        unrated = np.setdiff1d(model.items, history.items)
        first = unrated[np.argsort(-scores[unrated], kind="stable")][:N_CANDIDATES]
        features = plain_features(model, history, np.searchsorted(model.items, first), scores[first])
        curves = zip(features.T, config.reranker.knots, config.reranker.rises, strict=True)
        worth = sum(np.interp(column, knots, np.cumsum((0, *rises))) for column, knots, rises in curves)
        scores[first[np.argsort(-worth, kind="stable")]] = scores[first]
    return scores


def plain_features(
    model: Ease, history: Interactions, candidates: NDArray[np.int64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return candidates by features."""
    in_head = np.isin(history.items, model.items)
    rows, ages = np.searchsorted(model.items, history.items[in_head]), history.ages[in_head]
    preferences = preference_weight(history)[in_head].astype(float)
    faded = [preferences * decay.weights(ages) for decay in DECAYS]
    recent = ages < RECENT_RATINGS
    plain = [np.ones(rows.size), np.minimum(preferences, 0), preferences * (ages == 0), recent]
    sums = (np.array(faded + plain) @ dense_weights(model)[rows]).T[candidates]
    by_taste = model.directions[candidates] @ (faded[TASTE_DECAY] @ model.directions[rows])
    own, genres = np.split(model.features, [N_ITEM_FEATURES], axis=1)
    wanted = np.array([faded[TASTE_DECAY], recent]) @ genres[rows]
    wanted /= np.maximum(np.linalg.norm(wanted, axis=1, keepdims=True), 1e-6)
    return np.column_stack([
        scores / max(scores[0], 1e-6),
        -np.log1p(np.arange(candidates.size)),
        in_unit_range(by_taste),
        in_unit_range(sums),
        own[candidates],
        own[candidates, 0] - (own[rows[recent], 0].mean() if recent.any() else 0),
        genres[candidates] @ wanted.T,
    ])


@pytest.mark.parametrize("seed", range(3))
@for_each("n_ratings", [1, RERANKED_RATINGS - 1, RERANKED_RATINGS, 200])
@for_each("tail_scale", [1e-4, 0.02, 0.5])
def test_scores_and_the_shortlist_follow_from_the_plain_formulas(
    seed: int, n_ratings: int, tail_scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_search, "BLOCK_ITEMS", 64)
    model, history = random_model(seed, tail_scale=tail_scale), random_history(seed, n_ratings)
    expected = plain_scores(model, history)

    np.testing.assert_allclose(model.score(history)[0], expected, atol=1e-6)
    for n_passing in (N_MOVIES, 200, 12):
        passes = np.zeros(N_MOVIES, np.bool_)
        passes[np.random.default_rng(seed).choice(N_MOVIES, n_passing, replace=False)] = True
        items, scores = model.shortlist(history, passes, 10)
        np.testing.assert_allclose(scores, expected[items], atol=1e-6)
        tenth = np.sort(expected[passes])[-10]
        assert np.unique(items).size == items.size
        assert set(items) >= set(np.flatnonzero(expected > tenth + 1e-6))


@for_each("lowest", [-np.inf, -1.0, 0.0, 0.5, 1.0, 3.0, 100.0])
def test_the_search_finds_all_that_reach_a_score_and_nothing_else(
    lowest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_search, "BLOCK_ITEMS", 16)
    model = random_model(0, tail_scale=1.0)
    factors = TailFactors(model.tail_items, model.tail_codes, model.tail_scales)
    popularity = model.popularity[model.tail_items]
    for taste in np.random.default_rng(1).normal(size=(20, FACTORS)).astype(np.float32):
        places, scores = TailSearch(factors, popularity).reaching(lowest, taste, 0.5)

        expected = factors.scores(taste[None])[0] + 0.5 * popularity
        assert set(np.flatnonzero(expected >= lowest + 1e-5)) <= set(places.tolist())
        assert set(places.tolist()) <= set(np.flatnonzero(expected >= lowest - 1e-5))
        np.testing.assert_allclose(scores, expected[places], atol=1e-5)


def test_blocks_that_cannot_reach_a_score_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_search, "BLOCK_ITEMS", 16)
    model = random_model(0, tail_scale=1.0)
    factors = TailFactors(model.tail_items, model.tail_codes, model.tail_scales)
    read: list[int] = []
    scores_of = TailFactors.scores_of

    def counted(own: TailFactors, places: NDArray[np.int32], taste: NDArray[np.float32]) -> NDArray[np.float32]:
        read.append(places.size)
        return scores_of(own, places, taste)

    monkeypatch.setattr(TailFactors, "scores_of", counted)
    search, taste = TailSearch(factors, np.zeros(N_TAIL)), np.ones(FACTORS, np.float32)
    longest = float(np.linalg.norm(taste) * factors.lengths.max())

    for lowest, n_read in ((1.01 * longest, 0), (0.999 * longest, 16), (-np.inf, N_TAIL)):
        read.clear()
        search.reaching(lowest, taste, 0.0)
        assert sum(read) == n_read


def test_movies_without_factors_are_listed_if_popularity_lifts_them_that_high() -> None:
    model = random_model(0, tail_scale=1e-4, has_second_stage=False)
    others = np.setdiff1d(np.arange(N_MOVIES), model.modelled_items)
    model.popularity[others[:3]] = (0.9, 0.8, 0.7)

    items, scores = model.shortlist(random_history(0, 2), np.ones(N_MOVIES, np.bool_), 5)

    assert items[np.argsort(-scores)][:3].tolist() == others[:3].tolist()
