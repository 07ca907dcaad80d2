"""A history: what every line asked and saw, and what the servers kept of it. It can be written down and read.

Times are seconds on one clock of whoever observed; NEVER where something did not happen. A history is judged
by checker.py and by nobody else, so that whatever made it, property tests or crashes, is held to the same
words.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from ringline.v1 import client_pb2, events_pb2, signaling_pb2, types_pb2
from services.signaling.record import holds_pair, live

NEVER = float("inf")
CALLER, CALLEE = "caller", "callee"


@dataclass(frozen=True, slots=True)
class View:
    """A call as it was shown to a line."""

    call_id: str
    version: int
    role: str
    phase: str
    ending: str = ""
    here: bool = False
    sends: str = ""
    peer_sends: str = ""
    holds: bool = False
    peer_holds: bool = False
    has_peer_description: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """One attempt of one command, and what came of it. Carried out where `refused` is "" and it was answered.

    `about` is the call, or, where a call is placed, the user who is called.
    """

    line: str
    user_id: str
    epoch: int
    command_id: str
    verb: str
    about: str
    asked: float
    answered: float = NEVER
    refused: str = ""
    call_id: str = ""

    @property
    def is_done(self) -> bool:
        """Whether it was carried out, for all that its line knows."""
        return self.answered < NEVER and not self.refused


@dataclass(frozen=True, slots=True)
class Saw:
    """A line was shown a view; `way` says how: by the "reply" to its own command, by a "wake", a "repair" or
    its "welcome". "beat" is no view: the line heard that the call is over and not how. "late" is a reply that
    a newer view was faster than: its gateway left it out.

    `asked` is when that was asked for which it was the reply; for everything else it is `at`.
    """

    line: str
    user_id: str
    epoch: int
    at: float
    asked: float
    way: str
    view: View


@dataclass(frozen=True, slots=True)
class Opened:
    """A line was opened, or opened anew with a higher epoch; `at` is when it had its welcome."""

    line: str
    user_id: str
    epoch: int
    asked: float
    at: float
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Closed:
    """A line was closed."""

    line: str
    user_id: str
    epoch: int
    at: float


@dataclass(frozen=True, slots=True)
class Gate:
    """One user blocked another, or lifted that."""

    user_id: str
    other_id: str
    closed: bool
    asked: float
    answered: float = NEVER


@dataclass(frozen=True, slots=True)
class Revoked:
    """A device was revoked."""

    user_id: str
    device_id: str
    asked: float
    answered: float = NEVER


@dataclass(frozen=True, slots=True)
class Row:
    """A call as signaling keeps it. `bound` are the lines in it, `commands` what changed it, by side."""

    call_id: str
    version: int
    caller_id: str
    callee_id: str
    live: bool
    holds_pair: bool
    shadow: bool
    truth: bool
    ending: str
    ending_for_caller: str
    placed_at_ms: int
    answered_at_ms: int
    ended_at_ms: int
    answered_line: str
    bound: tuple[tuple[str, ...], ...]
    versions: tuple[int, ...]
    commands: tuple[tuple[str, ...], ...]
    digest: str
    connected_at_ms: int = 0
    waiting_line: str = ""
    """The callee's line behind whose call it waits, or waited to its end."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Every call of these people, as it was kept at one moment between `asked` and `at`."""

    asked: float
    at: float
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """An event, in the order in which the log gave it out."""

    event_id: str
    call_id: str
    version: int
    fact: str
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A line in somebody's conversation that says there was a call."""

    owner_id: str
    call_id: str
    ending: str
    missed: bool = False


