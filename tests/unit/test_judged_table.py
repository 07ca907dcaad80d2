"""docs/bench.md says of verdicts and blocks what the result file says."""

import json
from pathlib import Path

from bench.report import BLOCKS, VERDICTS
from tools.gaps import page

TEXT = "before\n<!-- judged -->\nold\n<!-- /judged -->\nafter\n"
VERDICT = {"p50_ms": 1.25, "p99_ms": 2.5, "policy_cpu_ms": 0.75, "all_cpu_ms": 1.5}
BLOCK = {"p50_ms": 40.2, "p99_ms": 90.4, "worst_ms": 120.1}


def result() -> dict[str, object]:
    """A result file."""
    found: dict[str, object] = {
        "at": "2026-01-01",
        "commit": "abc",
        "host": {"cores": 2, "cpu": "made up"},
        "block_rounds": 200,
        "block_failed": 1,
    }
    found |= {f"verdict_{kind}_{name}": ms for name in VERDICTS for kind, ms in VERDICT.items()}
    return found | {f"block_{name}_{kind}": ms for name in BLOCKS for kind, ms in BLOCK.items()}


def test_the_tables_say_what_was_measured_where_and_when(tmp_path: Path) -> None:
    folder = tmp_path / "bench" / "results"
    folder.mkdir(parents=True)
    (folder / "judged.json").write_text(json.dumps(result()))
    made = page(TEXT, tmp_path)
    assert made.count("| 1.25 ms | 2.50 ms | 0.75 ms | 1.50 ms |") == len(VERDICTS)
    assert "| until the last of three devices is silent | 40 ms | 90 ms | 120 ms |" in made
    assert "Commit `abc`, 2026-01-01, 2 cores (made up); 200 blocks, of which 1 failed." in made
    assert made.startswith("before\n") and made.endswith("after\n") and "old" not in made


def test_where_nothing_was_measured_the_page_is_as_it_is(tmp_path: Path) -> None:
    assert page(TEXT, tmp_path) == TEXT
