"""Rules: settings and secrets are those that the code knows, and each pod has its own."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

from ringline.config import NodeSettings
from ringline.permissions import grants
from services.__main__ import migrations, present
from tests.deploy.manifests import (
    Manifests,
    Thing,
    containers_of,
    is_ours,
    name_of,
    namespace_of,
    pod_of,
    title,
)
from tests.deploy.newly import made_secrets
from tools.docs import settings_classes

SECRETS_DIR = "RINGLINE_SECRETS_DIR"
NEEDED = {
    "directory": {"ringline_directory_issuer_key"},
    "gateway": {"ringline_gateway_ticket_key"},
    "signaling": {"ringline_signaling_turn_secret"},
}
"""What a service needs of its own, where it runs in production."""
ACTS_FOR = {"operator": {"presence", "signaling"}, "migrate": set(migrations(present()))}
"""Whose password of the database somebody has who is no service; the operator restores, see operator.yaml."""


def names_are_known(all_: Manifests) -> Iterator[str]:
    """Every RINGLINE_… variable is a setting, and no secret is a variable."""
    given = {("ConfigMap settings", name): value for name, value in all_.settings().items()}
    for workload in all_.workloads():
        for container in containers_of(workload):
            for variable in container.get("env", []):
                if variable["name"].startswith("RINGLINE_") and variable["name"] != SECRETS_DIR:
                    given[title(workload), variable["name"]] = variable.get("value", "")
    for (where, name), _ in given.items():
        field = _field(name)
        if field is None:
            yield f"{where}: {name} is no setting"
        elif isinstance(field[0].model_fields[field[1]].get_default(), SecretStr) or "PASSWORD" in name:
            yield f"{where}: {name} is a secret"


def _field(variable: str) -> tuple[type[BaseSettings], str] | None:
    """Which field of which class a variable sets."""
    for cls in sorted(settings_classes(), key=lambda one: -len(one.model_config["env_prefix"])):
        prefix = cls.model_config["env_prefix"]
        rest = variable.removeprefix(prefix).lower()
        if not variable.startswith(prefix):
            continue
        if rest in cls.model_fields:
            return cls, rest
        for name, field in cls.model_fields.items():
            is_each = isinstance(field.get_default(call_default_factory=True), dict)
            if is_each and rest.removeprefix(f"{name}_") in present():
                return cls, name
    return None


def processes_are_told(all_: Manifests) -> Iterator[str]:
    """Services and the operator's commands get the settings, and have the folders that they read."""
    has_certificates = "RINGLINE_TLS_DIR" in all_.settings()
    for workload in all_.workloads():
        role = name_of(workload).partition("-")[0]
        if role not in {*present(), *ACTS_FOR}:
            continue
        for container in containers_of(workload):
            told = [source.get("configMapRef", {}).get("name") for source in container.get("envFrom", [])]
            if role != "migrate" and name_of(all_.find("ConfigMap", "settings")) not in told:
                yield f"{title(workload)} is not told the settings"
            mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
            folders = {one.get("value") for one in container.get("env", []) if one["name"] == SECRETS_DIR}
            if has_certificates and role != "migrate":
                folders.add(all_.settings()["RINGLINE_TLS_DIR"])
            if len(folders) < 1 + (has_certificates and role != "migrate") or folders - mounts:
                yield f"{title(workload)} reads {sorted(map(str, folders))}, and has {sorted(mounts)}"


def values_are_taken(all_: Manifests) -> Iterator[str]:
    """The settings classes take what is rendered, with the secrets as files."""
    for workload in all_.kind("Deployment"):
        if not is_ours(workload):
            continue
        with _as_in_the_pod(all_, workload):
            for cls in settings_classes():
                try:
                    cls()
                except ValidationError as error:
                    for problem in error.errors():
                        yield f"{title(workload)}: {cls.__module__}: {problem['loc']}: {problem['msg']}"


