"""Bounded caches of values that depend only on the version of the catalogue."""

from server.services.live.caching import SharedCache, VersionedCache


def doubled(keys: list[int]) -> dict[int, int]:
    return {key: 2 * key for key in keys if key != 0}


def test_only_missing_values_are_loaded_and_together() -> None:
    cache: SharedCache[int, int] = SharedCache(10)
    loaded: list[list[int]] = []

    def load(keys: list[int]) -> dict[int, int]:
        loaded.append(keys)
        return doubled(keys)

    assert cache.get_all([1, 2], load) == {1: 2, 2: 4}
    assert cache.get_all([2, 3, 4], load) == {2: 4, 3: 6, 4: 8}
    assert cache.get_all([1, 4], load) == {1: 2, 4: 8}
    assert loaded == [[1, 2], [3, 4]]


def test_keys_without_a_value_are_omitted() -> None:
    assert SharedCache[int, int](10).get_all([0, 1], doubled) == {1: 2}


def test_values_are_returned_even_if_the_cache_is_too_small_for_them() -> None:
    assert SharedCache[int, int](1).get_all([1, 2, 3], doubled) == {1: 2, 2: 4, 3: 6}


def test_another_version_discards_the_values() -> None:
    cache: VersionedCache[int, int] = VersionedCache(10)
    cache.for_version(1).get_all([1], doubled)

    assert cache.for_version(1).get_all([1], lambda _: {}) == {1: 2}
    assert cache.for_version(2).get_all([1], lambda _: {}) == {}
    assert cache.for_version(1).get_all([1], lambda _: {}) == {}
