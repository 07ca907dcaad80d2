"""A device in somebody's hand: one line that stays connected, and the calls on it.

ada = Phone(session, ["http://localhost:8080"])
await ada.connect()
call = await ada.place("@bob", audio=True)
await call.until("connected")
"""

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from ringline.client.call import DEADLINE, Call, Watch
from ringline.client.inbox import Inbox
from ringline.client.line import Line, LineClosed, fenced
from ringline.client.rest import Session
from ringline.refusal import Refusal
from ringline.v1 import client_pb2
from ringline.v1.client_pb2 import ClientFrame, Hello, ServerFrame
from ringline.v1.reasons_pb2 import Reason
from ringline.v1.types_pb2 import Kinds

VERSION = "python/0.1.0"
LEAST_RING_MS = 5_000
"""No device begins to ring with less left."""
PAUSE_SECONDS = (0.02, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Before each next try, give or take a half."""
LONG_PAUSE_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Where the server is overloaded: whoever comes too often keeps it there."""
LONGEST_PATIENCE = 4 * DEADLINE
"""Seconds for one try; each that was too slow doubles them. A try that is given up is work for nothing."""
_AGAIN = (Reason.REASON_UNAVAILABLE, Reason.REASON_OVERLOADED)
_AGAIN_LATER = (*_AGAIN, Reason.REASON_LIMITED, Reason.REASON_TICKET_INVALID)


def mint_command() -> str:
    """A new idempotency key of a command."""
    return secrets.token_urlsafe(18)


class Phone:
    """One instance of a signed-in device.

    It acknowledges rings (one that comes while it is in a call waits behind that), keeps its line connected
    until `close` or `vanish`, sends an unanswered command again on the next line with the same key, and
    merges views by (incarnation, version). `heard` gets every frame in order.
    """

    def __init__(
        self,
        session: Session,
        gateways: Sequence[str],
        *,
        instance: str | None = None,
        heard: Callable[[ServerFrame], None] | None = None,
        acknowledges: bool = True,
        least_ring_ms: int = LEAST_RING_MS,
    ) -> None:
        self.session = session
        self.instance = instance or secrets.token_urlsafe(12)
        self.calls: dict[str, Call] = {}
        self.inbox = Inbox()
        self.line: Line | None = None
        self.incarnation = 0
        self.connections = 0
        self.tries = 0
        """How often it tried to open its line."""
        self.gone: Refusal | None = None
        """Why the server closed this line for good."""
        self._gateways = list(gateways)
        self._heard = heard
        self._acknowledges = acknowledges
        self._least_ring_ms = least_ring_ms
        self._rung: dict[str, Call] = {}
        self._waiting: dict[str, Call] = {}
        """Calls of which it was said that they wait behind another one of this phone."""
        self._watch = Watch()
        self._keeper: asyncio.Task[None] | None = None
        self._small: set[asyncio.Task[None]] = set()
        self._moving: asyncio.TimerHandle | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the line is open."""
        return self.line is not None and self.line.is_open

    async def connect(self, within: float = DEADLINE) -> "Phone":
        """Opens the line and keeps it; comes again where the server is overloaded.

        Raises Refusal, ConnectionError or TimeoutError if that fails.
        """
        async with asyncio.timeout(within):
            while not self.is_connected:
                try:
                    await self._open(within)
                except Refusal as refusal:
                    if refusal.reason != Reason.REASON_OVERLOADED:
                        raise
                    await asyncio.sleep(refusal.retry_after or 1.0)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="phone")
        return self

    async def place(
        self, username: str, audio: bool = True, video: bool = False, *, binding: bytes = b"",
        command_id: str = "", within: float = DEADLINE,
    ) -> Call:  # fmt: skip
        """Places a call. Raises Refusal where the caller's own standing forbids it."""
        place = client_pb2.Place(username=username, kinds=Kinds(audio=audio, video=video), binding=binding)
        reply = await self.command(ClientFrame(command_id=command_id, place=place), within)
        return self.calls[reply.done.call.call_id]

    async def rings(self, within: float = DEADLINE) -> Call:
        """The next call that rings here: each call is given out once. Raises NotInTime."""
        await self._watch.until(lambda: bool(self._rung), within, self.__str__)
        call = self._rung.pop(next(iter(self._rung)))
        return call

    async def until(self, holds: Callable[["Phone"], bool], within: float = DEADLINE) -> "Phone":
        """Waits until something is so of this phone; looked at with each frame and change of the line."""
        await self._watch.until(lambda: holds(self), within, self.__str__)
        return self

    async def until_connected(self, within: float = DEADLINE) -> "Phone":
        """Waits until the line is open."""
        return await self.until(lambda phone: phone.is_connected, within)

    async def catch_up(self) -> Inbox:
        """Asks for what changed in the threads and takes it in: after each welcome, and after a gap."""
        more = True
        while more:
            page = await self.session.changes(self.inbox.feed)
            more = self.inbox.take(page)
        self._watch.changed()
        return self.inbox

    async def command(self, frame: ClientFrame, within: float = DEADLINE) -> ServerFrame:
        """Sends a command until it has a reply, on the next line where this one breaks, always with the same
        key.

        Raises Refusal, or TimeoutError after `within` seconds. "Unavailable" and "overloaded" are tried
        again.
        """
        if not frame.command_id:
            frame.command_id = mint_command()
        end = time.monotonic() + within
        async with asyncio.timeout(within):
            for pause in _pauses():
                try:
                    return await (await self._open_line(within)).ask(frame)
                except LineClosed:
                    pass
                except Refusal as refusal:
                    if refusal.reason not in _AGAIN or time.monotonic() + pause > end:
                        raise
                await asyncio.sleep(pause)
        raise TimeoutError

    async def reconnect(self, within: float = DEADLINE) -> "Phone":
        """Drops the line without a word and waits for the next one, as after a change of network."""
        before = self.connections
        self.drop()
        return await self.until(lambda phone: phone.connections > before and phone.is_connected, within)

    def drop(self) -> None:
        """Cuts the connection without a word; the phone connects again by itself."""
        if self.line is not None:
            self.line.abort()

    async def vanish(self) -> None:
        """Cuts the connection and stays away, as a phone whose battery died. `connect` brings it back."""
        await self._stop_keeping()
        self.drop()
        await self._until_closed()

    async def close(self) -> None:
        """Closes the line with good manners and stays away."""
        await self._stop_keeping()
        if self.line is not None:
            self.line.close()
        await self._until_closed()

    def __str__(self) -> str:
        state = "connected" if self.is_connected else "not connected"
        calls = "; ".join(str(call) for call in list(self.calls.values())[-4:]) or "no calls"
        return f"phone {self.session.device_id}.{self.instance} is {state}, {calls}"

    async def _open_line(self, within: float) -> Line:
        if self.line is None or not self.line.is_open:
            await self._watch.until(lambda: self.is_connected or self.gone is not None, within, self.__str__)
        if self.gone is not None:
            raise self.gone
        assert self.line is not None
        return self.line

    async def _open(self, patience: float = DEADLINE) -> None:
        self.tries += 1
        ticket = await self.session.ticket(2 * patience)  # the whole try has an end of its own
        hello = Hello(
            ticket=ticket,
            signature=self.session.key.sign_ticket(ticket),
            instance=self.instance,
            client_version=VERSION,
        )
        try:
            line = await Line.open(self._gateways[0], hello, self._hear, within=patience)
        except ConnectionError:
            self._gateways.append(self._gateways.pop(0))
            raise
        self.line = line
        self.connections += 1
        self._watch.changed()

    async def _keep(self) -> None:
        while True:
            await self._until_lost()
            self._watch.changed()
            if self.line is not None and fenced(self.line.refused):
                return self._leave(self.line.refused)
            if not await self._reopen():
                return None

    async def _reopen(self) -> bool:
        """Tries until the line is open; False where the server wants none of it ever again."""
        patience, slow = DEADLINE, 0
        for pause in _pauses():
            await asyncio.sleep(pause)
            try:
                async with asyncio.timeout(patience):  # wait_for forgets a cancellation at the last moment
                    await self._open(patience)
                return True
            except TimeoutError:
                await asyncio.sleep(random.uniform(0.0, LONG_PAUSE_SECONDS[min(slow, 4)]))
                patience, slow = min(2 * patience, LONGEST_PATIENCE), slow + 1
                self._turn_elsewhere()
            except ConnectionError:
                continue
            except Refusal as refusal:
                if refusal.reason not in _AGAIN_LATER:
                    self._leave(refusal)
                    return False
                if refusal.retry_after:
                    await asyncio.sleep(refusal.retry_after + random.uniform(0.0, 1.0))
        return False

    def _turn_elsewhere(self) -> None:
        self._gateways.append(self._gateways.pop(0))
        self.session.turn_elsewhere()

    def _move(self, seconds: float) -> None:
        """This gateway stops: in so many seconds the line is opened anew, elsewhere if it can be."""
        line, here = self.line, self._gateways[0]
        if self._moving is None and line is not None:
            self._moving = asyncio.get_running_loop().call_later(seconds, self._moved, line, here)

    def _moved(self, line: Line, gateway: str) -> None:
        self._moving = None
        if self.line is line and self._gateways[0] == gateway:
            self._gateways.append(self._gateways.pop(0))
        line.abort()

    def _leave(self, why: Refusal | None) -> None:
        self.gone = why
        self._watch.changed()

    async def _until_lost(self) -> None:
        line = self.line
        while line is not None and not line.closed.done():
            silence = (line.welcome.silence_ms or 60_000) / 1000
            quiet_for = time.monotonic() - line.last_heard
            if quiet_for >= silence and any(call.is_live for call in self.calls.values()):
                line.abort()
            await asyncio.wait([line.closed], timeout=max(0.25, silence - quiet_for))

    async def _until_closed(self) -> None:
        if self.line is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.line.closed), 2.0)
        self._watch.changed()

    async def _stop_keeping(self) -> None:
        if self._moving is not None:
            self._moving.cancel()
            self._moving = None
        keeper, self._keeper = self._keeper, None
        for task in (keeper, *self._small):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _hear(self, frame: ServerFrame) -> None:
        if self._heard is not None:
            self._heard(frame)
        kind = frame.WhichOneof("body")
        if kind == "call":
            self._see(frame.call)
        elif kind == "done" and frame.done.call.call_id:
            self._see(frame.done.call)
        elif kind == "peer_candidates":
            call = self.calls.get(frame.peer_candidates.call_id)
            if call is not None:
                call.see_candidates(frame.peer_candidates)
        elif kind == "welcome":
            self._see_snapshot(frame.welcome)
        elif kind == "beat" and not frame.reply_to:
            self._see_beat(frame.beat)
        elif kind == "thread_changed":
            self.inbox.see(frame.thread_changed)
        elif kind == "reconnect":
            self._move(frame.reconnect.after_ms / 1000)
        self._ring_aloud()
        self._watch.changed()

    def _see(self, view: client_pb2.Call) -> None:
        call = self.calls.get(view.call_id)
        if call is not None:
            call.see(view)
        else:
            call = self.calls[view.call_id] = Call(self, view)
            if call.rings and view.ring_left_ms >= self._least_ring_ms:
                self._rung[call.call_id] = call
                self._acknowledge(call)
        if not call.rings:
            self._rung.pop(call.call_id, None)

    def _see_snapshot(self, welcome: client_pb2.Welcome) -> None:
        self.inbox.is_behind = True
        if welcome.incarnation > self.incarnation:
            if self.incarnation:
                self.inbox.forget()
            self.incarnation = welcome.incarnation
            for call in self.calls.values():
                call.view.version = 0
        for view in welcome.calls:
            self._see(view)
        told = {view.call_id for view in welcome.calls}
        for call in self.calls.values():
            if call.call_id not in told:
                call.see_over()

    def _see_beat(self, beat: client_pb2.Beat) -> None:
        live = {one.call_id for one in beat.calls}
        for call in self.calls.values():
            if call.is_live and call.call_id not in live:
                call.see_over()

    def _is_in_a_call(self) -> bool:
        return any(call.is_talked_in for call in self.calls.values())

    def _ring_aloud(self) -> None:
        """What waited behind a call that is over, or on hold, rings as any other."""
        if not self._waiting or self._is_in_a_call():
            return
        waited, self._waiting = self._waiting, {}
        for call in waited.values():
            if call.rings:
                self._acknowledge(call)

    def _acknowledge(self, call: Call) -> None:
        if not self._acknowledges:
            return
        waits = self._is_in_a_call()
        if waits:
            self._waiting[call.call_id] = call
        ringing = client_pb2.Ringing(call_id=call.call_id, waits=waits)
        frame = ClientFrame(command_id=mint_command(), ringing=ringing)
        task = asyncio.create_task(self._ring(frame), name="ringing")
        self._small.add(task)
        task.add_done_callback(self._small.discard)

    async def _ring(self, frame: ClientFrame) -> None:
        with suppress(Refusal, TimeoutError, AssertionError):  # a ring that ended meanwhile is no news
            await self.command(frame)


def _pauses() -> "list[float]":
    steps = [*PAUSE_SECONDS, *([PAUSE_SECONDS[-1]] * 1000)]
    return [step * random.uniform(0.5, 1.5) for step in steps]
