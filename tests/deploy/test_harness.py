"""What the cluster of the tests makes of manifests: its decisions, without any process."""

import copy
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.cluster.bundle import bundle
from tests.deploy.cluster.changes import merged
from tests.deploy.cluster.cluster import Cluster
from tests.deploy.cluster.controllers import plan, pod_for, version_of
from tests.deploy.cluster.issuer import Issuer
from tests.deploy.cluster.kubectl import kubectl
from tests.deploy.cluster.names import answer
from tests.deploy.cluster.objects import NotHonoured, Objects, Pod, applied
from tests.deploy.cluster.policies import ANY, Flow, flows, spaces_of
from tests.deploy.cluster.roots import Root
from tests.deploy.cluster.runtime import Container
from tests.deploy.cluster.site import RELAY, Machine
from tests.deploy.cluster.volumes import size_of

SCALE = "kubectl -n ringline scale deployment/signaling"
SPACES = spaces_of([], "ringline", "ingress")
Thing = dict[str, Any]


def deployment(replicas: int = 1) -> Thing:
    """One of the manifests."""
    found = copy.deepcopy(applied().get("Deployment", "ringline", "signaling"))
    found["spec"]["replicas"] = replicas
    return found


def pods_of(workload: Thing, *names: str) -> list[Pod]:
    """Pods of it that are ready."""
    made = [pod_for(workload, name) for name in names]
    for number, pod in enumerate(made):
        pod.address, pod.is_ready = f"10.244.0.{number + 2}", True
    return made


def test_a_new_version_is_ready_before_an_old_pod_is_stopped() -> None:
    old, new = deployment(), deployment()
    new["spec"]["template"]["metadata"]["annotations"] = {"restarted": "now"}
    assert version_of(old) != version_of(new)
    pods = pods_of(old, "one")
    first = plan(new, pods, "two")
    assert (len(first.make), first.stop) == (1, [])
    pods += [pod_for(new, first.make[0])]
    assert not plan(new, pods, "three").make
    assert not plan(new, pods, "three").stop, "the new one is not ready"
    pods[1].address, pods[1].is_ready = "10.244.0.9", True
    assert plan(new, pods, "three").stop == pods[:1]


def test_what_is_too_much_is_stopped_and_what_is_missing_is_made() -> None:
    pods = pods_of(deployment(), "one", "two", "three")
    pods[1].is_ready = False
    assert plan(deployment(1), pods, "new").stop == [pods[1], pods[0]]
    assert len(plan(deployment(3), pods[:1], "new").make) == 1
    pods[0].is_leaving = True
    assert len(plan(deployment(1), pods[:1], "new").make) == 1


def test_a_stateful_set_keeps_its_names_and_its_claims() -> None:
    nats = applied().get("StatefulSet", "ringline", "nats")
    assert plan(nats, [], "x").make == ["nats-0", "nats-1", "nats-2"]
    pods = pods_of(nats, "nats-0", "nats-2")
    assert plan(nats, pods, "x").make == ["nats-1"]
    claims = [
        one["persistentVolumeClaim"] for one in pods[0].spec["volumes"] if "persistentVolumeClaim" in one
    ]
    assert claims == [{"claimName": "data-nats-0"}]


