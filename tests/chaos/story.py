"""What is written down of a run: for each pair its history (tests/properties/history.py), what rang on their
devices, and the media that flowed; and which fault was there when. The checker reads this and nothing else.

Times are seconds on the observer's monotonic clock. `wall_ms` of a book leads to the database's milliseconds.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from tests.properties.history import History

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Ring:
    """A device made itself heard for a call, as a client does: the callee's rings, the caller's shows
    "Calling…". It stopped when it was told, or when nothing had come for so long that the client falls
    silent by itself.
    """

    line: str
    user_id: str
    call_id: str
    began: float
    stopped: float = NEVER


@dataclass(frozen=True, slots=True)
class Flow:
    """Media that came to one line in a call, and when its first and its newest packet did."""

    line: str
    user_id: str
    call_id: str
    first: float
    last: float
    packets: int


@dataclass(slots=True)
class Book:
    """Everything about one pair of people."""

    history: History = field(default_factory=History)
    rings: list[Ring] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    wall_ms: float = 0.0
    """Milliseconds to add to 1000 times the observer's clock to have the database's."""
    ring_s: float = 45.0
    """For how long a call rings in this installation."""
    connect_s: float = 45.0
    """In how many seconds after the answer media must flow: the default of signaling."""
    repeats: int = 0
    """Events that the log gave out more than once, with one event id: no fault, consumers are told so."""

    def at(self, milliseconds: int) -> float:
        """A time of the database on the observer's clock."""
        return (milliseconds - self.wall_ms) / 1000

    def dumps(self) -> str:
        """The book as JSON."""
        beside = {
            "rings": [dataclasses.asdict(one) for one in self.rings],
            "flows": [dataclasses.asdict(one) for one in self.flows],
            "wall_ms": self.wall_ms,
            "ring_s": self.ring_s,
            "connect_s": self.connect_s,
            "repeats": self.repeats,
        }
        return json.dumps(beside | {"history": json.loads(self.history.dumps())}, indent=1)

    @classmethod
    def loads(cls, text: str) -> "Book":
        """The book that `dumps` wrote."""
        data: dict[str, Any] = json.loads(text)
        return cls(
            History.loads(json.dumps(data["history"])),
            [Ring(**one) for one in data["rings"]],
            [Flow(**one) for one in data["flows"]],
            data["wall_ms"],
            data["ring_s"],
            data["connect_s"],
            data["repeats"],
        )


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault, from when it began until everything was there again. `why_not` says why it was not done."""

    fault: str
    began: float
    ended: float
    why_not: str = ""


@dataclass(slots=True)
class Story:
    """A whole run."""

    books: list[Book] = field(default_factory=list)
    injections: list[Injection] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)
