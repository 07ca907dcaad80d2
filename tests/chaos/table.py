"""The table: for each fault what became of the calls that were placed in it. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

from tests.chaos.finding import DUPLICATE, GHOST, LOST, OTHER, WRONG, Finding
from tests.chaos.rings import silent_calls
from tests.chaos.story import Book, Injection, Story
from tests.properties.history import CALLEE

QUIET = "no fault"
COLUMNS = ("fault", "times", "calls", "acknowledged calls lost", "duplicates", "ghost rings > 15 s",
           "calls ended wrongly", "other", "did not ring", "ring p99, ms")  # fmt: skip
KINDS = (LOST, DUPLICATE, GHOST, WRONG, OTHER)


@dataclass
class Line:
    """One fault. `ring_ms` are the times from the gesture to the first ring, of the calls placed in it;
    `silent` counts those of them that should have rung and did not.
    """

    fault: str
    times: int = 0
    calls: int = 0
    found: dict[str, int] = field(default_factory=dict)
    ring_ms: list[int] = field(default_factory=list)
    why_not: str = ""
    silent: int = 0

    def add(self, other: "Line") -> None:
        """Adds what another run had in the same row."""
        self.times += other.times
        self.calls += other.calls
        self.found = dict(Counter(self.found) + Counter(other.found))
        self.ring_ms += other.ring_ms
        self.silent += other.silent
        self.why_not = "" if self.times else other.why_not or self.why_not

    def p99(self) -> int | None:
        """The 99th percentile of the rings, in milliseconds; None where nothing rang."""
        if not self.ring_ms:
            return None
        return sorted(self.ring_ms)[math.ceil(len(self.ring_ms) * 0.99) - 1]

    def cells(self) -> list[str]:
        """The row of the table."""
        times = f"not injected: {self.why_not}" if self.why_not else str(self.times or "–")
        p99 = self.p99()
        counts = [str(self.found.get(kind, 0)) for kind in KINDS]
        return [
            self.fault,
            times,
            f"{self.calls:,}",
            *counts,
            str(self.silent),
            "–" if p99 is None else f"{p99:,}",
        ]

    def data(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


def lines(story: Story, found: Sequence[Finding]) -> dict[str, Line]:
    """A row for each fault, and one for what was placed while there was none."""
    made: dict[str, Line] = {}
    for injection in story.injections:
        line = made.setdefault(injection.fault, Line(injection.fault))
        line.times += not injection.why_not
        line.why_not = injection.why_not
    made[QUIET] = Line(QUIET)
    for book in story.books:
        silent = silent_calls(book)
        for call_id, at, ring_ms in _placed(book):
            line = made[_fault_at(story.injections, at)]
            line.calls += 1
            line.silent += call_id in silent
            line.ring_ms += ring_ms
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    known: set[tuple[str, str]] = set()
    for one in found:
        if (one.kind, one.call_id) not in known or one.kind == OTHER:  # a call counts once
            kinds[_fault_at(story.injections, one.at)][one.kind] += 1
            known.add((one.kind, one.call_id))
    for fault, counted in kinds.items():
        made[fault].found = dict(counted)
    return made


def _placed(book: Book) -> list[tuple[str, float, list[int]]]:
    """When the calls of a pair were placed that were acknowledged, and how long each took to ring."""
    rang: dict[str, float] = {}
    for saw in book.history.saw:
        if saw.view.role == CALLEE and saw.view.phase in ("calling", "ringing"):
            rang.setdefault(saw.view.call_id, saw.at)
    asked: dict[str, float] = {}
    for said in book.history.said:
        if said.verb == "place" and said.is_done and said.call_id:
            asked[said.call_id] = min(said.asked, asked.get(said.call_id, said.asked))
    return [
        (call_id, at, [round((rang[call_id] - at) * 1000)] if rang.get(call_id, 0.0) >= at else [])
        for call_id, at in asked.items()
    ]


def _fault_at(injections: Sequence[Injection], at: float) -> str:
    """The fault that was there; of several the one that began last."""
    there = [one for one in injections if one.began <= at <= one.ended and not one.why_not]
    return max(there, key=lambda one: one.began).fault if there else QUIET


def table(rows: Sequence[Line]) -> Table:
    """The whole, to be printed."""
    made = Table(*COLUMNS)
    for row in rows:
        made.add_row(*row.cells())
    return made


def sums_of(rows: Sequence[Line]) -> dict[str, int]:
    """How much was found of each kind."""
    return {kind: sum(row.found.get(kind, 0) for row in rows) for kind in KINDS}


def last_line(rows: Sequence[Line]) -> str:
    """What sums it up."""
    sums = sums_of(rows)
    calls, faults = sum(row.calls for row in rows), sum(row.times for row in rows)
    return (
        f"calls={calls} faults={faults} lost={sums[LOST]} duplicates={sums[DUPLICATE]}"
        f" ghosts={sums[GHOST]} wrongly_ended={sums[WRONG]}"
    )


def is_good(rows: Sequence[Line]) -> bool:
    """Whether nothing was found, of any kind."""
    return not any(any(row.found.values()) for row in rows)
