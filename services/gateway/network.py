"""Where a request comes from: the client's address behind trusted proxies, and the network it counts for.
Pure.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

IPV6_PREFIX = 64
"""One subscriber's share of IPv6; limits count per /64."""


def networks(text: str) -> tuple[Network, ...]:
    """The networks of a list with commas. Raises ValueError where one is malformed."""
    return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())


def client_of(peer: str, forwarded: Iterable[str], trusted: Sequence[Network]) -> Address | None:
    """The client's address: `peer`, or, where that one is a trusted proxy, what X-Forwarded-For says.

    `forwarded` are the values of that header in order. It is read from the right, and only as far as trusted
    proxies wrote it: what stands to the left may have been made up by the client. None where `peer` is no IP
    address (a Unix socket).
    """
    here = parsed(peer)
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    while here is not None and hops and any(here in network for network in trusted):
        before = parsed(hops.pop())
        if before is None:
            break
        here = before
    return here


def network_of(address: Address | None) -> str:
    """What is counted: the IPv4 address, or the /64 of an IPv6 one; "unknown" where there is none."""
    if address is None:
        return "unknown"
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((address, IPV6_PREFIX), strict=False))


def parsed(text: str) -> Address | None:
    """An IP address as written, with or without port or brackets; an IPv4-mapped one as IPv4."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
