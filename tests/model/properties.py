"""The properties of a call (docs/correctness.md), as they are looked at in every state of the model."""

from __future__ import annotations

from collections.abc import Iterator

from ringline.v1 import client_pb2, events_pb2, signaling_pb2, types_pb2
from services.conversations.past_call import additions
from services.signaling.record import CALLEE, CALLER, Phase, bound, holds_pair, live, phase
from services.signaling.store import pair_key
from tests.model import device as screen
from tests.model.device import Device
from tests.model.quiet import Stale
from tests.model.server import records, row_of
from tests.model.stage import Stage
from tests.model.store import Row, record_of
from tests.model.world import Move, World

Found = tuple[str, str]
"""A property's number, and what was found."""
GENTLE_MS = 120_000
"""By then every call is over that nobody is in: 30 s to connect, 45 s of absence, and the looks between."""
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
    if move.done is not None:
        if move.again and after.server.tables.rows != before.server.tables.rows:
            yield "S10", "a command that was carried out before changed something"
        if move.again and move.done.reply.refused and "LINE_FENCED" not in move.done.reply.refused.upper():
            yield "S10", f"a command that was carried out before was refused: {move.done.reply.refused}"
        if move.done.reply.refused == "unavailable":
            yield "S7", "a command finds no way through, and nothing is away"
        yield from _fenced(before, move)
        yield from _views(after, move)
    if after.server.tables.rows != before.server.tables.rows:
        yield from _rows(before, after)
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
            if local.open:
                yield from _may_send(after, now, local.call_id)
            rings = local.state == "incoming" and (old is None or old.state != "incoming")
            if rings and (old is None or old.state == "new"):
                left = screen.call_of(local.view).ring_left_ms
                if left < LEAST_RING_MS:
                    yield "S13", f"{now.key} starts ringing with {left} ms left"
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
    return local is not None and local.open


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
    steps = record.version - old.version
    if was is not None and row.record != was.record and steps != 1:
        yield "S11", f"{record.call_id} went from version {old.version} to {record.version}"
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
    views = [screen.call_of(data) for data in (move.done.reply.view, *move.done.reply.calls) if data]
    for call in (*frames, *views):
        yield from _tells(call)
        record = record_of(row_of(world.server, call.call_id))
        if record.shadow and call.role == client_pb2.ROLE_CALLEE:
            yield "S6", "the callee hears of a call that he does not admit"
        told = call.ending in (types_pb2.ENDING_DECLINED, types_pb2.ENDING_BUSY)
        if call.role == client_pb2.ROLE_CALLER and not record.device_truth:
            if told or call.phase == client_pb2.PHASE_RINGING:
                yield "S6", "a caller who may not know learns what the callee's devices do"


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


# ------------------------------------------------------------ in the end


def unsettled(stage: Stage, world: World, returning: bool) -> Iterator[Found]:
    """What is still wrong when nobody does anything more, what was in flight is lost, and all is whole again.

    `returning` says that lines which are away come back, with their pages.
    """
    if returning:
        for device in world.devices:
            if not device.up:
                world = stage.back(world, device, "the same page")
    latest = world.server.tables.now + GENTLE_MS
    while world.server.tables.now < latest:
        world = _bare(stage.calm(world))
        if world in stage.settled:
            return  # from here on it was looked at before
        stage.settled.add(world)
        yield from _parted(world)
        yield from _on_screens(world)
        if not any(live(record) for record in records(world.server)) or _all_talk(world):
            break
        world = _silent(stage.wait(world, stage.next_moment(world)).world)
    else:
        yield "L2", "a call neither ends nor connects"
    world = stage.calm(world)
    yield from _at_rest(world)


def _bare(world: World) -> World:
    """The world without what nobody takes any more, once all is said."""
    locals_ = [tuple(one._replace(view=b"") for one in device.locals) for device in world.devices]
    devices = tuple(one._replace(locals=kept) for one, kept in zip(world.devices, locals_, strict=True))
    return World(world.server, devices)


def _silent(world: World) -> World:
    """By now whoever hears nothing of the other side says so."""
    for device in world.devices:
        local = device.live
        if device.up and local is not None and local.open and len(_ends(world, local.call_id)) < 2:
            after = screen.take(device, local, "media.failed")
            world = world._replace(
                devices=tuple(after if one.key == device.key else one for one in world.devices)
            )
    return world


def _ends(world: World, call_id: str) -> list[str]:
    """The lines that are there and have media open in a call."""
    open_ = [(one.key, one.local(call_id)) for one in world.devices if one.up]
    return [key for key, local in open_ if local is not None and local.open]


def _parted(world: World) -> Iterator[Found]:
    """Two whose lines are there and whose network is whole hear each other at once."""
    for record in records(world.server):
        if phase(record) is not Phase.TALKING or record.connected_at_ms:
            continue
        lines = [leg.line for member in record.members for leg in [bound(member)] if leg is not None]
        if len(lines) == 2 and all(world.device(line).up for line in lines):
            yield "L2", f"{' and '.join(lines)} are not brought together"


def talking(world: World) -> bool:
    """Whether some call has a bound line on both sides."""
    return any(live(one) and all(bound(member) for member in one.members) for one in records(world.server))


def _all_talk(world: World) -> bool:
    if not talking(world):
        return False
    return all(
        all(member.flowing for member in record.members) and record.connected_at_ms
        for record in records(world.server)
        if live(record)
    )


def _on_screens(world: World) -> Iterator[Found]:
    now = world.server.tables.now
    for device in world.devices:
        for local in device.locals:
            record = record_of(row_of(world.server, local.call_id)) if local.call_id else None
            if device.up and local.state == "incoming" and record is not None:
                if now > record.ring_until_ms + 5_000:
                    yield "L1", f"{device.key} rings for ever"
                if phase(record) is not Phase.RINGING:
                    yield "L3", f"{device.key} rings, and the call is {phase(record)}"


def _at_rest(world: World) -> Iterator[Found]:
    for device in world.devices:
        if not device.up:
            continue
        for local in device.locals:
            record = record_of(row_of(world.server, local.call_id)) if local.call_id else None
            if record is None:
                if not local.over:
                    yield "L4", f"{device.key} waits for an answer that does not come"
            elif not live(record) and not local.over:
                yield "L4", f"{device.key} is not told that {record.call_id} is over: {local.state}"
            elif live(record) and phase(record) is Phase.TALKING:
                mine = [leg.line for member in record.members for leg in [bound(member)] if leg is not None]
                if device.key in mine and local.state != "connected":
                    yield "L2", f"{device.key} is in the call and {local.state}"
                if device.key not in mine and not local.over:
                    yield "L4", f"{device.key} is not in the call and {local.state}"
