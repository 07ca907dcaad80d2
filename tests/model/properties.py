"""The properties of a call (docs/correctness.md), as they are looked at in every state of the model."""

from __future__ import annotations

from collections.abc import Iterator

from ringline.v1 import client_pb2, events_pb2, signaling_pb2, types_pb2
from services.conversations.past_call import additions
from services.signaling.record import (
    CALLEE,
    CALLER,
    Phase,
    bound,
    device_of,
    holds_pair,
    live,
    phase,
    side_of,
)
from services.signaling.store import pair_key
from tests.model.local import Device, Local, call_of
from tests.model.quiet import Stale
from tests.model.server import records, row_of
from tests.model.stage import Stage
from tests.model.store import Row, record_of
from tests.model.world import Move, World

Found = tuple[str, str]
"""A property's number, and what was found."""
LEAST_RING_MS = 5_000


def broken(before: World, move: Move) -> Iterator[Found]:
    """What this move has broken."""
    after = move.world
    if after.devices != before.devices:
        yield from _screens(before, after)
    for user_id, other_id in after.blocked - before.blocked:
        for record in records(after.server):
            mine = {member.profile.user_id for member in record.members} == {user_id, other_id}
            if mine and phase(record) in (Phase.RINGING, Phase.TALKING):
                yield "S5", f"{record.call_id} goes on after the block"
    if move.back:
        yield from _shown(after, move)
    if move.done is not None:
        if move.again and after.server.tables.rows != before.server.tables.rows:
            yield "S10", "a command that was carried out before changed something"
        if move.again and move.done.reply.refused not in ("", "line_fenced", "device_revoked"):
            yield "S10", f"a command that was carried out before was refused: {move.done.reply.refused}"
        if move.done.reply.refused == "unavailable":
            yield "S7", "a command finds no way through, and nothing is away"
        for call_id, was, now in move.done.saves:
            if now != was + 1:
                yield "S11", f"{call_id} went from version {was} to {now}"
        yield from _fenced(before, move)
        yield from _views(after, move)
    if after.server.tables.rows != before.server.tables.rows:
        yield from _rows(before, after)
        yield from _holds(before, move)
        yield from _revoked(before, move)
        if move.word == "":
            yield from _lost(before, after)


def _screens(before: World, after: World) -> Iterator[Found]:
    """What people see and what their devices do."""
    for was, now in zip(before.devices, after.devices, strict=True):
        if was is now:
            continue
        for local in now.locals:
            old = was.local(local.call_id) if local.call_id else None
            if old is not None and local.version < old.version:
                yield "S11", f"{now.key} sees version {local.version} after {old.version}"
            if local.bound:
                yield from _may_send(after, now, local.call_id)
            yield from _silence(old, local, now.key)
            rings = local.asks and (old is None or old.state != "incoming")
            if rings and (old is None or old.state == "new"):
                left = call_of(local.view).ring_left_ms
                if left < LEAST_RING_MS:
                    yield "S13", f"{now.key} starts ringing with {left} ms left"
        yield from _room(now)
    for record in records(after.server):
        for side in (CALLER, CALLEE):
            user_id = record.members[side].profile.user_id
            ends = [
                one.key for one in after.devices if one.up and one.user_id == user_id and _open(one, record)
            ]
            if len(ends) > 1:
                yield "S3", f"{' and '.join(ends)} are both in {record.call_id}"


def _open(device: Device, record: signaling_pb2.CallRecord) -> bool:
    local = device.local(record.call_id)
    return local is not None and local.bound


def _silence(old: Local | None, local: Local, key: str) -> Iterator[Found]:
    """What a hold is to a device: silence, until who holds takes it back."""
    if local.open and local.wish is True:
        yield "S9", f"{key} sends, and its user holds the call"
    if local.open and (local.holds or local.peer_holds):
        yield "S9", f"{key} sends, and knows that the call is on hold"
    if old is not None and old.state == "holding" and local.open:
        yield "S9", f"{key} sends again, and its user did not take the call back"


