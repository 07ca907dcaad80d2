"""The commands of docs/operations.md that need no running pods; test_production.py follows the others."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy import page
from tests.deploy.cluster.cluster import Cluster
from tests.deploy.cluster.kubectl import kubectl
from tests.deploy.cluster.objects import Objects, applied
from tests.deploy.manifests import name_of, namespace_of, pod_of
from tests.deploy.reader import Reader
from tests.deploy.stand_in import FOLDER
from tests.house.sources import ROOT
from tests.servers import scratch

SECRETS = "deploy/k8s/components/secrets"
READ = "kubectl get secret --all-namespaces --selector app.kubernetes.io/part-of=ringline -o json"


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A newcomer with a checkout, and stand-ins for what makes and moves images."""
    with scratch("ringline-operations-") as folder:
        for name in ("docker", "kind"):
            script = f'#!/bin/sh\nexec "{sys.executable}" -m tests.deploy.stand_in {name} "$@"\n'
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
        yield Reader(folder, None, folder, PYTHONPATH=str(ROOT), **{FOLDER: str(folder)})


async def test_the_images_that_the_page_has_built_are_those_that_pods_run(reader: Reader) -> None:
    await reader.follows("trial: image")
    assert images(applied("deploy/k8s/overlays/trial", reader.checkout)) == built(reader)
    await reader.follows("image", "overlay")
    assert images(applied("../ringline-site", reader.checkout)) <= built(reader)
    with pytest.raises(AssertionError, match="was not built"):
        await reader.shell("wrong", "docker push registry.example.org/ringline:9")


def built(reader: Reader) -> set[str]:
    """The images that were built."""
    return set((reader.folder / "images").read_text().split())


def images(objects: Objects) -> set[str]:
    """Our image, as pods name it."""
    found = {
        container["image"]
        for one in objects.kind("Deployment", "Job")
        for container in pod_of(one)["containers"]
    }
    return {one for one in found if one.rpartition(":")[0].rpartition("/")[2] == "ringline"}


async def test_accounts_of_ones_own_are_told_to_gateways_that_may_ask_for_their_keys(reader: Reader) -> None:
    await reader.follows("overlay", "identity provider")
    objects = applied("../ringline-site", reader.checkout)
    [settings] = [one for one in objects.kind("ConfigMap") if name_of(one).startswith("settings-")]
    assert settings["data"]["RINGLINE_GATEWAY_OIDC_JWKS_URL"] == "https://login.example.org/keys"
    way = objects.get("NetworkPolicy", "ringline", "identity-provider")
    assert way["spec"]["egress"][0]["ports"] == [{"port": 443}]


async def test_what_a_site_adds_to_its_overlay_is_in_the_objects(reader: Reader) -> None:
    """A registry with a password, mirrors, what a Prometheus looks for, and relays behind NAT."""
    await reader.follows("overlay", "registry", "mirror", "prometheus", "relay: translated addresses")
    objects = applied("../ringline-site", reader.checkout)
    [coturn] = pod_of(objects.get("Deployment", "ringline-relay", "coturn"))["containers"]
    told = {one["name"]: one.get("value", "") for one in coturn["env"]}
    assert all(re.fullmatch(r"[\d.]+/[\d.]+", pair) for pair in told["EXTERNAL_IPS"].split())
    assert "$EXTERNAL_IPS" in coturn["args"][0] and coturn["image"].startswith("registry.example.org/")
    for one in objects.kind("ServiceMonitor", "PrometheusRule"):
        assert "release" in one["metadata"]["labels"]
    accounts = objects.kind("ServiceAccount")
    assert accounts and all("imagePullSecrets" in one for one in accounts)


async def test_a_collector_of_traces_is_told_to_services_and_let_out_to(reader: Reader) -> None:
    await reader.follows("overlay")
    block = next(one.commands for one in page.blocks() if one.title == "traces")
    await reader.shell("traces", block.replace("kubectl apply -k", "kubectl kustomize"))
    objects = applied("../ringline-site", reader.checkout)
    [settings] = [one for one in objects.kind("ConfigMap") if name_of(one).startswith("settings-")]
    assert settings["data"]["RINGLINE_OTLP_URL"] == "http://collector.observability:4318/v1/traces"
    way = objects.get("NetworkPolicy", "ringline", "traces")
    assert way["spec"]["egress"][0]["ports"] == [{"port": 4318}]


async def test_a_trial_is_uninstalled_by_one_line(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, {})
    cluster.apply(applied("deploy/k8s/overlays/trial"))
    [line] = next(one.commands for one in page.blocks() if one.title == "uninstall: trial").splitlines()
    (tmp_path / "claims").mkdir()
    await kubectl(cluster, line)
    assert not [one for one in cluster.objects.things if namespace_of(one) or name_of(one) == "ringline"]


def production(folder: Path) -> Cluster:
    """A cluster to which production's overlay was applied, and where nothing runs."""
    cluster = Cluster(folder, {})
    cluster.apply(applied("deploy/k8s/overlays/production"))
    return cluster


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("kubectl -n ringline rollout restart deployment/signalling", "deployment signalling not found"),
        ("kubectl -n ringline logs --selector app.kubernetes.io/name=bus", "no pods"),
        ("kubectl -n ringline exec nats-3 -- true", "no pod of nats-3"),
        ("kubectl -n ringlin get pods", "no pods"),
        ("kubectl -n ringline rollout restart deployment/policy --al", "unrecognized"),
        ("kubectl -n ringline restart deployment/policy", "invalid choice"),
        ("kubectl -n ringline delete secret signaling-tsl", "not found"),
        ('kubectl -n ringline patch hpa policy --patch \'{"spec": {"minReplicas": 9}}\'', "at most"),
        ('kubectl -n ringline patch hpa policy --patch \'{"spec": {"least": 9}}\'', "no such least"),
        ("kubectl label node relay-9 ringline.internal/relay=true", "there is no node"),
        ("kubectl -n ringline wait --for=delet pod --selector a=b", "delet"),
        ("kubectl replace -f -", "no objects"),
    ],
)
async def test_a_command_that_would_not_work_is_found(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises((RuntimeError, ValueError), match=told):
        await kubectl(production(tmp_path), line, "{kind: List, items: []}")


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (["add", "add"], "no add for .* 2 values, after add"),
        (["add", "forget"], "no forget for .* after add"),
        (["add", "use", "use"], "no use for .* after use"),
        (["use"], "no use for .* 1 values"),
        (["add ringline_gateway_key"], "there is no ringline_gateway_key"),
    ],
)
async def test_a_step_of_a_rotation_that_does_not_follow_is_refused(
    tmp_path: Path, steps: list[str], told: str
) -> None:
    cluster = production(tmp_path)
    await kubectl(cluster, "kubectl create -f -", script("new_secrets.py", ""))
    for one in steps[:-1]:
        known = await kubectl(cluster, READ)
        await kubectl(cluster, "kubectl replace -f -", script(f"change_secrets.py {one}", known))
    with pytest.raises(ValueError, match=told):
        script(f"change_secrets.py {steps[-1]}", await kubectl(cluster, READ))


def script(words: str, sent: str) -> str:
    """What a script of ours prints. Raises ValueError with what it says where it refuses."""
    command = [sys.executable, *f"{SECRETS}/{words}".split()]
    done = subprocess.run(command, cwd=ROOT, input=sent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout
