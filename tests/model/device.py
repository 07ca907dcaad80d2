"""A line and its screen: the client's table, and around it what the web client's call.ts and calls.ts do."""

from __future__ import annotations

from ringline.v1 import client_pb2
from ringline.v1.client_pb2 import Phase, Role
from ringline.v1.types_pb2 import Ending
from tests.model.local import NEVER, STATES, Device, Local, Word, about, call_of
from tests.model.server import AUDIO

LEAST_RING_MS = 5_000
GRACE_MS = 5_000
PLACE = "place"


def take(device: Device, local: Local, input_: str) -> Device:
    """An input of the table to one of the calls."""
    cell = STATES[local.state]["on"].get(input_)
    if cell is None:
        return device
    now = local._replace(state=cell["to"])
    if now.open and not local.open and local.bound:
        now = now._replace(flowed=False)  # the state before knew no path that is up: it is told again
    if cell.get("send") == "report_flowing":
        now = now._replace(flowed=True)
    device = put(device, local, now)
    device = _send(device, now, cell["send"]) if "send" in cell else device
    if now.over:  # what was asked for was asked for in this call alone
        wishes = frozenset(one for one in device.wishes if one[0] != now.call_id)
        device = device._replace(consents=device.consents - {now.call_id}, wishes=wishes)
    return queue(device)


def queue(device: Device) -> Device:
    """One waits behind the call that is talked in; when that is over, or on hold, it rings as any other."""
    talked = any(one.engaged and not one.on_hold for one in device.locals)
    waiting = next((one for one in device.locals if one.asks), None) if talked else None
    if waiting is not None:
        device = device._replace(locals=tuple(one for one in device.locals if one is waiting or not one.asks))
    for local in device.locals:
        if local.state == "incoming" and local.waits and not talked:
            freed = local._replace(waits=False)
            device = rings(put(device, local, freed), freed)
    return device


def sees(device: Device, view: bytes, now: int) -> Device:
    """A view arrives."""
    call = call_of(view)
    local = device.local(call.call_id)
    if local is not None:
        return _see(device, local, view, now)
    if any(one.call_id == "" and not one.over for one in device.locals):
        return device if view in device.parked else device._replace(parked=(*device.parked, view))
    return _meet(device, view, now)


def answered(device: Device, word: Word, view: bytes, refused: str, now: int) -> Device:
    """The answer to Place, Answer or Hold arrives."""
    if word not in device.words:
        return device
    frame = client_pb2.ClientFrame.FromString(word.frame)
    device = device._replace(words=tuple(one for one in device.words if one != word))
    if frame.WhichOneof("body") == PLACE:
        return _placed(device, view, refused, now)
    local = device.local(about(word))
    if local is None:
        return device
    if frame.HasField("answer") and refused:
        return take(device, local, "refused")
    device = device if refused else sees(device, view, now)
    local = device.local(about(word))
    if frame.HasField("hold") and local is not None and not local.over and local.wish != frame.hold.on:
        return tell(device, local)
    return device


def awaits(device: Device, word: Word) -> bool:
    """Whether it makes a difference to the page how, and that, a command is answered."""
    frame = client_pb2.ClientFrame.FromString(word.frame)
    if frame.WhichOneof("body") == PLACE:
        return any(not one.call_id and not one.over for one in device.locals)
    local = device.local(about(word))
    if frame.HasField("hold"):
        return local is not None and not local.over
    return local is not None and local.state == "answering"


def welcomed(device: Device, views: tuple[bytes, ...], now: int) -> Device:
    """The line is open anew: the server's snapshot."""
    device = device._replace(parked=())
    for view in sorted(views, key=lambda one: not call_of(one).here):
        device = sees(device, view, now)
    known = {call_of(view).call_id for view in views}
    for one in device.locals:
        local = device.local(one.call_id)
        if local is None or not local.call_id:
            continue
        if local.call_id not in known:
            device = take(device, local, "beat.absent")
        elif local.on_hold and not local.holds and not device.telling(local.call_id):
            device = tell(device, local)
    live = {one.call_id for one in device.lives}
    return device._replace(
        consents=device.consents & live, wishes=frozenset(one for one in device.wishes if one[0] in live)
    )


