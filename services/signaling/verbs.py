"""What can be said to a call, and by whom."""

from dataclasses import dataclass

from ringline.v1 import client_pb2, signaling_pb2


@dataclass(frozen=True, slots=True)
class Who:
    """The line that speaks: side of the call, line (device.instance), where it is, and its command id."""

    side: int
    line: str
    gateway_id: str = ""
    epoch: int = 0
    command_id: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline is due. `present` are the lines that are open now; None where that could not be learnt."""

    present: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Sever:
    """The gate between the two was closed by this user."""

    user_id: str


@dataclass(frozen=True, slots=True)
class EndByOperator:
    """The operator ends the call."""


Verb = (
    client_pb2.Ringing
    | client_pb2.Answer
    | client_pb2.Decline
    | client_pb2.HangUp
    | client_pb2.SetMedia
    | client_pb2.Describe
    | client_pb2.AddCandidates
    | client_pb2.Report
    | signaling_pb2.Arrived
    | signaling_pb2.Gone
    | Tick
    | Sever
    | EndByOperator
)
