"""Where a request comes from."""

import pytest

from services.gateway.network import client_of, network_of, networks, parsed

TRUSTED = networks("10.0.0.0/8, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "network"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["not an address"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("fd00::1", ["[2001:db8:1:2:3:4:5:6]:443"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", [], "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
        ("::ffff:10.0.0.1", ["198.51.100.1:5555"], "198.51.100.1"),
        ("", [], "unknown"),
    ],
)
def test_the_header_is_read_only_as_far_as_trusted_proxies_wrote_it(
    peer: str, forwarded: list[str], network: str
) -> None:
    assert network_of(client_of(peer, forwarded, TRUSTED)) == network


def test_without_trusted_proxies_nobody_can_claim_another_address() -> None:
    assert network_of(client_of("10.0.0.1", ["198.51.100.1"], ())) == "10.0.0.1"


def test_a_zone_is_no_part_of_an_address() -> None:
    assert str(parsed("fe80::1%eth0")) == "fe80::1"
    assert parsed("[fe80::1") is not None
    assert parsed("[") is None
