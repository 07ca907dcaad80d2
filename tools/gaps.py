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
        "| in the middle of a call | the other hears nothing | the one to whom it happens | packets lost |",
        "|---|---|---|---|",
    ]
    for row in result["rows"]:
        other, one, lost = row["other_hears_ms"], row["one_hears_ms"], row["lost_packets"]
        lines.append(
            f"| {row['what']} | {_span(other)} ms | {_span(one)} ms | {_span(lost)} |",
        )
    host, times = result["host"], max(row["repetitions"] for row in result["rows"])
    where = f"{host['cores']} cores ({host['cpu']}), shared with other work"
    lines += ["", f"Median / worst of {times}. Commit `{result['commit']}`, {result['at']}, {where}."]
    return "\n".join(lines) + "\n"


def _span(figure: dict[str, Any]) -> str:
    return f"{figure['median']:.0f} / {figure['range'][1]:.0f}"