def _room(device: Device) -> Iterator[Found]:
    """What one device has room for."""
    heard = [one for one in device.locals if one.open]
    held = [one for one in device.locals if one.on_hold]
    asking = [one for one in device.locals if one.asks]
    if len(heard) > 1:
        yield "S8", f"{device.key} sends in {len(heard)} calls"
    if len(held) > 1:
        yield "S8", f"{device.key} has {len(held)} calls on hold"
    if len(asking) > 1 and any(one.engaged and not one.on_hold for one in device.locals):
        yield "S8", f"{len(asking)} calls wait at {device.key}"


def _may_send(world: World, device: Device, call_id: str) -> Iterator[Found]:
    if call_id not in device.consents:
        yield "S1", f"{device.key} may send, and its user has not asked for it"
    record = record_of(row_of(world.server, call_id))
    side = CALLER if record.members[CALLER].profile.user_id == device.user_id else CALLEE
    lines = [leg.line for leg in record.members[side].legs]
    if not record.answered_at_ms or (device.key not in lines):
        yield "S1", f"{device.key} may send before the answer, or is not in the call"
    if side == CALLEE and record.answered_line != device.key:
        yield "S3", f"{device.key} may send, and {record.answered_line} has answered"


def _rows(before: World, after: World) -> Iterator[Found]:
    """What the server keeps."""
    old = dict(before.server.tables.rows)
    pairs: dict[str, int] = {}
    before_pairs = {key for key, pair in before.server.tables.pairs if pair.live_call}
    for call_id, row in after.server.tables.rows:
        record = record_of(row)
        key = pair_key(*(member.profile.user_id for member in record.members))
        pairs[key] = pairs.get(key, 0) + int(holds_pair(record))
        was = old.get(call_id)
        if was == row:
            continue
        yield from _row(record, row, was)
        if was is None and record.ending == types_pb2.ENDING_BUSY and key in before_pairs:
            yield "S7", "two who dial each other are busy to each other"
        if was is None and _blocked(before, record) and holds_pair(record):
            yield "S5", f"{call_id} was placed after the block"
    yield from (("S7", f"{count} live calls of {key}") for key, count in pairs.items() if count > 1)


def _row(record: signaling_pb2.CallRecord, row: Row, was: Row | None) -> Iterator[Found]:
    old = record_of(was) if was is not None else signaling_pb2.CallRecord()
    if was is not None and not live(old) and row.record != was.record:
        yield "S4", f"{record.call_id} changed after its end"
    for mine, theirs in zip(record.members, old.members, strict=False):
        if mine.version < theirs.version:
            yield "S11", f"the version of {mine.profile.user_id} went down"
    for member in record.members:
        if sum(leg.state == signaling_pb2.LEG_STATE_BOUND for leg in member.legs) > 1:
            yield "S3", f"two lines of {member.profile.user_id} are bound"
    before = {leg.line for member in old.members for leg in member.legs if _was(leg, "BOUND")}
    now = {leg.line for member in record.members for leg in member.legs if _was(leg, "BOUND")}
    if old.answered_at_ms and now - before:
        yield "S3", f"{now - before} took the call over"
    if any(row.slots) and not record.answered_at_ms:
        yield "S2", "a description is kept before the answer"
    if not live(record):
        yield from _entries(record, row)
        if any(row.slots):
            yield "S4", "a description is kept after the end"


def _was(leg: signaling_pb2.Leg, state: str) -> bool:
    return signaling_pb2.LegState.Name(leg.state) == f"LEG_STATE_{state}"


