"""Presence: which lines are open now, and where?

Owns  line, gateway, ticket.
Answers  Presence.Claim, Presence.Release, Presence.Renew, Presence.Expel, Presence.Locate,
Presence.ListOnline.
Hears  nothing.   Says  nothing.   Asks  nobody.

A line lives as long as its gateway renews one lease for all its lines. A newer connection of the same
instance, or expelling the device, fences the older one: its gateway is woken. Whoever missed that sees it at
the next renewal, where the number of lines differs and claiming anew with the old epoch is refused.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringline.node import Node
from ringline.v1 import presence_pb2_grpc
from services.presence.api import PresenceApi
from services.presence.store import Store
from services.presence.sweeper import sweep


@asynccontextmanager
async def build(node: Node) -> AsyncIterator[None]:
    """Builds the service in this process."""
    store = Store(await node.database("presence"))
    api = PresenceApi(store, await node.bus(), node.draining)
    node.serve("presence", presence_pb2_grpc.add_PresenceServicer_to_server, api)
    node.spawn(sweep(store), "presence sweeper")
    yield
