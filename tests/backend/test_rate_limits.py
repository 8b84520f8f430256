from collections.abc import Awaitable, Callable

import anyio
import pytest

from server.backend.config import Settings
from server.backend.rate_limits import ClientLimits, client_of
from server.backend.shared_redis import SharedRedis
from server.errors import TooManyRequests
from tests.support.tables import for_each

ALICE, BOB = "192.0.2.1", "192.0.2.2"


def make_limits(login_limit: str = "3/minute", write_limit: str = "", redis: SharedRedis | None = None) -> ClientLimits:
    return ClientLimits(Settings(_env_file=None, login_limit=login_limit, write_limit=write_limit), redis)


def count_refused(count: Callable[[str], Awaitable[None]], *addresses: str) -> dict[str, int]:
    """Count one after the other, and give how often each address was refused."""
    refused = dict.fromkeys(addresses, 0)

    async def count_all() -> None:
        for address in addresses:
            try:
                await count(address)
            except TooManyRequests:
                refused[address] += 1

    anyio.run(count_all)
    return refused


def test_a_client_may_so_often_and_another_as_often() -> None:
    limits = make_limits()

    assert count_refused(limits.count_login, *[ALICE] * 5, *[BOB] * 3) == {ALICE: 2, BOB: 0}


def test_a_refusal_reports_how_long_to_wait() -> None:
    limits = make_limits("1/minute")

    async def ask_twice() -> None:
        for _ in range(2):
            await limits.count_login(ALICE)

    with pytest.raises(TooManyRequests) as raised:
        anyio.run(ask_twice)
    assert 50 < raised.value.retry_after_s <= 60


def test_of_several_limits_each_holds() -> None:
    assert count_refused(make_limits("100/second; 2/hour").count_login, *[ALICE] * 3) == {ALICE: 1}


def test_writes_are_counted_apart_from_logins() -> None:
    limits = make_limits("1/minute", "1/minute")

    async def do_both() -> None:
        await limits.count_login(ALICE)
        await limits.count_write(ALICE)

    anyio.run(do_both)


def test_an_empty_limit_is_none() -> None:
    assert count_refused(make_limits(write_limit="").count_write, *[ALICE] * 1000) == {ALICE: 0}


def test_by_default_a_script_may_send_all_ratings_of_an_eager_user_one_by_one() -> None:
    limits = ClientLimits(Settings(_env_file=None))

    assert count_refused(limits.count_write, *[ALICE] * 40_000) == {ALICE: 0}


@for_each(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_client_is_its_network(address: str, client: str) -> None:
    assert client_of(address) == client
