"""The post: takes a message from its sender to the boxes in which it belongs."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import conversations_pb2, directory_pb2, policy_pb2
from ringline.v1.reasons_pb2 import Reason
from services.conversations.message import additions, check_client_id, normal
from services.conversations.pages import Pages
from services.conversations.peers import Peers, Profiles
from services.conversations.store import Sent, Store
from services.conversations.view import Change, changed, thread
from services.conversations.wakes import Wakes

if TYPE_CHECKING:  # these classes are in the stub files only
    from ringline.v1.directory_pb2_grpc import DirectoryAsyncStub
    from ringline.v1.policy_pb2_grpc import PolicyAsyncStub

VERDICT_SECONDS = 2.0
NOTE_SECONDS = 1.5
STEP_SECONDS = 0.05
"""A sender is answered at whole steps of so much after he asked."""


class Post:
    """Sends messages."""

    def __init__(
        self,
        store: Store,
        pages: Pages,
        peers: Peers,
        policy: PolicyAsyncStub,
        directory: DirectoryAsyncStub,
        wakes: Wakes,
    ) -> None:
        self._store = store
        self._pages = pages
        self._peers = peers
        self._policy = policy
        self._directory = directory
        self._wakes = wakes

    async def send(
        self, sender_id: str, other_id: str, client_id: str, text: str
    ) -> conversations_pb2.SendMessageResponse:
        """Sends a message; sent again, it is there once. Raises Refusal."""
        check_client_id(client_id)
        text = normal(text)
        began = time.monotonic()
        sent = await self._store.sent(sender_id, client_id)
        if sent is not None:
            return await self._again(sender_id, other_id, text, sent)
        box = await self._store.box(sender_id, other_id)
        asked = policy_pb2.MayMessageRequest(user_id=sender_id, other_user_id=other_id, first=not box.wrote)
        verdict, profiles = await asyncio.gather(
            self._policy.MayMessage(asked, timeout=VERDICT_SECONDS),
            self._peers.profiles([sender_id, other_id]),
        )
        if verdict.outcome == policy_pb2.OUTCOME_REFUSED:
            raise Refusal.from_proto(verdict.refused)
        heard = verdict.outcome == policy_pb2.OUTCOME_ADMITTED
        if heard and not box.messaged:
            # Before anybody sees it: at the next call "has written to me" is true.
            note = directory_pb2.NoteMessagedRequest(user_id=sender_id, other_user_id=other_id)
            await self._directory.NoteMessaged(note, timeout=NOTE_SECONDS)
        wanted = additions(
            ids.mint("m_"), sender_id, other_id, client_id, text, heard=heard, stranger=verdict.stranger
        )
        done = await self._store.send(wanted)
        if isinstance(done, Sent):
            return await self._again(sender_id, other_id, text, done)
        self.announce(done[1:], profiles)
        # What is not delivered is less work. Neither the answer nor the word to the sender's lines tells it.
        await asyncio.sleep(left_of_step(time.monotonic() - began))
        self.announce(done[:1], profiles)
        return conversations_pb2.SendMessageResponse(
            entry=done[0].entry, thread=thread(done[0].shown, profiles[other_id])
        )

    def announce(self, changes: Sequence[Change], profiles: Profiles) -> None:
        """Tells the lines of everybody whose box has changed."""
        for change in changes:
            peer = profiles[change.shown.box.other_id]
            self._wakes.tell(change.person.user_id, changed(change, peer))

    async def _again(
        self, sender_id: str, other_id: str, text: str, sent: Sent
    ) -> conversations_pb2.SendMessageResponse:
        """The answer to a message that is there already."""
        if sent.other_id != other_id or sent.entry.message.text != text:
            raise Refusal(Reason.REASON_INVALID, "There is another message under this client_id.")
        shown = await self._pages.one(sender_id, other_id)
        peer = await self._peers.profile(other_id)
        return conversations_pb2.SendMessageResponse(entry=sent.entry, thread=thread(shown, peer))


def left_of_step(took: float) -> float:
    """Seconds until the next whole step after an answer that took so long."""
    return math.ceil(took / STEP_SECONDS) * STEP_SECONDS - took
