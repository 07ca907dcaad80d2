"""People for the stories: accounts with names that nobody else has, phones on alternating gateways, and the
operator."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from ringline.addresses import split_addresses
from ringline.bus import Bus
from ringline.client import Api, Call, DeviceKey, Phone, Session
from ringline.identity import Identity
from ringline.log import Log
from ringline.v1 import (
    directory_pb2,
    directory_pb2_grpc,
    operator_pb2,
    policy_pb2,
    policy_pb2_grpc,
    signaling_pb2,
    signaling_pb2_grpc,
)
from ringline.v1.client_pb2 import ServerFrame
from ringline.v1.events_pb2 import Event
from ringline.wire import Channel, open_channel
from tests.servers import until
from tests.suite.topology import Topology

PATIENCE = 8.0
"""Seconds for what should take milliseconds: two cores, a dozen processes, and neighbours."""
LEAST_RING_MS = 1_000
TIERS = [
    policy_pb2.Entitlement(tier="none"),
    policy_pb2.Entitlement(tier="voice", place_audio=True),
    policy_pb2.Entitlement(tier="*", place_audio=True, place_video=True),
]
_LETTERS = "bcdfghjkpqtvxz"  # none looks like another, so no two names look alike


class Operator:
    """Who runs the installation, by gRPC."""

    def __init__(self, topology: Topology) -> None:
        def channel(service: str) -> Channel:
            identity = Identity.of(topology.tls.get("operator", ""))
            return open_channel(split_addresses(topology.addresses[service]), "operator", service, identity)

        self._channels = {name: channel(name) for name in ("directory", "policy", "signaling")}

    async def set_tier(self, session: Session, tier: str) -> None:
        """Says what a user is entitled to: "none", "voice", or any other for everything."""
        stub = directory_pb2_grpc.DirectoryStub(self._channels["directory"])
        await stub.SetStanding(directory_pb2.SetStandingRequest(user_id=session.user_id, tier=tier))

    async def set_entitlements(self) -> None:
        """Puts TIERS in force."""
        stub = policy_pb2_grpc.PolicyStub(self._channels["policy"])
        await stub.SetEntitlements(policy_pb2.SetEntitlementsRequest(entitlements=TIERS))

    async def put_rules(self, text: str) -> None:
        """Puts a rule set in force."""
        stub = policy_pb2_grpc.PolicyStub(self._channels["policy"])
        place = operator_pb2.RulePlace.RULE_PLACE_LIVE
        await stub.PutRules(operator_pb2.PutRulesRequest(text=text, place=place, by="story"))

    async def drop_rules(self) -> None:
        """Lets the list of tiers hold again."""
        stub = policy_pb2_grpc.PolicyStub(self._channels["policy"])
        place = operator_pb2.RulePlace.RULE_PLACE_LIVE
        await stub.UseRules(operator_pb2.UseRulesRequest(version=0, place=place, by="story"))

    async def find(self, call_id: str) -> signaling_pb2.CallRecord:
        """A call as signaling keeps it."""
        stub = signaling_pb2_grpc.SignalingStub(self._channels["signaling"])
        answer = await stub.FindCall(signaling_pb2.FindCallRequest(call_id=call_id))
        return answer.call

    async def end(self, call_id: str) -> None:
        """Ends a call."""
        stub = signaling_pb2_grpc.SignalingStub(self._channels["signaling"])
        await stub.EndCall(signaling_pb2.EndCallRequest(call_id=call_id))

    async def ended(self) -> dict[str, Event]:
        """The ends of calls that signaling still has, by call."""
        stub = signaling_pb2_grpc.SignalingStub(self._channels["signaling"])
        found: dict[str, Event] = {}
        after = ""
        while True:
            page = await stub.ListEnded(signaling_pb2.ListEndedRequest(after=after, limit=3))
            assert not found.keys() & {event.call_id for event in page.events}, "a call is listed once"
            found.update((event.call_id, event) for event in page.events)
            after = page.next
            if not after:
                return found

    async def close(self) -> None:
        """Leaves."""
        for channel in self._channels.values():
            await channel.close()


class Chronicle:
    """Reads the event log as any consumer would."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def of(self, call_id: str) -> list[Event]:
        """The events of a call, in the order they came, each once."""
        known: dict[str, Event] = {}
        for event in self.events:
            if event.call_id == call_id:
                known.setdefault(event.event_id, event)
        return list(known.values())

    async def hear(self, event: Event) -> None:
        """Takes an event in."""
        self.events.append(event)

    async def facts(self, call_id: str, last: str = "call_ended", within: float = 20.0) -> list[Event]:
        """Waits for the fact `last` of a call and answers all its events until then."""

        def told() -> bool:
            return any(event.WhichOneof("fact") == last for event in self.of(call_id))

        await until(told, within, lambda: f"no {last} among {self.of(call_id)}")
        return self.of(call_id)


@asynccontextmanager
async def chronicle(topology: Topology) -> AsyncIterator[Chronicle]:
    """A consumer of the event log of this installation."""
    book = Chronicle()
    async with AsyncExitStack() as stack:
        bus = await Bus(topology.nats.url(), "suite").connect(10.0)
        stack.push_async_callback(bus.close)
        task = asyncio.create_task(Log(bus).consume(f"suite_{secrets.token_hex(4)}", [], book.hear))
        stack.callback(task.cancel)
        yield book


