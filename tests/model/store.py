"""The store of the model: the writes and readings of services/signaling/store.py over rows in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, events_pb2, signaling_pb2
from services.signaling.record import CALLEE, CALLER, holds_pair, live, side_of
from services.signaling.store import Stored, pair_key
from services.signaling.verbs import Step

Slot = bytes | None


class Row(NamedTuple):
    """A row of `call`, with what was said of its end."""

    record: bytes
    slots: tuple[Slot, Slot]
    due_ms: int
    place_command: str
    answer_command: str = ""
    ends: tuple[bytes, ...] = ()


class Pair(NamedTuple):
    """A row of `pair`."""

    live_call: str = ""
    closed_by: int = 0


class Tables(NamedTuple):
    """All that is kept."""

    now: int
    rows: tuple[tuple[str, Row], ...] = ()
    pairs: tuple[tuple[str, Pair], ...] = ()
    revoked: frozenset[tuple[str, str]] = frozenset()


class ModelStore:
    """What `Store` is to the exchange. Commits at once: a command is one step of the model."""

    def __init__(self, tables: Tables, look_ms: int) -> None:
        self._now = tables.now
        self._rows = dict(tables.rows)
        self._pairs = dict(tables.pairs)
        self._revoked = tables.revoked
        self._look_ms = look_ms
        self.saves: list[tuple[str, int, int]] = []
        """Call, version before and after, of each write."""

    @property
    def tables(self) -> Tables:
        """What is kept now."""
        return Tables(self._now, tuple(self._rows.items()), tuple(sorted(self._pairs.items())), self._revoked)

    def now(self) -> int:
        """The clock of the model."""
        return self._now

    async def load(self, call_id: str) -> Stored | None:
        """One call."""
        return _stored(self._rows[call_id]) if call_id in self._rows else None

    async def placed_by(self, caller_id: str, command_id: str) -> Stored | None:
        """The call that this command placed."""
        for row, stored in self._all():
            if row.place_command == command_id and side_of(stored.record, caller_id) == CALLER:
                return stored
        return None

    async def live_of(self, user_ids: Sequence[str]) -> list[Stored]:
        """Every live call of these users."""
        return [one for _, one in self._all() if live(one.record) and _has(one, user_ids)]

    async def around(self, caller_id: str, callee_id: str, command_id: str) -> list[Stored]:
        """Every live call of the two, and the one that this command placed or answered."""
        found = []
        for row, one in self._all():
            sides = [(CALLER, row.place_command), (CALLEE, row.answer_command)]
            mine = (side_of(one.record, caller_id), command_id) in sides
            if mine or (live(one.record) and _has(one, [caller_id, callee_id])):
                found.append(one)
        return found

    async def past_of(self, user_id: str) -> list[Stored]:
        """The calls of a user that are over."""
        return [one for _, one in self._all() if not live(one.record) and _has(one, [user_id])]

    async def touched(self, gateway_id: str) -> list[Stored]:
        """The live calls with a line at this gateway."""
        return [one for _, one in self._all() if live(one.record) and gateway_id in _gateways(one)]

    async def many(self, call_ids: Sequence[str]) -> list[Stored]:
        """Calls by id."""
        return [_stored(self._rows[call_id]) for call_id in call_ids if call_id in self._rows]

    async def revoke(self, user_id: str, device_id: str) -> None:
        """Notes that a device was revoked."""
        self._revoked |= {(user_id, device_id)}

    async def revoked_of(self, user_ids: Sequence[str]) -> dict[str, str]:
        """The devices of these users that were revoked, each with its user."""
        return {device_id: user_id for user_id, device_id in self._revoked if user_id in user_ids}

    async def due(self, most: int = 200) -> list[Stored]:
        """Takes calls whose deadline is over."""
        taken = []
        for call_id, row in self._rows.items():
            one = _stored(row)
            if live(one.record) and row.due_ms <= self._now:
                self._rows[call_id] = row._replace(due_ms=self._now + self._look_ms)
                taken.append(one)
        return taken

    async def place(
        self, record: signaling_pb2.CallRecord, events: Sequence[events_pb2.Event], command_id: str
    ) -> bool:
        """Inserts a call where its pair is open and free."""
        caller, callee = (member.profile.user_id for member in record.members)
        if await self.placed_by(caller, command_id) is not None:
            return False
        key = pair_key(caller, callee)
        pair = self._pairs.get(key, Pair())
        if pair.live_call or (holds_pair(record) and pair.closed_by):
            return False
        if holds_pair(record):
            self._pairs[key] = pair._replace(live_call=record.call_id)
        self._rows[record.call_id] = Row(
            _row_bytes(record), (None, None), record.deadline_at_ms, command_id, ends=_ends(events)
        )
        return True

    async def save(self, was: Stored, step: Step, con: object = None, by_dialling: str = "") -> Stored | None:
        """Compare-and-set."""
        record = step.record
        row = self._rows[record.call_id]
        if _stored(row).record.version != was.record.version:
            return None
        slots: list[Slot] = [None, None] if step.erased else list(row.slots)
        if step.described is not None and not step.erased:
            side, description = step.described
            slots[side] = _bytes(description)
        if step.added is not None and not step.erased:
            side, candidates = step.added
            slot = slots[side]  # as in SQL: what is appended to nothing is nothing
            slots[side] = slot and slot + _bytes(client_pb2.Description(candidates=candidates))
        saved = row._replace(
            record=_row_bytes(record),
            slots=(slots[CALLER], slots[CALLEE]),
            due_ms=record.deadline_at_ms,
            answer_command=by_dialling or row.answer_command,
            ends=row.ends + _ends(step.events),
        )
        self._rows[record.call_id] = saved
        self.saves.append((record.call_id, was.record.version, record.version))
        key = pair_key(*(member.profile.user_id for member in record.members))
        pair = self._pairs.get(key, Pair())
        if not holds_pair(record) and pair.live_call == record.call_id:
            self._pairs[key] = pair._replace(live_call="")
        return _stored(saved)

    async def gate(
        self, con: object, user_id: str, other_id: str, closed: bool, generation: int
    ) -> Stored | None:
        """Closes or opens a gate; answers the pair's live call."""
        key = pair_key(user_id, other_id)
        pair = self._pairs.get(key, Pair())
        bit = 1 if key.startswith(f"{user_id}:") else 2
        closed_by = pair.closed_by | bit if closed else pair.closed_by & ~bit
        self._pairs[key] = pair._replace(closed_by=closed_by)
        return _stored(self._rows[pair.live_call]) if pair.live_call else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Nothing is undone in the model, so nothing may be refused after a change."""
        before = dict(self._rows), dict(self._pairs)
        try:
            yield
        except Refusal:
            self._rows, self._pairs = before
            raise

    def _all(self) -> Iterable[tuple[Row, Stored]]:
        return [(row, _stored(row)) for row in self._rows.values()]


def record_of(row: Row) -> signaling_pb2.CallRecord:
    """The record of a row."""
    return signaling_pb2.CallRecord.FromString(row.record)


def _stored(row: Row) -> Stored:
    slots = [None if slot is None else client_pb2.Description.FromString(slot) for slot in row.slots]
    return Stored(record_of(row), (slots[CALLER], slots[CALLEE]))


def _has(stored: Stored, user_ids: Sequence[str]) -> bool:
    return any(side_of(stored.record, user_id) is not None for user_id in user_ids)


def _gateways(stored: Stored) -> set[str]:
    return {leg.gateway_id for member in stored.record.members for leg in member.legs}


def _ends(events: Sequence[events_pb2.Event]) -> tuple[bytes, ...]:
    return tuple(_bytes(event) for event in events if event.HasField("call_ended"))


def _bytes(message: signaling_pb2.CallRecord | client_pb2.Description | events_pb2.Event) -> bytes:
    return message.SerializeToString(deterministic=True)


def _row_bytes(record: signaling_pb2.CallRecord) -> bytes:
    """A record, its commands in an order of their own: else each order would be another state."""
    kept = signaling_pb2.CallRecord()
    kept.CopyFrom(record)
    for member in kept.members:
        member.command_ids.sort()
    return _bytes(kept)
