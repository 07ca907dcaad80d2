"""cert-manager, played: each Certificate has a Secret with a real certificate, a new one where it is gone."""

import base64
import re
from datetime import UTC, datetime, timedelta

from tests.certificates import Authority
from tests.deploy.cluster.objects import NotHonoured, NotThere, Objects, only
from tests.deploy.manifests import Thing, name_of, namespace_of

CERTIFICATE = "secretName dnsNames duration renewBefore usages privateKey issuerRef isCA commonName"
BY = "cert-manager.io/cluster-issuer"
"""The annotation of an Ingress that names who certifies its hosts."""


class Issuer:
    """What cert-manager does in a cluster with these objects."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._world = Authority("an authority that browsers trust")
        self._authorities: dict[tuple[str, str], Authority] = {}
        """By namespace and name of the Secret that they are kept in."""

    def due(self) -> list[Thing]:
        """Objects that are to be made now: Certificates for Ingresses, and Secrets for Certificates."""
        made = [one for ingress in self._objects.kind("Ingress") for one in self._asked(ingress)]
        for certificate in self._objects.kind("Certificate"):
            if not self.is_ready(certificate):
                made += self._issued(certificate)
        return made

    def is_ready(self, certificate: Thing) -> bool:
        """Whether it has its Secret."""
        return self._has("Secret", namespace_of(certificate), certificate["spec"]["secretName"])

    def _has(self, kind: str, namespace: str, name: str) -> bool:
        try:
            self._objects.get(kind, namespace, name)
        except NotThere:
            return False
        return True

    def _asked(self, ingress: Thing) -> list[Thing]:
        """The Certificates of an Ingress that are not there."""
        issuer, space = ingress["metadata"].get("annotations", {}).get(BY), namespace_of(ingress)
        return [
            {
                "kind": "Certificate",
                "metadata": {"name": one["secretName"], "namespace": space},
                "spec": {
                    "secretName": one["secretName"],
                    "dnsNames": one["hosts"],
                    "issuerRef": {"kind": "ClusterIssuer", "name": issuer},
                },
            }
            for one in ingress["spec"].get("tls", [])
            if issuer and not self._has("Certificate", space, one["secretName"])
        ]

    def _issued(self, certificate: Thing) -> list[Thing]:
        """Its Secret; nothing while its issuer is not there."""
        spec, space = certificate["spec"], namespace_of(certificate)
        only(spec, CERTIFICATE, f"Certificate {name_of(certificate)}")
        if spec.get("isCA"):
            authority = Authority(spec["commonName"])
            self._authorities[space, spec["secretName"]] = authority
            return [_secret(certificate, authority, authority.pem, authority.key)]
        known = self._authority(spec["issuerRef"], space)
        if known is None:
            return []
        paper, key = known.issue(
            spec["dnsNames"], datetime.now(UTC) + _duration(spec.get("duration", "2160h"))
        )
        return [_secret(certificate, known, paper, key)]

    def _authority(self, asked: Thing, space: str) -> Authority | None:
        if asked["kind"] == "ClusterIssuer":
            return self._world
        try:
            issuer = self._objects.get("Issuer", space, asked["name"])
        except NotThere:
            return None
        if "ca" not in issuer["spec"]:
            raise NotHonoured(f"Issuer {name_of(issuer)}")
        return self._authorities.get((space, issuer["spec"]["ca"]["secretName"]))


def _secret(certificate: Thing, by: Authority, paper: bytes, key: bytes) -> Thing:
    files = {"tls.crt": paper, "tls.key": key, "ca.crt": by.pem}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": certificate["spec"]["secretName"], "namespace": namespace_of(certificate)},
        "data": {name: base64.b64encode(content).decode() for name, content in files.items()},
    }


def _duration(text: str) -> timedelta:
    hours = re.fullmatch(r"(\d+)h", text)
    assert hours is not None, text
    return timedelta(hours=int(hours[1]))
