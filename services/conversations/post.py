"""The post: takes a message from its sender to the boxes in which it belongs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ringline import ids
from ringline.refusal import Refusal
from ringline.telemetry import report_bug
from ringline.v1 import conversations_pb2, directory_pb2, policy_pb2
from ringline.v1.reasons_pb2 import Reason
from services.conversations.box import Addition
from services.conversations.message import additions, check_client_id, normal
from services.conversations.pages import Pages
from services.conversations.peers import Peers, Profiles
from services.conversations.steps import ROOM_SECONDS, STEP_SECONDS, Steps
from services.conversations.store import Sent, Store
from services.conversations.view import Change, changed, thread
from services.conversations.wakes import Wakes

if TYPE_CHECKING:  # these classes are in the stub files only
    from ringline.v1.directory_pb2_grpc import DirectoryAsyncStub
    from ringline.v1.policy_pb2_grpc import PolicyAsyncStub

VERDICT_SECONDS = 2.0
NOTE_SECONDS = 1.5
FINISH_SECONDS = 10.0
"""For a write with all that it waits for; who asked for it has given up before."""
CLOSE_SECONDS = 5.0
"""For what was begun when the service stops; longer than a statement may take."""
TOLD = 1_000
"""Messages that this process remembers to have told of."""

T = TypeVar("T")


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
        step: float = STEP_SECONDS,
        mint: Callable[[str], str] = ids.mint,
    ) -> None:
        self._store = store
        self._pages = pages
        self._peers = peers
        self._policy = policy
        self._directory = directory
        self._wakes = wakes
        self._step = step
        self._mint = mint
        self._working: set[asyncio.Task[Any]] = set()
        self._told: deque[str] = deque(maxlen=TOLD)

    async def aclose(self) -> None:
        """Waits for what was begun, for some seconds."""
        if self._working:
            _, late = await asyncio.wait(self._working, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()

    async def send(
        self, sender_id: str, other_id: str, client_id: str, text: str
    ) -> conversations_pb2.SendMessageResponse:
        """Sends a message; sent again, it is there once. Answers, or raises Refusal, at a whole step."""
        check_client_id(client_id)
        text = normal(text)
        steps = Steps(self._step)
        try:
            answer = await self._send(sender_id, other_id, client_id, text, steps)
        except Refusal:
            await steps.until(steps.due())
            raise
        await steps.until(steps.due())
        return answer

    async def _send(
        self, sender_id: str, other_id: str, client_id: str, text: str, steps: Steps
    ) -> conversations_pb2.SendMessageResponse:
        sent = await self._store.sent(sender_id, client_id)
        if sent is not None:
            return await self._again(sender_id, other_id, text, sent, steps)
        # The time of the message is taken here, and its id, which bears one too: later, they would tell
        # what was done for it.
        message_id = self._mint("m_")
        box, at_ms = await self._store.box(sender_id, other_id)
        asked = policy_pb2.MayMessageRequest(
            user_id=sender_id, other_user_id=other_id, first=not box.wrote, client_id=client_id
        )
        verdict, profiles = await asyncio.gather(
            self._policy.MayMessage(asked, timeout=VERDICT_SECONDS),
            self._peers.profiles([sender_id, other_id]),
        )
        if verdict.outcome == policy_pb2.OUTCOME_REFUSED:
            raise Refusal.from_proto(verdict.refused)
        heard = verdict.outcome == policy_pb2.OUTCOME_ADMITTED
        due = steps.due(ROOM_SECONDS)
        if heard and not box.messaged:
            # Before anybody sees it: at the next call "has written to me" is true.
            note = directory_pb2.NoteMessagedRequest(user_id=sender_id, other_user_id=other_id)
            await self._directory.NoteMessaged(note, timeout=NOTE_SECONDS)
        wanted = additions(
            message_id,
            sender_id,
            other_id,
            client_id,
            text,
            at_ms,
            heard=heard,
            stranger=verdict.stranger,
        )
        await steps.until(due)
        done = await self.finish(self._write(wanted, profiles, steps))
        if isinstance(done, Sent):
            return await self._again(sender_id, other_id, text, done, steps)
        return conversations_pb2.SendMessageResponse(
            entry=done.entry, thread=thread(done.shown, profiles[other_id])
        )

    async def _write(self, wanted: Sequence[Addition], profiles: Profiles, steps: Steps) -> Change | Sent:
        """Writes a message and tells of it: the sender's lines at the step at which he is answered."""
        done = await self._store.send(wanted)
        if isinstance(done, Sent):
            return done
        self._told.append(wanted[0].item_id)
        self.announce(done[1:], profiles)
        self.announce(done[:1], profiles, steps.due())
        return done[0]

    async def _again(
        self, sender_id: str, other_id: str, text: str, sent: Sent, steps: Steps
    ) -> conversations_pb2.SendMessageResponse:
        """The answer to a message that is there already.

        Lines are told of it where this process has not done so: the one that wrote it may have died before.
        """
        if sent.other_id != other_id or sent.entry.message.text != text:
            raise Refusal(Reason.REASON_INVALID, "There is another message under this client_id.")
        shown = await self._pages.one(sender_id, other_id)
        profiles = await self._peers.profiles([sender_id, other_id])
        message_id = sent.entry.message.message_id
        if message_id not in self._told:
            await self.finish(self._tell_again([sender_id, other_id], message_id, profiles, steps))
        return conversations_pb2.SendMessageResponse(
            entry=sent.entry, thread=thread(shown, profiles[other_id])
        )

    async def _tell_again(
        self, both: Sequence[str], message_id: str, profiles: Profiles, steps: Steps
    ) -> None:
        changes = await self._pages.newest(both, message_id)
        if message_id not in self._told:  # by another repeat, meanwhile
            self._told.append(message_id)
            self.announce(changes, profiles, steps.due())

    def announce(self, changes: Sequence[Change], profiles: Profiles, due: float = 0.0) -> None:
        """Tells the lines of everybody whose box has changed; not before `due`, on the loop's clock.

        Call it as soon as a change is written, without waiting for anything in between: then each person's
        lines are told by this process in the order of his feed.
        """
        for change in changes:
            peer = profiles[change.shown.box.other_id]
            self._wakes.tell(change.person.user_id, changed(change, peer), due)

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Carries work to its end though who asked for it goes away: what is written is told of, too.

        Raises Refusal(UNAVAILABLE) where it takes too long.
        """
        task = asyncio.create_task(_within(FINISH_SECONDS, work))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_report)
            raise


async def _within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError as error:
        raise Refusal(Reason.REASON_UNAVAILABLE) from error


def _report(task: asyncio.Task[Any]) -> None:
    """Reports a fault of work that nobody waits for any more."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, Refusal):
        report_bug("conversations.post", error)
