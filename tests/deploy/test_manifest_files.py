"""Files beside the manifests: what makes secrets, what nats-server and turnserver read, what is scaled by."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

import services.gateway  # noqa: F401  its figures are registered
from tests.deploy.manifests import containers_of, rendered
from tests.deploy.newly import SCRIPT, made_secrets, script
from tests.house.sources import ROOT

ADAPTER = "deploy/k8s/components/metrics/prometheus-adapter.yaml"


@contextmanager
def api_server(there: set[str], code: int = 409) -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """An API server that has these secrets, and answers `code` where one of them is to be created again: its
    address, and what was created, with whose token.
    """
    created: list[tuple[str, dict[str, str]]] = []

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            secret = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = secret["metadata"]["name"]
            status = code if name in there else 201
            if status == 201:
                created.append((f"{self.path} {name} {self.headers['Authorization']}", secret["stringData"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", created
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_secrets_are_created_once_and_never_overwritten() -> None:
    with api_server({"ringline-keys"}) as (address, created):
        fates = script().create(
            address, "badge", script().new_secrets("postgres:5432/ringline", ("ringline",))
        )
    assert fates.pop("ringline-keys") == "was there" and set(fates.values()) == {"made"}
    assert [line for line, _ in created] == [
        f"/api/v1/namespaces/ringline/secrets {name} Bearer badge" for name in fates
    ]


def test_an_api_server_that_refuses_is_a_failure() -> None:
    with api_server({"ringline-keys"}, 403) as (address, _):
        with pytest.raises(OSError):
            script().create(address, "badge", made_secrets())


def test_secrets_are_different_each_time_and_fit_together() -> None:
    first, second = ({one["metadata"]["name"]: one["stringData"] for one in _printed()} for _ in range(2))
    for name in first:
        assert not set(first[name].values()) & set(second[name].values())
    owner = first["ringline-database-owner"]
    assert f":{owner['postgres_password']}@db:5432/x" in owner["ringline_database_owner_url"]
    bus = first["ringline-bus"]
    of_server = dict(re.findall(r'^(\w+): "(\w+)"$', bus.pop("passwords.conf"), re.M))
    assert {name.upper(): given for name, given in bus.items()} == of_server


def _printed() -> list[dict[str, dict[str, str]]]:
    command = [sys.executable, "-B", "-I", str(SCRIPT), "--database", "db:5432/x"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    items: list[dict[str, dict[str, str]]] = json.loads(said)["items"]
    return items


def test_nats_server_takes_its_configuration(tmp_path: Path) -> None:
    """As it is mounted, with the passwords that are made."""
    manifests = rendered("production")
    for name in ("nats", "nats-authorization"):
        for file, text in manifests.find("ConfigMap", name)["data"].items():
            (tmp_path / file).write_text(text.replace("/data", str(tmp_path / "data")))
    made = next(one for one in made_secrets() if one["metadata"]["name"] == "ringline-bus")
    passwords = made["stringData"]["passwords.conf"]
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


def test_the_relay_has_the_shipped_configuration_and_every_secret(tmp_path: Path) -> None:
    manifests = rendered("production")
    shipped = (ROOT / "deploy" / "coturn" / "turnserver.conf").read_text()
    assert manifests.find("ConfigMap", "coturn")["data"] == {"turnserver.conf": shipped}
    (container,) = containers_of(manifests.find("Deployment", "coturn"))
    (tmp_path / "turnserver.conf").write_text(shipped)
    (tmp_path / "ringline_signaling_turn_secret").write_text("new,old")
    (tmp_path / "turnserver").write_text('#!/bin/sh\ncat "$2"; echo "$@"\n')
    (tmp_path / "turnserver").chmod(0o755)
    words = re.sub(r"/(etc/coturn/secrets|etc/coturn|tmp)(?=/)", str(tmp_path / "."), container["args"][0])
    words = words.replace(f"> {tmp_path}/turnserver.conf", f"> {tmp_path}/made.conf")
    words = words.replace(f"-c {tmp_path}/turnserver.conf", f"-c {tmp_path}/made.conf")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOST_IP": "192.0.2.7"}
    command = [*container["command"], words]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.startswith(shipped)
    assert re.findall(r"^static-auth-secret=(.*)$", said, re.M) == ["new", "old"]
    assert "--listening-ip=192.0.2.7" in said and "--external-ip=192.0.2.7" in said


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
