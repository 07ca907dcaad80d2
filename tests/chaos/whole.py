"""The whole of chaos: so many rounds, kept after each so that it goes on where it was interrupted, and the
results that are published (bench/results/chaos.json). With other code it begins anew, as the campaign does.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.report import RESULTS, commit, host
from tests.campaign.parts import CHAOTIC
from tests.campaign.progress import code
from tests.chaos.run import OTHERS, Outcome, Wish
from tests.chaos.table import KINDS, Line, last_line, lines

STATE = Path(".ringline/chaos/progress.json")
RESULT = RESULTS / "chaos.json"
ROUNDS = 17
KILLS_A_ROUND = 3
"""Of every kind of process by kill -9, and as many by SIGTERM: more than 50 of each in the whole."""
LEAST_CALLS = 20_000
PAIRS = 20
OTHERS_A_ROUND = 2
FIRST_SEED = 2_000_000
EXAMPLES = 10
LONGEST = ("seconds_to_drain",)
"""Figures of which the greatest is kept, and not the sum."""


@dataclass
class Whole:
    """How far it is."""

    code: str
    """What tells two states of the code apart, of the product and of what breaks and judges it."""
    commits: list[str]
    """At which commits rounds were run with it, in their order."""
    rounds: int = 0
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    failed_seeds: list[int] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    at: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing left to do."""
        return self.rounds >= ROUNDS and sum(line.calls for line in self.lines()) >= LEAST_CALLS

    def lines(self) -> list[Line]:
        """The rows of the table."""
        return [Line(**row) for row in self.rows.values()]

    def wish(self, ahead: int = 0) -> Wish:
        """What the next round is to be, or one so many after it: the other faults take turns."""
        number = self.rounds + ahead
        first = number * OTHERS_A_ROUND % OTHERS
        return Wish(FIRST_SEED + number, PAIRS, kills=KILLS_A_ROUND, others_from=first, others=OTHERS_A_ROUND)

    def add(self, outcome: Outcome) -> None:
        """Adds a round."""
        if outcome.found:
            self.failed_seeds.append(FIRST_SEED + self.rounds)
        if (here := commit()) not in self.commits:
            self.commits.append(here)
        self.rounds += 1
        for name, line in lines(outcome.story, outcome.found).items():
            known = Line(**self.rows[name]) if name in self.rows else Line(name)
            known.add(line)
            self.rows[name] = known.data()
        said = [f"{one.kind}: {one.what}" for one in outcome.found]
        self.examples = (self.examples + said)[:EXAMPLES]
        longest = {
            name: max(self.figures.get(name, 0), outcome.story.figures.get(name, 0)) for name in LONGEST
        }
        self.figures = dict(Counter(self.figures) + Counter(outcome.story.figures) | longest)
        self.seconds = round(self.seconds + outcome.seconds, 1)
        self.at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")


def load(state: Path = STATE) -> Whole:
    """How far it is with this code; at the beginning where it was not begun."""
    fresh = Whole(code(CHAOTIC), [])
    known = json.loads(state.read_text()) if state.exists() else {}
    return Whole(**known) if known.get("code") == fresh.code else fresh


def save(whole: Whole, state: Path = STATE) -> None:
    """Keeps it."""
    state.parent.mkdir(parents=True, exist_ok=True)
    beside = state.with_suffix(".new")
    beside.write_text(json.dumps(asdict(whole)) + "\n")
    beside.replace(state)


def publish(whole: Whole, result: Path = RESULT) -> None:
    """Writes the result."""
    rows = whole.lines()
    document = {
        "command": "make chaos",
        "at": whole.at,
        "commits": whole.commits,
        "code": whole.code,
        "host": host(),
        "whole": ROUNDS,
        "done": whole.rounds,
        "least_calls": LEAST_CALLS,
        "seeds": [FIRST_SEED, FIRST_SEED + whole.rounds - 1],
        "pairs": PAIRS,
        "seconds": whole.seconds,
        "rows": [_row(line) for line in sorted(rows, key=_order)],
        "sum": last_line(rows),
        "failed_seeds": whole.failed_seeds,
        "examples": whole.examples,
        "figures": whole.figures,
    }
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(document, indent=1) + "\n")


def _row(line: Line) -> dict[str, Any]:
    counts = {kind: line.found.get(kind, 0) for kind in KINDS}
    row: dict[str, Any] = {"fault": line.fault, "times": line.times, "calls": line.calls} | counts
    row |= {"rang": len(line.ring_ms), "did_not_ring": line.silent, "ring_p99_ms": line.p99()}
    return row | ({"not_injected": line.why_not} if line.why_not else {})


def _order(line: Line) -> tuple[bool, str]:
    return line.times == 0, line.fault.partition(" ")[2] if line.fault[:1] in "kS" else line.fault


def in_order(rows: Sequence[Line]) -> list[Line]:
    """The rows as they are printed and published."""
    return sorted(rows, key=_order)
