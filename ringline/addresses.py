"""Addresses of other processes: `host:port`; the host is an IP address or a name of any number of them."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

LOOK_UP_SECONDS = 2.0


def split_addresses(text: str) -> list[str]:
    """The addresses of a list with commas."""
    return [one.strip() for one in text.split(",") if one.strip()]


def is_literal(address: str) -> bool:
    """Whether the host of `host:port` is an IP address rather than a name."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def target(addresses: Sequence[str]) -> str:
    """gRPC's name for one name or several IP addresses. Raises ValueError for several names."""
    if all(is_literal(one) for one in addresses):
        return ("ipv6:" if addresses[0].startswith("[") else "ipv4:") + ",".join(addresses)
    if len(addresses) > 1:
        raise ValueError("several addresses are IP addresses; a name stands alone")
    return f"dns:///{addresses[0]}"


async def look_up(addresses: Sequence[str], before: set[str]) -> set[str]:
    """The addresses, names replaced by what they stand for now; `before` where nothing can be looked up."""
    loop = asyncio.get_running_loop()
    found: set[str] = set()
    for address in addresses:
        if is_literal(address):
            found.add(address)
            continue
        host, _, port = address.rpartition(":")
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                rows = await loop.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        except (OSError, TimeoutError):
            continue
        for family, _, _, _, place in rows:
            found.add(f"[{place[0]}]:{port}" if family is socket.AF_INET6 else f"{place[0]}:{port}")
    return found or before
