"""The exchange: takes a command to a call, lets `step` decide, saves, and tells the lines.

One rhythm for every command: read the call, step, compare-and-set; on a conflict read again (at most three
times).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from weakref import WeakValueDictionary

from ringline import tracing
from ringline.outbox import Outbox
from ringline.refusal import Refusal
from ringline.telemetry import REFUSED_IN_CALL
from ringline.v1 import client_pb2, policy_pb2, reasons_pb2, signaling_pb2, types_pb2
from services.signaling import figures
from services.signaling.call import step
from services.signaling.placement import Name, Placement, name_call
from services.signaling.record import (
    CALLEE,
    Phase,
    Times,
    bound,
    leg_of,
    line_key,
    live,
    may_ring,
    phase,
    side_of,
)
from services.signaling.relay import RelayDesk
from services.signaling.store import Store, Stored
from services.signaling.teller import Teller, raise_versions
from services.signaling.verbs import Drop, SetMediaInVain, Step, Tick, Verb, Who
from services.signaling.wakes import Wakes

TRIES = 4
REMEMBERED = 2_000

OUTSIDE_THE_TABLE = frozenset(
    {reasons_pb2.REASON_WRONG_ROLE, reasons_pb2.REASON_WRONG_STATE, reasons_pb2.REASON_CALL_ENDED}
)

Decide = Callable[[policy_pb2.Attempt], Awaitable[policy_pb2.Verdict]]
Locate = Callable[[list[str]], Awaitable[list[types_pb2.Line]]]


def speaker(line: types_pb2.Line, command_id: str = "") -> Callable[[signaling_pb2.CallRecord], Who]:
    """Who the line is in a call; asked of a call where its user is not in, it raises Refusal
    (CALL_NOT_FOUND).
    """

    def who(record: signaling_pb2.CallRecord) -> Who:
        side = side_of(record, line.user_id)
        if side is None:
            raise Refusal(reasons_pb2.REASON_CALL_NOT_FOUND)
        return Who(side, line_key(line), line.gateway_id, line.epoch, command_id)

    return who


class Exchange:
    """Every command goes through here, from lines, from the sweeper, from the operator."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        wakes: Wakes,
        relay: RelayDesk,
        decide: Decide,
        locate: Locate,
        times: Times,
        name: Name = name_call,
    ) -> None:
        self.store = store
        self.times = times
        self.outbox = outbox
        self.teller = Teller(wakes, relay, store.now)
        self.decide = decide
        self.placement = Placement(self, name)
        self._locate = locate
        # What this process read or wrote last. Compare-and-set makes a stale one harmless: it only costs a
        # second try.
        self._known: OrderedDict[str, Stored] = OrderedDict()
        # Two commands for one call at the same time would both write, and one of them in vain: the second
        # waits here and not for the row. Another process does not know of it, and need not.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def lines_of(self, user_ids: list[str]) -> list[types_pb2.Line]:
        """The lines of users as far as presence knows."""
        try:
            return await self._locate(user_ids)
        except Refusal:
            return []

    async def command(
        self, line: types_pb2.Line, command_id: str, call_id: str, verb: Verb, by_dialling: str = ""
    ) -> client_pb2.Call:
        """Applies a line's verb and answers the call as that line sees it then. Raises Refusal.

        `by_dialling` is the command id of the Place that this verb carries out.
        """
        if isinstance(verb, client_pb2.SetMedia):
            verb = await self._checked_media(line.user_id, verb)
        stored = await self._apply(call_id, speaker(line, command_id), verb, by_dialling)
        return self.see(stored, line.user_id, line_key(line), relay=isinstance(verb, client_pb2.Answer))

    async def arrive(self, line: types_pb2.Line, call_id: str) -> client_pb2.Call | None:
        """A line was opened: the call as it sees it, None where it has no part in it. Raises Refusal."""
        try:
            stored = await self._apply(call_id, speaker(line), signaling_pb2.Arrived())
        except Refusal as refusal:
            if refusal.reason == reasons_pb2.REASON_UNAVAILABLE:
                raise
            return None  # It ended meanwhile, or its callee's side has: nothing to show.
        if not self.concerns(stored, line):
            return None
        return self.see(stored, line.user_id, line_key(line), relay=True)

    async def drop(self, user_id: str, device_id: str) -> list[str]:
        """Takes a revoked device out of every call; answers the calls that ended by it. From then on
        nothing that the device said or says has an effect.
        """
        await self.store.revoke(user_id, device_id)
        ended = []
        for stored in await self.store.live_of([user_id]):
            call_id = stored.record.call_id
            try:
                done = await self.serve(call_id, Drop(user_id, device_id))
            except Refusal as refusal:
                if refusal.reason == reasons_pb2.REASON_UNAVAILABLE:
                    raise
                continue  # it ended meanwhile
            if not live(done.record):
                ended.append(call_id)
        return ended

    async def serve(self, call_id: str, verb: Verb) -> Stored:
        """Applies a verb of the server. Raises Refusal."""
        return await self._apply(call_id, lambda record: None, verb)

    async def tick(self, stored: Stored) -> None:
        """Looks at a call whose deadline is over."""
        lines: list[types_pb2.Line] | None = None
        is_ringing = phase(stored.record) is Phase.RINGING
        users = [x.profile.user_id for x in stored.record.members if is_ringing or bound(x) is not None]
        with suppress(Refusal):
            lines = await self._locate(users) if users else []
        self.remember(stored)
        present = None if lines is None else frozenset(map(line_key, lines))
        after = await self.serve(stored.record.call_id, Tick(present))
        if phase(after.record) is Phase.RINGING and not after.record.waiting_line:
            await self._ring_missing(after, lines or ())

    async def _checked_media(
        self, user_id: str, verb: client_pb2.SetMedia
    ) -> client_pb2.SetMedia | SetMediaInVain:
        """Asks policy again where a kind is turned on that was not sent: entitlements change during a call.

        Before the answer only what is said of the user himself is refused: whatever hangs on the other would
        tell him whether he is heard, so it is in vain.
        """
        stored = await self.read(verb.call_id)
        side = side_of(stored.record, user_id)
        if side is None:
            raise Refusal(reasons_pb2.REASON_CALL_NOT_FOUND)
        me, peer = stored.record.members[side], stored.record.members[1 - side]
        if not (verb.kinds.video and not me.sends.video) and not (verb.kinds.audio and not me.sends.audio):
            return verb
        talks = phase(stored.record) is Phase.TALKING
        attempt = policy_pb2.Attempt(
            act=policy_pb2.ACT_SET_MEDIA,
            caller_id=user_id,
            callee_id=peer.profile.user_id,
            kinds=verb.kinds,
            call_id=verb.call_id,
        )
        try:
            verdict = await self.decide(attempt)
            if verdict.outcome == policy_pb2.OUTCOME_REFUSED:
                raise Refusal.from_proto(verdict.refused)
        except Refusal as refusal:
            if talks or refusal.reason != reasons_pb2.REASON_KIND_NOT_ADMITTED:
                raise
        else:
            if verdict.outcome == policy_pb2.OUTCOME_ADMITTED:
                return verb
            if talks:
                raise Refusal(reasons_pb2.REASON_KIND_NOT_ADMITTED)
        return SetMediaInVain(verb.kinds)

    async def _apply(
        self,
        call_id: str,
        who: Callable[[signaling_pb2.CallRecord], Who | None],
        verb: Verb,
        by_dialling: str = "",
    ) -> Stored:
        turn = self._turns.get(call_id) or self._turns.setdefault(call_id, asyncio.Lock())
        async with turn:
            with tracing.step("signaling", f"step {type(verb).__name__}", call_id):
                was, saved = await self._apply_in_turn(call_id, who, verb, by_dialling)
        if was.record.waiting_line and not saved.record.waiting_line and phase(saved.record) is Phase.RINGING:
            await self._ring_elsewhere(saved)
        return saved

    async def _ring_elsewhere(self, stored: Stored) -> None:
        """What the call waited behind is over: it rings on the callee's other lines too."""
        lines = await self.lines_of([stored.record.members[CALLEE].profile.user_id])
        if not lines and may_ring(stored.record, "", self.store.now(), self.times):
            self.teller.ring_line(stored, "", "")
        await self._ring_missing(stored, lines)

    async def _ring_missing(self, stored: Stored, lines: Iterable[types_pb2.Line]) -> None:
        """Rings those of the lines on which the call does not ring yet. What fails, the next look mends."""
        callee = stored.record.members[CALLEE]
        for line in lines:
            if line.user_id != callee.profile.user_id or leg_of(callee, line_key(line)) is not None:
                continue
            with suppress(Refusal):
                if await self.arrive(line, stored.record.call_id) is not None:
                    self.teller.ring_line(stored, line.gateway_id, line_key(line))

    async def _apply_in_turn(
        self,
        call_id: str,
        who: Callable[[signaling_pb2.CallRecord], Who | None],
        verb: Verb,
        by_dialling: str,
    ) -> tuple[Stored, Stored]:
        """The call before and after."""
        stored = self._known.get(call_id)
        is_fresh = stored is None
        for _ in range(TRIES):
            stored = stored or await self.read(call_id)
            speaks = who(stored.record)
            try:
                done = step(stored.record, speaks, verb, self.store.now(), self.times)
            except Refusal as refusal:
                if is_fresh:
                    count_refused(stored.record, speaks, verb, refusal)
                    raise
                done = None
            if done is not None and done.changed:
                saved = await self._save(stored, done, speaks, by_dialling)
                if saved is not None:
                    figures.remembered("read" if is_fresh else "remembered")
                    return stored, saved
            elif done is not None and is_fresh:
                return stored, stored
            figures.remembered("conflict" if is_fresh else "stale")
            # What was remembered may be stale: only what was read just now may refuse or leave things as
            # they are.
            stored, is_fresh = None, True
        raise Refusal(reasons_pb2.REASON_UNAVAILABLE)

    async def read(self, call_id: str) -> Stored:
        """A call as it is now. Raises Refusal (CALL_NOT_FOUND)."""
        stored = await self.store.load(call_id)
        if stored is None:
            raise Refusal(reasons_pb2.REASON_CALL_NOT_FOUND)
        self.remember(stored)
        return stored

    async def _save(self, was: Stored, done: Step, who: Who | None, by_dialling: str) -> Stored | None:
        raise_versions(was, done)
        with tracing.step("signaling", "compare and set", was.record.call_id):
            saved = await self.store.save(was, done, by_dialling=by_dialling)
        if saved is None:
            self._known.pop(was.record.call_id, None)
            return None
        self.settle(was, done, saved, who)
        return saved

    def settle(self, was: Stored, done: Step, saved: Stored, who: Who | None) -> None:
        """After a commit: remembers the call, says the events, tells the lines."""
        self.remember(saved)
        figures.count(was.record, saved.record, done.events)
        if done.events:
            self.outbox.nudge()
        self.teller.tell(was, done, saved, who.line if who is not None else "")

    def see(self, stored: Stored, user_id: str, line: str, relay: bool = False) -> client_pb2.Call:
        """A call as a line of this user sees it. Raises Refusal where he is not in it."""
        side = side_of(stored.record, user_id)
        if side is None:
            raise Refusal(reasons_pb2.REASON_CALL_NOT_FOUND)
        return self.teller.see(stored, side, line, relay)

    def concerns(self, stored: Stored, line: types_pb2.Line) -> bool:
        """Whether the line has, or had, a leg in the call."""
        side = side_of(stored.record, line.user_id)
        return side is not None and leg_of(stored.record.members[side], line_key(line)) is not None

    def is_new_to(self, stored: Stored, line: types_pb2.Line) -> bool:
        """Whether the call knows the line not at all, or by an older connection only."""
        side = side_of(stored.record, line.user_id)
        leg = None if side is None else leg_of(stored.record.members[side], line_key(line))
        return leg is None or leg.epoch < line.epoch

    def is_in(self, stored: Stored, line: types_pb2.Line) -> bool:
        """Whether this very line is in the call now."""
        side = side_of(stored.record, line.user_id)
        leg = None if side is None else bound(stored.record.members[side])
        return leg is not None and leg.line == line_key(line)

    def remember(self, stored: Stored) -> None:
        """Keeps what was read or written last."""
        call_id = stored.record.call_id
        self._known[call_id] = stored
        self._known.move_to_end(call_id)
        if stored.record.ending_for_caller or len(self._known) > REMEMBERED:
            self._known.pop(call_id if stored.record.ending_for_caller else next(iter(self._known)))


def count_refused(record: signaling_pb2.CallRecord, who: Who | None, verb: Verb, refusal: Refusal) -> None:
    """Counts what does not belong to the state of its call, by phase, role and verb (S15)."""
    if refusal.reason in OUTSIDE_THE_TABLE:
        role = "server" if who is None else ("caller", "callee")[who.side]
        REFUSED_IN_CALL.labels(phase(record).value, role, type(verb).__name__).inc()
