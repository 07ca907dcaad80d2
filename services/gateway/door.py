"""The door of the WebSocket: which pages may knock, how often, and whether a hello is what it says. Pure.

A cookie opens nothing here, so a foreign page could do no harm with its visitor's rights; the origin is
checked all the same, so that nobody else's page keeps lines open in our name.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from ringline.refusal import Refusal
from ringline.v1 import client_pb2
from ringline.v1.reasons_pb2 import Reason
from services.gateway.limits import Strikes
from services.gateway.network import Network, client_of, network_of
from services.gateway.tickets import Ticket, TicketPress

Turned = tuple[int, str, dict[str, str]]
"""Why somebody is turned away: HTTP status, sentence, headers."""


class Door:
    """`allowed` are origins of other sites; the own one needs no mention. `strikes` counts failed hellos."""

    def __init__(
        self, allowed: Iterable[str], trusted: tuple[Network, ...], tickets: TicketPress, strikes: Strikes
    ) -> None:
        self._allowed = frozenset(one.strip().lower() for one in allowed if one.strip())
        self._trusted = trusted
        self._tickets = tickets
        self._strikes = strikes

    def network(self, peer: str, forwarded: Iterable[str]) -> str:
        """The network for which a connection counts."""
        return network_of(client_of(peer, forwarded, self._trusted))

    def turn_away(self, origin: str, host: str, network: str, now: float) -> Turned | None:
        """Why a connection is refused before it begins; None where it is welcome."""
        if not is_welcome(origin, host, self._allowed):
            return 403, Refusal(Reason.REASON_ORIGIN_DENIED).sentence, {}
        wait = self._strikes.wait(network, now)
        if wait:
            return 429, Refusal(Reason.REASON_LIMITED).sentence, {"Retry-After": str(int(wait) + 1)}
        return None

    def check(self, hello: client_pb2.Hello, wall: float) -> Ticket:
        """What a hello's ticket says; `wall` in Unix seconds. Raises Refusal(TICKET_INVALID)."""
        return self._tickets.check(hello.ticket, hello.signature, wall)

    def strike(self, network: str, now: float) -> None:
        """A hello failed by the client's own fault."""
        self._strikes.strike(network, now)


def is_welcome(origin: str, host: str, allowed: frozenset[str]) -> bool:
    """Whether a page of `origin` may open a line at `host`. A program that is no browser sends no origin."""
    if not origin or origin.lower() in allowed:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:  # brackets that hold no address
        return False
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.lower()
