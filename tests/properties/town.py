"""The installation under test: real Postgres and NATS, and two processes each of directory, presence, policy,
signaling and conversations, as an operator runs them, with short times.

Only the gateways are not there: gateway.py stands in for them, through the same streams. People are written
into directory and policy by SQL, because what is tested is their calls and not how they signed up; verdicts,
blocks, leases, calls, events and entries are made by the services.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from ringline.asker import Asker
from ringline.bus import Bus
from ringline.ids import mint, mint_user
from ringline.log import Log
from ringline.refusal import Refusal
from ringline.v1 import events_pb2, signaling_pb2, signaling_pb2_grpc
from ringline.v1.policy_pb2 import Audience
from ringline.v1.policy_pb2_grpc import PolicyStub
from ringline.v1.presence_pb2_grpc import PresenceStub
from ringline.wire import Channel, open_channel
from services.directory import username
from services.embedded import Nats, Postgres
from tests.servers import (
    START_SECONDS,
    WITHOUT_RING_BUDGET,
    Process,
    bus_server,
    database_server,
    free_port,
)
from tests.suite.topology import SETTINGS, environment, prepare, ringline

if TYPE_CHECKING:  # these classes are in the stub files only
    from ringline.v1.policy_pb2_grpc import PolicyAsyncStub
    from ringline.v1.presence_pb2_grpc import PresenceAsyncStub

SERVICES = ("directory", "presence", "policy", "signaling", "conversations")
COPIES = 2
LOG_LEVEL = "warning"
RING_SECONDS = 4.0
TIMES = {
    "RINGLINE_LOG_LEVEL": LOG_LEVEL,
    "RINGLINE_DB_POOL": "8",
    "RINGLINE_STREAM_PICK": "idlest",
    "RINGLINE_SIGNALING_RING_S": str(RING_SECONDS),
    "RINGLINE_SIGNALING_LEAST_RING_S": "1",
    "RINGLINE_SIGNALING_CONNECT_S": "2.5",
    "RINGLINE_SIGNALING_LOST_S": "3",
    "RINGLINE_SIGNALING_CALLER_ABSENT_S": "1.5",
    "RINGLINE_SIGNALING_LOOK_S": "1",
    **WITHOUT_RING_BUDGET,
}
LETTERS = "bcdfghjkpqrstvwxz"
POOL = 8
TRIES = 8
"""How often a gateway asks again, with the same command id, where a process did not answer."""
ASK_SECONDS = 1.5
UNKNOWN = ("unavailable", "overloaded")
"""Refusals that leave open whether something was carried out."""

NEW_PEOPLE = """
WITH named AS (
    INSERT INTO directory.name (skeleton, username, user_id)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
)
INSERT INTO directory.account (user_id, username, tier, created_ms)
SELECT user_id, username, 'free', 0 FROM unnest($2::text[], $3::text[]) AS new (username, user_id)"""
NEW_EDGES = """
INSERT INTO directory.edge (user_id, other_id, contact)
SELECT user_id, other_id, true FROM unnest($1::text[], $2::text[]) AS new (user_id, other_id)"""
NEW_SETTINGS = """
INSERT INTO policy.call_settings (user_id, audiences)
SELECT user_id, CASE WHEN everyone THEN $3::smallint[] ELSE $4 END
FROM unnest($1::text[], $2::boolean[]) AS new (user_id, everyone)"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can call. `contacts` are the numbers of those whom he has in his address book."""

    user_id: str
    username: str
    everyone: bool = True
    contacts: tuple[int, ...] = ()


@dataclass
class Pod:
    """One process of a service."""

    service: str
    number: int
    address: str
    process: Process

    async def ready(self, within: float = START_SECONDS) -> None:
        """Waits until it says that it is ready."""
        async with asyncio.timeout(within), open_channel([self.address], "operator") as channel:
            while True:
                self.process.check()
                try:
                    async with asyncio.timeout(1.0):
                        await channel.channel_ready()
                    return
                except TimeoutError:
                    continue


