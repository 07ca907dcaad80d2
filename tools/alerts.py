"""docs/alerts.md, from the alert rules themselves: what each means, and what to do."""

from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).resolve().parent.parent / "deploy" / "k8s" / "components" / "metrics" / "alerts.yaml"
SEVERITIES = {"page": "somebody has to look now", "ticket": "it can wait for the morning"}


def alerts() -> list[dict[str, Any]]:
    """Every alert rule, in the order of the file."""
    groups = yaml.safe_load(RULES.read_text())["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def page(note: str) -> str:
    """docs/alerts.md."""
    lines = [
        "# Alerts",
        "",
        note,
        "The rules are in `deploy/k8s/components/metrics/alerts.yaml`, for the Prometheus operator;",
        "when each fires, and when not, is tested (`tests/deploy/test_alerts.py`). What the figures mean:",
        "[metrics](metrics.md).",
    ]
    for rule in alerts():
        told = rule["annotations"]
        severity = rule["labels"]["severity"]
        lines += [
            "",
            f"## {rule['alert']}",
            "",
            f"*{severity}: {SEVERITIES[severity]}.* {told['summary']}",
            "",
            f"**What to do.** {told['do']}",
            "",
            "```text",
            *rule["expr"].splitlines(),
            f"for {rule['for']}" if "for" in rule else "at once",
            "```",
        ]
    return "\n".join(lines) + "\n"
