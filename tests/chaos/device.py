"""A phone that writes down what it asks and sees, and rings as a client does: until it is told, until
its time is over, or until nothing has come for so long that the protocol has it fall silent
(docs/client-protocol.md, sections 3 and 5).
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from ringline.client import NotInTime, Phone, Session
from ringline.client.call import DEADLINE, Call
from ringline.refusal import Refusal
from ringline.v1 import client_pb2
from ringline.v1.client_pb2 import ClientFrame, ServerFrame
from tests.chaos.story import Book, Ring
from tests.properties.history import CALLEE, CALLER, Closed, Opened, Said, Saw, View, view_of

LIVE_SILENCE_SECONDS = 12.5
RING_GRACE_SECONDS = 5.0
"""So much longer than it was told a web client rings, where it hears of no end."""
KEPT = 64
WORDS = ("answer", "decline", "hang_up")
UNKNOWN = ("unavailable", "overloaded")


class Device(Phone):
    """One device of somebody, in one book."""

    def __init__(self, session: Session, gateways: Sequence[str], book: Book) -> None:
        super().__init__(session, gateways, heard=self._write_down)
        self.book = book
        self.peer_id = ""
        self._epoch = 0
        self._asked: list[tuple[ClientFrame, float]] = []
        self._past: deque[tuple[ClientFrame, float]] = deque(maxlen=KEPT)
        """What is asked now, and what was on this line: to what was given up a reply may come yet."""
        self._aloud: dict[str, float] = {}
        self._live: dict[str, Call] = {}
        self._hushed: set[str] = set()
        self._until: dict[str, float] = {}
        self._opening = self._heard_at = 0.0

    @property
    def name(self) -> str:
        """The line as device.instance."""
        return f"{self.session.device_id}.{self.instance}"

    @property
    def username(self) -> str:
        """How one calls it."""
        return "@" + self.session.username

    async def command(self, frame: ClientFrame, within: float = DEADLINE) -> ServerFrame:
        """Phone's; written down with its answer, or that there was none."""
        asked = time.monotonic()
        self._asked.append((frame, asked))
        self._hush_by_hand(frame, asked)
        try:
            reply = await super().command(frame, within)
        except Refusal as refusal:
            self._said(frame, asked, time.monotonic(), refused=refusal.name)
            raise
        except (TimeoutError, NotInTime, asyncio.CancelledError):
            self._said(frame, asked)
            raise
        finally:
            self._asked = [one for one in self._asked if one[0] is not frame]
            self._past.append((frame, asked))
        self._said(frame, asked, time.monotonic(), call_id=reply.done.call.call_id)
        return reply

    def live(self) -> list[Call]:
        """The calls that go on as far as it knows."""
        self._live = {key: call for key, call in self._live.items() if call.is_live}
        return list(self._live.values())

    def hush(self) -> None:
        """The end of the observation: what still rings is written down as it is."""
        self._ring_out(time.monotonic())
        for call_id, began in self._aloud.items():
            self.book.rings.append(Ring(self.name, self.session.user_id, call_id, began))
        self._aloud.clear()

    # ------------------------------------------------------------ the line

    async def _open(self, patience: float = DEADLINE) -> None:
        self._opening = time.monotonic()
        try:
            await super()._open(patience)
        except Refusal as refusal:
            if refusal.name == "token_invalid":  # the clock of a server may be wrong: a fresh one, and again
                with suppress(Refusal):
                    await self.session.renew()
                raise ConnectionError("the token was refused") from refusal
            if refusal.name in UNKNOWN:  # a balancer leads the next try elsewhere
                self._gateways.append(self._gateways.pop(0))
            raise

    async def _until_lost(self) -> None:
        line = self.line
        while line is not None and not line.closed.done():
            silence = LIVE_SILENCE_SECONDS if self.live() else line.welcome.silence_ms / 1000
            quiet = time.monotonic() - line.last_heard
            if quiet >= silence:
                line.abort()
            await asyncio.wait([line.closed], timeout=max(0.1, min(1.0, silence - quiet)))
        history = self.book.history
        history.closed.append(Closed(self.name, self.session.user_id, self._epoch, time.monotonic()))

    def _hear(self, frame: ServerFrame) -> None:
        at = time.monotonic()
        if at - self._heard_at > LIVE_SILENCE_SECONDS:
            self._fall_silent(self._heard_at + LIVE_SILENCE_SECONDS)
        self._ring_out(at)
        self._heard_at = at
        super()._hear(frame)
        self._sound(at)

    def _sound(self, at: float) -> None:
        """Begins and stops to ring with what is known now."""
        ringing = {call.call_id for call in self.live() if call.phase in ("calling", "ringing")}
        ringing -= self._hushed
        for call_id in self._aloud.keys() - ringing:
            self._stop(call_id, at)
        for call_id in ringing - self._aloud.keys():
            self._aloud[call_id] = at

    def _hush_by_hand(self, frame: ClientFrame, at: float) -> None:
        """A client is silent from its user's own word on, before the server has heard of it."""
        verb = frame.WhichOneof("body") or ""
        if verb in WORDS:
            call_id = getattr(frame, verb).call_id
            self._hushed.add(call_id)
            if call_id in self._aloud:
                self._stop(call_id, at)

    def _ring_out(self, at: float) -> None:
        """A ring whose time is over stops by itself, whatever the server can say."""
        for call_id, until in list(self._until.items()):
            if until < at:
                del self._until[call_id]
                self._hushed.add(call_id)
                if call_id in self._aloud:
                    self._stop(call_id, until)

    def _fall_silent(self, at: float) -> None:
        for call_id in list(self._aloud):
            self._stop(call_id, at)

    def _stop(self, call_id: str, at: float) -> None:
        began = self._aloud.pop(call_id)
        self.book.rings.append(Ring(self.name, self.session.user_id, call_id, began, max(began, at)))

    def _see(self, view: client_pb2.Call) -> None:
        super()._see(view)
        if (call := self.calls[view.call_id]).is_live:
            self._live[view.call_id] = call
        if view.ring_left_ms > 0:
            self._until[view.call_id] = time.monotonic() + view.ring_left_ms / 1000 + RING_GRACE_SECONDS

    # ------------------------------------------------------------ the book

    def _said(
        self, frame: ClientFrame, asked: float, answered: float = float("inf"), refused: str = "",
        call_id: str = "",
    ) -> None:  # fmt: skip
        verb = frame.WhichOneof("body") or ""
        about = self.peer_id if verb == "place" else getattr(frame, verb).call_id
        self.book.history.said.append(
            Said(self.name, self.session.user_id, self._epoch, frame.command_id, verb, about, asked, answered,
                 refused, call_id or ("" if refused or verb == "place" else about))
        )  # fmt: skip

    def _write_down(self, frame: ServerFrame) -> None:
        """Before it is taken in: what it is to what was known."""
        at, kind = time.monotonic(), frame.WhichOneof("body")
        if kind == "welcome":
            self._welcomed(frame.welcome, at)
        elif kind == "call":
            self._saw(frame.call, at, "wake", at)
        elif kind == "done" and frame.done.call.call_id:
            asked = [when for one, when in (*self._asked, *self._past) if one.id == frame.reply_to]
            known = self.calls.get(frame.done.call.call_id)
            is_late = known is not None and known.view.version > frame.done.call.version
            self._saw(frame.done.call, at, "late" if is_late else "reply", min(asked, default=at))
        elif kind == "beat" and not frame.reply_to:
            self._missing({one.call_id for one in frame.beat.calls}, at)

    def _welcomed(self, welcome: client_pb2.Welcome, at: float) -> None:
        self._past.clear()  # the numbers begin anew
        self._epoch = welcome.line.epoch
        live = tuple(one.call_id for one in welcome.calls if one.phase != client_pb2.PHASE_ENDED)
        self.book.history.opened.append(
            Opened(self.name, self.session.user_id, self._epoch, self._opening, at, live)
        )
        self._missing({one.call_id for one in welcome.calls}, at)
        for view in welcome.calls:
            known = self.calls.get(view.call_id)
            if known is None or known.is_live or known.view.version != view.version:
                self._saw(view, at, "welcome", self._opening)

    def _missing(self, told: set[str], at: float) -> None:
        """Live calls that are not named are over."""
        for call in self.live():
            if call.call_id not in told:
                role = CALLEE if call.incoming else CALLER
                view = View(call.call_id, call.view.version, role, "ended")
                self.book.history.saw.append(self._sight(view, at, "beat", at))

    def _saw(self, call: client_pb2.Call, at: float, way: str, asked: float) -> None:
        self.book.history.saw.append(self._sight(view_of(call), at, way, asked))

    def _sight(self, view: View, at: float, way: str, asked: float) -> Saw:
        return Saw(self.name, self.session.user_id, self._epoch, at, asked, way, view)
