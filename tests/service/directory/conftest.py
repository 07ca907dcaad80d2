"""Two pods of the directory on one database, its neighbours, and people who use them as the gateway would."""

from __future__ import annotations

import functools
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringline.config import NodeSettings
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import accounts_pb2, directory_pb2_grpc
from ringline.v1.reasons_pb2 import Reason
from services import directory
from services.directory import proof
from services.directory.settings import Settings
from tests.conftest import Databases
from tests.service.directory.neighbours import Neighbour, serving
from tests.service.pods import channel_to, pods

PASSWORD = "correct horse battery"
CHEAP = {"hash_memory_kib": 8, "hash_passes": 1, "hash_queue": 1000}
"""A hash that takes no time: how strong it is, is not what these tests are about."""


class Clock:
    """Real time, and as much more as a test says."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return directory.now_ms() + self.ahead_ms


class DeviceKey:
    """A device: a key, and what it signs."""

    def __init__(self, clock: Clock) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._clock = clock

    @property
    def public(self) -> bytes:
        """The raw public key."""
        return self._key.public_key().public_bytes_raw()

    def proof(self, purpose: proof.Purpose, subject: str, name: str = "Phone") -> accounts_pb2.DeviceProof:
        """The proof of possession."""
        at = self._clock()
        return accounts_pb2.DeviceProof(
            public_key=self.public,
            signed_at_ms=at,
            signature=self._key.sign(proof.text(purpose, subject, at)),
            name=name,
        )


class People:
    """What a gateway asks of one pod, in few words."""

    def __init__(self, stub: directory_pb2_grpc.DirectoryAsyncStub, node: Node, clock: Clock) -> None:
        self.stub = stub
        self.node = node
        self.clock = clock
        self._networks = (f"198.51.{high}.{low}" for high, low in itertools.product(range(256), range(256)))

    def device(self) -> DeviceKey:
        """A new device."""
        return DeviceKey(self.clock)

    async def sign_up(self, username: str, **more: str) -> accounts_pb2.SignUpResponse:
        """Makes an account, from a network of its own unless one is given."""
        given = {"password": PASSWORD, "network": next(self._networks)} | more
        return await self.stub.SignUp(accounts_pb2.SignUpRequest(username=username, **given))

    async def new(self, username: str, **more: str) -> str:
        """Makes an account; its user id."""
        return (await self.sign_up(username, **more)).account.profile.user_id

    async def sign_in(
        self, username: str, device: DeviceKey, password: str = PASSWORD, network: str = "203.0.113.7"
    ) -> accounts_pb2.SignInResponse:
        """Signs in, with a proof over the username as it is."""
        return await self.stub.SignIn(
            accounts_pb2.SignInRequest(
                username=username,
                password=password,
                network=network,
                device=device.proof("sign-in", username.lower()),
            )
        )


@asynccontextmanager
async def open_people(node: Node, clock: Clock, caller: str = "gateway") -> AsyncIterator[People]:
    """People at one pod, through `caller`."""
    async with channel_to(node, caller) as channel:
        yield People(directory_pb2_grpc.DirectoryStub(channel), node, clock)


@asynccontextmanager
async def directory_pods(
    settings: NodeSettings, clock: Clock, count: int = 1, **more: object
) -> AsyncIterator[list[Node]]:
    """Pods of the directory with these settings."""
    build = functools.partial(directory.build, settings=Settings.load(**(CHEAP | more)), clock=clock)
    async with pods(settings, "directory", build, count) as nodes:
        yield nodes


@pytest.fixture
def clock() -> Clock:
    """The clock of the pods."""
    return Clock()


@pytest.fixture
def presence() -> Neighbour:
    """Presence, as far as directory asks it."""
    return Neighbour("ringline.v1.Presence/Expel")


@pytest.fixture
def signaling() -> Neighbour:
    """Signaling, as far as directory asks it."""
    return Neighbour("ringline.v1.Signaling/DropDevice")


@pytest.fixture
async def settings(
    databases: Databases, presence: Neighbour, signaling: Neighbour
) -> AsyncIterator[NodeSettings]:
    """A node on a new database with the directory's schema, without a bus, beside its neighbours."""
    name = await databases.create(("directory",))
    given = databases.settings(name)
    async with serving(presence, signaling) as address:
        yield given.model_copy(update={"address": {"presence": address, "signaling": address}})
    await databases.drop(name)


@pytest.fixture
async def both(settings: NodeSettings, clock: Clock) -> AsyncIterator[tuple[People, People]]:
    """The gateway's view of two pods."""
    async with AsyncExitStack() as stack:
        nodes = await stack.enter_async_context(directory_pods(settings, clock, count=2))
        one, other = [await stack.enter_async_context(open_people(node, clock)) for node in nodes]
        yield one, other


@pytest.fixture
def people(both: tuple[People, People]) -> People:
    """The gateway's view of one pod."""
    return both[0]


@pytest.fixture
async def operator(both: tuple[People, People], clock: Clock) -> AsyncIterator[People]:
    """The operator's view of a pod."""
    async with open_people(both[1].node, clock, "operator") as operator:
        yield operator


def reason(refused: pytest.ExceptionInfo[Refusal]) -> str:
    """The name of the reason that was given."""
    return Reason.Name(refused.value.reason).removeprefix("REASON_")
