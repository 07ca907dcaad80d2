"""A small installation in this process: the services in one node, each gateway in one of its own."""

from __future__ import annotations

import functools
import itertools
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx

from ringline.client.keys import DeviceKey
from ringline.client.line import Line, OnFrame
from ringline.client.rest import Api, Session
from ringline.config import NodeSettings
from ringline.node import Build, Node
from ringline.v1 import signaling_pb2
from ringline.v1.client_pb2 import Hello, ServerFrame
from services import conversations, directory, gateway, policy, presence, signaling
from services.directory.settings import Settings as DirectorySettings
from services.gateway.settings import Settings
from services.policy.settings import Settings as PolicySettings
from tests.servers import RING_AT_WILL, free_port

PASSWORD = "correct horse battery"
TICKET_KEY = "the key that all gateways of the tests share"
BUILDS: dict[str, Build] = {
    "directory": functools.partial(
        directory.build,
        settings=DirectorySettings(hash_memory_kib=8, hash_passes=1, sign_ups_per_hour=0),
    ),
    "presence": presence.build,
    "policy": functools.partial(policy.build, settings=PolicySettings.load(**RING_AT_WILL)),
    "signaling": signaling.build,
    "conversations": conversations.build,
}


class Town:
    """A running installation and the people in it."""

    def __init__(
        self,
        nodes: Sequence[Node],
        urls: Sequence[str],
        http: httpx.AsyncClient,
        apart: Mapping[str, AsyncExitStack],
    ) -> None:
        self.nodes = nodes
        self.urls = urls
        self.http = http
        self._apart = apart
        self._numbers = itertools.count(1)

    async def stop(self, service: str) -> None:
        """Stops a service that has a node of its own."""
        await self._apart[service].aclose()

    def api(self, gateway_number: int = 0) -> Api:
        """A gateway, as seen by a stranger."""
        return Api([self.urls[gateway_number]], self.http)

    def name(self, stem: str) -> str:
        """A username that nobody else has, and that looks like no other one."""
        return f"{stem}_{''.join(secrets.choice('bcdfghjkpqrstvwxz') for _ in range(12))}"

    async def person(self, stem: str, gateway_number: int = 0, device: str = "Phone") -> Session:
        """Somebody with an account and a signed-in device."""
        api, name = self.api(gateway_number), self.name(stem)
        await api.sign_up(name, PASSWORD)
        return await api.sign_in(name, PASSWORD, DeviceKey(), device)

    async def hello(self, session: Session, instance: str = "") -> Hello:
        """What opens a line of this session."""
        ticket = await session.ticket()
        return Hello(
            ticket=ticket,
            signature=session.key.sign_ticket(ticket),
            instance=instance or f"instance-{next(self._numbers)}",
            client_version="test/1",
        )

    async def line(
        self,
        session: Session,
        gateway_number: int = 0,
        instance: str = "",
        hear: OnFrame = lambda frame: None,
        origin: str | None = None,
    ) -> Line:
        """An open line."""
        hello = await self.hello(session, instance)
        return await Line.open(self.urls[gateway_number], hello, hear, origin=origin)

    async def wake(self, line: Line, wake: signaling_pb2.Wake) -> None:
        """Says something to the gateway of a line over the bus, as signaling and presence do."""
        bus = await self.nodes[0].bus()
        assert await bus.publish_wake(line.welcome.line.gateway_id, wake.SerializeToString())


def frame_for(line: Line, frame: ServerFrame, version: int = 0, **more: Any) -> signaling_pb2.LineFrame:
    """A frame on its way to one line."""
    key = f"{line.welcome.line.device_id}.{line.welcome.line.instance}"
    return signaling_pb2.LineFrame(
        user_id=line.welcome.line.user_id, line=key, frame=frame.SerializeToString(), version=version, **more
    )


@asynccontextmanager
async def town(
    settings: NodeSettings,
    count: int = 1,
    without: Sequence[str] = (),
    apart: Sequence[str] = (),
    **given: Any,
) -> AsyncIterator[Town]:
    """An installation with `count` gateways whose settings are `given`.

    Services in `without` are down, those in `apart` have a node of their own.
    """
    given = {"port": 0, "ticket_key": TICKET_KEY, "drain_s": 0.0} | given
    ports = {name: free_port() for name in apart}
    address = dict.fromkeys(without, "127.0.0.1:1")
    address |= {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    together = [name for name in BUILDS if name not in (*without, *apart)]

    def node(hosts: Sequence[str], port: int = 0) -> Node:
        return Node(settings.model_copy(update={"address": dict(address), "listen_port": port}), hosts)

    async with AsyncExitStack() as stack:
        own: dict[str, AsyncExitStack] = {}
        core = await stack.enter_async_context(_serving(node(together), together))
        address |= dict.fromkeys(together, f"127.0.0.1:{core.port}")
        for name, port in ports.items():
            own[name] = await stack.enter_async_context(AsyncExitStack())
            await own[name].enter_async_context(_serving(node([name], port), [name]))
        doors: list[int] = []
        nodes = [await stack.enter_async_context(node(["gateway"])) for _ in range(count)]
        for one in nodes:
            await one.build("gateway", _noting(doors, Settings.load(**given)))
            await one.start()
            await one.started()
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10.0))
        yield Town(nodes, [f"http://127.0.0.1:{port}" for port in doors], http, own)


@asynccontextmanager
async def _serving(node: Node, services: Sequence[str]) -> AsyncIterator[Node]:
    async with node:
        for name in services:
            await node.build(name, BUILDS[name])
        await node.start()
        await node.started()
        yield node


def _noting(ports: list[int], settings: Settings) -> Any:
    """The gateway's build, with the port that it takes noted."""

    @asynccontextmanager
    async def build(node: Node) -> AsyncIterator[None]:
        async with gateway.build(node, settings) as port:
            ports.append(port)
            yield

    return build
