"""Rules: whatever is named is there. Each answers what it finds wrong, a sentence each."""

import re
from collections.abc import Iterator

from tests.deploy.manifests import (
    Manifests,
    Thing,
    containers_of,
    labels_of,
    name_of,
    namespace_of,
    pod_of,
    selects,
    title,
)
from tests.deploy.newly import made_secrets

ROLES = ("directory", "presence", "policy", "signaling", "conversations", "gateway", "migrate")
CERTIFICATE_KEYS = {"tls.crt", "tls.key", "ca.crt"}


def known_keys(all_: Manifests) -> dict[tuple[str, str, str], set[str]]:
    """The keys of each ConfigMap and Secret that is rendered, or made: (kind, namespace, name) -> keys."""
    known = {
        (thing["kind"], namespace_of(thing), name_of(thing)): set(thing.get("data", {}))
        for thing in all_.kind("ConfigMap")
    }
    for secret in made_secrets():
        known["Secret", namespace_of(secret), name_of(secret)] = set(secret["stringData"])
    for certificate in all_.kind("Certificate"):
        key = ("Secret", namespace_of(certificate), certificate["spec"]["secretName"])
        known[key] = CERTIFICATE_KEYS
    return known


def sources_are_there(all_: Manifests) -> Iterator[str]:
    """ConfigMaps and Secrets that pods take something from, and the keys they take."""
    known = known_keys(all_)
    for workload in all_.workloads():
        for kind, name, keys in _sources(workload):
            found = known.get((kind, namespace_of(workload), name))
            if found is None:
                yield f"{title(workload)}: there is no {kind} {name}"
            elif missing := keys - found:
                yield f"{title(workload)}: {kind} {name} has no {', '.join(sorted(missing))}"


def _sources(workload: Thing) -> Iterator[tuple[str, str, set[str]]]:
    for container in containers_of(workload):
        for source in container.get("envFrom", []):
            for word, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if word in source:
                    yield kind, source[word]["name"], set()
        for variable in container.get("env", []):
            for word, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if word in variable.get("valueFrom", {}):
                    taken = variable["valueFrom"][word]
                    yield kind, taken["name"], {taken["key"]}
    for volume in pod_of(workload).get("volumes", []):
        for source in [volume, *volume.get("projected", {}).get("sources", [])]:
            for word, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                if word in source and not source[word].get("optional"):
                    taken = source[word]
                    name = taken.get("name") or taken.get("secretName")
                    yield kind, name, {item["key"] for item in taken.get("items", [])}


def volumes_are_there(all_: Manifests) -> Iterator[str]:
    """What is mounted is a volume of the pod, and what is a volume is mounted."""
    for workload in all_.workloads():
        given = {volume["name"] for volume in pod_of(workload).get("volumes", [])}
        given |= {name_of(claim) for claim in workload["spec"].get("volumeClaimTemplates", [])}
        used = {mount["name"] for one in containers_of(workload) for mount in one.get("volumeMounts", [])}
        for name in sorted(used ^ given):
            yield f"{title(workload)}: volume {name} is not both there and mounted"


def accounts_are_there(all_: Manifests) -> Iterator[str]:
    """Each workload has a service account of its own name."""
    known = {(namespace_of(thing), name_of(thing)) for thing in all_.kind("ServiceAccount")}
    for workload in all_.workloads():
        account = pod_of(workload).get("serviceAccountName", "default")
        if (namespace_of(workload), account) not in known:
            yield f"{title(workload)}: there is no service account {account}"
        if not name_of(workload).startswith(account):
            yield f"{title(workload)}: its service account is {account}"


def services_lead_somewhere(all_: Manifests) -> Iterator[str]:
    """Services select pods, by ports that these have."""
    for service in all_.kind("Service"):
        chosen = [
            workload
            for workload in all_.workloads()
            if namespace_of(workload) == namespace_of(service)
            and selects({"matchLabels": service["spec"]["selector"]}, labels_of(workload))
        ]
        if not chosen:
            yield f"{title(service)} selects nothing"
        for workload in chosen:
            ports = _ports(workload)
            for port in service["spec"]["ports"]:
                if port["targetPort"] not in ports:
                    yield f"{title(service)}: {title(workload)} has no port {port['targetPort']}"


def _ports(workload: Thing) -> dict[str, int]:
    return {
        port["name"]: port["containerPort"]
        for container in containers_of(workload)
        for port in container.get("ports", [])
    }


def probes_lead_somewhere(all_: Manifests) -> Iterator[str]:
    """Probes go to ports that the container says it has."""
    for workload in all_.workloads():
        ports = _ports(workload)
        for container in containers_of(workload):
            for word in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = container.get(word, {})
                for way in ("grpc", "httpGet", "tcpSocket"):
                    if way in probe and probe[way]["port"] not in {*ports, *ports.values()}:
                        yield f"{title(workload)}: {word} goes to no port: {probe[way]['port']}"


ELSEWHERE = ("RINGLINE_OTLP_URL",)
"""Leads into another namespace; test_traced.py compares it with the policy."""


def addresses_are_names_of_services(all_: Manifests) -> Iterator[str]:
    """host:port in the settings, and in ingresses: a Service, or a pod of one, and a port of it."""
    known = {name_of(one): {port["port"] for port in one["spec"]["ports"]} for one in all_.kind("Service")}
    for key, value in all_.settings().items():
        if key in ELSEWHERE:
            continue
        for host, port in re.findall(r"(?:^|/|,)([a-z][\w.-]*):(\d+)", value):
            service = host.rpartition(".")[2]
            if not host.endswith("example.org") and int(port) not in known.get(service, set()):
                yield f"{key}: nothing of that name and port: {host}:{port}"
    for ingress in all_.kind("Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                named = [one for one in all_.kind("Service") if name_of(one) == service["name"]]
                names = [port["name"] for one in named for port in one["spec"]["ports"]]
                if service["port"].get("name") not in names:
                    yield f"{title(ingress)}: no such service and port: {service}"


def roles_are_roles(all_: Manifests) -> Iterator[str]:
    """The argument of our image is one of its roles, and is what the workload is called."""
    for workload in all_.workloads():
        for container in containers_of(workload):
            if container["name"] != "ringline" or "command" in container:
                continue
            role = container.get("args", [""])[0]
            if role not in ROLES or not name_of(workload).startswith(role):
                yield f"{title(workload)}: runs as {role}"


def certificates_are_issued(all_: Manifests) -> Iterator[str]:
    """Each certificate has an issuer, each pod its own, with the name that others expect of it."""
    issuers = {(namespace_of(one), name_of(one)) for one in all_.kind("Issuer")}
    own = {one["spec"]["secretName"]: one["spec"] for one in all_.kind("Certificate")}
    for certificate in all_.kind("Certificate"):
        if (namespace_of(certificate), certificate["spec"]["issuerRef"]["name"]) not in issuers:
            yield f"{title(certificate)}: no such issuer"
    if "RINGLINE_TLS_DIR" not in all_.settings():
        return
    for workload in all_.kind("Deployment"):
        for volume in pod_of(workload)["volumes"]:
            if volume["name"] != "tls":
                continue
            names = own.get(volume["projected"]["sources"][0]["secret"]["name"], {}).get("dnsNames")
            if names != [f"{name_of(workload)}.ringline.internal"]:
                yield f"{title(workload)}: its certificate is of {names}"


RULES = (
    sources_are_there,
    volumes_are_there,
    accounts_are_there,
    services_lead_somewhere,
    probes_lead_somewhere,
    addresses_are_names_of_services,
    roles_are_roles,
    certificates_are_issued,
)
