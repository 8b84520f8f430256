from dataclasses import replace

import numpy as np
import pytest

from server.recommender.data import holdouts as module
from server.recommender.data.holdouts import Holdouts, first_ratings
from server.recommender.data.interactions import Interactions, Source
from server.recommender.data.splits import temporal_split
from tests.support.generated_tastes import CATALOGUE, taste_ratings
from tests.support.tables import for_each

DAY_S = 86_400
PLAIN = taste_ratings()
# The last six of each user's 24 ratings follow two days later, those of every third user without a gap.
LATER = np.where((PLAIN.rated_at >= 18) & (PLAIN.user_ids % 3 > 0), 2 * DAY_S, 0)
RATINGS = Interactions.from_ratings(replace(PLAIN, rated_at=PLAIN.rated_at + LATER), CATALOGUE)


def rows_of(source: Source) -> set[tuple[int, ...]]:
    """Return the ratings as rows that identify them, without the numbers of users."""
    interactions = source.in_memory()
    return {
        tuple(rating)
        for user in np.split(np.column_stack([interactions.items, interactions.rated_at]), interactions.offsets[1:-1])
        for rating in [tuple(user.ravel().tolist()[:8])]
    }


def test_a_seventh_of_the_users_is_new_and_in_no_fit_that_is_measured_on_them() -> None:
    held = Holdouts.of(RATINGS, temporal_split, seed=0)

    assert held.new_users.n_users == 240 // 7
    assert held.rest.summary.n_users == held.before_session.summary.n_users == 240 - 240 // 7
    assert not rows_of(held.new_users) & (rows_of(held.before_session) | rows_of(held.rest))


def test_the_fit_for_the_next_session_ends_before_it() -> None:
    held = Holdouts.of(RATINGS, temporal_split, seed=0)

    assert held.session.known.rating_counts.tolist() == [18] * held.session.known.n_users
    assert held.session.held_out.rating_counts.tolist() == [6] * held.session.known.n_users
    assert sorted(set(held.before_session.in_memory().rating_counts.tolist())) == [18, 24]
    assert np.count_nonzero(held.before_session.in_memory().rating_counts == 18) == held.session.known.n_users


def test_the_rest_is_known_in_every_holdout() -> None:
    held = Holdouts.of(RATINGS, temporal_split, seed=0)

    # Of 24 ratings the split knows 20, and 18 are before the next session.
    assert sorted(set(held.rest.in_memory().rating_counts.tolist())) == [18, 20]
    assert held.known.summary.n_users == 240


def test_one_fit_serves_all_measurements_if_few_users_are_special(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NEW_USERS", 3)
    monkeypatch.setattr(module, "MAX_SESSION_USERS", 4)

    held = Holdouts.of(RATINGS, temporal_split, seed=0)

    assert held.is_one_fit_enough
    assert held.known is held.rest
    assert (held.new_users.n_users, held.session.known.n_users) == (3, 4)


@for_each("n_known", [0, 3, 10])
def test_the_first_ratings_are_known_and_the_next_twenty_held_out(n_known: int) -> None:
    split = first_ratings(RATINGS, n_known)

    assert split.known.rating_counts.tolist() == [n_known] * 240
    assert split.held_out.rating_counts.tolist() == [min(20, 24 - n_known)] * 240
    if n_known:
        assert split.known.rated_at.max() < n_known
