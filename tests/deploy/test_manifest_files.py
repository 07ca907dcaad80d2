"""Files beside the manifests: what nats-server and turnserver read, what is scaled by."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml
from prometheus_client import REGISTRY

import services.gateway  # noqa: F401  its figures are registered
from services.embedded import free_port, someone_listens
from tests.deploy.manifests import containers_of, name_of, rendered
from tests.deploy.newly import made_secrets
from tests.house.sources import ROOT
from tests.servers import until

ADAPTER = "deploy/k8s/components/metrics/prometheus-adapter.yaml"


def test_nats_server_takes_its_configuration(tmp_path: Path) -> None:
    """As it is mounted, with the passwords that are made."""
    manifests = rendered("production")
    for name in ("nats", "nats-authorization"):
        for file, text in manifests.find("ConfigMap", name)["data"].items():
            (tmp_path / file).write_text(text.replace("/data", str(tmp_path / "data")))
    made = next(one for one in made_secrets() if one["metadata"]["name"] == "ringline-bus")
    passwords = made["stringData"]["passwords.conf"]
    (tmp_path / "routes.conf").write_text(made["stringData"]["routes.conf"])
    command = [
        str(Path(sys.executable).with_name("nats-server")),
        "--config",
        str(tmp_path / "nats.conf"),
        "-t",
    ]
    for text, is_taken in ((passwords, True), (passwords.replace("_POLICY", "_POLICE"), False)):
        (tmp_path / "passwords.conf").write_text(text)
        environment = dict(os.environ, POD_NAME="nats-0")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == is_taken, done.stderr


async def test_nobody_joins_the_nodes_of_the_bus_without_the_password_of_routes(tmp_path: Path) -> None:
    """Who joins them is told everything and may say everything: more than any user of the bus."""
    routes = next(one for one in made_secrets() if name_of(one) == "ringline-bus")["stringData"][
        "routes.conf"
    ]
    (given,) = set(re.findall(r"routes:(p\w+)@", routes))
    conf = rendered("production").find("ConfigMap", "nats")["data"]["nats.conf"]
    port = free_port()
    cluster = conf[conf.index("cluster {") :].replace("port: 6222", f"listen: 127.0.0.1:{port}")
    (tmp_path / "nats.conf").write_text(f"listen: 127.0.0.1:{free_port()}\n{cluster}")
    (tmp_path / "routes.conf").write_text(routes.replace("@nats-", "@nobody.invalid-"))
    command = [str(Path(sys.executable).with_name("nats-server")), "--config", str(tmp_path / "nats.conf")]
    node = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    try:
        await until(lambda: someone_listens(port), 20, lambda: "it does not listen")
        assert await joined(port, given) == "PONG"
        assert await joined(port, "another") == "-ERR 'Authorization Violation'"
    finally:
        node.terminate()
        await node.wait()


async def joined(port: int, given: str) -> str:
    """What a node says to another one that shows this password."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    told = {"user": "routes", "pass": given, "name": "stranger", "cluster": "ringline"}
    writer.write(f"CONNECT {json.dumps(told)}\r\nPING\r\n".encode())
    async for line in reader:
        if line.startswith((b"-ERR", b"PONG")):
            writer.close()
            return line.decode().strip()
    return "nothing"


def test_every_stage_of_the_image_stands_on_the_base_that_a_digest_may_pin() -> None:
    text = (ROOT / "deploy" / "image" / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", text, re.M)
    assert stages[0] == ("${BASE}", "base") and len(stages) == len(re.findall(r"^FROM", text, re.M))
    assert all(on in {name for _, name in stages[:at]} for at, (on, _) in enumerate(stages) if at)
    outside = [one for one in re.findall(r"--from=(\S+)", text) if one not in dict(map(reversed, stages))]
    assert not outside


def relay(tmp_path: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """The relay's container, started on the node 192.0.2.7, with a turnserver that says what it is given."""
    manifests = rendered("production")
    (container,) = containers_of(manifests.find("Deployment", "coturn"))
    (tmp_path / "turnserver.conf").write_text(
        manifests.find("ConfigMap", "coturn")["data"]["turnserver.conf"]
    )
    (tmp_path / "ringline_signaling_turn_secret").write_text("new,old")
    (tmp_path / "turnserver").write_text('#!/bin/sh\ncat "$2"; echo "$@"\n')
    (tmp_path / "turnadmin").write_text("#!/bin/sh\n")
    (tmp_path / "sleep").write_text("#!/bin/sh\nexit 1\n")  # nobody looks for other secrets
    for name in ("turnserver", "turnadmin", "sleep"):
        (tmp_path / name).chmod(0o755)
    words = re.sub(r"/(etc/coturn/secrets|etc/coturn|tmp)(?=/)", str(tmp_path / "."), container["args"][0])
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOST_IP": "192.0.2.7", **variables}
    command = [*container["command"], words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_relay_has_the_shipped_configuration(tmp_path: Path) -> None:
    shipped = (ROOT / "deploy" / "coturn" / "turnserver.conf").read_text()
    assert rendered("production").find("ConfigMap", "coturn")["data"] == {"turnserver.conf": shipped}
    said = relay(tmp_path).stdout
    assert said.startswith(f"secrets taken over: 2\n{shipped}")
    assert "--listening-ip=192.0.2.7" in said and "--external-ip=192.0.2.7" in said


def test_a_relay_behind_nat_tells_the_address_of_its_own_node(tmp_path: Path) -> None:
    nodes = "203.0.113.1/192.0.2.77 203.0.113.2/192.0.2.7 203.0.113.3/10.192.0.2.7"
    said = relay(tmp_path, EXTERNAL_IPS=nodes).stdout
    assert re.findall(r"--external-ip=([\d.]+)", said) == ["203.0.113.2"]
    lost = relay(tmp_path, EXTERNAL_IPS="203.0.113.1/192.0.2.77")
    assert (
        lost.returncode == 1
        and "does not name 192.0.2.7" in lost.stderr
        and "--listening-ip" not in lost.stdout
    )


def test_what_is_scaled_by_is_a_figure_that_the_processes_have() -> None:
    rules = yaml.safe_load((ROOT / ADAPTER).read_text())["rules"]["custom"]
    wanted = {
        metric["pods"]["metric"]["name"]
        for scale in rendered("production").kind("HorizontalPodAutoscaler")
        for metric in scale["spec"]["metrics"]
        if metric["type"] == "Pods"
    }
    assert wanted == {rule["name"]["as"] for rule in rules}
    known = {metric.name for metric in REGISTRY.collect()}
    for rule in rules:
        series = rule["seriesQuery"].partition("{")[0]
        assert series.removesuffix("_total") in known
