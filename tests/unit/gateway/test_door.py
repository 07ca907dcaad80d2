"""Which pages may open a line, and what a page may do."""

import pytest

from services.gateway.door import Door, is_welcome
from services.gateway.limits import Strikes
from services.gateway.link import Numbers
from services.gateway.tickets import TicketPress
from services.gateway.web import page_policy

ALLOWED = frozenset({"https://social.example"})


@pytest.mark.parametrize(
    ("origin", "host", "welcome"),
    [
        ("", "ring.example", True),
        ("https://ring.example", "ring.example", True),
        ("https://RING.example", "ring.example", True),
        ("http://localhost:7400", "localhost:7400", True),
        ("https://social.example", "ring.example", True),
        ("https://evil.example", "ring.example", False),
        ("https://ring.example.evil.example", "ring.example", False),
        ("https://ring.example:8443", "ring.example", False),
        ("https://social.example.evil.example", "ring.example", False),
        ("http://social.example", "ring.example", False),
        ("null", "ring.example", False),
        ("null", "", False),
        ("file://", "", False),
        ("https://", "", False),
        ("chrome-extension://ring.example", "ring.example", False),
        ("https://[", "ring.example", False),
        ("https://[::1", "[::1", False),
        ("https://[calls]", "[calls]", False),
    ],
)
def test_only_our_own_pages_and_those_of_the_list_open_a_line(origin: str, host: str, welcome: bool) -> None:
    assert is_welcome(origin, host, ALLOWED) is welcome


def test_a_network_whose_hellos_failed_is_turned_away_for_a_while() -> None:
    door = Door([], (), TicketPress("k" * 32, 30), Strikes(2, 60.0))
    network = door.network("192.0.2.1", ["198.51.100.1"])
    assert network == "192.0.2.1"
    door.strike(network, 0.0)
    assert door.turn_away("", "ring.example", network, 1.0) is None
    door.strike(network, 1.0)
    turned = door.turn_away("", "ring.example", network, 2.0)
    assert turned is not None
    assert turned[0] == 429
    assert turned[2] == {"Retry-After": "59"}
    assert door.turn_away("", "ring.example", "192.0.2.2", 2.0) is None
    assert door.turn_away("", "ring.example", network, 61.0) is None


def test_a_page_reaches_its_own_host_only() -> None:
    policy = page_policy("ring.example:8443").decode()
    assert "connect-src 'self' ws://ring.example:8443 wss://ring.example:8443;" in policy
    assert "unsafe" not in policy and "*" not in policy


@pytest.mark.parametrize(
    "host", ["", "a b", "x; script-src *", "x' 'unsafe-inline", "a\r\nb", "[::1", "x:99999999"]
)
def test_a_made_up_host_never_enters_the_policy(host: str) -> None:
    assert b"connect-src 'self';" in page_policy(host)


def test_a_gap_in_the_wakes_of_a_sender_is_noticed_once() -> None:
    numbers = Numbers()
    assert [numbers.skips("s_1", number) for number in (1, 2, 4, 5)] == [False, False, True, False]
    assert numbers.skips("s_2", 3)
    assert not numbers.skips("s_1", 0)
    assert not numbers.skips("s_1", 4)
    assert not numbers.skips("s_1", 6)
