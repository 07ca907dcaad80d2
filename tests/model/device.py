"""A line and its screen: the client's table, and around it what the web client's call.ts and calls.ts do."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ringline.v1 import client_pb2
from ringline.v1.client_pb2 import Phase, Role
from ringline.v1.types_pb2 import Ending
from tests.model.server import AUDIO
from tests.unit.signaling.screens import TABLE

STATES = TABLE["states"]
LEAST_RING_MS = 5_000
GRACE_MS = 5_000
NEVER = 1 << 60
PLACE = "place"


class Word(NamedTuple):
    """A command that the client has said and that was not answered yet."""

    command_id: str
    frame: bytes
    posted: bool = False
    """Nobody waits for its answer, and it is said once."""


class Local(NamedTuple):
    """A call as a line lives it."""

    call_id: str
    state: str = "new"
    version: int = 0
    view: bytes = b""
    ring_until: int = NEVER
    missing: int = 0
    offered: int = 0
    """The generation of the newest description that this line has made."""
    heard: int = 0
    """The generation of the other side's newest description that this line has taken."""
    flowed: bool = False

    @property
    def over(self) -> bool:
        return self.state == "ended"

    @property
    def open(self) -> bool:
        """Whether media may pass."""
        return bool(STATES[self.state]["media"] == "open")


class Device(NamedTuple):
    """One line of a user."""

    key: str
    user_id: str
    gateway_id: str
    up: bool = True
    epoch: int = 1
    locals: tuple[Local, ...] = ()
    parked: tuple[bytes, ...] = ()
    consents: frozenset[str] = frozenset()
    words: tuple[Word, ...] = ()
    """What was said and not answered, in the order in which it was said."""

    @property
    def live(self) -> Local | None:
        """The call that the user is in, or is being asked to."""
        return next((one for one in self.locals if not one.over), None)

    def local(self, call_id: str) -> Local | None:
        """A call by id."""
        return next((one for one in self.locals if one.call_id == call_id), None)


@cache
def call_of(view: bytes) -> client_pb2.Call:
    """A view, read; never to be changed."""
    return client_pb2.Call.FromString(view)


def can(device: Device, verb: str) -> bool:
    """Whether the page has that button now."""
    local = device.live
    if verb == PLACE:
        return local is None
    return local is not None and f"user.{verb}" in STATES[local.state]["on"]


def does(device: Device, verb: str, username: str = "") -> Device:
    """A gesture of the user."""
    if verb == PLACE:
        kept = tuple(one for one in device.locals if not one.over)
        frame = client_pb2.ClientFrame(place=client_pb2.Place(username=username, kinds=AUDIO))
        placing = device._replace(locals=(*kept, Local("", "dialling")))
        return _say(placing, frame)
    local = device.live
    assert local is not None
    if verb == "answer":
        device = device._replace(consents=device.consents | {local.call_id})
    return take(device, local, f"user.{verb}")


def take(device: Device, local: Local, input_: str) -> Device:
    """An input of the table to one of the calls."""
    cell = STATES[local.state]["on"].get(input_)
    if cell is None:
        return device
    now = local._replace(state=cell["to"])
    if cell.get("send") == "report_flowing":
        now = now._replace(flowed=True)
    device = _put(device, local, now)
    return _send(device, now, cell["send"]) if "send" in cell else device


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
    """The answer to Place or Answer arrives."""
    if word not in device.words:
        return device
    frame = client_pb2.ClientFrame.FromString(word.frame)
    device = device._replace(words=tuple(one for one in device.words if one != word))
    if frame.WhichOneof("body") == PLACE:
        return _placed(device, view, refused, now)
    local = device.local(frame.answer.call_id)
    if local is None:
        return device
    return take(device, local, "refused") if refused else sees(device, view, now)


def awaits(device: Device, word: Word) -> bool:
    """Whether it makes a difference to the page how Place or Answer is answered."""
    frame = client_pb2.ClientFrame.FromString(word.frame)
    if frame.WhichOneof("body") == PLACE:
        return any(not one.call_id and not one.over for one in device.locals)
    local = device.local(frame.answer.call_id)
    return local is not None and local.state == "answering"


def welcomed(device: Device, views: tuple[bytes, ...], now: int) -> Device:
    """The line is open anew: the server's snapshot."""
    for view in views:
        device = sees(device, view, now)
    known = {call_of(view).call_id for view in views}
    for local in device.locals:
        if local.call_id and local.call_id not in known:
            device = take(device, local, "beat.absent")
    return device


