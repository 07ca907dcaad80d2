"""A call as one line of it sees it: the newest view, what the other side sent, and the verbs.

State, not replay: each view replaces the one before; of two views the higher (incarnation, version) is true.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal, Protocol

from ringline.v1 import client_pb2, types_pb2
from ringline.v1.client_pb2 import ClientFrame, MediaState, Phase, Role, ServerFrame
from ringline.v1.types_pb2 import Ending, Kinds

PhaseName = Literal["calling", "ringing", "connecting", "connected", "ended"]
EndingName = Literal[
    "cancelled", "declined", "no_answer", "busy", "hung_up", "lost", "media_failed", "answered_elsewhere",
    "declined_elsewhere", "by_operator", "severed",
]  # fmt: skip
_PHASES: dict[int, PhaseName] = {
    Phase.PHASE_CALLING: "calling",
    Phase.PHASE_RINGING: "ringing",
    Phase.PHASE_CONNECTING: "connecting",
    Phase.PHASE_CONNECTED: "connected",
    Phase.PHASE_ENDED: "ended",
}
_ENDINGS: dict[int, EndingName] = {
    Ending.ENDING_CANCELLED: "cancelled",
    Ending.ENDING_DECLINED: "declined",
    Ending.ENDING_NO_ANSWER: "no_answer",
    Ending.ENDING_BUSY: "busy",
    Ending.ENDING_HUNG_UP: "hung_up",
    Ending.ENDING_LOST: "lost",
    Ending.ENDING_MEDIA_FAILED: "media_failed",
    Ending.ENDING_ANSWERED_ELSEWHERE: "answered_elsewhere",
    Ending.ENDING_DECLINED_ELSEWHERE: "declined_elsewhere",
    Ending.ENDING_BY_OPERATOR: "by_operator",
    Ending.ENDING_SEVERED: "severed",
}
DEADLINE = 5.0
"""Seconds that a wait takes at most where nothing else is said."""


class NotInTime(AssertionError):
    """What was waited for did not come about before the deadline; says what was so instead."""


class Watch:
    """Wakes those who wait for something to become so."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], Callable[[], bool]] = {}

    def changed(self) -> None:
        """Something changed: whoever's condition holds now goes on."""
        for future, holds in list(self._waiting.items()):
            if not future.done() and holds():
                future.set_result(None)

    async def until(self, holds: Callable[[], bool], within: float, otherwise: Callable[[], str]) -> None:
        """Waits until `holds()`. Raises NotInTime(otherwise()) after `within` seconds."""
        if holds():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = holds
        try:
            async with asyncio.timeout(within):
                await future
        except TimeoutError:
            raise NotInTime(f"not within {within:g} s; {otherwise()}") from None
        finally:
            del self._waiting[future]


class Carrier(Protocol):
    """Who carries a call's commands: the phone."""

    def command(self, frame: ClientFrame, within: float = DEADLINE) -> Awaitable[ServerFrame]:
        """Sends a command until it has a reply; the same key on whatever connection."""


