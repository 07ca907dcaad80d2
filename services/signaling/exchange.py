"""The exchange: takes a command to a call, lets `step` decide, saves, and tells the lines.

One rhythm for every command: read the call, step, compare-and-set; on a conflict read again (at most three
times).
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from ringline.ids import mint
from ringline.outbox import Outbox
from ringline.refusal import Refusal
from ringline.telemetry import REFUSED_IN_CALL
from ringline.v1 import client_pb2, policy_pb2, reasons_pb2, signaling_pb2, types_pb2
from services.signaling import dial
from services.signaling.call import step
from services.signaling.record import CALLEE, Phase, Times, bound, device_of, leg_of, phase, side_of
from services.signaling.relay import RelayDesk
from services.signaling.store import Store, Stored, pair_key
from services.signaling.teller import Teller, raise_versions
from services.signaling.verbs import Drop, Step, Tick, Verb, Who
from services.signaling.wakes import Wakes

TRIES = 4
REMEMBERED = 2_000
RING_AFTER_SECONDS = 0.002
"""Within this time the reply to a Place has left, also where everything lives in one process."""

OUTSIDE_THE_TABLE = frozenset(
    {reasons_pb2.REASON_WRONG_ROLE, reasons_pb2.REASON_WRONG_STATE, reasons_pb2.REASON_CALL_ENDED}
)

Decide = Callable[[policy_pb2.Attempt], Awaitable[policy_pb2.Verdict]]
Locate = Callable[[list[str]], Awaitable[list[types_pb2.Line]]]
Mint = Callable[[str, str], str]


def line_key(line: types_pb2.Line) -> str:
    """A line as device.instance."""
    return f"{line.device_id}.{line.instance}"


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
        mint: Mint | None = None,
    ) -> None:
        self.store = store
        self.times = times
        self._outbox = outbox
        self.teller = Teller(wakes, relay, store.now)
        self._decide = decide
        self._locate = locate
        self._mint = mint or mint_call
        # What this process read or wrote last. Compare-and-set makes a stale one harmless: it only costs a
        # second try.
        self._known: OrderedDict[str, Stored] = OrderedDict()
        # Two commands for one call at the same time would both write, and one of them in vain: the second
        # waits here and not for the row. Another process does not know of it, and need not.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # ------------------------------------------------------------ placing

    async def place(self, line: types_pb2.Line, command_id: str, verb: client_pb2.Place) -> client_pb2.Call:
        """Places a call, or answers the one it meets. Raises Refusal where it is the caller's own fault."""
        verdict = await self._decide(
            policy_pb2.Attempt(
                act=policy_pb2.ACT_PLACE,
                caller_id=line.user_id,
                callee_username=verb.username,
                kinds=verb.kinds,
            )
        )
        if verdict.outcome == policy_pb2.OUTCOME_REFUSED:
            raise Refusal.from_proto(verdict.refused)
        # Asked whatever the verdict is: an answer that comes sooner would tell of it.
        locating = asyncio.ensure_future(self._lines_of([verdict.callee.user_id, line.user_id]))
        for _ in range(TRIES):
            call = await self._try_place(line, command_id, verb, verdict, locating)
            if call is not None:
                return call
        raise Refusal(reasons_pb2.REASON_UNAVAILABLE)

    async def _try_place(
        self,
        line: types_pb2.Line,
        command_id: str,
        verb: client_pb2.Place,
        verdict: policy_pb2.Verdict,
        locating: Awaitable[list[types_pb2.Line]],
    ) -> client_pb2.Call | None:
        caller_id, callee_id = verdict.caller.user_id, verdict.callee.user_id
        live, located, is_revoked = await asyncio.gather(
            self.store.around(caller_id, callee_id, command_id),
            locating,
            self.store.is_revoked(line.device_id),
        )
        if is_revoked:  # before anything is written: a call that is placed and taken back leaves an entry
            raise Refusal(reasons_pb2.REASON_DEVICE_REVOKED)
        # The page was loaded anew while its Place was on the way: nobody would be there when it is answered.
        if any(line_key(one) == line_key(line) and one.epoch > line.epoch for one in located):
            raise Refusal(reasons_pb2.REASON_LINE_FENCED)
        lines = [one for one in located if one.user_id == callee_id]
        records = [stored.record for stored in live]
        for stored in live:
            side = side_of(stored.record, caller_id)
            # On the callee's side where the two dialled each other, and this Place was the answer.
            if side is not None and command_id in stored.record.members[side].command_ids:
                return self.teller.see(stored, side, line_key(line), relay=True)
        glare = dial.meets(caller_id, callee_id, records)
        if glare is not None:
            return await self._answer_by_dialling(line, command_id, glare.record.call_id, verb)
        admitted = verdict.outcome == policy_pb2.OUTCOME_ADMITTED
        room = dial.room(caller_id, callee_id, records) if admitted else dial.FREE
        who = Who(0, line_key(line), line.gateway_id, line.epoch, command_id)
        now = self.store.now()
        placed = dial.place(
            self._mint(caller_id, callee_id), verdict, who, verb, lines, room, now, self.times
        )
        if not await self.store.place(placed.record, placed.events, command_id):
            again = await self.store.placed_by(caller_id, command_id)
            if again is not None:
                return self.teller.see(again, 0, who.line, relay=True)
            if admitted and not await self._pair_is_live(caller_id, callee_id):
                # The gate is closed: to the caller it is a call that nobody answers.
                verdict.outcome = policy_pb2.OUTCOME_UNHEARD
                verdict.trace.add(rule="gate", held=True, effect="refuses")
            return None
        self._outbox.nudge()
        stored = Stored(placed.record, (None, None))
        self._remember(stored)
        # Looked at after the call is there: whoever revokes the device either is seen here, or sees the call.
        if await self.store.is_revoked(device_of(who.line)):
            await self.serve(placed.record.call_id, Drop(caller_id, device_of(who.line)))
            raise Refusal(reasons_pb2.REASON_DEVICE_REVOKED)
        # Not before the reply is made: its time must not depend on how many devices ring.
        asyncio.get_running_loop().call_later(RING_AFTER_SECONDS, self.teller.ring, stored)
        return self.teller.see(stored, 0, who.line, relay=True)

    async def _answer_by_dialling(
        self, line: types_pb2.Line, command_id: str, call_id: str, verb: client_pb2.Place
    ) -> client_pb2.Call | None:
        """Two who dial each other have one call. None where the other one's ring has ended meanwhile: try
        again.
        """
        answer = client_pb2.Answer(call_id=call_id, kinds=verb.kinds, binding=verb.binding)
        try:
            return await self.command(line, command_id, call_id, answer, by_dialling=command_id)
        except Refusal as refusal:
            if refusal.reason in (reasons_pb2.REASON_CALL_ENDED, reasons_pb2.REASON_CALL_NOT_FOUND):
                return None
            raise

    async def _pair_is_live(self, one: str, other: str) -> bool:
        for stored in await self.store.live_of([one]):
            key = pair_key(*(member.profile.user_id for member in stored.record.members))
            if key == pair_key(one, other) and phase(stored.record) in (Phase.RINGING, Phase.TALKING):
                return True
        return False

    async def _lines_of(self, user_ids: list[str]) -> list[types_pb2.Line]:
        """The lines of users as far as presence knows."""
        try:
            return await self._locate(user_ids)
        except Refusal:
            return []

    # ------------------------------------------------------------ everything else

    async def command(
        self, line: types_pb2.Line, command_id: str, call_id: str, verb: Verb, by_dialling: str = ""
    ) -> client_pb2.Call:
        """Applies a line's verb and answers the call as that line sees it then. Raises Refusal.

        `by_dialling` is the command id of the Place that this verb carries out.
        """
        if isinstance(verb, client_pb2.SetMedia):
            await self._check_media(line.user_id, verb)
        if isinstance(verb, client_pb2.Answer) and await self.store.is_revoked(line.device_id):
            raise Refusal(reasons_pb2.REASON_DEVICE_REVOKED)
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
        await self.store.revoke(device_id)
        ended = []
        for stored in await self.store.live_of([user_id]):
            call_id = stored.record.call_id
            try:
                done = await self.serve(call_id, Drop(user_id, device_id))
            except Refusal as refusal:
                if refusal.reason == reasons_pb2.REASON_UNAVAILABLE:
                    raise
                continue  # it ended meanwhile
            if done.record.ending and not stored.record.ending:
                ended.append(call_id)
        return ended

    async def serve(self, call_id: str, verb: Verb) -> Stored:
        """Applies a verb of the server. Raises Refusal."""
        return await self._apply(call_id, lambda record: None, verb)

    async def tick(self, stored: Stored) -> None:
        """Looks at a call whose deadline is over."""
        present: frozenset[str] | None = None
        waits = bool(stored.record.waiting_line)
        users = [one.profile.user_id for one in stored.record.members if waits or bound(one) is not None]
        try:
            present = (
                frozenset(line_key(line) for line in await self._locate(users)) if users else frozenset()
            )
        except Refusal:
            pass
        self._remember(stored)
        await self.serve(stored.record.call_id, Tick(present))

    async def _check_media(self, user_id: str, verb: client_pb2.SetMedia) -> None:
        """Asks policy again where a kind is turned on that was not sent: entitlements change during a
        call."""
        stored = await self.read(verb.call_id)
        side = side_of(stored.record, user_id)
        if side is None:
            raise Refusal(reasons_pb2.REASON_CALL_NOT_FOUND)
        me, peer = stored.record.members[side], stored.record.members[1 - side]
        if not (verb.kinds.video and not me.sends.video) and not (verb.kinds.audio and not me.sends.audio):
            return
        if phase(stored.record) is not Phase.TALKING:
            return
        verdict = await self._decide(
            policy_pb2.Attempt(
                act=policy_pb2.ACT_SET_MEDIA,
                caller_id=user_id,
                callee_id=peer.profile.user_id,
                kinds=verb.kinds,
            )
        )
        if verdict.outcome == policy_pb2.OUTCOME_REFUSED:
            raise Refusal.from_proto(verdict.refused)
        if verdict.outcome != policy_pb2.OUTCOME_ADMITTED:
            raise Refusal(reasons_pb2.REASON_KIND_NOT_ADMITTED)

    async def _apply(
        self,
        call_id: str,
        who: Callable[[signaling_pb2.CallRecord], Who | None],
        verb: Verb,
        by_dialling: str = "",
    ) -> Stored:
        turn = self._turns.get(call_id) or self._turns.setdefault(call_id, asyncio.Lock())
        async with turn:
            was, saved = await self._apply_in_turn(call_id, who, verb, by_dialling)
        if was.record.waiting_line and not saved.record.waiting_line and phase(saved.record) is Phase.RINGING:
            await self._ring_elsewhere(saved, was.record.waiting_line)
        return saved

    async def _ring_elsewhere(self, stored: Stored, waiting_line: str) -> None:
        """What the call waited behind is over: it rings on the callee's other lines too."""
        user_id = stored.record.members[CALLEE].profile.user_id
        lines = await self._lines_of([user_id])
        if not lines:
            self.teller.ring_line(stored, "", "")
        for line in lines:
            if line_key(line) != waiting_line and await self.arrive(line, stored.record.call_id) is not None:
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
                    return stored, saved
            elif done is not None and is_fresh:
                return stored, stored
            # What was remembered may be stale: only what was read just now may refuse or leave things as
            # they are.
            stored, is_fresh = None, True
        raise Refusal(reasons_pb2.REASON_UNAVAILABLE)

    async def read(self, call_id: str) -> Stored:
        """A call as it is now. Raises Refusal (CALL_NOT_FOUND)."""
        stored = await self.store.load(call_id)
        if stored is None:
            raise Refusal(reasons_pb2.REASON_CALL_NOT_FOUND)
        self._remember(stored)
        return stored

    async def _save(self, was: Stored, done: Step, who: Who | None, by_dialling: str) -> Stored | None:
        raise_versions(was, done)
        saved = await self.store.save(was, done, by_dialling=by_dialling)
        if saved is None:
            self._known.pop(was.record.call_id, None)
            return None
        self.settle(was, done, saved, who)
        return saved

    def settle(self, was: Stored, done: Step, saved: Stored, who: Who | None) -> None:
        """After a commit: remembers the call, says the events, tells the lines."""
        self._remember(saved)
        if done.events:
            self._outbox.nudge()
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

    def is_in(self, stored: Stored, line: types_pb2.Line) -> bool:
        """Whether this very line is in the call now."""
        side = side_of(stored.record, line.user_id)
        leg = None if side is None else bound(stored.record.members[side])
        return leg is not None and leg.line == line_key(line)

    def _remember(self, stored: Stored) -> None:
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


def mint_call(one: str, other: str) -> str:
    """A new call id that ends with four digits of the pair's hash, so that calls can be sharded by pair."""
    return mint("c_") + hashlib.blake2b(pair_key(one, other).encode(), digest_size=2).hexdigest()
