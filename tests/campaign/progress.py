"""What was done of the campaign, kept after every unit, and the results that are committed.

A part that was begun with other code, of the product or of what plays and judges it, begins anew: its figures
are of one state of both.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.report import RESULTS, commit, host
from tests.campaign.parts import FIRST_SEED, Part, Unit

STATE = Path(".ringline/campaign/progress.json")
RESULT = RESULTS / "campaign.json"
EXAMPLES = 10


@dataclass
class Progress:
    """How far a part is."""

    code: str
    """What tells two states of the code apart."""
    commit: str
    goal: int
    done: int = 0
    units: int = 0
    violations: int = 0
    examples: list[str] = field(default_factory=list)
    failed_seeds: list[int] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)
    longest_ms: dict[str, float] = field(default_factory=dict)
    latest: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    at: str = ""

    @property
    def seed(self) -> int:
        """The seed of the next unit."""
        return FIRST_SEED + self.units

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing left to do."""
        return self.done >= self.goal

    def add(self, unit: Unit, seconds: float) -> None:
        """Adds what a unit did."""
        if unit.found:
            self.failed_seeds.append(self.seed)
        self.done += unit.done
        self.units += 1
        self.violations += len(unit.found)
        self.examples = (self.examples + unit.found)[:EXAMPLES]
        self.figures = dict(Counter(self.figures) + unit.figures)
        for name, longest in unit.longest_ms.items():
            self.longest_ms[name] = max(longest, self.longest_ms.get(name, 0.0))
        self.latest |= unit.latest
        self.seconds = round(self.seconds + seconds, 1)
        self.at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")


def load(part: Part, scale: float, state: Path = STATE) -> Progress:
    """How far a part is with this code, and at this scale; at the beginning where it was not begun."""
    fresh = Progress(code(part.code), commit(), max(1, round(part.whole * scale)))
    known = _read(state).get(part.name)
    if known is None or known["code"] != fresh.code:
        return fresh
    return Progress(**known | {"goal": fresh.goal, "commit": fresh.commit})


def code(folders: Sequence[str], root: Path = Path()) -> str:
    """What tells two states of these folders apart: the content of every file that git knows or would add,
    whether or not it is committed.
    """
    words = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders)
    listed = subprocess.run(words, capture_output=True, text=True, check=True, cwd=root).stdout
    found = hashlib.sha256()
    for name in sorted(filter(None, listed.split("\0"))):
        path = root / name
        content = path.read_bytes() if path.is_file() else b""  # deleted, and not committed yet
        found.update(f"{name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:12]


def save(part: Part, progress: Progress, state: Path = STATE) -> None:
    """Keeps it."""
    document = _read(state) | {part.name: asdict(progress)}
    state.parent.mkdir(parents=True, exist_ok=True)
    beside = state.with_suffix(".new")
    beside.write_text(json.dumps(document, indent=1) + "\n")
    beside.replace(state)


def publish(part: Part, progress: Progress, result: Path = RESULT) -> None:
    """Writes a part's result; those of the others stay as they are, with their own date and commit."""
    document: dict[str, Any] = _read(result) or {"parts": {}}
    document["host"] = host()
    document["parts"][part.name] = {
        "at": progress.at,
        "commit": progress.commit,
        "code": progress.code,
        "what": part.what,
        "whole": part.whole,
        "goal": progress.goal,
        "done": progress.done,
        "seeds": [FIRST_SEED, progress.seed - 1],
        "violations": progress.violations,
        "examples": progress.examples,
        "failed_seeds": progress.failed_seeds,
        "figures": progress.figures,
        "longest_ms": progress.longest_ms,
        **({"latest": progress.latest} if progress.latest else {}),
        "seconds": progress.seconds,
    }
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(document, indent=1) + "\n")


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found