def policy(name: str, **spec: Any) -> Thing:
    """A NetworkPolicy."""
    return {"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "ringline"}, "spec": spec}


def pod(name: str, address: str, namespace: str = "ringline") -> Pod:
    """A pod with one label."""
    return Pod(namespace, name, {"app": name}, {"containers": [{}]}, "nobody", "", address)


NOBODY = policy("nobody", podSelector={}, policyTypes=["Ingress", "Egress"])
ADA, BOB, GUEST = pod("ada", "10.0.0.1"), pod("bob", "10.0.0.2"), pod("guest", "10.0.0.3", "ingress")


def of(name: str) -> Thing:
    """A selector of the pod of that name."""
    return {"podSelector": {"matchLabels": {"app": name}}}


def test_a_flow_needs_both_sides_to_allow_it() -> None:
    told = [{"to": [of("bob")], "ports": [{"port": 7000}]}]
    out = policy("out", **of("ada"), policyTypes=["Egress"], egress=told)
    heard = [{"from": [of("ada")], "ports": [{"port": 7000}, {"port": 53, "protocol": "UDP"}]}]
    into = policy("into", **of("bob"), policyTypes=["Ingress"], ingress=heard)
    assert flows([ADA, BOB], [NOBODY, out], SPACES) == set()
    assert flows([ADA, BOB], [NOBODY, into], SPACES) == set()
    assert flows([ADA, BOB], [NOBODY, out, into], SPACES) == {Flow("10.0.0.1", "10.0.0.2", ("tcp", 7000))}


def test_where_no_policy_holds_everything_goes_and_a_namespace_is_told_by_its_name() -> None:
    assert Flow("10.0.0.1", "10.0.0.2", ANY) in flows([ADA, BOB], [], SPACES)
    space = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
    heard = [{"from": [space], "ports": [{"port": 8080}]}]
    into = policy("into", podSelector={}, policyTypes=["Ingress"], ingress=heard)
    found = flows([ADA, BOB, GUEST], [NOBODY, into], SPACES)
    assert found == {Flow("10.0.0.3", one, ("tcp", 8080)) for one in ("10.0.0.1", "10.0.0.2")}


def test_a_name_stands_for_its_addresses_and_an_unknown_one_for_nothing() -> None:
    def look_up(name: str) -> list[str] | None:
        return {"bob.example": ["10.0.0.2", "10.0.0.3"]}.get(name)

    def question(name: str, kind: int) -> bytes:
        labels = b"".join(bytes([len(word)]) + word.encode() for word in name.split("."))
        return b"\x12\x34\x01\x00\x00\x01" + bytes(6) + labels + b"\0" + struct.pack("!HH", kind, 1)

    found = answer(question("Bob.example", 1), look_up)
    assert found[:2] == b"\x12\x34"
    assert (found[3] & 15, found[6:8]) == (0, b"\x00\x02")
    assert found.endswith(bytes([10, 0, 0, 3]))
    assert answer(question("bob.example", 28), look_up)[6:8] == b"\x00\x00"
    assert answer(question("nobody.example", 1), look_up)[3] & 15 == 3


@pytest.mark.parametrize(
    "change",
    [
        {"lifecycle": {}},
        {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}},
        {"securityContext": {"readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}},
        {"securityContext": {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False}},
    ],
)
def test_what_is_not_done_here_is_not_passed_over(change: Thing) -> None:
    made = pod_for(deployment(), "signaling-1")
    root = Root(Path("/nowhere"), ["ringline"])
    with pytest.raises(NotHonoured):
        bundle(made, made.container | change, root, applied(), {}, Path("/nowhere"))


def test_a_container_is_told_what_its_manifest_says() -> None:
    made = pod_for(deployment(), "signaling-1")
    container = made.container | {"volumeMounts": []}
    root = Root(Path("/nowhere"), ["ringline"])
    config = bundle(made, container, root, applied(), {}, Path("/nowhere"))
    assert config["process"]["args"] == ["ringline", "signaling"]
    assert config["process"]["user"] == {"uid": 10001, "gid": 10001, "additionalGids": [10001]}
    assert config["root"]["readonly"] and config["process"]["noNewPrivileges"]
    assert config["process"]["capabilities"] == {"bounding": []}
    assert "RINGLINE_ADDRESS_POLICY=policy:7000" in config["process"]["env"]
    assert "HOSTNAME=signaling-1" in config["process"]["env"]


def test_nothing_is_created_twice() -> None:
    objects = Objects()
    thing = {"kind": "Secret", "metadata": {"name": "one", "namespace": "ringline"}}
    objects.add(thing)
    with pytest.raises(FileExistsError):
        objects.add(thing)
    assert size_of("64Mi") == 2**26


async def test_a_command_in_a_container_that_has_not_begun_fails_and_is_asked_again(tmp_path: Path) -> None:
    """A startup probe comes as early as that; one that raised instead would never be asked again."""
    config = {"linux": {}, "process": {"user": {"uid": 0, "gid": 0}, "env": []}}
    container = Container("early", config, tmp_path / "network", 2**26, tmp_path, tmp_path / "log")
    try:
        status, _ = await container.run("true")
        assert status != 0
    finally:
        container.limit.close()


async def test_lines_with_kubectl_do_what_they_say_and_an_unknown_one_is_not_passed_over(
    tmp_path: Path,
) -> None:
    cluster = Cluster(tmp_path, {})
    cluster.apply(applied())
    await kubectl(cluster, f"{SCALE} --replicas=3")
    signaling = cluster.objects.get("Deployment", "ringline", "signaling")
    assert signaling["spec"]["replicas"] == 3
    before = version_of(signaling)
    await kubectl(cluster, "kubectl -n ringline rollout restart deployment/signaling")
    assert version_of(signaling) != before
    await kubectl(cluster, "kubectl -n ringline delete job -l app.kubernetes.io/name=migrate")
    [left] = cluster.objects.kind("Job")
    assert left["metadata"]["name"].startswith("new-secrets-")
    one = "{kind: Secret, metadata: {name: one, namespace: ringline}}"
    await kubectl(cluster, "kubectl create -f -", one)
    with pytest.raises(RuntimeError):
        await kubectl(cluster, "kubectl create -f -", one)
    for line in ("kubectl drain node", f"{SCALE} --replica=1", "kubectl get pods", "helm install"):
        with pytest.raises((ValueError, RuntimeError)):
            await kubectl(cluster, line)


async def test_what_others_changed_stays_when_something_is_applied_again(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, {})
    production = applied("deploy/k8s/overlays/production")
    cluster.apply(copy.deepcopy(production))
    await kubectl(cluster, f"{SCALE} --replicas=5")
    await kubectl(cluster, "kubectl -n ringline rollout restart deployment/signaling")
    before = cluster.objects.get("Deployment", "ringline", "signaling")
    await kubectl(cluster, "kubectl apply -k deploy/k8s/overlays/production")
    after = cluster.objects.get("Deployment", "ringline", "signaling")
    assert (after["spec"]["replicas"], version_of(after)) == (5, version_of(before))
    [job] = copy.deepcopy(production.kind("Job"))
    assert merged(cluster.objects, job) == job
    job["spec"]["backoffLimit"] = 3
    with pytest.raises(RuntimeError, match="immutable"):
        merged(cluster.objects, job)


def test_a_relay_goes_to_a_node_with_its_label_that_has_none() -> None:
    relay = pod_for(applied().get("Deployment", "ringline-relay", "coturn"), "coturn-1")
    network: Any = None
    one = Machine("one", "198.51.100.201", network)
    assert not one.takes(relay)
    one.labels[RELAY] = "true"
    assert one.takes(relay)
    one.tenants.append(relay)
    assert not one.takes(relay)


def test_each_certificate_gets_a_secret_once_its_authority_has_one() -> None:
    objects = applied("deploy/k8s/overlays/production")
    [ingress] = objects.kind("Ingress")
    ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] = "letsencrypt"
    issuer = Issuer(objects)
    while made := issuer.due():
        objects.things += made
    certificates = objects.kind("Certificate")
    assert "ringline-web" in [one["metadata"]["name"] for one in certificates]
    assert all(issuer.is_ready(one) for one in certificates)
    before = objects.contents("Secret", "ringline", "signaling-tls")
    assert before["ca.crt"] == objects.contents("Secret", "ringline", "authority-tls")["tls.crt"]
    objects.things.remove(objects.get("Secret", "ringline", "signaling-tls"))
    [renewed] = issuer.due()
    objects.things.append(renewed)
    after = objects.contents("Secret", "ringline", "signaling-tls")
    assert after["tls.crt"] != before["tls.crt"] and after["ca.crt"] == before["ca.crt"]
