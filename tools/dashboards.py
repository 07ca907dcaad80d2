"""Grafana's dashboards, from a short description: rows of panels, each with its queries.

`python -m tools.docs` writes them to deploy/k8s/components/metrics/dashboards/. In a query `$for` stands for
the interval that Grafana picks.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools.dashboard_rows import ADOPTION, OPERATIONS

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "k8s" / "components" / "metrics" / "dashboards"
SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDE, HIGH, PER_ROW = 8, 7, 3


class Panel(NamedTuple):
    """One drawing: what it shows, in which unit of Grafana's, and its queries with their legends."""

    title: str
    says: str
    unit: str
    queries: Sequence[tuple[str, str]]


Rows = Sequence[tuple[str, Sequence[tuple[str, str, str, Sequence[tuple[str, str]]]]]]


def files() -> dict[Path, str]:
    """Every dashboard, as it is written."""
    return {
        FOLDER / "operations.json": _text("ringline-operations", "Ringline: operations", "1h", OPERATIONS),
        FOLDER / "adoption.json": _text("ringline-adoption", "Ringline: adoption", "30d", ADOPTION),
    }


def queries(dashboard: dict[str, Any]) -> list[str]:
    """The queries of a dashboard, as Grafana would send them for an interval of five minutes."""
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return [one.replace("$__rate_interval", "5m").replace("$__range", "1d") for one in asked]


def _text(uid: str, title: str, since: str, rows: Rows) -> str:
    panels: list[dict[str, Any]] = []
    top = 0
    for heading, row in rows:
        panels.append(_heading(len(panels) + 1, heading, top))
        top += 1
        for place, panel in enumerate(row):
            left, down = place % PER_ROW * WIDE, place // PER_ROW * HIGH
            panels.append(_panel(len(panels) + 1, Panel(*panel), left, top + down))
        top += -(-len(row) // PER_ROW) * HIGH
    board = {
        "uid": uid,
        "title": title,
        "tags": ["ringline"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "1m",
        "time": {"from": f"now-{since}", "to": "now"},
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus"}]},
        "panels": panels,
    }
    return json.dumps(board, indent=1) + "\n"


def _heading(number: int, title: str, top: int) -> dict[str, Any]:
    place = {"x": 0, "y": top, "w": WIDE * PER_ROW, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(number: int, panel: Panel, left: int, top: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.says,
        "datasource": SOURCE,
        "gridPos": {"x": left, "y": top, "w": WIDE, "h": HIGH},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"tooltip": {"mode": "multi"}, "legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query.replace("$for", "$__rate_interval"),
                "legendFormat": legend,
            }
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }
