"""What can be said to a call, by whom, and what comes of it."""

from dataclasses import dataclass, field
from typing import Any

from ringline.v1 import client_pb2, events_pb2, signaling_pb2, types_pb2


@dataclass(frozen=True, slots=True)
class Who:
    """The line that speaks: side of the call, line (device.instance), where it is, and its command id."""

    side: int
    line: str
    gateway_id: str = ""
    epoch: int = 0
    command_id: str = ""


@dataclass(frozen=True, slots=True)
class SetMediaInVain:
    """The caller turns on, before the answer, what is not admitted: to him it looks as if it were, the callee
    never hears of it, and the answer takes it away.
    """

    kinds: types_pb2.Kinds


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline is due. `present` are the lines that are open now; None where that could not be learnt."""

    present: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Sever:
    """The gate between the two was closed by this user."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Drop:
    """A device of this user was revoked: it leaves the call, and what it still says is refused."""

    user_id: str
    device_id: str


@dataclass(frozen=True, slots=True)
class EndByOperator:
    """The operator ends the call."""


Verb = (
    client_pb2.Ringing
    | client_pb2.Answer
    | client_pb2.Decline
    | client_pb2.HangUp
    | client_pb2.SetMedia
    | SetMediaInVain
    | client_pb2.Hold
    | client_pb2.Describe
    | client_pb2.AddCandidates
    | client_pb2.Report
    | signaling_pb2.Arrived
    | signaling_pb2.Gone
    | Tick
    | Sever
    | Drop
    | EndByOperator
)


@dataclass(slots=True)
class Step:
    """The new record; the events to publish; the description slot to write; whether descriptions are to be
    erased."""

    record: signaling_pb2.CallRecord
    events: list[events_pb2.Event] = field(default_factory=list)
    described: tuple[int, client_pb2.Description] | None = None
    added: tuple[int, list[bytes]] | None = None
    erased: bool = False
    changed: bool = True

    def say(self, now: int, **fact: Any) -> None:
        """Adds an event; its version is set when the step is done."""
        self.events.append(events_pb2.Event(at_ms=now, call_id=self.record.call_id, **fact))