def _entries(record: signaling_pb2.CallRecord, row: Row) -> Iterator[Found]:
    """What histories will say of a call that is over."""
    found: dict[str, set[bytes]] = {}
    for data in row.ends:
        for one in additions(events_pb2.Event.FromString(data)):
            found.setdefault(one.owner_id, set()).add(one.entry.SerializeToString(deterministic=True))
            if one.entry.call.missed and record.answered_at_ms:
                yield "S12", "an answered call is called missed"
    heard = record.members if not record.shadow else record.members[:1]
    for member in heard:
        if len(found.get(member.profile.user_id, ())) != 1:
            yield "S12", f"{member.profile.user_id} has {len(found.get(member.profile.user_id, ()))} entries"


def _holds(before: World, move: Move) -> Iterator[Found]:
    """Who holds a call is who takes it back; a call that waits does so where one talks, and only one does."""
    ringing: dict[str, int] = {}
    after = records(move.world.server)
    for old, new in zip(records(before.server), after, strict=False):
        for was, now in zip(old.members, new.members, strict=True):
            line = bound(was)
            if was.holds != now.holds and (move.word != "hold" or line is None or line.line != move.by):
                yield "S9", f"the hold of {now.profile.user_id} was changed by {move.by or 'nobody'}"
    for record in after:
        user_id = record.members[CALLEE].profile.user_id
        if phase(record) is not Phase.RINGING:
            continue
        ringing[user_id] = ringing.get(user_id, 0) + 1
        rung = [leg.line for leg in record.members[CALLEE].legs if leg.state in _RUNG]
        is_new = len(before.server.tables.rows) < len(after) and record is after[-1]
        there = [line for one in after for line in _talks_at(one, user_id)]
        if is_new and there and set(rung) - set(there):
            yield (
                "S8",
                f"{record.call_id} rings at {' and '.join(rung)}, and one talks at {' and '.join(there)}",
            )
        if record.waiting_line and any(line != record.waiting_line for line in rung):
            yield "S8", f"{record.call_id} waits at {record.waiting_line}, and rings at {' and '.join(rung)}"
    for user_id, count in ringing.items():
        if count > (1 if any(_talks(one, user_id) for one in after) else 2):
            yield "S8", f"{count} calls ring for {user_id}"


_BOUND = signaling_pb2.LEG_STATE_BOUND
_RUNG = (signaling_pb2.LEG_STATE_CALLED, signaling_pb2.LEG_STATE_RINGING)


def _talks(record: signaling_pb2.CallRecord, user_id: str) -> bool:
    side = side_of(record, user_id)
    return side is not None and phase(record) is Phase.TALKING


def _talks_at(record: signaling_pb2.CallRecord, user_id: str) -> list[str]:
    side = side_of(record, user_id)
    line = bound(record.members[side]) if side is not None and phase(record) is Phase.TALKING else None
    return [] if line is None or side is None or record.members[side].absent_since_ms else [line.line]


def _goes_on(before: World, move: Move) -> bool:
    """Whether a call that was there changed, or a new one is live: what it places ends at once."""
    old = dict(before.server.tables.rows)
    rows = move.world.server.tables.rows
    return any(old.get(call_id, row) != row for call_id, row in rows) or any(
        live(record_of(row)) for call_id, row in rows if call_id not in old
    )


def _revoked(before: World, move: Move) -> Iterator[Found]:
    """What a revoked device says changes nothing, and it is in no call."""
    revoked = {device_id for _, device_id in before.server.tables.revoked}
    dropped = {device_id for _, device_id in move.world.server.tables.revoked}
    spoke = move.late.word is not None if move.late is not None else bool(move.by)
    if spoke and device_of(move.by) in revoked and _goes_on(before, move):
        yield "S14", f"{move.by} was heard, and its device is revoked"
    for record in records(move.world.server):
        for member in record.members if live(record) else ():
            for leg in member.legs:
                # Until its line is closed it may be told of a new ring; it can do nothing with it.
                is_in = leg.state in ((*_RUNG, _BOUND) if move.word == "revoke" else (_BOUND,))
                if is_in and device_of(leg.line) in dropped:
                    yield "S14", f"{leg.line} is in {record.call_id}, and its device is revoked"


