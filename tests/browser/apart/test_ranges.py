"""No range behind the relay can be reached through it, in none of the ways to write an address of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest
import pytest_asyncio

from services.signaling.relay import RelayDesk
from tests.browser.apart.networks import BOB, SERVER, Network
from tests.browser.apart.relay import TURN_URL, relay
from tests.browser.apart.turn import DONE, Turn
from tests.suite.topology import TURN_SECRET

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORBIDDEN, UNAUTHENTICATED = 403, 401
NEXT_SECRET = "the secret that is to follow"
RELAY_IPV6 = "2001:db8:1::200"
FAR = (BOB, "2001:db8:2::10", "2606:4700::1111", "2400:cb00::1")
"""What anybody may have as a peer."""

NEAR = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "192.88.99.0/24"),
    # Clusters and machines: pods, services, nodes, containers, link-local of containers.
    *(f"10.{n}.0.0/16" for n in (0, 1, 8, 32, 42, 43, 52, 96, 100, 128, 152, 200, 233, 244, 255)),
    *("10.43.0.10/32", "10.96.0.1/32", "10.96.0.10/32", "10.152.183.0/24", "10.244.0.0/24", "10.0.2.0/24"),
    *(f"172.{n}.0.0/16" for n in (16, 17, 18, 20, 24, 30, 31)),
    *(f"192.168.{n}.0/24" for n in (0, 1, 49, 65, 99, 122, 178, 255)),
    *("169.254.169.254/32", "169.254.170.2/32", "169.254.20.10/32", "169.254.169.253/32"),
    *("168.63.129.16/32", "100.100.100.200/32", "100.64.0.0/16", "100.96.0.0/16", "100.127.255.0/24"),
    *("127.0.0.53/32", "192.0.0.192/32", "198.19.255.0/24"),
]
"""Sixty ranges of IPv4: what is not of the internet, and what clusters, clouds and machines make of it."""
NEAR_IPV6 = (
    *("::1/128", "fc00::/7", "fd00:ec2::254/128", "fd00::/8", "fe80::/10", "fec0::/10", "ff00::/8"),
    *("64:ff9b:1::/48", "100::/64", "2001::/32", "2002::/16", "fe80::a9fe:a9fe/128"),
)
ENCODINGS: dict[str, Callable[[IPv4Address], IPv4Address | IPv6Address]] = {
    "plain": lambda address: address,
    "mapped": lambda address: IPv6Address(0xFFFF << 32 | int(address)),
    "translated": lambda address: IPv6Address(0x64FF9B << 96 | int(address)),
    "6to4": lambda address: IPv6Address(0x2002 << 112 | int(address) << 80 | 1),
    "compatible": lambda address: IPv6Address(int(address)),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def network(server_folder: Path) -> AsyncIterator[Network]:
    """A network with nothing but the relay, which has an address of each kind."""
    folder = server_folder / "ranges"
    folder.mkdir()
    async with AsyncExitStack() as stack:
        own = Network("relay", folder)
        await own.open()
        stack.push_async_callback(own.holder.ended)
        stack.callback(own.holder.ask_to_stop)
        own.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/lo/disable_ipv6")
        own.run("ip", "addr", "add", f"{SERVER}/32", "dev", "lo")
        own.run("ip", "-6", "addr", "add", f"{RELAY_IPV6}/128", "dev", "lo", "nodad")
        more = (f"--relay-ip={RELAY_IPV6}", f"--static-auth-secret={NEXT_SECRET}")
        await stack.enter_async_context(relay(own, folder, *more))
        yield own


def somebody(network: Network, secret: str = TURN_SECRET) -> Turn:
    """Somebody with credentials made with this secret."""
    made = RelayDesk((TURN_URL,), secret.encode()).credentials(time.time_ns() // 1_000_000)
    assert made is not None
    return Turn(network.datagrams(), made.username, made.credential)


def peers(encoding: str) -> Iterator[str]:
    """The first and the last address of every range."""
    for text in NEAR:
        range_ = IPv4Network(text)
        for address in {range_[0], range_[-1]}:
            yield str(ENCODINGS[encoding](address))


def ask_all(turn: Turn, asked: list[str]) -> dict[str, set[int]]:
    """What the relay says to each, asked for a permission and for a channel."""
    with turn.socket:
        assert turn.allocate(6 if ":" in asked[0] else 4) == DONE
        return {
            peer: {turn.permit(peer), turn.bind(0x4000 + number, peer)} for number, peer in enumerate(asked)
        }


async def test_while_the_secret_is_changed_credentials_of_both_are_good(network: Network) -> None:
    for secret, answer in ((TURN_SECRET, DONE), (NEXT_SECRET, DONE), ("guessed", UNAUTHENTICATED)):
        client = somebody(network, secret)
        with client.socket:
            assert await asyncio.to_thread(client.allocate) == answer


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_sixty_ranges_are_refused_in_every_encoding(network: Network, encoding: str) -> None:
    assert len(NEAR) == len(set(NEAR)) >= 60
    asked = list(peers(encoding))
    answers = await asyncio.to_thread(ask_all, somebody(network), asked)
    assert {peer: said for peer, said in answers.items() if said != {FORBIDDEN}} == {}


async def test_ranges_of_ipv6_itself_are_refused(network: Network) -> None:
    asked = [str(address) for text in NEAR_IPV6 for address in (IPv6Network(text)[0], IPv6Network(text)[-1])]
    answers = await asyncio.to_thread(ask_all, somebody(network), asked)
    assert {peer: said for peer, said in answers.items() if said != {FORBIDDEN}} == {}


@pytest.mark.parametrize("peer", FAR)
async def test_everybody_else_may_be_a_peer(network: Network, peer: str) -> None:
    assert await asyncio.to_thread(ask_all, somebody(network), [peer]) == {peer: {DONE}}
