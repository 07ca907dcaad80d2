"""The relay as it is shipped is no door: not without our credentials, and not into the networks behind it."""

import asyncio
import time

import pytest

from services.signaling.relay import RelayDesk
from tests.browser.apart.networks import BOB, SERVER
from tests.browser.apart.relay import TURN_URL
from tests.browser.apart.turn import DONE, Turn
from tests.browser.apart.world import World
from tests.browser.person import until
from tests.suite.topology import TURN_SECRET

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORBIDDEN, UNAUTHENTICATED = 403, 401
SOON_MS = 2_000
TEN_MINUTES_MS = 600_000
HOUR_MS = 3_600_000
BEHIND = (
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.0.0.8",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
)
"""Loopback, private, link-local, the cloud's metadata, benchmarks, multicast, reserved."""


def client(world: World, secret: str = TURN_SECRET, ago_ms: int = 0) -> Turn:
    """Somebody in Ada's network, with credentials made with this secret so long ago."""
    relay = RelayDesk((TURN_URL,), secret.encode()).credentials(time.time_ns() // 1_000_000 - ago_ms)
    assert relay is not None
    return Turn(world.networks.ada.datagrams(), relay.username, relay.credential)


async def test_nothing_behind_the_relay_can_be_reached_through_it(world: World) -> None:
    ada = client(world)
    with ada.socket:
        assert await asyncio.to_thread(ada.allocate) == DONE
        answers = {peer: await asyncio.to_thread(ada.permit, peer) for peer in BEHIND}
        assert answers == dict.fromkeys(BEHIND, FORBIDDEN)
        for peer in (BOB, SERVER):
            assert await asyncio.to_thread(ada.permit, peer) == DONE


async def test_the_relay_serves_nobody_without_fresh_credentials_of_ours(world: World) -> None:
    for stranger in (client(world, secret="guessed"), client(world, ago_ms=HOUR_MS)):
        with stranger.socket:
            assert await asyncio.to_thread(stranger.allocate) == UNAUTHENTICATED


@pytest.mark.shows("L2")
async def test_a_call_may_last_longer_than_its_credentials(world: World) -> None:
    """They are good for ten minutes; what was begun with them goes on, and nothing new is begun with them."""
    caller = client(world, ago_ms=TEN_MINUTES_MS - SOON_MS)
    expiry = int(caller.username.partition(":")[0])
    with caller.socket, world.networks.ada.datagrams() as another:
        assert await asyncio.to_thread(caller.allocate) == DONE
        await until(now, lambda seconds: seconds > expiry + 1)
        late = Turn(another, caller.username, caller.credential)
        assert await asyncio.to_thread(late.allocate) == UNAUTHENTICATED
        assert await asyncio.to_thread(caller.refresh) == DONE
        assert await asyncio.to_thread(caller.permit, BOB) == DONE


async def now() -> float:
    """Unix seconds."""
    return time.time()
