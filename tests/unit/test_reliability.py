"""docs/reliability.md has the table of a result file, and says so where there is none."""

import json
from pathlib import Path
from typing import Any

from tools.reliability import table

RUN: dict[str, Any] = {
    "command": "make chaos", "at": "2026-01-01T00:00Z", "commits": ["abc", "def"], "done": 3, "whole": 50,
    "seeds": [1, 3], "pairs": 28, "seconds": 600.0,
    "sum": "calls=7 faults=1 lost=0 duplicates=1 ghosts=0 wrongly_ended=0",
    "host": {"cores": 2, "cpu": "a core", "kernel": "6", "python": "3.11"},
    "rows": [
        {"fault": "gateway | signaling: partition", "times": 1, "calls": 7_000, "lost": 0, "duplicates": 1,
         "ghosts": 0, "wrongly_ended": 0, "other": 0, "rang": 7, "did_not_ring": 2, "ring_p99_ms": 1_234},
        {"fault": "clock set back", "times": 0, "calls": 0, "lost": 0, "duplicates": 0, "ghosts": 0,
         "wrongly_ended": 0, "other": 0, "rang": 0, "ring_p99_ms": None, "not_injected": "no library"},
    ],
}  # fmt: skip


def test_the_table_says_what_was_run_of_how_much_and_what_came_of_it(tmp_path: Path) -> None:
    result = tmp_path / "chaos.json"
    result.write_text(json.dumps(RUN))
    page = table(result)
    assert "`make chaos`, commit `abc`, `def`, 2026-01-01T00:00Z: 3 of 50 rounds, seeds 1 to 3" in page
    assert r"| gateway \| signaling: partition | 1 | 7,000 | 0 | 1 | 0 | 0 | 0 | 2 | 1,234 ms |" in page
    assert "| clock set back | not injected: no library | 0 | 0 | 0 | 0 | 0 | 0 | not counted | – |" in page
    assert RUN["sum"] in page.splitlines()[-3]


def test_where_nothing_was_run_nothing_is_claimed(tmp_path: Path) -> None:
    assert "No run is published yet." in table(tmp_path / "chaos.json")
