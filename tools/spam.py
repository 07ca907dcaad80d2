"""The table of docs/ring-budget.md, from the result of `python -m bench.spam`."""

import json
from pathlib import Path
from typing import Any

START, END = "<!-- spam -->\n", "<!-- /spam -->"


def page(text: str, result: Path) -> str:
    """The page with the table in its place; it says so where nothing was run yet."""
    before, _, rest = text.partition(START)
    rows = table(json.loads(result.read_text())) if result.exists() else "No run is published yet.\n"
    return before + START + rows + END + rest.partition(END)[2]


def table(result: dict[str, Any]) -> str:
    """The targets and what came of them, the honest by what they did, and what was run."""
    found = result["with"]
    honest, spammer, account = found["honest"], found["spammer_reaches_a_day"], found["account_reaches_a_day"]
    storm, victims, others = (
        found[name] for name in ("victim_rings_10_min", "victim_rings_a_day", "others_rings_a_day")
    )
    lines = [
        "| | target | found |",
        "|---|---|---|",
        f"| strangers whom a spammer reaches in a day | at most 20 | {_spread(spammer)} |",
        f"| the same, one of the attacker's accounts | at most 20 | {_spread(account)} |",
        f"| rings of strangers within ten minutes, of anybody | at most 6 | {storm['most']} at most; "
        f"{storm['most_talks_included']} with those who talked with him |",
        f"| honest calls that a budget stopped | at most 0.1 % | {honest['share']:.3%} "
        f"({honest['refused']:,} of {honest['attempts']:,}) |",
        f"| rings of strangers on a day, of a victim of the attacker | | {_spread(victims)} |",
        f"| the same, of everybody else | | {_spread(others)} |",
        "",
        "| honest calls | placed | stopped | by |",
        "|---|---|---|---|",
    ]
    for group, row in honest["groups"].items():
        by = ", ".join(f"{name.removeprefix('budget.')} {count}" for name, count in row["by"].items())
        share = f"{row['refused']:,} ({row['refused'] / row['attempts']:.2%})"
        lines.append(f"| {group} | {row['attempts']:,} | {share} | {by or '–'} |")
    foes = result["foes"]
    lines += [
        "",
        f"`python -m bench.spam`, commit `{result['commit']}`, {result['at']}: {result['size']:,} people, "
        f"{result['days']} days, seed {result['seed']}; {foes['spammers']:,} spammers; one attacker with "
        f"{foes['accounts']:,} accounts and {foes['victims']} victims.",
    ]
    return "\n".join(lines) + "\n"


def _spread(figure: dict[str, float]) -> str:
    return f"{figure['mean']:g} on average, {figure['p99']:g} (99 %), {figure['most']:g} at most"