class People:
    """Somebody's friends, made as they are needed; everybody's phone is put away by `close`."""

    def __init__(self, gateways: Sequence[str], http: httpx.AsyncClient) -> None:
        """`gateways` are their origins; who is made later sees those that came later."""
        self._gateways = gateways
        self._http = http
        self._passwords: dict[str, str] = {}
        self._codes: dict[str, list[str]] = {}
        self._phones: list[Phone] = []
        self._frames: dict[Phone, list[ServerFrame]] = {}

    async def friends(self, *names: str) -> list[Phone]:
        """People who have each other in their address books, each with one phone; neighbours in the list are
        on
        different gateways where there are several."""
        phones = await asyncio.gather(*(self.person(name, gateway) for gateway, name in enumerate(names)))
        for one in phones:
            await asyncio.gather(
                *(one.session.add_contact(other.session.username) for other in phones if other is not one)
            )
        return list(phones)

    async def person(
        self, name: str, gateway: int = 0, audiences: Sequence[str] | None = None, phone: bool = True
    ) -> Phone:
        """A new account and its first phone, connected to the gateway of this number (not connected where
        `phone` is
        false); `audiences` are those who may call, None leaves what the server starts with."""
        username = f"{name}_" + "".join(secrets.choice(_LETTERS) for _ in range(8))
        self._passwords[username] = secrets.token_urlsafe(12)
        api = Api(self._doors(gateway + 1), self._http)
        made = await api.sign_up(username, self._passwords[username])
        self._codes[username] = made["recovery_codes"]
        session = await api.sign_in(username, self._passwords[username], DeviceKey())
        if audiences is not None:
            await session.allow_calls_from(*audiences)
        return await self._connect(session, gateway, None, phone)

    async def another_device(self, phone: Phone, gateway: int = 0) -> Phone:
        """Another device of the same user, with a key of its own."""
        username = phone.session.username
        api = Api(self._doors(gateway + 1), self._http)
        session = await api.sign_in(username, self._passwords[username], DeviceKey(), "another")
        return await self._connect(session, gateway, None, True)

    async def another_line(self, phone: Phone, gateway: int = 0, instance: str | None = None) -> Phone:
        """Another connection of the same device: another tab, or, with the same instance, the same tab
        again."""
        session = phone.session.through(self._doors(gateway + 1))
        return await self._connect(session, gateway, instance, True)

    async def recover(self, phone: Phone, gateway: int = 0) -> None:
        """Sets a new password by a recovery code: every device of this user is revoked."""
        username = phone.session.username
        self._passwords[username] = secrets.token_urlsafe(12)
        api = Api(self._doors(gateway), self._http)
        await api.recover(username, self._codes[username].pop(), self._passwords[username])

    def heard(self, phone: Phone) -> list[ServerFrame]:
        """Every frame that this phone got, in order."""
        return self._frames[phone]

    async def close(self) -> None:
        """Puts every phone away."""
        await asyncio.gather(*(phone.close() for phone in self._phones))

    async def _connect(self, session: Session, gateway: int, instance: str | None, connect: bool) -> Phone:
        frames: list[ServerFrame] = []
        doors = self._doors(gateway)
        phone = Phone(session, doors, instance=instance, heard=frames.append, least_ring_ms=LEAST_RING_MS)
        self._frames[phone] = frames
        if connect:
            self._phones.append(phone)
            await phone.connect(PATIENCE)
        return phone

    def _doors(self, first: int) -> list[str]:
        doors = self._gateways
        return [doors[(first + step) % len(doors)] for step in range(len(doors))]


class Stage(People):
    """One story's people, and where they are."""

    def __init__(
        self, topology: Topology, http: httpx.AsyncClient, operator: Operator, book: Chronicle
    ) -> None:
        super().__init__(topology.gateways, http)
        self.topology = topology
        self.operator = operator
        self.book = book


def at(phone: Phone) -> str:
    """How one calls somebody."""
    return "@" + phone.session.username


async def talk(ada: Phone, bob: Phone, *, video: bool = False, slowly: bool = False) -> tuple[Call, Call]:
    """A call that Ada places, Bob answers (`slowly`: when Ada sees it ring), and both see connected."""
    call = await ada.place(at(bob), audio=True, video=video)
    ring = await bob.rings(PATIENCE)
    if slowly:
        await call.until("ringing", within=PATIENCE)
    await ring.answer(audio=True, video=video, offer=b"bob's offer", candidates=[b"bob's first candidate"])
    offer = await call.until_described(within=PATIENCE)
    await call.describe(b"ada's answer", answers=offer.generation, candidates=[b"ada's first candidate"])
    await ring.until_described(within=PATIENCE)
    await asyncio.gather(call.report("flowing"), ring.report("flowing"))
    await asyncio.gather(call.until("connected", within=PATIENCE), ring.until("connected", within=PATIENCE))
    return call, ring


async def call_with_tablet(stage: Stage, ada: Phone, bob: Phone) -> tuple[Call, Phone, Call, Call]:
    """Ada calls, and Bob's phone and a tablet of his ring: Ada's call, the tablet, and the two rings."""
    tablet = await stage.another_device(bob, gateway=0)
    call = await ada.place(at(bob))
    ring, beside = await asyncio.gather(bob.rings(PATIENCE), tablet.rings(PATIENCE))
    return call, tablet, ring, beside


async def are_signed_out(*phones: Phone) -> None:
    """Waits until the server has told these phones that their lines are over."""
    await asyncio.gather(
        *(one.until(lambda phone: phone.gone is not None, within=PATIENCE) for one in phones)
    )