@dataclass
class Town:
    """A running installation, as the gateways and an observer see it."""

    postgres: Postgres
    nats: Nats
    database: asyncpg.Pool
    pods: dict[str, list[Pod]]
    links: list[Asker[Any, Any]] = field(default_factory=list)
    policy: list[PolicyAsyncStub] = field(default_factory=list)
    presence: list[PresenceAsyncStub] = field(default_factory=list)
    signaling: list[Any] = field(default_factory=list)
    """As the operator asks it."""
    gates: list[Any] = field(default_factory=list)
    """Signaling, as directory asks it."""
    expellers: list[PresenceAsyncStub] = field(default_factory=list)
    """Presence, as directory asks it."""
    events: defaultdict[str, list[events_pb2.Event]] = field(default_factory=lambda: defaultdict(list))
    """What the event log gave out, by call."""

    async def people(self, wanted: Sequence[tuple[bool, tuple[int, ...]]]) -> list[Person]:
        """New people: for each whether everybody may call him, and his contacts, by number in this list."""
        found = [Person(mint_user(), _new_name(), everyone, contacts) for everyone, contacts in wanted]
        names, ids = [one.username for one in found], [one.user_id for one in found]
        edges = [(one.user_id, found[other].user_id) for one in found for other in one.contacts]
        async with self.database.acquire() as con:
            await con.execute(NEW_PEOPLE, [username.skeleton(name) for name in names], names, ids)
            await con.execute(NEW_EDGES, [one for one, _ in edges], [other for _, other in edges])
            all_, some = [Audience.AUDIENCE_EVERYONE], [Audience.AUDIENCE_CONTACTS]
            await con.execute(NEW_SETTINGS, ids, [one.everyone for one in found], all_, some)
        return found

    async def bus(self) -> Bus:
        """A gateway's own connection to the bus."""
        return await Bus(self.nats.url(), "properties").connect(10.0)

    async def kept(self, user_ids: Sequence[str]) -> list[tuple[signaling_pb2.CallRecord, str]]:
        """Every call of these people in one snapshot, with what tells two states of it apart."""
        rows = await self.database.fetch(
            "SELECT record, md5(record || coalesce(caller_slot, '') || coalesce(callee_slot, '')) AS digest"
            " FROM signaling.call WHERE caller_id = ANY($1) OR callee_id = ANY($1)",
            list(user_ids),
        )
        return [(signaling_pb2.CallRecord.FromString(row["record"]), row["digest"]) for row in rows]

    async def outbox(self, call_ids: Iterable[str]) -> int:
        """How many events of these calls have not reached the log yet."""
        sql = "SELECT count(*) FROM signaling.outbox WHERE call_id = ANY($1)"
        found: int = await self.database.fetchval(sql, list(call_ids))
        return found

    async def entries(self, user_ids: Sequence[str]) -> list[tuple[str, bytes]]:
        """The entries of calls in these people's boxes: owner, and the encoded entry."""
        sql = "SELECT owner_id, body FROM conversations.entry WHERE is_call AND owner_id = ANY($1)"
        return [(row["owner_id"], row["body"]) for row in await self.database.fetch(sql, list(user_ids))]

    async def restart(self, service: str, number: int, crash: bool) -> None:
        """Ends a process, by kill -9 or as an operator does, and starts it anew."""
        pod = self.pods[service][number]
        if crash:
            pod.process.kill()
        else:
            pod.process.ask_to_stop()
            await pod.process.ended()
        pod.process.start()
        await pod.ready()

    async def hear(self, event: events_pb2.Event) -> None:
        """Takes an event in."""
        self.events[event.call_id].append(event)


def _new_name() -> str:
    return "p_" + "".join(secrets.choice(LETTERS) for _ in range(14))


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """The installation, with its own Postgres and NATS below `folder`."""
    with database_server(folder) as postgres, bus_server(folder) as nats:
        name = f"town_{secrets.token_hex(4)}"
        env = environment(postgres, nats, name) | SETTINGS | TIMES
        await prepare(postgres, name, env, folder)
        async with AsyncExitStack() as stack:
            pods = lay_out(folder, env)
            everybody = [pod for own in pods.values() for pod in own]
            stack.push_async_callback(_stop, everybody)
            for pod in everybody:
                pod.process.start()
            await asyncio.gather(*(pod.ready() for pod in everybody))
            pool = await stack.enter_async_context(
                asyncpg.create_pool(postgres.url(name), min_size=1, max_size=POOL)
            )
            installation = Town(postgres, nats, pool, pods)
            await _wire(installation, stack)
            yield installation