def _blocked(world: World, record: signaling_pb2.CallRecord) -> bool:
    users = {member.profile.user_id for member in record.members}
    return any(users == set(pair) for pair in world.blocked)


def _fenced(before: World, move: Move) -> Iterator[Found]:
    """What an old connection says after a newer one of the same line came changes nothing."""
    late = move.late
    if late is None or late.word is None or before.server.tables.rows == move.world.server.tables.rows:
        return
    for record in records(before.server):
        for member in record.members:
            if any(leg.line == late.line and leg.epoch > late.epoch for leg in member.legs):
                yield "S14", f"a command of {late.line} was carried out after it was replaced"


def _lost(before: World, after: World) -> Iterator[Found]:
    """Nothing but people ends a call whose two lines are there."""
    for old, new in zip(records(before.server), records(after.server), strict=False):
        if phase(old) is Phase.TALKING and all(one.flowing for one in old.members) and not live(new):
            lines = [leg.line for member in old.members for leg in [bound(member)] if leg is not None]
            if all(before.device(line).up for line in lines):
                yield "L3", f"{new.call_id} was ended by nobody while both were there"


def _views(world: World, move: Move) -> Iterator[Found]:
    """A view bears nothing that its line may not know."""
    assert move.done is not None
    frames = [client_pb2.ServerFrame.FromString(frame.data).call for frame in move.done.frames]
    views = [call_of(data) for data in (move.done.reply.view, *move.done.reply.calls) if data]
    for call in (*frames, *views):
        yield from _tells(call)
        record = record_of(row_of(world.server, call.call_id))
        if record.shadow and call.role == client_pb2.ROLE_CALLEE:
            yield "S6", "the callee hears of a call that he does not admit"
        told = call.ending in (types_pb2.ENDING_DECLINED, types_pb2.ENDING_BUSY)
        if call.role == client_pb2.ROLE_CALLER and not record.device_truth:
            if told or call.phase == client_pb2.PHASE_RINGING:
                yield "S6", "a caller who may not know learns what the callee's devices do"


def _shown(world: World, move: Move) -> Iterator[Found]:
    """A line that is opened is told of every call of its user, also of those that are over."""
    shown = {call_of(data).call_id for data in move.done.reply.calls} if move.done is not None else set()
    user_id = world.device(move.back).user_id
    for record in records(world.server):
        side = side_of(record, user_id)
        hears = side == CALLER or (side == CALLEE and not record.shadow)
        if hears and phase(record) is Phase.OVER and record.call_id not in shown:
            yield "L6", f"{move.back} is not told of {record.call_id}, which is over"


def _tells(call: client_pb2.Call) -> Iterator[Found]:
    if not call.answered_at_ms and (call.HasField("peer_description") or call.described):
        yield "S2", "a description travels before the answer"
    if not call.here and call.HasField("peer_description"):
        yield "S2", "a description goes to a line that is not in the call"


def inert(stage: Stage, world: World, stale: Stale) -> Iterator[Found]:
    """A frame after a newer one, an answer that comes twice, a word to what is over: nothing changes."""
    for flying in stale.frames:
        if _acts(stage.deliver(world, flying)) != _acts(world):
            yield "S11", f"{flying.line} believes a frame that is older than what it knows"
    for late in stale.words:
        if stage.hear_late(world, late).world.server.tables.rows != world.server.tables.rows:
            yield "S4", f"a word of {late.line} changes a call that is over"


def _acts(world: World) -> list[tuple[str, list[tuple[str, str, int]], int]]:
    """What devices are in, what they know of it, and what they have said."""
    return [
        (
            one.key,
            [(local.call_id, local.state, 0 if local.over else local.version) for local in one.locals],
            len(one.words),
        )
        for one in world.devices
    ]
