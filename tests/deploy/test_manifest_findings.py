"""Every rule about the manifests finds what it is there for: each change here is found, and said in words."""

import pytest

from tests.deploy import capacity, hardening
from tests.deploy.changes import CHANGES, Change, Rule, box, drop, pod, spec
from tests.deploy.custom import custom_findings
from tests.deploy.manifests import rendered
from tests.deploy.test_manifests import RULES, schema_findings

MORE: list[tuple[Rule, str, Change]] = [
    (
        hardening.pods_are_restricted,
        "may run as root",
        lambda m: pod(m)["securityContext"].pop("runAsNonRoot"),
    ),
    (hardening.pods_are_restricted, "no seccomp", lambda m: pod(m)["securityContext"].pop("seccompProfile")),
    (hardening.pods_are_restricted, "has hostNetwork", lambda m: pod(m).update(hostNetwork=True)),
    (hardening.pods_are_restricted, "has a token", lambda m: pod(m).pop("automountServiceAccountToken")),
    (hardening.pods_are_restricted, "variables of all services", lambda m: pod(m).pop("enableServiceLinks")),
    (
        hardening.pods_are_restricted,
        "may gain rights",
        lambda m: box(m)["securityContext"].pop("allowPrivilegeEscalation"),
    ),
    (
        hardening.pods_are_restricted,
        "may write to its image",
        lambda m: box(m)["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    (
        hardening.pods_are_restricted,
        "has capabilities",
        lambda m: box(m)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    ),
    (
        hardening.pods_are_restricted,
        "is privileged",
        lambda m: box(m)["ports"].append({"name": "x", "containerPort": 1, "hostPort": 1}),
    ),
    (
        hardening.pods_are_restricted,
        "of a kind that is not expected",
        lambda m: pod(m)["volumes"].append({"name": "etc", "hostPath": {"path": "/etc"}}),
    ),
    (
        hardening.pods_are_restricted,
        "has no limit",
        lambda m: pod(m)["volumes"].append({"name": "more", "emptyDir": {}}),
    ),
    (
        hardening.namespaces_are_restricted,
        "enforce is baseline",
        lambda m: m.find("Namespace", "ringline")["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "baseline"}
        ),
    ),
    (
        hardening.namespaces_are_restricted,
        "in no namespace of ours",
        lambda m: m.find("Service", "policy")["metadata"].pop("namespace"),
    ),
    (
        hardening.accounts_have_no_token,
        "ServiceAccount policy has a token",
        lambda m: m.find("ServiceAccount", "policy").pop("automountServiceAccountToken"),
    ),
    (
        hardening.accounts_have_no_token,
        "may do more",
        lambda m: m.things.append({"kind": "Role", "metadata": {"name": "r"}, "rules": [{"verbs": ["*"]}]}),
    ),
    (
        hardening.containers_have_bounds,
        "no memory in limits",
        lambda m: box(m)["resources"]["limits"].pop("memory"),
    ),
    (
        hardening.containers_have_bounds,
        "less memory",
        lambda m: box(m)["resources"]["limits"].update(memory="1Mi"),
    ),
    (hardening.images_are_pinned, "is not pinned", lambda m: box(m).update(image="ringline:latest")),
    (hardening.images_are_pinned, "is not pinned", lambda m: box(m).update(image="ringline")),
    (hardening.pods_say_how_they_are, "no startupProbe", lambda m: box(m).pop("startupProbe")),
    (
        hardening.pods_say_how_they_are,
        "livenessProbe does not ask for live",
        lambda m: box(m)["livenessProbe"]["grpc"].update(service="ready"),
    ),
    (
        hardening.pods_say_how_they_are,
        "readiness is not that of HTTP",
        lambda m: box(m, "gateway")["readinessProbe"]["httpGet"].update(path="/healthz"),
    ),
    (
        hardening.pods_may_finish,
        "is killed after 30 s",
        lambda m: pod(m).pop("terminationGracePeriodSeconds"),
    ),
    (
        hardening.pods_may_finish,
        "stops old pods first",
        lambda m: spec(m, "Deployment", "policy")["strategy"]["rollingUpdate"].update(maxUnavailable=1),
    ),
    (
        capacity.budgets_select_pods,
        "selects 0 workloads",
        lambda m: spec(m, "PodDisruptionBudget", "policy")["selector"]["matchLabels"].update(x="y"),
    ),
    (
        capacity.scales_are_of_deployments,
        "HorizontalPodAutoscaler policy is of nothing",
        lambda m: spec(m, "HorizontalPodAutoscaler", "policy")["scaleTargetRef"].update(name="police"),
    ),
    (
        capacity.scales_are_of_deployments,
        "says how many, and so does",
        lambda m: spec(m, "Deployment", "policy").update(replicas=2),
    ),
    (
        capacity.scales_are_of_deployments,
        "scales from 1 to",
        lambda m: spec(m, "HorizontalPodAutoscaler", "policy").update(minReplicas=1),
    ),
    (
        capacity.scales_are_of_deployments,
        "no CPU to fall back on",
        lambda m: spec(m, "HorizontalPodAutoscaler", "signaling")["metrics"].pop(1),
    ),
    (
        capacity.services_stand_twice,
        "StatefulSet nats may stand alone",
        lambda m: spec(m, "StatefulSet", "nats").update(replicas=1),
    ),
    (
        capacity.services_stand_twice,
        "policy has no disruption budget",
        lambda m: drop(m, "PodDisruptionBudget", "policy"),
    ),
    (
        capacity.services_stand_twice,
        "policy has no autoscaler",
        lambda m: drop(m, "HorizontalPodAutoscaler", "policy"),
    ),
    (
        capacity.services_stand_twice,
        "policy: all of its pods may stand on one node",
        lambda m: pod(m)["topologySpreadConstraints"][0].update(whenUnsatisfiable="ScheduleAnyway"),
    ),
    (
        capacity.connections_are_enough,
        "connections may be wanted",
        lambda m: spec(m, "HorizontalPodAutoscaler", "signaling").update(maxReplicas=20),
    ),
    (
        capacity.connections_are_enough,
        "connections may be wanted",
        lambda m: m.settings().update(RINGLINE_DB_POOL="16"),
    ),
    (capacity.the_release_is_one, "ringline:9.9 is not", lambda m: box(m).update(image="ringline:9.9")),
    (
        capacity.the_release_is_one,
        "Job migrate-9.9 is not of",
        lambda m: m.find("Job", "migrate")["metadata"].update(name="migrate-9.9"),
    ),
    (capacity.the_bus_is_one, "routes", lambda m: spec(m, "StatefulSet", "nats").update(replicas=5)),
    (
        capacity.the_bus_is_one,
        "keep the log 1 times",
        lambda m: m.settings().update(RINGLINE_EVENT_REPLICAS="1"),
    ),
    (
        capacity.figures_are_measured,
        "signaling aims at 4000",
        lambda m: spec(m, "HorizontalPodAutoscaler", "signaling")["metrics"][0]["pods"]["target"].update(
            averageValue="4000"
        ),
    ),
    (
        capacity.figures_are_measured,
        "gateway aims at 50000",
        lambda m: spec(m, "HorizontalPodAutoscaler", "gateway")["metrics"][0]["pods"]["target"].update(
            averageValue="50k"
        ),
    ),
    (
        capacity.clients_are_told_from_one_another,
        "0.0.0.0/0 is everybody",
        lambda m: m.settings().update(RINGLINE_GATEWAY_TRUSTED_PROXIES="0.0.0.0/0"),
    ),
    (
        capacity.clients_are_told_from_one_another,
        "trusted: ''",
        lambda m: m.settings().pop("RINGLINE_GATEWAY_TRUSTED_PROXIES"),
    ),
    (
        capacity.relays_are_where_clients_are_told,
        "clients are told of none",
        lambda m: m.settings().pop("RINGLINE_SIGNALING_TURN_URLS"),
    ),
    (
        capacity.relays_are_where_clients_are_told,
        "['3478', '3479']",
        lambda m: m.settings().update(
            RINGLINE_SIGNALING_TURN_URLS="turn:relay.example.org:3479?transport=udp"
        ),
    ),
]
"""What pods may do, and how many there are."""


@pytest.mark.parametrize(
    ("rule", "words", "change"), CHANGES + MORE, ids=lambda part: getattr(part, "__name__", "")
)
def test_what_is_wrong_is_found(rule: Rule, words: str, change: Change) -> None:
    manifests = rendered("production")
    change(manifests)
    findings = list(rule(manifests))
    assert any(words in finding for finding in findings), findings


def test_every_rule_is_broken_here_once() -> None:
    assert {rule for rule, _, _ in CHANGES + MORE} == set(RULES)


def test_a_job_of_a_trial_that_may_look_at_all_secrets_is_found() -> None:
    manifests = rendered("trial")
    manifests.find("Role", "new-secrets")["rules"][1].pop("resourceNames")
    assert list(hardening.accounts_have_no_token(manifests))


def test_a_job_of_a_trial_that_an_upgrade_would_change_is_found() -> None:
    manifests = rendered("trial")
    manifests.find("Job", "new-secrets")["metadata"].update(name="new-secrets")
    assert list(capacity.the_release_is_one(manifests))


def test_too_few_connections_for_a_trial_are_found() -> None:
    manifests = rendered("trial")
    arguments = box(manifests, "postgres", "StatefulSet")["args"]
    arguments[arguments.index("max_connections=100")] = "max_connections=84"
    assert list(capacity.connections_are_enough(manifests))


@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_a_field_that_kubernetes_does_not_know_is_found(version: str) -> None:
    manifests = rendered("production")
    pod(manifests)["securityContext"]["runAsNonRoot "] = True
    box(manifests)["livenessProbe"]["periodseconds"] = 3
    spec(manifests, "NetworkPolicy", "policy")["podSelector"]["matchlabels"] = {}
    things = [manifests.find("Deployment", "policy"), manifests.find("NetworkPolicy", "policy")]
    assert len(schema_findings(things, version)) == 2


def test_a_field_of_the_wrong_type_is_found() -> None:
    manifests = rendered("production")
    spec(manifests, "HorizontalPodAutoscaler", "policy")["maxReplicas"] = "ten"
    assert schema_findings([manifests.find("HorizontalPodAutoscaler", "policy")], "1.33")


def test_a_field_that_others_do_not_know_is_found() -> None:
    manifests = rendered("production")
    monitor, certificate = (
        manifests.find("ServiceMonitor", "ringline"),
        manifests.find("Certificate", "policy"),
    )
    assert not custom_findings(monitor) and not custom_findings(certificate)
    monitor["spec"]["endpoints"][0]["intervall"] = "15s"
    certificate["spec"].pop("issuerRef")
    assert custom_findings(monitor) and custom_findings(certificate)