def lay_out(folder: Path, env: dict[str, str]) -> dict[str, list[Pod]]:
    """Two processes of every service, not started yet."""
    ports = {service: [free_port() for _ in range(COPIES)] for service in SERVICES}
    shared = env | {
        f"RINGLINE_ADDRESS_{service.upper()}": ",".join(f"127.0.0.1:{port}" for port in own)
        for service, own in ports.items()
    }
    return {
        service: [
            Pod(
                service,
                number,
                f"127.0.0.1:{port}",
                ringline(
                    [service],
                    shared | {"RINGLINE_LISTEN_PORT": str(port)},
                    folder,
                    f"{service}-{number}",
                ),
            )
            for number, port in enumerate(own)
        ]
        for service, own in ports.items()
    }


async def _stop(everybody: Sequence[Pod]) -> None:
    for pod in reversed(everybody):
        pod.process.ask_to_stop()
    await asyncio.gather(*(pod.process.ended() for pod in everybody))


async def _wire(made: Town, stack: AsyncExitStack) -> None:
    async def channel(pod: Pod, caller: str) -> Channel:
        return await stack.enter_async_context(open_channel([pod.address], caller))

    for pod in made.pods["signaling"]:
        made.links.append(await stack.enter_async_context(link_to(pod.address)))
        made.signaling.append(signaling_pb2_grpc.SignalingStub(await channel(pod, "operator")))
        made.gates.append(signaling_pb2_grpc.SignalingStub(await channel(pod, "directory")))
    made.policy = [PolicyStub(await channel(pod, "gateway")) for pod in made.pods["policy"]]
    made.presence = [PresenceStub(await channel(pod, "gateway")) for pod in made.pods["presence"]]
    made.expellers = [PresenceStub(await channel(pod, "directory")) for pod in made.pods["presence"]]
    bus = await made.bus()
    stack.push_async_callback(bus.close)
    reader = asyncio.create_task(Log(bus).consume(f"properties_{secrets.token_hex(4)}", [], made.hear))
    stack.push_async_callback(_end, reader)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def link_to(address: str) -> Asker[Any, Any]:
    """The stream of a gateway's commands to one process of signaling."""
    return Asker(
        "signaling",
        lambda channel: signaling_pb2_grpc.SignalingStub(channel).Link,
        lambda: [address],
        lambda commands: signaling_pb2.LinkRequest(gateway_id="g_" + "0" * 26, commands=commands),
        lambda response: response.replies,
        caller="gateway",
        window=4_096,
    )


class AnyPod:
    """What a gateway's Link asks: one of the pods, and another one where that did not answer.

    A command keeps its id, so the second one may meet what the first one did.
    """

    def __init__(self, links: Sequence[Asker[Any, Any]], chance: random.Random) -> None:
        self._links = links
        self._chance = chance

    async def ask(self, command: signaling_pb2.Command, timeout: float = ASK_SECONDS) -> Any:  # noqa: ASYNC109
        """Asks any of them. Raises Refusal."""
        return await self.ask_first(command, self._chance.randrange(len(self._links)))

    async def ask_first(self, command: signaling_pb2.Command, pod: int) -> Any:
        """Asks this one first. Raises Refusal."""
        for number in range(TRIES):
            again = signaling_pb2.Command()
            again.CopyFrom(command)
            try:
                return await self._links[(pod + number) % len(self._links)].ask(again, ASK_SECONDS)
            except Refusal as refusal:
                if refusal.name not in UNKNOWN or number == TRIES - 1:
                    raise
        raise AssertionError("the last try answers or raises")


def new_ticket() -> str:
    """An id of a ticket that nobody spent."""
    return mint("t_")