class Call:
    """One call on one phone."""

    def __init__(self, phone: Carrier, view: client_pb2.Call) -> None:
        self.view = view
        self.relay = view.relay
        self.call_id = view.call_id
        self._phone = phone
        self._watch = Watch()
        self._generation = 0
        self._heard: dict[int, dict[bytes, None]] = {}
        self._gather(view.peer_description.generation, view.peer_description.candidates)

    @property
    def phase(self) -> PhaseName:
        """How far it is."""
        return _PHASES[self.view.phase]

    @property
    def ending(self) -> EndingName | None:
        """How it ended for this line; None before, and where the server did not say."""
        return _ENDINGS.get(self.view.ending)

    @property
    def incoming(self) -> bool:
        """Whether this line's user is called."""
        return self.view.role == Role.ROLE_CALLEE

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.view.phase != Phase.PHASE_ENDED

    @property
    def rings(self) -> bool:
        """Whether this line is ringing, or may begin to."""
        return self.incoming and self.view.phase in (Phase.PHASE_CALLING, Phase.PHASE_RINGING)

    @property
    def holds(self) -> bool:
        """Whether this side put it on hold, as far as the server has said."""
        return self.view.holds

    @property
    def peer_holds(self) -> bool:
        """Whether the other side put it on hold."""
        return self.view.peer_holds

    @property
    def is_talked_in(self) -> bool:
        """Whether this line's user is in it or dials, and has not put it on hold: another one waits behind
        it."""
        return self.is_live and self.view.here and not self.holds

    @property
    def peer_description(self) -> client_pb2.Description | None:
        """The other side's newest description, or None before it came."""
        return self.view.peer_description if self.view.peer_description.generation else None

    @property
    def peer_candidates(self) -> list[bytes]:
        """The other side's candidates of its newest description, each once, in the order they came."""
        return list(self._heard.get(self.view.peer_description.generation, {}))

    async def answer(
        self,
        audio: bool = True,
        video: bool = False,
        *,
        offer: bytes = b"",
        candidates: Iterable[bytes] = (),
        binding: bytes = b"",
        within: float = DEADLINE,
    ) -> "Call":
        """Answers here, with the offer if it is at hand. Raises Refusal(ANSWERED_ELSEWHERE, CALL_ENDED)."""
        kinds = Kinds(audio=audio, video=video)
        answer = client_pb2.Answer(call_id=self.call_id, kinds=kinds, binding=binding)
        if offer:
            answer.description.CopyFrom(self._next_description(offer, 0, candidates))
        await self._phone.command(ClientFrame(answer=answer), within)
        return self

    async def decline(self, everywhere: bool = False) -> "Call":
        """Declines here, or on all of the user's devices."""
        decline = client_pb2.Decline(call_id=self.call_id, everywhere=everywhere)
        await self._phone.command(ClientFrame(decline=decline))
        return self

    async def hang_up(self) -> "Call":
        """Hangs up; before the answer, the caller cancels with it."""
        await self._phone.command(ClientFrame(hang_up=client_pb2.HangUp(call_id=self.call_id)))
        return self

    async def hold(self) -> "Call":
        """Puts it on hold: from now on neither side may send."""
        return await self._set_hold(True)

    async def resume(self) -> "Call":
        """Takes back one's own hold; the other side's stays."""
        return await self._set_hold(False)

    async def set_media(self, audio: bool = True, video: bool = False) -> "Call":
        """Says what this side sends from now on. Raises Refusal(KIND_NOT_ADMITTED, NOT_ENTITLED_VIDEO)."""
        wanted = client_pb2.SetMedia(call_id=self.call_id, kinds=Kinds(audio=audio, video=video))
        await self._phone.command(ClientFrame(set_media=wanted))
        return self

    async def describe(self, body: bytes, *, answers: int = 0, candidates: Iterable[bytes] = ()) -> "Call":
        """Fills this line's slot anew; `answers` is the generation that it answers, 0 for an offer."""
        description = self._next_description(body, answers, candidates)
        frame = ClientFrame(describe=client_pb2.Describe(call_id=self.call_id, description=description))
        await self._phone.command(frame)
        return self

    async def add_candidates(self, candidates: Iterable[bytes]) -> "Call":
        """Appends to the newest description of this line."""
        more = client_pb2.AddCandidates(call_id=self.call_id, generation=self._generation)
        more.candidates.extend(candidates)
        await self._phone.command(ClientFrame(add_candidates=more))
        return self

    async def report(self, state: Literal["flowing", "failed"]) -> "Call":
        """Says how media goes on this line."""
        value = MediaState.MEDIA_STATE_FLOWING if state == "flowing" else MediaState.MEDIA_STATE_FAILED
        await self._phone.command(ClientFrame(report=client_pb2.Report(call_id=self.call_id, state=value)))
        return self

    async def renew_relay(self) -> client_pb2.Relay:
        """Fresh relay credentials."""
        frame = ClientFrame(renew_relay=client_pb2.RenewRelay(call_id=self.call_id))
        return (await self._phone.command(frame)).relay

    async def until(
        self,
        phase: PhaseName | None = None,
        *,
        ended: EndingName | None = None,
        where: Callable[["Call"], bool] | None = None,
        within: float = DEADLINE,
    ) -> "Call":
        """Waits until the call is in this phase, ended in this way, or fulfils `where`. Raises NotInTime."""

        def holds() -> bool:
            return (
                (phase is None or self.phase == phase)
                and (ended is None or self.ending == ended)
                and (where is None or where(self))
            )

        await self._watch.until(holds, within, self.__str__)
        return self

    async def until_described(self, generation: int = 1, within: float = DEADLINE) -> client_pb2.Description:
        """Waits for the other side's description of at least this generation, and answers it."""
        await self.until(where=lambda it: it.view.peer_description.generation >= generation, within=within)
        return self.view.peer_description

    async def until_candidates(self, count: int, within: float = DEADLINE) -> list[bytes]:
        """Waits for `count` candidates of the other side, and answers them."""
        await self.until(where=lambda call: len(call.peer_candidates) >= count, within=within)
        return self.peer_candidates

    def see(self, view: client_pb2.Call) -> bool:
        """Takes a view in; False where it is no newer than what is known."""
        if view.version < self.view.version:
            return False
        self._generation = max(self._generation, view.described)
        self._gather(view.peer_description.generation, view.peer_description.candidates)
        self.view = view
        if view.HasField("relay"):
            self.relay = view.relay
        self._watch.changed()
        return True

    def see_candidates(self, more: client_pb2.PeerCandidates) -> None:
        """Takes candidates of the other side in."""
        self._gather(more.generation, more.candidates)
        self._watch.changed()

    def see_over(self) -> None:
        """The server no longer holds it for live: it is over, whatever the end was."""
        if self.is_live:
            over = client_pb2.Call()
            over.CopyFrom(self.view)
            over.phase = Phase.PHASE_ENDED
            over.ending = types_pb2.Ending.ENDING_UNSPECIFIED
            self.see(over)

    def __str__(self) -> str:
        return f"call {self.call_id} version {self.view.version} is {self.phase}" + (
            f", {self.ending}" if self.ending else ""
        )

    async def _set_hold(self, on: bool) -> "Call":
        await self._phone.command(ClientFrame(hold=client_pb2.Hold(call_id=self.call_id, on=on)))
        return self

    def _next_description(
        self, body: bytes, answers: int, candidates: Iterable[bytes]
    ) -> client_pb2.Description:
        self._generation += 1
        return client_pb2.Description(
            generation=self._generation, answers=answers, body=body, candidates=candidates
        )

    def _gather(self, generation: int, candidates: Iterable[bytes]) -> None:
        if generation:
            self._heard.setdefault(generation, {}).update(dict.fromkeys(candidates))
