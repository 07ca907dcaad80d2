"""The tables of docs/bench.md: how long nobody is heard, how soon lines are back, what a verdict costs, how
soon a block is silence; from results.
"""

import json
from pathlib import Path
from typing import Any

from bench.report import block_rows, verdict_rows

RESULTS = Path("bench/results")


def page(text: str, root: Path) -> str:
    """The page with the tables in their places; as it is where nothing was measured yet."""
    for name, table in (("gaps", gaps), ("herd", herd), ("judged", judged)):
        result = root / RESULTS / f"{name}.json"
        if result.exists():
            start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
            before, _, rest = text.partition(start)
            text = before + start + table(json.loads(result.read_text())) + end + rest.partition(end)[2]
    return text


def herd(result: dict[str, Any]) -> str:
    """The rows of lines that lost their gateway, and where and when they were measured."""
    lines = [
        "| a gateway goes | back | median | 99 % | last | tries a line |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        spans = [f"{row[key]:.1f} s" for key in ("median_s", "p99_s", "last_s")]
        cells = [row["name"], f"{row['back']:,}", *spans, f"{row['tries_per_line']:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    host = result["host"]
    where = f"Commit `{result['commit']}`, {result['at']}, {host['cores']} cores ({host['cpu']})."
    return "\n".join([*lines, "", where]) + "\n"


def judged(result: dict[str, Any]) -> str:
    """What verdicts cost, and how soon devices are silent; and where and when it was measured."""
    lines = ["| a verdict | median | 99 % | CPU of policy | CPU of all |", "|---|---|---|---|---|"]
    for what, figures in verdict_rows(result):
        lines.append(f"| {' | '.join([what, *(f'{ms:.2f} ms' for ms in figures)])} |")
    lines += ["", "| a block in the middle of a ring | median | 99 % | worst |", "|---|---|---|---|"]
    for what, figures in block_rows(result):
        lines.append(f"| {' | '.join([what, *(f'{ms:.0f} ms' for ms in figures)])} |")
    host = result["host"]
    rounds = f"{result['block_rounds']} blocks, of which {result['block_failed']} failed"
    where = f"Commit `{result['commit']}`, {result['at']}, {host['cores']} cores ({host['cpu']})"
    return "\n".join([*lines, "", f"{where}; {rounds}."]) + "\n"


def gaps(result: dict[str, Any]) -> str:
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
