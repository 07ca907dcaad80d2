"""Placing a call: the verdict, the calls that are live for the two, the insert, the ring after the reply."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ringline import tracing
from ringline.ids import attempt_of, mint_call
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, policy_pb2, reasons_pb2, signaling_pb2, types_pb2
from services.signaling import dial, figures
from services.signaling.record import CALLEE, Phase, device_of, line_key, live, phase, side_of
from services.signaling.store import Stored, pair_key
from services.signaling.verbs import Drop, Who

if TYPE_CHECKING:
    from services.signaling.exchange import Exchange

TRIES = 4
RING_AFTER_SECONDS = 0.002
"""Within this time the reply to a Place has left, also where everything lives in one process."""

Name = Callable[[str, str, str], str]
"""Makes a call's id of its attempt's and the two people's."""


class Placement:
    """Takes every Place of an exchange."""

    def __init__(self, exchange: Exchange, name: Name) -> None:
        self._exchange = exchange
        self._name = name

    async def place(self, line: types_pb2.Line, command_id: str, verb: client_pb2.Place) -> client_pb2.Call:
        """Places a call, or answers the one it meets. Raises Refusal where it is the caller's own fault."""
        attempt = policy_pb2.Attempt(
            act=policy_pb2.ACT_PLACE,
            caller_id=line.user_id,
            callee_username=verb.username,
            kinds=verb.kinds,
            call_id=mint_call(),
        )
        # A command that is repeated is the attempt that it was, to the same person, whatever it says now:
        # policy counts and keeps it once, and so it must not be about somebody else for nothing.
        known = await self._exchange.store.placed_by(line.user_id, command_id)
        if known is not None:
            attempt.call_id = attempt_of(known.record.call_id)
            attempt.callee_id = known.record.members[CALLEE].profile.user_id
            attempt.ClearField("callee_username")
        with tracing.span("signaling", "place", tracing.root_of(attempt.call_id), attempt.call_id):
            return await self._decided(line, command_id, verb, attempt)

    async def _decided(
        self, line: types_pb2.Line, command_id: str, verb: client_pb2.Place, attempt: policy_pb2.Attempt
    ) -> client_pb2.Call:
        verdict = await self._exchange.decide(attempt)
        if verdict.outcome == policy_pb2.OUTCOME_REFUSED:
            raise Refusal.from_proto(verdict.refused)
        # Asked whatever the verdict is: an answer that comes sooner would tell of it.
        locating = asyncio.ensure_future(self._exchange.lines_of([verdict.callee.user_id, line.user_id]))
        for _ in range(TRIES):
            call = await self._try_place(line, command_id, attempt.call_id, verb, verdict, locating)
            if call is not None:
                return call
        raise Refusal(reasons_pb2.REASON_UNAVAILABLE)

    async def _try_place(
        self,
        line: types_pb2.Line,
        command_id: str,
        attempt_id: str,
        verb: client_pb2.Place,
        verdict: policy_pb2.Verdict,
        locating: Awaitable[list[types_pb2.Line]],
    ) -> client_pb2.Call | None:
        caller_id, callee_id = verdict.caller.user_id, verdict.callee.user_id
        store, both = self._exchange.store, [caller_id, callee_id]
        around, revoked, located = await asyncio.gather(
            store.around(caller_id, callee_id, command_id), store.revoked_of(both), locating
        )
        if line.device_id in revoked:
            await self._drop_placed(around, line, command_id)
            raise Refusal(reasons_pb2.REASON_DEVICE_REVOKED)
        # The page was loaded anew while its Place was on the way: nobody would be there when it is answered.
        if any(line_key(one) == line_key(line) and one.epoch > line.epoch for one in located):
            raise Refusal(reasons_pb2.REASON_LINE_FENCED)
        lines = [one for one in located if one.user_id == callee_id and one.device_id not in revoked]
        records = [stored.record for stored in around]
        for stored in around:
            side = side_of(stored.record, caller_id)
            # On the callee's side where the two dialled each other, and this Place was the answer.
            if side is not None and command_id in stored.record.members[side].command_ids:
                return self._exchange.teller.see(stored, side, line_key(line), relay=True)
        glare = dial.meets(caller_id, callee_id, records)
        if glare is not None:
            return await self._answer_by_dialling(line, command_id, glare.record.call_id, verb)
        admitted = verdict.outcome == policy_pb2.OUTCOME_ADMITTED
        room = dial.room(caller_id, callee_id, records) if admitted else dial.FREE
        if room.line is not None and device_of(room.line.line) in revoked:
            room = dial.FREE
        who = Who(0, line_key(line), line.gateway_id, line.epoch, command_id)
        now = store.now()
        call_id = self._name(attempt_id, caller_id, callee_id)
        placed = dial.place(call_id, verdict, who, verb, lines, room, now, self._exchange.times)
        _note_dropped(placed.record, revoked)
        with tracing.step("signaling", "insert", call_id):
            is_placed = await store.place(placed.record, placed.events, command_id)
        if not is_placed:
            again = await store.placed_by(caller_id, command_id)
            if again is not None:
                return self._exchange.teller.see(again, 0, who.line, relay=True)
            if admitted and not await self._pair_is_live(caller_id, callee_id):
                # The gate is closed: to the caller it is a call that nobody answers.
                verdict.outcome = policy_pb2.OUTCOME_UNHEARD
                verdict.trace.add(rule="gate", held=True, effect="refuses")
            return None
        figures.count(None, placed.record, placed.events)
        self._exchange.outbox.nudge()
        stored = Stored(placed.record, (None, None))
        self._exchange.remember(stored)
        await self._drop_revoked_since(placed.record.call_id, line.device_id, both, revoked)
        # Not before the reply is made: its time must not depend on how many devices ring.
        asyncio.get_running_loop().call_later(RING_AFTER_SECONDS, self._exchange.teller.ring, stored)
        return self._exchange.teller.see(stored, 0, who.line, relay=True)

    async def _drop_revoked_since(
        self, call_id: str, device_id: str, user_ids: Sequence[str], known: Mapping[str, str]
    ) -> None:
        """Looks again now that the call is there: a revocation either is seen here, or sees the call. Raises
        Refusal (DEVICE_REVOKED) where it is the device that placed it.
        """
        revoked = await self._exchange.store.revoked_of(user_ids)
        for one, user_id in revoked.items() - known.items():
            await self._exchange.serve(call_id, Drop(user_id, one))
            if one == device_id:
                raise Refusal(reasons_pb2.REASON_DEVICE_REVOKED)

    async def _drop_placed(self, live_calls: Sequence[Stored], line: types_pb2.Line, command_id: str) -> None:
        """Ends what a revoked device has placed, where the process that did it died on the way."""
        for stored in live_calls:
            side = side_of(stored.record, line.user_id)
            if side is not None and live(stored.record):
                if command_id in stored.record.members[side].command_ids:
                    await self._exchange.serve(stored.record.call_id, Drop(line.user_id, line.device_id))

    async def _answer_by_dialling(
        self, line: types_pb2.Line, command_id: str, call_id: str, verb: client_pb2.Place
    ) -> client_pb2.Call | None:
        """Two who dial each other have one call. None where the other one's ring has ended meanwhile: try
        again.
        """
        answer = client_pb2.Answer(call_id=call_id, kinds=verb.kinds, binding=verb.binding)
        try:
            return await self._exchange.command(line, command_id, call_id, answer, by_dialling=command_id)
        except Refusal as refusal:
            if refusal.reason in (reasons_pb2.REASON_CALL_ENDED, reasons_pb2.REASON_CALL_NOT_FOUND):
                return None
            raise

    async def _pair_is_live(self, one: str, other: str) -> bool:
        for stored in await self._exchange.store.live_of([one]):
            key = pair_key(*(member.profile.user_id for member in stored.record.members))
            if key == pair_key(one, other) and phase(stored.record) in (Phase.RINGING, Phase.TALKING):
                return True
        return False


def _note_dropped(record: signaling_pb2.CallRecord, revoked: Mapping[str, str]) -> None:
    for member in record.members:
        mine = (key for key, user_id in revoked.items() if user_id == member.profile.user_id)
        member.dropped_device_ids.extend(sorted(mine))


def name_call(attempt_id: str, one: str, other: str) -> str:
    """A call's id: the attempt's, and four digits of the pair's hash: calls can be sharded by pair."""
    return attempt_id + hashlib.blake2b(pair_key(one, other).encode(), digest_size=2).hexdigest()
