"""docs/operations.md says what is so: of alerts, metrics, settings, logs, measurements and manifests."""

import json
import re

from tests.deploy import page
from tests.deploy.capacity import BESIDE, connections
from tests.deploy.manifests import Manifests, name_of, pod_of, rendered
from tests.house.sources import ROOT
from tools import metrics
from tools.alerts import SEVERITIES, alerts

GIBI = 2**30


def test_there_is_a_section_for_each_alert_and_for_nothing_else() -> None:
    """Its anchor is what the alert's runbook_url says, and it says how urgent it is."""
    there = page.section("Alerts")
    assert re.findall(r"^### (.+)$", there, re.M) == [rule["alert"] for rule in alerts()]
    for rule in alerts():
        assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{page.anchor(rule['alert'])}"
        severity = rule["labels"]["severity"]
        assert severity in SEVERITIES
        assert page.section(rule["alert"]).lstrip().startswith(severity.capitalize() + "."), rule["alert"]


def test_links_within_the_page_lead_to_headings() -> None:
    anchors = {page.anchor(one) for level in (1, 2, 3) for one in page.headings(level)}
    assert not [one for one in re.findall(r"\]\(#([\w-]+)\)", page.TEXT) if one not in anchors]


def test_links_to_other_pages_lead_to_headings() -> None:
    for path, wanted in re.findall(r"\]\(([\w./-]+\.md)#([\w-]+)\)", page.TEXT):
        text = (ROOT / "docs" / path).read_text()
        assert wanted in {page.anchor(one) for one in re.findall(r"^#+ (.+)$", text, re.M)}, path


def test_metrics_and_settings_that_the_page_names_exist() -> None:
    series = set(
        re.findall(r"`(ringline_(?!database|db_|nats_|gateway_t|directory_i|signaling_t)\w+)`", page.TEXT)
    )
    assert series and not series - set(metrics.series())
    known = (ROOT / "docs" / "settings.md").read_text()
    assert not [one for one in re.findall(r"RINGLINE_[A-Z_]+[A-Z]", page.TEXT) if one not in known]


def test_what_is_to_be_patched_into_the_relay_is_what_it_reads() -> None:
    read = (ROOT / "deploy/k8s/components/coturn/coturn.yaml").read_text()
    names = set(re.findall(r"EXTERNAL_\w+", page.TEXT))
    assert names and names <= set(re.findall(r"EXTERNAL_\w+", read))


def test_words_of_logs_that_the_page_names_are_in_the_code() -> None:
    code = "\n".join(
        path.read_text() for one in ("ringline", "services") for path in (ROOT / one).rglob("*.py")
    )
    words = re.findall(
        r"`([^`]+)`", "\n".join(re.findall(r"^\| (`.+?) \|", page.section("Pods are not ready"), re.M))
    )
    assert len(words) > 5 and not [one for one in words if one not in code]


def test_figures_of_size_are_those_that_were_measured() -> None:
    bench = json.loads((ROOT / "bench" / "results" / "latest.json").read_text())
    apart = next(one for one in bench["measurements"] if one["name"] == "saturated, a process per service")
    size = page.section("Size")
    for name, cost in apart["rooms_ms"].items():
        assert re.search(
            rf"^\| {name} \| {cost:.1f} ms \| {1000 / cost:,.0f} calls a second", size, re.M | re.I
        ), name
    assert f"an idle one takes {bench['kb_per_idle_line']:.0f} KB" in size
    assert f"`bench/results/latest.json`, {bench['at'][:10]})" in size
    assert f"was {apart['calibration_ms']['median']:.0f} ms, and is about 40" in size
    most = max(one["calls_per_s"]["median"] for one in bench["measurements"])
    assert f"more than {int(most + 1)} calls a second" in size


def test_the_readme_says_of_speed_what_was_measured_last() -> None:
    bench = json.loads((ROOT / "bench" / "results" / "latest.json").read_text())
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"{bench['call_ms_saturated_1_device']:.1f} ms of CPU" in readme and bench["at"][:10] in readme


def test_variables_of_containers_that_the_page_names_are_those_that_they_read() -> None:
    named = set(re.findall(r"\b(EXTERNAL_\w+)", page.TEXT))
    script = rendered("production").container("Deployment", "coturn")["args"][0]
    assert named and named <= set(re.findall(r"\$\{?(\w+)", script))


def test_bounds_and_connections_are_those_of_the_manifests() -> None:
    all_ = rendered("production")
    for scale in all_.kind("HorizontalPodAutoscaler"):
        bounds = f"{scale['spec']['minReplicas']} to {scale['spec']['maxReplicas']}"
        assert re.search(rf"^\| {name_of(scale)} \|.*\| {bounds} \|$", page.section("Size"), re.M), name_of(
            scale
        )
    assert f"each: {connections(all_)}" in page.section("Size").replace("\n", " ")
    assert f"`max_connections` of {connections(all_) + BESIDE} or more" in page.TEXT


def test_what_is_asked_of_nodes_is_what_the_pods_request() -> None:
    cpu, memory = requested(rendered("production"))
    assert f"{cpu:.1f} processors, {memory:.1f} GiB, besides the relay" in page.TEXT
    cpu, memory = requested(rendered("trial"))
    # A cluster of one node has about one processor reserved for itself.
    assert "2 processors, 3 GB" in page.TEXT and cpu < 1 and memory < 2.5


def requested(all_: Manifests) -> tuple[float, float]:
    """Processors and GiB that the pods without the relay request, at the least number of them."""
    least = {name_of(one): one["spec"]["minReplicas"] for one in all_.kind("HorizontalPodAutoscaler")}
    cpu = memory = 0.0
    for workload in all_.workloads():
        if name_of(workload) == "coturn" or workload["kind"] == "Job":
            continue
        count = least.get(name_of(workload), workload["spec"].get("replicas", 1))
        for container in pod_of(workload)["containers"]:
            wants = container["resources"]["requests"]
            cpu += count * (
                float(wants["cpu"].removesuffix("m")) / (1000 if wants["cpu"].endswith("m") else 1)
            )
            memory += count * int(wants["memory"].removesuffix("Mi")) * 2**20 / GIBI
    return cpu, memory
