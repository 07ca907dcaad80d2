"""Gateway: the sockets and the public API. It holds no truth.

Owns  nothing.   Answers  nothing.
Hears  nothing.   Says  nothing.
Asks  directory, policy, presence, signaling, conversations.

What it answers is not gRPC: REST below /v1/ (docs/openapi.json) and the WebSocket /v1/connect. What it hears
are wake-ups over the bus, on a subject of its own and on the one of all gateways.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringline import ids
from ringline.config import split_secret
from ringline.node import Node
from ringline.telemetry import log
from ringline.v1 import signaling_pb2, signaling_pb2_grpc
from ringline.v1.callee_pb2_grpc import CalleeStub
from ringline.v1.conversations_pb2_grpc import ConversationsStub
from ringline.v1.directory_pb2_grpc import DirectoryStub
from ringline.v1.policy_pb2_grpc import PolicyStub
from ringline.v1.presence_pb2_grpc import PresenceStub
from ringline.v1.records_pb2_grpc import RecordsStub
from services.gateway.auth import Doorkeeper
from services.gateway.board import Board
from services.gateway.door import Door
from services.gateway.edge import Edge
from services.gateway.http import make_app
from services.gateway.lease import Lease
from services.gateway.limits import Buckets, Strikes
from services.gateway.link import Link
from services.gateway.listener import listening
from services.gateway.network import networks
from services.gateway.quality import QUALITY_BURST, QUALITY_EVERY_S
from services.gateway.settings import Settings
from services.gateway.switches import Switches
from services.gateway.tickets import TicketPress
from services.gateway.turns import Turns


@asynccontextmanager
async def build(node: Node, settings: Settings | None = None) -> AsyncIterator[int]:
    """Builds the service in this process; yields the port of HTTP."""
    settings = settings or Settings.load()
    gateway_id = ids.mint_gateway()
    environment = node.settings.environment
    directory = DirectoryStub(node.channel("directory"))
    presence = PresenceStub(node.channel("presence"))
    doorkeeper = Doorkeeper(settings, directory)
    signs, *verify = _ticket_keys(settings, environment)
    tickets = TicketPress(signs, settings.ticket_s, verify)
    trusted = networks(settings.trusted_proxies)
    lookups = Buckets(settings.lookup_burst, settings.lookup_every_s)
    strikes = Strikes(settings.hello_failures, settings.hello_window_s)
    asker = await node.asker(
        "signaling",
        lambda channel: signaling_pb2_grpc.SignalingStub(channel).Link,
        lambda commands: signaling_pb2.LinkRequest(gateway_id=gateway_id, commands=commands),
        lambda response: response.replies,
    )
    link, lease = Link(asker, gateway_id, settings.sync_s), Lease(presence, gateway_id)
    door = Door(settings.allowed_origins.split(","), trusted, tickets, strikes)
    clock = asyncio.get_running_loop().time
    board = Board(settings, gateway_id, door, doorkeeper, lookups, link, lease, Turns("hello", clock))
    policy = PolicyStub(node.channel("policy"))
    edge = Edge(
        settings,
        environment,
        directory,
        policy,
        CalleeStub(node.channel("policy")),
        RecordsStub(node.channel("policy")),
        presence,
        ConversationsStub(node.channel("conversations")),
        doorkeeper,
        tickets,
        lookups,
        Buckets(settings.recall_burst, settings.recall_every_s),
        Buckets(settings.presence_burst, settings.presence_every_s),
        Buckets(QUALITY_BURST, QUALITY_EVERY_S),
        trusted,
        Turns("ticket", clock),
        Switches(policy),
    )
    bus = await node.bus()
    await bus.subscribe_wakes(gateway_id, link.hear)
    bus.on_reconnect(link.compare)
    for work, name in (
        (link.run(), "comparison"),
        (lease.run_renewals(), "lease"),
        (lease.run_releases(), "releases"),
        (board.beat(), "beat"),
    ):
        node.spawn(work, name)
    started = asyncio.Event()
    node.spawn(_watch(node, started), "gateway readiness")
    app = make_app(edge, lambda: started.is_set() and not node.is_leaving)
    async with listening(app, board, settings) as port:
        log(__name__).info("listening", gateway=gateway_id, address=f"{settings.host}:{port}")
        yield port
        await board.drain(0.0 if environment == "dev" else settings.drain_s)


async def _watch(node: Node, started: asyncio.Event) -> None:
    """HTTP listens a little before the services that live in the same process do."""
    await node.started()
    started.set()


def _ticket_keys(settings: Settings, environment: str) -> list[str]:
    """The first signs, all verify."""
    keys = split_secret(settings.ticket_key)
    if not keys and environment == "production":
        raise ValueError("set RINGLINE_GATEWAY_TICKET_KEY: all gateways sign tickets with the same secret")
    return keys or [secrets.token_urlsafe(32)]
