from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from server.command_errors import SettingsError
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.scoring import EaseConfig
from server.recommender.data import interactions as interactions_module
from server.recommender.data import stored_ratings as stored_module
from server.recommender.data.holdouts import Holdouts
from server.recommender.data.interactions import Interactions, Source
from server.recommender.data.splits import SPLITS
from server.recommender.data.stored_ratings import StoredRatings
from server.recommender.training import train
from tests.support.generated_tastes import CATALOGUE, taste_catalogue, taste_ratings
from tests.support.tables import for_each

DAY_S = 86_400
PLAIN = taste_ratings()
# The last six ratings follow days later, those of every third user without a gap; many ratings are of one moment.
LATER = np.where((PLAIN.rated_at >= 18) & (PLAIN.user_ids % 3 > 0), PLAIN.user_ids * DAY_S, 0)
RATINGS = Interactions.from_ratings(replace(PLAIN, rated_at=PLAIN.rated_at // 4 + LATER), CATALOGUE)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Iterator[StoredRatings]:
    """Return the same ratings in a file, in pieces and blocks that are much smaller than all."""
    monkeypatch.setattr(stored_module, "BLOCK_RATINGS", 700)
    with closing(StoredRatings(RATINGS.movie_ids)) as ratings:
        ratings.write(RATINGS.batches(100))
        yield ratings


def assert_same(one: Source, other: Source) -> None:
    ours, theirs = one.in_memory(), other.in_memory()
    for name in ("movie_ids", "offsets", "items", "stars", "rated_at", "user_ids"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name


def test_stored_ratings_are_the_same_ratings(stored: StoredRatings) -> None:
    assert_same(stored, RATINGS)
    assert_same(stored.read_users(np.array([3, 77, 240])), RATINGS.read_users(np.array([3, 77, 240])))
    assert len(list(stored.blocks())) == pytest.approx(len(RATINGS.items) / 700, abs=2)
    assert stored.summary.n_users == RATINGS.n_users
    assert stored.summary.n_likes == np.count_nonzero(RATINGS.liked)
    assert stored.like_shares.tolist() == RATINGS.like_shares.tolist()
    assert np.array_equal(stored.recent_like_counts, RATINGS.recent_like_counts)


@for_each("offset", [0, -(2**31), 2**37])
def test_a_quantile_of_times_is_that_of_all_ratings_at_once(offset: int) -> None:
    moved = replace(RATINGS, rated_at=RATINGS.rated_at + offset)

    quantiles = [moved.time_quantile(share) for share in (0, 0.5, 0.9, 1)]

    assert quantiles == [np.quantile(moved.rated_at, share, method="lower") for share in (0, 0.5, 0.9, 1)]


@for_each("split", sorted(SPLITS))
def test_blocks_hold_out_the_same_as_all_ratings_at_once(split: str, stored: StoredRatings) -> None:
    ours, theirs = (Holdouts.of(source, SPLITS[split], seed=3) for source in (stored, RATINGS))

    for name in ("known", "rest", "before_session", "new_users"):
        assert_same(getattr(ours, name), getattr(theirs, name))
    for name in ("split", "session"):
        assert_same(getattr(ours, name).known, getattr(theirs, name).known)
        assert_same(getattr(ours, name).held_out, getattr(theirs, name).held_out)


def test_a_fit_on_a_sample_of_users_does_not_depend_on_blocks(stored: StoredRatings) -> None:
    config = EaseConfig(max_next_users=100, max_user_ratings=15)

    ours, theirs = (Ease.fit(source, config, seed=0) for source in (stored, RATINGS))

    np.testing.assert_allclose(ours.weights, theirs.weights, atol=1e-5)
    everyone = Ease.fit(RATINGS, EaseConfig(max_user_ratings=15), seed=0)
    assert not np.allclose(theirs.weights, everyone.weights, atol=1e-3)


def test_blocks_train_the_same_model_as_all_ratings_at_once(
    stored: StoredRatings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interactions_module, "BLOCK_RATINGS", 10**9)

    ours, theirs = (
        train(source, taste_catalogue(), algorithm="ease", seed=0, on_progress=lambda *_: None).model
        for source in (stored, RATINGS)
    )

    assert ours.card.parameters == theirs.card.parameters
    assert ours.card.data == theirs.card.data
    for name, array in ours.algorithm.arrays().items():
        np.testing.assert_allclose(array, theirs.algorithm.arrays()[name], atol=1e-4, err_msg=name)


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_module, "TemporaryFile", partial(Path("/dev/full").open, "r+b"))

    with closing(StoredRatings(RATINGS.movie_ids)) as ratings, pytest.raises(SettingsError, match=r"Set TMPDIR to"):
        ratings.write([RATINGS])