def beaten(device: Device, live: frozenset[str]) -> Device:
    """A beat: calls that are not in two of them are over."""
    for local in device.locals:
        if not local.call_id or local.over:
            continue
        missing = 0 if local.call_id in live else local.missing + 1
        counted = local._replace(missing=min(missing, 2))
        device = put(device, local, counted)
        if missing >= 2:
            device = take(device, counted, "beat.absent")
    return device


def ticked(device: Device, now: int) -> Device:
    """The page's own clock: no ring goes on for ever."""
    for local in device.locals:
        if now >= local.ring_until:
            device = take(device, local, "clock.ring_over")
    return device


def reloaded(device: Device) -> Device:
    """The tab is reloaded: what the user consented to is kept, and nothing else."""
    return device._replace(locals=(), parked=(), words=())


# ------------------------------------------------------------ inside


def put(device: Device, was: Local, now: Local) -> Device:
    """The device, in which a call is now so."""
    return device._replace(locals=tuple(now if one is was else one for one in device.locals))


def say(device: Device, frame: client_pb2.ClientFrame, number: int = 0, posted: bool = False) -> Device:
    """A command is said. Its id is named for that, so that worlds that differ by order alone are one."""
    kind = str(frame.WhichOneof("body"))
    if device.mute and kind in ("describe", "report"):
        return device
    call_id = getattr(getattr(frame, kind), "call_id", "")
    command_id = f"{device.key}.{device.epoch if number else 0}-{kind}{number}{call_id}"
    if not posted:
        frame.command_id = command_id
    word = Word(command_id, frame.SerializeToString(deterministic=True), posted)
    return device if word in device.words else device._replace(words=(*device.words, word))


def _send(device: Device, local: Local, send: str) -> Device:
    call_id = local.call_id
    if send == "ringing":
        waits = device.room(call_id) != "talk"
        return rings(put(device, local, local._replace(waits=waits)), local, waits)
    if send in ("hold", "resume"):
        return device if device.telling(call_id) else tell(device, local)
    if send == "decline":
        decline = client_pb2.Decline(call_id=call_id, everywhere=True)
        return say(device, client_pb2.ClientFrame(decline=decline))
    if send == "hang_up":
        return say(device, client_pb2.ClientFrame(hang_up=client_pb2.HangUp(call_id=call_id)))
    if send == "answer":
        answer = client_pb2.Answer(call_id=call_id, kinds=AUDIO, description=_description(1))
        offering = local._replace(offered=1)
        return say(put(device, local, offering), client_pb2.ClientFrame(answer=answer))
    if send in ("report_flowing", "report_failed"):
        state = client_pb2.MEDIA_STATE_FLOWING if send == "report_flowing" else client_pb2.MEDIA_STATE_FAILED
        report = client_pb2.Report(call_id=call_id, state=state)
        number = 100 * state + 10 * local.offered + local.heard
        return say(device, client_pb2.ClientFrame(report=report), number)
    raise AssertionError(send)


def rings(device: Device, local: Local, waits: bool = False) -> Device:
    """Says that a call rings; or that it waits, and rings nowhere else."""
    ringing = client_pb2.Ringing(call_id=local.call_id, waits=waits)
    return say(device, client_pb2.ClientFrame(ringing=ringing), int(waits), posted=True)


def tell(device: Device, local: Local) -> Device:
    """Says what the user wishes about the hold, a new command each time."""
    hold = client_pb2.Hold(call_id=local.call_id, on=bool(local.wish))
    told = local._replace(told=local.told + 1)
    return say(put(device, local, told), client_pb2.ClientFrame(hold=hold), told.told)


def _describe(device: Device, local: Local, generation: int, answers: int) -> Device:
    describe = client_pb2.Describe(call_id=local.call_id, description=_description(generation, answers))
    described = local._replace(offered=generation)
    return say(put(device, local, described), client_pb2.ClientFrame(describe=describe), generation)


def _description(generation: int, answers: int = 0) -> client_pb2.Description:
    return client_pb2.Description(generation=generation, answers=answers, body=b"d")


def _placed(device: Device, view: bytes, refused: str, now: int) -> Device:
    local = next((one for one in device.locals if one.call_id == "" and not one.over), None)
    if local is None:
        return device
    parked, device = device.parked, device._replace(parked=())
    if refused:
        device = take(device, local, "refused")
    else:
        call_id = call_of(view).call_id
        named = local._replace(call_id=call_id)
        others = tuple(one for one in device.locals if one is local or one.call_id != call_id)
        device = device._replace(locals=others, consents=device.consents | {call_id})
        device = _see(put(device, local, named), named, view, now)
    for one in parked:
        device = sees(device, one, now)
    return device


