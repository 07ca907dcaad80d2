"""The projection: calls that are over, from the event log into the boxes. Said twice, they are there once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter

from ringline import ids, tracing
from ringline.log import Log, pass_over_fault
from ringline.telemetry import log
from ringline.v1 import events_pb2, signaling_pb2
from services.conversations.past_call import additions
from services.conversations.peers import Peers, Profiles
from services.conversations.post import Post
from services.conversations.store import Store
from services.conversations.view import Change

if TYPE_CHECKING:  # these classes are in the stub files only
    from ringline.v1.signaling_pb2_grpc import SignalingAsyncStub

DURABLE = "conversations"
FACTS = ("call_ended",)
PAGE = 500
PAGE_SECONDS = 5.0

MISSED = Counter("ringline_missed_calls_total", "Calls that a callee missed.")
RETURNED = Counter("ringline_missed_calls_returned_total", "Calls to somebody whose call one had missed.")
PROJECTED = Counter("ringline_projected_total", "Ends of calls, by what they changed.", ["outcome"])


class Projection:
    """Hears how calls ended, as one of the processes that share this work."""

    def __init__(self, store: Store, peers: Peers, post: Post) -> None:
        self._store = store
        self._peers = peers
        self._post = post

    async def hear(self, event: events_pb2.Event) -> None:
        """Takes an event in. Raises Refusal where something needed is away: it comes again."""
        if not names_two(event):
            log(__name__).error("event names nobody", event_id=event.event_id, reason="call_ended")
            return
        with tracing.step("conversations", "projection", event.call_id):
            await self._take_in(event)

    async def _take_in(self, event: events_pb2.Event) -> None:
        ended = event.call_ended
        # Asked first: what is written and then cannot be told would not be told at the next try.
        profiles = await self._peers.profiles([ended.caller_id, ended.callee_id])
        await self._post.finish(self._project(event, profiles))

    async def _project(self, event: events_pb2.Event, profiles: Profiles) -> None:
        changes = await project(self._store, event)
        self._post.announce(changes, profiles)
        for change in changes:
            await self._count(change)

    async def _count(self, change: Change) -> None:
        """Counts what is missed and what is returned; an entry that only replaced another is no news."""
        entry, box = change.entry, change.shown.box
        if entry is None or not entry.HasField("call") or box.moved != box.feed:
            return
        if entry.call.missed:
            MISSED.inc()
        elif entry.call.outgoing and await self._store.follows_missed(
            box.owner_id, box.other_id, entry.number
        ):
            RETURNED.inc()


def names_two(event: events_pb2.Event) -> bool:
    """Whether it says which call of which two people."""
    ended = event.call_ended
    return bool(ids.is_id(ended.caller_id, "u_") and ids.is_id(ended.callee_id, "u_") and event.call_id)


async def project(store: Store, event: events_pb2.Event) -> list[Change]:
    """Writes what follows from an event; nothing where that is there already."""
    wanted = additions(event) if names_two(event) else []
    changes = await store.project(wanted) if wanted else []
    PROJECTED.labels("changed" if changes else "known").inc()
    return changes


async def rebuild(store: Store, log_: Log, signaling: SignalingAsyncStub) -> int:
    """Projects all that the event log and signaling still have, anew; answers how many entries were new.

    Nobody is woken: lines find what is new with their next change or connection. An event at which it has a
    fault is passed over.
    """
    found = 0

    async def take(event: events_pb2.Event) -> None:
        nonlocal found
        found += len(await project(store, event))

    await log_.replay(FACTS, take)
    after = ""
    while True:
        request = signaling_pb2.ListEndedRequest(after=after, limit=PAGE)
        page = await signaling.ListEnded(request, timeout=PAGE_SECONDS)
        for event in page.events:
            await pass_over_fault(event, take)
        after = page.next
        if not after:
            return found
