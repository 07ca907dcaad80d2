"""Mutants: faults put in by hand, each of which a property must find: what finds nothing proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ringline.v1 import client_pb2, signaling_pb2, types_pb2
from services.signaling import anti_entropy, call, dial, ending, exchange, teller
from services.signaling.record import CALLEE, CALLER, Phase, leg_of, line_key
from services.signaling.store import pair_key
from services.signaling.verbs import Step, Who
from services.signaling.view import view as real_view
from tests.model import configurations as of
from tests.model import device, gestures, local, server
from tests.model.local import Device, Local
from tests.model.store import ModelStore, Pair
from tests.model.world import Configuration

Swap = tuple[Any, str, Any]
"""An object, the name of what is exchanged in it, and what takes its place."""
R, T = Phase.RINGING, Phase.TALKING


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault, the property that finds it, and where."""

    name: str
    property: str
    configuration: Configuration
    swaps: tuple[Swap, ...]
    outside: bool = False
    """It is not in the reducer."""

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Puts the fault in, and takes it out."""
        with ExitStack() as stack:
            for where, name, value in self.swaps:
                stack.enter_context(_swapped(where, name, value))
            yield


@contextmanager
def _swapped(where: Any, name: str, value: Any) -> Iterator[None]:
    is_table = isinstance(where, dict)
    before = where[name] if is_table else getattr(where, name)
    put: Callable[[Any], None] = (
        (lambda one: where.__setitem__(name, one)) if is_table else (lambda one: setattr(where, name, one))
    )
    put(value)
    try:
        yield
    finally:
        put(before)


def _nothing(done: Step, *_: Any) -> None:
    done.changed = False


def _cell(phase: Phase, role: str, verb: str, act: Any) -> Swap:
    return (call, "TABLE", call.TABLE | {(phase, role, verb): act})


def _step(changed: Callable[..., tuple[Any, ...]]) -> tuple[Swap, ...]:
    """A step whose arguments are changed first."""
    step = call.step
    return tuple((where, "step", lambda *args, step=step: step(*changed(*args))) for where in (exchange,))


def _takes_over(done: Step, who: Who, verb: client_pb2.Answer, *rest: Any) -> None:
    bare = client_pb2.Answer(call_id=verb.call_id, kinds=verb.kinds)
    call._answer(done, who, bare, *rest)


def _rings_with_description(done: Step, who: Who, verb: client_pb2.Ringing, *rest: Any) -> None:
    call._rings(done, who, verb, *rest)
    done.described = (CALLEE, client_pb2.Description(generation=1, body=b"d"))


def _answers_unnamed(done: Step, *rest: Any) -> None:
    call._answer(done, *rest)
    done.record.answered_line = ""


def _close(how: Callable[[Step], None]) -> Swap:
    close = call._close

    def closed(done: Step, who: Who | None, now: int) -> None:
        close(done, who, now)
        how(done)

    return (call, "_close", closed)


def _version(by: int) -> Callable[[Step], None]:
    def change(done: Step) -> None:
        done.record.version += by

    return change


def _forget_commands(done: Step) -> None:
    for member in done.record.members:
        del member.command_ids[:]


def _keep_descriptions(done: Step) -> None:
    done.erased = False


def _say_nothing(done: Step) -> None:
    done.events.clear()


def _forget_epoch(record: Any, who: Who | None, *rest: Any) -> tuple[Any, ...]:
    if who is None:
        return (record, who, *rest)
    leg = leg_of(record.members[who.side], who.line)
    return (record, replace(who, epoch=max(who.epoch, leg.epoch if leg is not None else 0)), *rest)


def _end_for_callee_only(done: Step, now: int, ending: Any, for_caller: Any, by: str = "") -> None:
    call_end(done, now, ending, types_pb2.ENDING_UNSPECIFIED, by)


def _end_for_both(done: Step, now: int, ending: Any, for_caller: Any, by: str = "") -> None:
    call_end(done, now, ending, for_caller or ending, by)


call_end = ending.end


def _view(change: Callable[[client_pb2.Call, Any], None]) -> Swap:
    view = real_view

    def changed(record: Any, side: int, line: str, slot: Any = None, *rest: Any) -> client_pb2.Call:
        seen = view(record, side, line, slot, *rest)
        change(seen, (record, side, slot))
        return seen

    return (teller, "view", changed)


def _tell_ringing(seen: client_pb2.Call, given: Any) -> None:
    record, side, _ = given
    if side == CALLER and record.rang and seen.phase == client_pb2.PHASE_CALLING:
        seen.phase = client_pb2.PHASE_RINGING


def _hide_descriptions(seen: client_pb2.Call, given: Any) -> None:
    seen.ClearField("peer_description")


def _rings_anyway(*args: Any) -> dial.Placed:
    call_id, verdict, who, verb, lines, *rest = args
    placed = real_place(call_id, verdict, who, verb, lines, *rest)
    for line in lines:
        placed.record.members[CALLEE].legs.add(
            line=line_key(line),
            gateway_id=line.gateway_id,
            epoch=line.epoch,
            state=signaling_pb2.LEG_STATE_CALLED,
        )
    return placed


real_place = dial.place


async def _no_due(self: ModelStore, most: int = 200) -> list[Any]:
    return []


async def _nobody(self: ModelStore, *_: Any) -> None:
    return None


async def _none(self: ModelStore, *_: Any) -> list[Any]:
    return []


def _around(real: Any) -> Any:
    async def around(self: ModelStore, caller_id: str, callee_id: str, command_id: str) -> Any:
        return await real(self, caller_id, callee_id, "")

    return around


def _pairless(real: Any) -> Any:
    async def place(self: ModelStore, *args: Any) -> bool:
        kept, self._pairs = self._pairs, {}
        try:
            return bool(await real(self, *args))
        finally:
            self._pairs = kept | self._pairs

    return place


def _gateless(real: Any) -> Any:
    async def place(self: ModelStore, *args: Any) -> bool:
        self._pairs = {key: Pair(pair.live_call) for key, pair in self._pairs.items()}
        return bool(await real(self, *args))

    return place


def _slotless(real: Any) -> Any:
    async def save(self: ModelStore, was: Any, step: Step, *rest: Any, **named: Any) -> Any:
        step.described = None
        return await real(self, was, step, *rest, **named)

    return save


async def _severs_nothing(self: ModelStore, con: Any, user_id: str, other_id: str, *_: Any) -> None:
    self._pairs[pair_key(user_id, other_id)] = Pair(closed_by=1)


async def _repairs_nothing(self: Any, gateway_id: str, held: Any) -> tuple[list[Any], list[Any]]:
    return [], [client_pb2.LiveCall(call_id=one.call_id) for one in held if one.call_id]


def _row(state: str, **changes: Any) -> Swap:
    return (local.STATES, state, local.STATES[state] | changes)


def _without(state: str, *inputs: str) -> Swap:
    row = local.STATES[state]
    return _row(state, on={name: cell for name, cell in row["on"].items() if name not in inputs})


def _times(**changes: int) -> Swap:
    return (server, "TIMES", replace(server.TIMES, **changes))


def _any_version(real: Any) -> Any:
    def see(dev: Device, local: Local, view: bytes, now: int) -> local.Device:
        new = local._replace(version=0)
        seen: Device = real(device.put(dev, local, new), new, view, now)
        return seen

    return see


def _holds_for_both(done: Step, who: Who, verb: client_pb2.Hold, *rest: Any) -> None:
    for member in done.record.members:
        member.holds = verb.on


def _forget_dropped(record: Any, *rest: Any) -> tuple[Any, ...]:
    bare = signaling_pb2.CallRecord()
    bare.CopyFrom(record)
    for member in bare.members:
        del member.dropped_device_ids[:]
    return (bare, *rest)


def _hide_hold(seen: client_pb2.Call, given: Any) -> None:
    seen.peer_holds = False


def _always_waits(real: Any) -> Any:
    def room(*args: Any) -> dial.Room:
        found: dial.Room = real(*args)
        return replace(found, is_busy=False)

    return room


async def _no_ids(self: ModelStore, *_: Any) -> dict[str, str]:
    return {}


MUTANTS = (
    # ---- the reducer
    Mutant("a second answer takes the call over", "L2", of.TABLET_TOO,
           (_cell(T, "callee", "Answer", _takes_over),)),
    Mutant("who answered is not kept", "S3", of.TALK, (_cell(R, "callee", "Answer", _answers_unnamed),)),
    Mutant("a version stands still", "S11", of.DECLINE, (_close(_version(-1)),)),
    Mutant("a version is left out", "S11", of.DECLINE, (_close(_version(1)),)),
    Mutant("commands are forgotten", "S10", of.TALK, (_close(_forget_commands),)),
    Mutant("descriptions outlive the call", "S4", of.HANG_UP, (_close(_keep_descriptions),)),
    Mutant("no end is published", "S12", of.DECLINE, (_close(_say_nothing),)),
    Mutant("an end is the callee's alone", "S2", of.FAILS, ((call, "end", _end_for_callee_only),)),
    Mutant("a decline is told to who may not know", "S6", of.STRANGER, ((call, "end", _end_for_both),)),
    Mutant("a ring has no end", "L1", of.NO_ANSWER, (_cell(R, "server", "Tick", _nothing),)),
    Mutant("media that failed ends nothing", "L2", of.FAILS, (_cell(T, "callee", "Report", _nothing),
                                                            _cell(T, "caller", "Report", _nothing))),
    Mutant("a cancel ends nothing", "L2", of.HANG_UP, (_cell(R, "caller", "HangUp", _nothing),)),
    Mutant("a block leaves the ring", "S5", of.BLOCK, (_cell(R, "server", "Sever", _nothing),)),
    Mutant("a block leaves the call", "S5", of.BLOCK, (_cell(T, "server", "Sever", _nothing),)),
    Mutant("a new description is thrown away", "L2", of.TALK, (_cell(T, "caller", "Describe", _nothing),)),
    Mutant("an old connection may speak", "S14", of.CRASH, _step(_forget_epoch)),
    Mutant("devices start to ring at the last moment", "S13", of.LATE,
           (_times(least_ring=0), (device, "LEAST_RING_MS", -1))),
    Mutant("a hold is not kept", "S9", of.HOLD, (_cell(T, "callee", "Hold", _nothing),)),
    Mutant("either side takes a hold back", "S9", of.HOLD, (_cell(T, "callee", "Hold", _holds_for_both),
                                                            _cell(T, "caller", "Hold", _holds_for_both))),
    Mutant("a revoked device stays in its call", "S14", of.REVOKED, (_cell(T, "server", "Drop", _nothing),)),
    Mutant("a revoked device rings on", "S14", of.REVOKED, (_cell(R, "server", "Drop", _nothing),)),
    Mutant("a revoked device may speak", "S14", of.REVOKED, _step(_forget_dropped)),
    # ---- around it
    Mutant("a hold is not told to the other side", "S9", of.HOLD, (_view(_hide_hold),), outside=True),
    Mutant("a call that waits rings on all devices", "S8", of.WAITING_TABLET,
           ((dial, "room", lambda *_: dial.FREE),), outside=True),
    Mutant("a third call rings", "S8", of.THIRD, ((dial, "room", _always_waits(dial.room)),), outside=True),
    Mutant("who is revoked is not looked up", "S14", of.REVOKED,
           ((ModelStore, "revoked_of", _no_ids),), outside=True),
    Mutant("a new line is not told what it missed", "L6", of.LATE,
           ((ModelStore, "past_of", _none),), outside=True),
    Mutant("two who dial each other are not brought together", "S7", of.GLARE,
           ((dial, "meets", lambda *_: None),), outside=True),
    Mutant("a pair may have two calls", "S7", of.GLARE, (
        (dial, "meets", lambda *_: None), (dial, "room", lambda *_: dial.FREE),
        (ModelStore, "place", _pairless(ModelStore.place))), outside=True),
    Mutant("the gate is cached", "S5", of.BLOCK,
           ((ModelStore, "place", _gateless(ModelStore.place)),), outside=True),
    Mutant("a block ends nothing", "S5", of.BLOCK, ((ModelStore, "gate", _severs_nothing),), outside=True),
    Mutant("a Place is not known again", "S10", of.DECLINE, (
        (ModelStore, "placed_by", _nobody),
        (ModelStore, "around", _around(ModelStore.around))), outside=True),
    Mutant("deadlines are forgotten", "L2", of.NO_ANSWER, ((ModelStore, "due", _no_due),), outside=True),
    Mutant("an offer is lost", "L2", of.TALK, ((ModelStore, "save", _slotless(ModelStore.save)),),
           outside=True),
    Mutant("a gateway is told of no change", "L4", of.DECLINE,
           ((anti_entropy.Repairs, "repair", _repairs_nothing),), outside=True),
    Mutant("the calls of a gateway are not found", "L2", of.COLD,
           ((ModelStore, "touched", _none), (ModelStore, "many", _none)), outside=True),
    Mutant("views have no versions", "L2", of.TALK,
           ((exchange, "raise_versions", lambda was, done: None),), outside=True),
    Mutant("a shadow call rings", "L3", of.UNHEARD, ((dial, "place", _rings_anyway),), outside=True),
    Mutant("the veil shows ringing", "S6", of.STRANGER, (_view(_tell_ringing),), outside=True),
    Mutant("a description is taken before the answer", "S2", of.TALK,
           (_cell(R, "callee", "Ringing", _rings_with_description),)),
    Mutant("descriptions go to nobody", "L2", of.TALK, (_view(_hide_descriptions),), outside=True),
    # ---- the client
    Mutant("a page sends before the answer is taken", "S1", of.TALK, (_row("answering", media="open"),),
           outside=True),
    Mutant("a page sends while it dials", "S1", of.TALK, (_row("calling", media="open"),), outside=True),
    Mutant("an old view is believed", "S11", of.TALK, ((device, "_see", _any_version(device._see)),),
           outside=True),
    Mutant("a page rings on when the call is over", "L3", of.DECLINE,
           (_without("incoming", "view.ended", "beat.absent"),), outside=True),
    Mutant("a page does not notice that it lost", "L3", of.TABLET_TOO,
           (_without("incoming", "view.elsewhere", "view.ended", "beat.absent", "clock.ring_over"),),
           outside=True),
    Mutant("a page never says that media flows", "L2", of.TALK, (_row("connecting", on={
        name: cell for name, cell in local.STATES["connecting"]["on"].items() if name != "media.flowing"}),),
           outside=True),
    Mutant("a view of before ends a hold", "S9", of.HOLD, (_row("holding", on={
        **local.STATES["holding"]["on"], "view.bound": {"to": "mending"}}),
        (device, "_in_room", lambda input_, *_: input_)), outside=True),
    Mutant("a page sends while the other side holds", "S9", of.HOLD, (_row("held", media="open"),),
           outside=True),
    Mutant("a second call is answered, and the first one goes on", "S8", of.WAITING, (
        (gestures, "_hold", lambda dev, _: dev), (Device, "room", lambda *_: "talk")), outside=True),
)  # fmt: skip