@dataclass(slots=True)
class History:
    """Everything, in the order in which it was noted."""

    people: tuple[str, ...] = ()
    said: list[Said] = field(default_factory=list)
    saw: list[Saw] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    revoked: list[Revoked] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    repaired_at: float = NEVER
    """When every line that was open had been compared with what is kept, and nobody said anything more."""
    left_alone: tuple[str, ...] = ()
    """Calls that went on when nobody said anything more, and that nobody ended: deadlines had to."""
    repeated_from: int | None = None
    """The index in `kept` after which nothing was said but commands that had been said before."""

    def dumps(self) -> str:
        """The history as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def loads(cls, text: str) -> "History":
        """The history that `dumps` wrote."""
        data = json.loads(text)
        history = cls(
            people=tuple(data["people"]),
            repaired_at=float(data["repaired_at"]),
            repeated_from=data["repeated_from"],
            left_alone=tuple(data["left_alone"]),
        )
        for name, kind in _LISTS.items():
            setattr(history, name, [kind(one) for one in data[name]])
        return history


def _row(one: dict[str, Any]) -> Row:
    pairs = {name: tuple(map(tuple, one[name])) for name in ("bound", "commands")}
    return Row(**one | pairs | {"versions": tuple(one["versions"])})


_LISTS: dict[str, Any] = {
    "said": lambda one: Said(**one),
    "saw": lambda one: Saw(**one | {"view": View(**one["view"])}),
    "opened": lambda one: Opened(**one | {"calls": tuple(one["calls"])}),
    "closed": lambda one: Closed(**one),
    "gates": lambda one: Gate(**one),
    "revoked": lambda one: Revoked(**one),
    "kept": lambda one: Kept(one["asked"], one["at"], tuple(map(_row, one["rows"]))),
    "facts": lambda one: Fact(**one),
    "entries": lambda one: Entry(**one),
}


# ------------------------------------------------------------ from what the servers say


def view_of(call: client_pb2.Call) -> View:
    """The view in a frame."""
    return View(
        call_id=call.call_id,
        version=call.version,
        role=CALLER if call.role == client_pb2.ROLE_CALLER else CALLEE,
        phase=client_pb2.Phase.Name(call.phase).removeprefix("PHASE_").lower(),
        ending=ending_name(call.ending),
        here=call.here,
        sends=kinds_name(call.sends),
        peer_sends=kinds_name(call.peer_sends),
        holds=call.holds,
        peer_holds=call.peer_holds,
        has_peer_description=call.HasField("peer_description"),
    )


def row_of(record: signaling_pb2.CallRecord, digest: str) -> Row:
    """The row of a record; `digest` tells two states of it apart."""
    caller, callee = record.members
    return Row(
        call_id=record.call_id,
        version=record.version,
        caller_id=caller.profile.user_id,
        callee_id=callee.profile.user_id,
        live=live(record),
        holds_pair=holds_pair(record),
        shadow=record.shadow,
        truth=record.device_truth,
        ending=ending_name(record.ending),
        ending_for_caller=ending_name(record.ending_for_caller),
        placed_at_ms=record.placed_at_ms,
        answered_at_ms=record.answered_at_ms,
        ended_at_ms=record.ended_at_ms,
        answered_line=record.answered_line,
        bound=tuple(
            tuple(leg.line for leg in member.legs if leg.state == signaling_pb2.LEG_STATE_BOUND)
            for member in record.members
        ),
        versions=tuple(member.version for member in record.members),
        commands=tuple(tuple(member.command_ids) for member in record.members),
        digest=digest,
        connected_at_ms=record.connected_at_ms,
        waiting_line=record.waiting_line,
    )


def fact_of(event: events_pb2.Event) -> Fact:
    """The fact of an event; the last one of a call is the one with which it is over for both."""
    return Fact(
        event_id=event.event_id,
        call_id=event.call_id,
        version=event.version,
        fact=event.WhichOneof("fact") or "",
        is_last=bool(event.call_ended.ending_for_caller),
    )


def ending_name(ending: "types_pb2.Ending.ValueType") -> str:
    """An ending as a word; "" where it has not ended."""
    return types_pb2.Ending.Name(ending).removeprefix("ENDING_").lower() if ending else ""


def kinds_name(kinds: types_pb2.Kinds) -> str:
    """Kinds as a word: "av", "a", "v" or ""."""
    return "a" * kinds.audio + "v" * kinds.video
