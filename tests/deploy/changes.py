"""Changes of what is rendered, each with the rule that finds it and words of the finding: of names, settings,
secrets, and of who may reach whom. The others stand beside the test.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests.deploy import callgraph, configured, references
from tests.deploy.manifests import Manifests, Thing, pod_of

Rule = Callable[[Manifests], Iterator[str]]
Change = Callable[[Manifests], Any]


def pod(all_: Manifests, name: str = "policy", kind: str = "Deployment") -> Thing:
    return pod_of(all_.find(kind, name))


def box(all_: Manifests, name: str = "policy", kind: str = "Deployment") -> Thing:
    return all_.container(kind, name)


def secrets_of(all_: Manifests, name: str) -> Thing:
    volume = next(one for one in pod(all_, name)["volumes"] if one["name"] == "secrets")
    projected: Thing = volume["projected"]
    return projected


def files(all_: Manifests, name: str) -> list[Thing]:
    sources: list[Thing] = secrets_of(all_, name)["sources"]
    return sources


def spec(all_: Manifests, kind: str, name: str) -> Thing:
    found: Thing = all_.find(kind, name)["spec"]
    return found


def drop(all_: Manifests, kind: str, name: str) -> None:
    all_.things.remove(all_.find(kind, name))


CHANGES: list[tuple[Rule, str, Change]] = [
    (
        references.sources_are_there,
        "there is no Secret nobody's",
        lambda m: files(m, "policy")[0]["secret"].update(name="nobody's"),
    ),
    (
        references.sources_are_there,
        "has no another",
        lambda m: files(m, "policy")[0]["secret"]["items"][0].update(key="another"),
    ),
    (
        references.sources_are_there,
        "there is no ConfigMap other",
        lambda m: box(m)["envFrom"][0]["configMapRef"].update(name="other"),
    ),
    (
        references.sources_are_there,
        "there is no Secret policy-tls",
        lambda m: drop(m, "Certificate", "policy"),
    ),
    (references.volumes_are_there, "volume tmp is not both", lambda m: box(m)["volumeMounts"].pop(1)),
    (
        references.accounts_are_there,
        "no service account policy",
        lambda m: drop(m, "ServiceAccount", "policy"),
    ),
    (
        references.accounts_are_there,
        "its service account is presence",
        lambda m: pod(m).update(serviceAccountName="presence"),
    ),
    (
        references.services_lead_somewhere,
        "Service policy selects nothing",
        lambda m: spec(m, "Service", "policy")["selector"].update({"app.kubernetes.io/name": "police"}),
    ),
    (
        references.services_lead_somewhere,
        "has no port rpc",
        lambda m: spec(m, "Service", "policy")["ports"][0].update(targetPort="rpc"),
    ),
    (
        references.probes_lead_somewhere,
        "goes to no port: 7002",
        lambda m: box(m)["livenessProbe"]["grpc"].update(port=7002),
    ),
    (
        references.addresses_are_names_of_services,
        "police:7000",
        lambda m: m.settings().update(RINGLINE_ADDRESS_POLICY="police:7000"),
    ),
    (
        references.addresses_are_names_of_services,
        "no such service and port",
        lambda m: spec(m, "Ingress", "gateway")["rules"][0]["http"]["paths"][0]["backend"]["service"].update(
            port={"name": "web"}
        ),
    ),
    (references.roles_are_roles, "runs as police", lambda m: box(m).update(args=["police"])),
    (
        references.certificates_are_issued,
        "no such issuer",
        lambda m: spec(m, "Certificate", "policy")["issuerRef"].update(name="nobody"),
    ),
    (
        references.certificates_are_issued,
        "its certificate is of ['presence.ringline.internal']",
        lambda m: next(v for v in pod(m)["volumes"] if v["name"] == "tls")["secret"].update(
            secretName="presence-tls"
        ),
    ),
    (
        configured.names_are_known,
        "RINGLINE_POLICY_MOOD is no setting",
        lambda m: m.settings().update(RINGLINE_POLICY_MOOD="good"),
    ),
    (
        configured.names_are_known,
        "RINGLINE_ADDRESS_POLICE is no setting",
        lambda m: m.settings().update(RINGLINE_ADDRESS_POLICE="policy:7000"),
    ),
    (
        configured.names_are_known,
        "RINGLINE_SIGNALING_TURN_SECRET is a secret",
        lambda m: box(m)["env"].append({"name": "RINGLINE_SIGNALING_TURN_SECRET", "value": "x"}),
    ),
    (configured.values_are_taken, "'db_pool'", lambda m: m.settings().update(RINGLINE_DB_POOL="many")),
    (
        configured.processes_are_told,
        "Deployment operator is not told the settings",
        lambda m: box(m, "operator").pop("envFrom"),
    ),
    (
        configured.processes_are_told,
        "Deployment policy reads",
        lambda m: box(m)["volumeMounts"].pop(2),
    ),
    (
        configured.processes_are_told,
        "Deployment policy reads",
        lambda m: m.settings().update(RINGLINE_TLS_DIR="/etc/elsewhere"),
    ),
    (
        configured.values_are_taken,
        "'address'",
        lambda m: m.settings().update(RINGLINE_ADDRESS_POLICY="policy"),
    ),
    (configured.values_are_taken, "'drain_s'", lambda m: m.settings().update(RINGLINE_GATEWAY_DRAIN_S="600")),
    (
        configured.pods_have_their_own_secrets,
        "ringline_db_password_presence, which is not its own",
        lambda m: files(m, "policy")[0]["secret"]["items"].append(
            {"key": "ringline_db_password_presence", "path": "ringline_db_password_presence"}
        ),
    ),
    (
        configured.pods_have_their_own_secrets,
        "directory lacks ringline_directory_issuer_key",
        lambda m: files(m, "directory").pop(),
    ),
    (
        configured.pods_have_their_own_secrets,
        "everybody reads secrets",
        lambda m: secrets_of(m, "policy").update(defaultMode=0o444),
    ),
    (
        configured.no_secret_is_rendered,
        "Secret hush is in the manifests",
        lambda m: m.things.append({"kind": "Secret", "metadata": {"name": "hush", "namespace": "ringline"}}),
    ),
    (
        configured.no_secret_is_rendered,
        "RINGLINE_GATEWAY_TICKET_KEY",
        lambda m: m.settings().update(RINGLINE_GATEWAY_TICKET_KEY="x"),
    ),
    (
        configured.ports_are_those_of_the_pods,
        "Deployment gateway listens at",
        lambda m: m.settings().update(RINGLINE_GATEWAY_PORT="8081"),
    ),
    (
        configured.ports_are_those_of_the_pods,
        "127.0.0.1",
        lambda m: m.settings().update(RINGLINE_METRICS_HOST="127.0.0.1"),
    ),
    (
        callgraph.nobody_may_speak_by_default,
        "no policy forbids",
        lambda m: drop(m, "NetworkPolicy", "nobody"),
    ),
    (
        callgraph.nobody_may_speak_by_default,
        "no policy forbids",
        lambda m: spec(m, "NetworkPolicy", "nobody")["policyTypes"].remove("Egress"),
    ),
    (
        callgraph.pods_reach_whom_the_charters_say,
        "policy may reach presence at 7000, out of its pod",
        lambda m: spec(m, "NetworkPolicy", "policy")["egress"][0]["to"].append(
            {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "presence"}}}
        ),
    ),
    (
        callgraph.pods_reach_whom_the_charters_say,
        "gateway may not reach policy at 7000, into its pod",
        lambda m: spec(m, "NetworkPolicy", "policy")["ingress"][0]["from"].pop(1),
    ),
    (
        callgraph.pods_reach_whom_the_charters_say,
        "directory may reach nats at 4222, out of",
        lambda m: spec(m, "NetworkPolicy", "nats-clients")["podSelector"]["matchExpressions"][0][
            "values"
        ].append("directory"),
    ),
    (
        callgraph.pods_reach_whom_the_charters_say,
        "policy may reach gateway at 8080, into",
        lambda m: spec(m, "NetworkPolicy", "ingress")["ingress"][0]["from"].append(
            {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "policy"}}}
        ),
    ),
    (
        callgraph.nothing_else_goes_in_or_out,
        "not expected: presence to anybody 443",
        lambda m: spec(m, "NetworkPolicy", "presence").update(egress=[{"ports": [{"port": 443}]}]),
    ),
    (
        callgraph.nothing_else_goes_in_or_out,
        "policy may not look up names",
        lambda m: spec(m, "NetworkPolicy", "names").update(
            podSelector={"matchLabels": {"app.kubernetes.io/name": "gateway"}}
        ),
    ),
    (
        callgraph.nothing_else_goes_in_or_out,
        "not allowed: gateway from namespace ingress 8080",
        lambda m: drop(m, "NetworkPolicy", "ingress"),
    ),
    (
        callgraph.rules_name_ports,
        "opens every port",
        lambda m: spec(m, "NetworkPolicy", "policy")["egress"][0].pop("ports"),
    ),
    (
        callgraph.rules_name_ports,
        "NetworkPolicy policy selects nothing",
        lambda m: spec(m, "NetworkPolicy", "policy").update(
            podSelector={"matchLabels": {"app.kubernetes.io/name": "police"}}
        ),
    ),
]
