"""Alerts and dashboards ask for what is there, and each alert fires when it should and only then."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.deploy.alert_stories import STORIES, promtool_tests
from tests.deploy.manifests import rendered
from tools import dashboards, metrics
from tools.alerts import RULES, SEVERITIES, alerts

FROM_KUBERNETES = {"job", "pod", "namespace", "service"}
"""Labels that Prometheus adds to what it scrapes."""
THEIRS = {"up": FROM_KUBERNETES}
"""Series that Prometheus makes itself."""


def queries() -> Iterator[tuple[str, str]]:
    """Every query of alerts and dashboards, and where it is."""
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for path in dashboards.files():
        for query in dashboards.queries(json.loads(path.read_text())):
            yield path.name, query


def unknown(query: str) -> list[str]:
    """What a query asks for that no process tells: names of metrics, and labels of those."""
    known = {**metrics.series(), **THEIRS}
    named = re.findall(r"\b(ringline_\w+|up\b)(?:\{([^}]*)\})?", query)
    wrong = [name for name, _ in named if name not in known]
    for name, chosen in named:
        asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen))
        wrong += [f"{name}: {label}" for label in asked - known.get(name, asked) - FROM_KUBERNETES]
    grouped = {
        label.strip()
        for labels in re.findall(r"\b(?:by|ignoring) \(([^)]*)\)", query)
        for label in labels.split(",")
    }
    has = set().union(*(known.get(name, set()) for name, _ in named))
    return wrong + [f"by {label}" for label in sorted(grouped - has - FROM_KUBERNETES)]


def test_alerts_and_dashboards_ask_for_what_is_there() -> None:
    assert not [(where, wrong) for where, query in queries() if (wrong := unknown(query))]


@pytest.mark.parametrize(
    "query",
    [
        "rate(ringline_comands_total[5m])",
        'ringline_commands_total{verbs="place"}',
        "sum by (stream) (ringline_commands_total)",
        "ringline_command_seconds",
    ],
)
def test_what_is_not_there_is_found(query: str) -> None:
    assert unknown(query)


def test_each_alert_says_what_to_do_and_where_it_is_written() -> None:
    for rule in alerts():
        told = rule["annotations"]
        assert set(told) == {"summary", "do", "runbook_url"}, rule["alert"]
        assert told["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in SEVERITIES


def test_each_alert_has_a_story() -> None:
    assert {story.alert for story in STORIES} == {rule["alert"] for rule in alerts()}


def test_alerts_fire_when_they_should_and_rest_when_they_should(tmp_path: Path) -> None:
    """By Prometheus itself, on its own rule engine."""
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is in Debian's package prometheus"
    groups = yaml.safe_load(RULES.read_text())["spec"]
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(groups))
    (tmp_path / "stories.yaml").write_text(yaml.safe_dump(promtool_tests("alerts.yaml")))
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "stories.yaml"]):
        ran = subprocess.run([promtool, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]


def test_the_production_overlay_brings_alerts_and_dashboards() -> None:
    manifests = rendered("production")
    assert manifests.find("PrometheusRule", "ringline")
    boards = manifests.find("ConfigMap", "dashboards")["data"]
    assert set(boards) == {path.name for path in dashboards.files()}


def test_the_adoption_dashboard_knows_nobody() -> None:
    """It is for people who need not know who calls whom: it sums over all processes, and says no address."""
    board = json.loads((dashboards.FOLDER / "adoption.json").read_text())
    assert not [query for query in dashboards.queries(board) if re.search(r"\b(pod|instance|node)\b", query)]
