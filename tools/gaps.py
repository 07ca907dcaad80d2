"""The table of docs/bench.md of how long nobody is heard, from what `python -m bench.gaps` measured."""

import json
from pathlib import Path
from typing import Any

RESULT = Path("bench/results/gaps.json")
START, END = "<!-- gaps -->", "<!-- /gaps -->"


def page(text: str, root: Path) -> str:
    """The page with the table in its place; as it is where nothing was measured yet."""
    if not (root / RESULT).exists():
        return text
    before, _, rest = text.partition(START)
    return (
        before + START + "\n" + table(json.loads((root / RESULT).read_text())) + END + rest.partition(END)[2]
    )


def table(result: dict[str, Any]) -> str:
    """The rows, and where and when they were measured."""
    lines = [
        "| in the middle of a call | not heard | hears nothing | line back | packets lost |",
        "|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        spans = [
            _span(row[key]) for key in ("other_hears_ms", "one_hears_ms", "line_back_ms", "lost_packets")
        ]
        lines.append(f"| {' | '.join([row['what'], *spans])} |")
    host, times = result["host"], max(row["repetitions"] for row in result["rows"])
    where = f"{host['cores']} cores ({host['cpu']}), shared with other work"
    commits = ", ".join(dict.fromkeys(f"`{row['commit']}`" for row in result["rows"]))
    lines += ["", f"Median / worst of {times}, in milliseconds. Commit {commits}, {result['at']}, {where}."]
    return "\n".join(lines) + "\n"


def _span(figure: dict[str, Any] | None) -> str:
    return "" if figure is None else f"{figure['median']:.0f} / {figure['range'][1]:.0f}"