def _meet(device: Device, view: bytes, now: int) -> Device:
    call = call_of(view)
    input_ = _classify(call, call.call_id in device.consents)
    if input_ not in STATES["new"]["on"]:
        return device
    if input_ == "view.incoming" and not _may_ring(device, call):
        return device
    local = Local(call.call_id, wish=dict(device.wishes).get(call.call_id))
    return _see(device._replace(locals=(*device.locals, local)), local, view, now)


def _may_ring(device: Device, call: client_pb2.Call) -> bool:
    asking = sum(one.asks for one in device.locals)
    most = 1 if any(one.engaged for one in device.locals) else 2
    return call.ring_left_ms >= LEAST_RING_MS and asking < most


def _see(device: Device, local: Local, view: bytes, now: int) -> Device:
    call = call_of(view)
    if call.version < local.version:
        return device
    ring_until = now + call.ring_left_ms + GRACE_MS if call.ring_left_ms else NEVER
    seen = local._replace(
        version=call.version, view=view, missing=0, ring_until=ring_until,
        holds=call.holds, peer_holds=call.peer_holds,
    )  # fmt: skip
    device = put(device, local, seen)
    said = _classify(call, call.call_id in device.consents)
    device = take(device, seen, _in_room(said, seen, device.room(call.call_id)))
    after = device.local(call.call_id)
    if after is not None and local.state == "new" and after.state == "holding":
        device = wish(device, after, True)
        after = device.local(call.call_id)
    return _carry(device, after, local.bound) if after is not None and after.bound else device


def wish(device: Device, local: Local, on: bool) -> Device:
    """Notes what the user wishes about the hold of a call."""
    wishes = frozenset(one for one in device.wishes if one[0] != local.call_id) | {(local.call_id, on)}
    return put(device, local, local._replace(wish=on))._replace(wishes=wishes)


def _in_room(input_: str, local: Local, room: str) -> str:
    """As view.ts does: no view ends the user's own hold, or opens a second call."""
    is_bound = input_ in ("view.bound", "view.holding", "view.held")
    if local.state == "new" and (is_bound or input_ == "view.calling"):
        if room == "none" or (room == "hold" and not is_bound):
            return "view.unwanted"
        if room == "hold":
            return "view.holding"
        if input_ == "view.holding" and local.wish is False:
            return "view.held"
    return "view.holding" if is_bound and local.wish is True else input_


def _carry(device: Device, local: Local, was_bound: bool) -> Device:
    """What a view carries for the media of a bound call."""
    call = call_of(local.view)
    peer = call.peer_description
    if not was_bound and not local.offered:
        # After a reload it offers anew; the answering side offers first.
        if call.described:
            heard = local._replace(heard=max(peer.generation, call.peer_described))
            return _describe(put(device, local, heard), heard, call.described + 1, 0)
        if call.role == Role.ROLE_CALLEE:
            return _describe(device, local, 1, 0)
    if peer.generation > local.heard:
        heard = local._replace(heard=peer.generation)
        device = put(device, local, heard)
        if not peer.answers:
            if local.heard:  # a page that was loaded anew offers: what flowed is over
                lost = heard._replace(flowed=False)
                device = take(put(device, heard, lost), lost, "media.lost")
                heard = device.local(local.call_id) or lost
            return _describe(device, heard, max(local.offered, call.described) + 1, peer.generation)
    return device


def _classify(view: client_pb2.Call, consented: bool) -> str:
    """As web/packages/client/src/call/view.ts does."""
    if view.phase == Phase.PHASE_ENDED:
        return "view.ended"
    if view.ending != Ending.ENDING_UNSPECIFIED:
        return "view.elsewhere"
    is_answered = view.phase in (Phase.PHASE_CONNECTING, Phase.PHASE_CONNECTED)
    if view.here:
        return _mine(view, is_answered) if consented else "view.unwanted"
    return "view.elsewhere" if is_answered or view.role != Role.ROLE_CALLEE else "view.incoming"


def _mine(view: client_pb2.Call, is_answered: bool) -> str:
    if not is_answered:
        return "view.calling"
    if view.holds:
        return "view.holding"
    return "view.held" if view.peer_holds else "view.bound"
