"""The tables of docs/bench.md: how long nobody is heard, how soon lines are back, how long one waits while
others attack, what a verdict costs, how soon a block is silence; from results.
"""

import json
from pathlib import Path
from typing import Any

from bench.report import block_rows, verdict_rows

RESULTS = Path("bench/results")


def page(text: str, root: Path) -> str:
    """The page with the tables in their places; as it is where nothing was measured yet."""
    for name, table in (("gaps", gaps), ("herd", herd), ("attacked", attacked), ("judged", judged)):
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


def attacked(result: dict[str, Any]) -> str:
    """The rows of each pace of attacks, and where and when they were measured."""
    lines = [
        "| cases a second | reached | calls | failed | ring | longer than calm | answer | cores |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for number, row in enumerate(result["rows"]):
        more = " / ".join(f"{value:+.1f}" for value in row["more_ms"].values()) if number else ""
        used = [row.get(f"{who}_cores") for who in ("servers", "attackers", "others")]
        cores = " / ".join("–" if one is None else f"{one:.2f}" for one in used)
        counts = [f"{row[key]:,.0f}" for key in ("cases_per_s", "calls", "failed")]
        cells = [row["name"], *counts, _shares(row["ring_ms"]), more, _shares(row["answer_ms"]), cores]
        lines.append(f"| {' | '.join(cells)} |")
    host, late = result["host"], [row["late_ms"]["p99"] for row in result["rows"]]
    lines += [
        "",
        "p50 / p95 / p99 in milliseconds; cores that servers / attackers / other work used (–: not counted).",
        f"{result['rounds']} windows of {result['window_s']:g} s each, and before each one a calm one.",
        f"The callers' own loop was late by {min(late):.1f} to {max(late):.1f} ms (p99).",
        f"Commit `{result['commit']}`, {result['at']}, {host['cores']} cores ({host['cpu']}).",
    ]
    return "\n".join(lines) + "\n"


def _shares(figures: dict[str, float]) -> str:
    return " / ".join(f"{figures[name]:.1f}" for name in ("p50", "p95", "p99"))


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
