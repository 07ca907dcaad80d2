"""A post and all around it, in memory and in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ringline import ids
from ringline.bus import Bus
from ringline.v1 import (
    client_pb2,
    directory_pb2,
    policy_pb2,
    signaling_pb2,
    threads_pb2,
    types_pb2,
)
from services.conversations.box import Addition, Box, Person, added, stamped
from services.conversations.pages import Pages
from services.conversations.peers import Peers, Profiles
from services.conversations.post import Post
from services.conversations.steps import STEP_SECONDS
from services.conversations.store import Sent, Store
from services.conversations.view import Change, Shown
from services.conversations.wakes import Wakes
from tests.instant import lapse

ADA, BOB = ids.mint("u_"), ids.mint("u_")
CLIENT_ID = "a-message-of-ada-1"
ADMITTED = policy_pb2.MayMessageResponse(outcome=policy_pb2.OUTCOME_ADMITTED)
UNHEARD = policy_pb2.MayMessageResponse(outcome=policy_pb2.OUTCOME_UNHEARD)


def now() -> float:
    """Virtual seconds."""
    return asyncio.get_running_loop().time()


@dataclass
class Delays:
    """How long each part takes, in seconds; one that raises fails."""

    verdict: Callable[[], float] = lambda: 0.002
    note: Callable[[], float] = lambda: 0.001
    write: Callable[[], float] = lambda: 0.003
    look: Callable[[], float] = lambda: 0.001
    """For how an entry came to somebody."""


class ToldStore(Store):
    """Boxes in memory."""

    def __init__(self, delays: Delays) -> None:
        self.delays = delays
        self.people = {user_id: Person(user_id) for user_id in (ADA, BOB)}
        self.boxes = {ADA: Box(ADA, BOB), BOB: Box(BOB, ADA)}
        self.kept: dict[str, Sent] = {}
        self.shown_at: list[float] = []
        self.newest: list[Change] = []

    async def sent(self, user_id: str, client_id: str) -> Sent | None:
        """What was written."""
        return self.kept.get(client_id)

    async def box(self, owner_id: str, other_id: str) -> tuple[Box, int]:
        """A box, and virtual milliseconds."""
        return self.boxes[owner_id], round(now() * 1000)

    async def send(self, additions: Sequence[Addition]) -> list[Change] | Sent:
        """Writes; from the end on it is seen."""
        await lapse(self.delays.write())
        self.shown_at.append(now())
        self.newest = [self.add(one) for one in additions]
        self.kept[additions[0].client_id or ""] = Sent(additions[0].other_id, additions[0].entry)
        return self.newest

    async def mark(self, owner_id: str, other_id: str, number: int) -> Change | None:
        """Marks."""
        await lapse(self.delays.write())
        person, box = stamped(self.people[owner_id], self.boxes[owner_id], self.boxes[owner_id])
        return Change(person, Shown(box, None), None)

    def add(self, new: Addition) -> Change:
        """One more entry."""
        was = self.boxes[new.owner_id]
        person, box = stamped(self.people[new.owner_id], was, added(was, new))
        self.people[new.owner_id], self.boxes[new.owner_id] = person, box
        return Change(person, Shown(box, new.entry), new.entry)


class ToldPages(Pages):
    """Reads the same boxes."""

    def __init__(self, store: ToldStore) -> None:
        self._store = store

    async def one(self, owner_id: str, other_id: str) -> Shown:
        """A box."""
        return Shown(self._store.boxes[owner_id], None)

    async def newest(self, owners: Sequence[str], item_id: str) -> list[Change]:
        """The last change."""
        await lapse(self._store.delays.look())
        return self._store.newest


class ToldPeers(Peers):
    """Knows everybody."""

    def __init__(self) -> None:
        pass

    async def profiles(self, user_ids: Any) -> Profiles:
        """Takes no time."""
        return {user_id: types_pb2.Profile(user_id=user_id) for user_id in user_ids}


@dataclass
class ToldOthers:
    """Policy and directory, as slow as they are told to be."""

    delays: Delays
    verdict: policy_pb2.MayMessageResponse = field(default_factory=lambda: ADMITTED)

    async def MayMessage(self, request: Any, **_: Any) -> policy_pb2.MayMessageResponse:
        """The verdict."""
        await lapse(self.delays.verdict())
        return self.verdict

    async def NoteMessaged(self, request: Any, **_: Any) -> directory_pb2.NoteMessagedResponse:
        """Is asked for messages alone that are heard."""
        await lapse(self.delays.note())
        return directory_pb2.NoteMessagedResponse()


class ToldBus(Bus):
    """Notes what is published, and when."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, str, client_pb2.ThreadChanged]] = []

    async def publish_wake(self, gateway_id: str, wake: bytes) -> bool:
        """At once."""
        for frame in signaling_pb2.Wake.FromString(wake).frames:
            told = client_pb2.ServerFrame.FromString(frame.frame).thread_changed
            self.heard.append((now(), frame.user_id, told))
        return True

    def feeds(self, user_id: str) -> list[int]:
        """The feed numbers of what a user was told, as it came."""
        return [told.thread.feed for _, user, told in self.heard if user == user_id]


async def locate(user_ids: list[str]) -> list[types_pb2.Line]:
    """Everybody has a line."""
    return [types_pb2.Line(user_id=user_id, gateway_id="g_one") for user_id in user_ids]


class Office:
    """A post and all around it."""

    def __init__(self, delays: Delays | None = None, step: float = STEP_SECONDS, **wakes: Any) -> None:
        self.minted_at: list[float] = []
        delays = delays or Delays()
        self.store, self.bus = ToldStore(delays), ToldBus()
        self.others = ToldOthers(delays)
        self.wakes = Wakes(self.bus, "v_one", **({"locate": locate} | wakes))
        others: Any = self.others
        self.pages, self.peers = ToldPages(self.store), ToldPeers()
        self.post = Post(self.store, self.pages, self.peers, others, others, self.wakes, step, self.mint)

    def mint(self, prefix: str) -> str:
        """An id; it bears the time at which it was minted."""
        self.minted_at.append(now())
        return ids.mint(prefix)

    async def send(self, client_id: str = CLIENT_ID, text: str = "hello") -> threads_pb2.Entry:
        """Ada writes to Bob."""
        return (await self.post.send(ADA, BOB, client_id, text)).entry
