"""The table of docs/reliability.md, out of bench/results/chaos.json and nothing else."""

import json
from pathlib import Path
from typing import Any

START, END = "<!-- chaos -->", "<!-- /chaos -->"
KINDS = ("lost", "duplicates", "ghosts", "wrongly_ended", "other")
HEAD = (
    "| fault | times | calls | acknowledged calls lost | duplicates | ghost rings > 15 s | ended wrongly "
    "| anything else | did not ring | ring p99 |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


def table(result: Path) -> str:
    """What was run, and what came of it."""
    if not result.exists():
        return "\n".join([START, "", "No run is published yet.", "", END])
    run: dict[str, Any] = json.loads(result.read_text())
    host, seeds = run["host"], run["seeds"]
    commits = ", ".join(f"`{commit}`" for commit in run.get("commits") or [run["commit"]])
    lines = [
        START,
        "",
        f"`{run['command']}`, commit {commits}, {run['at']}: {run['done']} of {run['whole']} rounds,"
        f" seeds {seeds[0]} to {seeds[1]}, {run['pairs']} pairs, {run['seconds'] / 60:.0f} minutes, on"
        f" {host['cores']} cores ({host['cpu']}, Linux {host['kernel']}, Python {host['python']}).",
        "",
        *HEAD,
        *map(_row, run["rows"]),
        "",
        f"Sum: `{run['sum']}`",
        "",
        END,
    ]
    return "\n".join(lines)


def _row(row: dict[str, Any]) -> str:
    times = f"not injected: {row['not_injected']}" if "not_injected" in row else str(row["times"] or "–")
    p99 = "–" if row["ring_p99_ms"] is None else f"{row['ring_p99_ms']:,} ms"
    silent = str(row.get("did_not_ring", "not counted"))
    cells = [
        _escaped(row["fault"]),
        times,
        f"{row['calls']:,}",
        *(str(row[kind]) for kind in KINDS),
        silent,
        p99,
    ]
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