def beaten(device: Device, live: frozenset[str]) -> Device:
    """A beat: calls that are not in two of them are over."""
    for local in device.locals:
        if not local.call_id or local.over:
            continue
        missing = 0 if local.call_id in live else local.missing + 1
        counted = local._replace(missing=min(missing, 2))
        device = _put(device, local, counted)
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


def _put(device: Device, was: Local, now: Local) -> Device:
    return device._replace(locals=tuple(now if one is was else one for one in device.locals))


def _say(device: Device, frame: client_pb2.ClientFrame, number: int = 0, posted: bool = False) -> Device:
    """Says a command. Its id is named for what is said, so that worlds that differ by order alone are one."""
    command_id = f"{device.key}.{device.epoch if number else 0}-{frame.WhichOneof('body')}{number}"
    if not posted:
        frame.command_id = command_id
    word = Word(command_id, frame.SerializeToString(deterministic=True), posted)
    return device if word in device.words else device._replace(words=(*device.words, word))


def _send(device: Device, local: Local, send: str) -> Device:
    call_id = local.call_id
    if send == "ringing":
        return _say(device, client_pb2.ClientFrame(ringing=client_pb2.Ringing(call_id=call_id)), posted=True)
    if send == "decline":
        decline = client_pb2.Decline(call_id=call_id, everywhere=True)
        return _say(device, client_pb2.ClientFrame(decline=decline))
    if send == "hang_up":
        return _say(device, client_pb2.ClientFrame(hang_up=client_pb2.HangUp(call_id=call_id)))
    if send == "answer":
        answer = client_pb2.Answer(call_id=call_id, kinds=AUDIO, description=_description(1))
        offering = local._replace(offered=1)
        return _say(_put(device, local, offering), client_pb2.ClientFrame(answer=answer))
    if send in ("report_flowing", "report_failed"):
        state = client_pb2.MEDIA_STATE_FLOWING if send == "report_flowing" else client_pb2.MEDIA_STATE_FAILED
        report = client_pb2.Report(call_id=call_id, state=state)
        number = 100 * state + 10 * local.offered + local.heard
        return _say(device, client_pb2.ClientFrame(report=report), number)
    raise AssertionError(send)


def _describe(device: Device, local: Local, generation: int, answers: int) -> Device:
    describe = client_pb2.Describe(call_id=local.call_id, description=_description(generation, answers))
    described = local._replace(offered=generation)
    return _say(_put(device, local, described), client_pb2.ClientFrame(describe=describe), generation)


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
        device = _see(_put(device, local, named), named, view, now)
    for one in parked:
        device = sees(device, one, now)
    return device


def _meet(device: Device, view: bytes, now: int) -> Device:
    call = call_of(view)
    input_ = _classify(call, call.call_id in device.consents)
    if input_ not in STATES["new"]["on"] or (input_ == "view.incoming" and call.ring_left_ms < LEAST_RING_MS):
        return device
    local = Local(call.call_id)
    kept = tuple(one for one in device.locals if not one.over)
    return _see(device._replace(locals=(*kept, local)), local, view, now)


def _see(device: Device, local: Local, view: bytes, now: int) -> Device:
    call = call_of(view)
    if call.version < local.version:
        return device
    ring_until = now + call.ring_left_ms + GRACE_MS if call.ring_left_ms else NEVER
    seen = local._replace(version=call.version, view=view, missing=0, ring_until=ring_until)
    device = _put(device, local, seen)
    device = take(device, seen, _classify(call, call.call_id in device.consents))
    after = device.local(call.call_id)
    return _carry(device, after, local.open) if after is not None and after.open else device


def _carry(device: Device, local: Local, was_open: bool) -> Device:
    """What a view carries for the media of a bound call."""
    call = call_of(local.view)
    peer = call.peer_description
    if not was_open and not local.offered:
        # After a reload it offers anew; the answering side offers first.
        if call.described:
            heard = local._replace(heard=max(peer.generation, call.peer_described))
            return _describe(_put(device, local, heard), heard, call.described + 1, 0)
        if call.role == Role.ROLE_CALLEE:
            return _describe(device, local, 1, 0)
    if peer.generation > local.heard:
        heard = local._replace(heard=peer.generation)
        device = _put(device, local, heard)
        if not peer.answers:
            if local.heard:  # a page that was loaded anew offers: what flowed is over
                lost = heard._replace(flowed=False)
                device = take(_put(device, heard, lost), lost, "media.lost")
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
        return ("view.bound" if is_answered else "view.calling") if consented else "view.unwanted"
    return "view.elsewhere" if is_answered or view.role != Role.ROLE_CALLEE else "view.incoming"