@contextmanager
def _as_in_the_pod(all_: Manifests, workload: Thing) -> Iterator[None]:
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        for name, value in projected(workload).items():
            (Path(folder) / name).write_text(value + "\n")
        try:
            for name in [one for one in os.environ if one.startswith("RINGLINE_")]:
                del os.environ[name]
            os.environ.update(all_.settings(), **{SECRETS_DIR: folder})
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def node_settings(all_: Manifests, workload: Thing) -> NodeSettings:
    """What a process in that pod reads."""
    with _as_in_the_pod(all_, workload):
        return NodeSettings()


def projected(workload: Thing) -> Mapping[str, str]:
    """The files of secrets in a pod, and what is in them."""
    made = {(namespace_of(one), name_of(one)): one["stringData"] for one in made_secrets()}
    return {
        item["path"]: made.get((namespace_of(workload), source["secret"]["name"]), {}).get(item["key"], "")
        for volume in pod_of(workload).get("volumes", [])
        if volume["name"] == "secrets"
        for source in volume["projected"]["sources"]
        for item in source["secret"].get("items", [])
    }


def pods_have_their_own_secrets(all_: Manifests) -> Iterator[str]:
    """No more and no less, as files that only the process reads."""
    for workload in all_.workloads():
        role = name_of(workload).partition("-")[0]
        if role not in {*present(), *ACTS_FOR}:
            continue
        wanted = {
            f"ringline_db_password_{one}" for one in ACTS_FOR.get(role, {role} & set(migrations(present())))
        }
        wanted |= {f"ringline_nats_password_{role}"} if role in grants() else set()
        wanted |= {"ringline_nats_password_signaling"} if role == "operator" else set()
        wanted |= {"ringline_database_owner_url"} if role == "migrate" else set()
        wanted |= NEEDED.get(role, set())
        found = set(projected(workload))
        for name in sorted(found - wanted):
            yield f"{title(workload)} gets {name}, which is not its own"
        for name in sorted(wanted - found):
            yield f"{title(workload)} lacks {name}"
        for volume in pod_of(workload)["volumes"]:
            if "secret" in volume or any(
                "secret" in one for one in volume.get("projected", {}).get("sources", [])
            ):
                mode = (volume.get("projected") or volume["secret"]).get("defaultMode")
                if mode != 0o440:
                    yield f"{title(workload)}: everybody reads {volume['name']}"


def no_secret_is_rendered(all_: Manifests) -> Iterator[str]:
    """None is in these files."""
    for secret in all_.kind("Secret"):
        yield f"{title(secret)} is in the manifests"
    for name in all_.settings():
        if any(word in name for word in ("PASSWORD", "SECRET", "_KEY")):
            yield f"{name} is in the manifests"


def ports_are_those_of_the_pods(all_: Manifests) -> Iterator[str]:
    """Processes listen, at every address, where their containers say."""
    for workload in all_.kind("Deployment"):
        if not is_ours(workload):
            continue
        own = node_settings(all_, workload)
        ports = {
            port["name"]: port["containerPort"]
            for container in containers_of(workload)
            for port in container["ports"]
        }
        wanted = {"grpc": own.listen_port, "health": own.probe_port, "metrics": own.metrics_port}
        if name_of(workload) == "gateway":
            wanted["http"] = int(all_.settings()["RINGLINE_GATEWAY_PORT"])
        if ports != wanted:
            yield f"{title(workload)} listens at {wanted}, and says {ports}"
        hosts = {own.listen_host, own.metrics_host, all_.settings()["RINGLINE_GATEWAY_HOST"]}
        if hosts != {"0.0.0.0"}:
            yield f"{title(workload)} listens at {hosts}"


RULES = (
    names_are_known,
    processes_are_told,
    values_are_taken,
    pods_have_their_own_secrets,
    no_secret_is_rendered,
    ports_are_those_of_the_pods,
)
