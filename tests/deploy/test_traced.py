"""With the component `traces`, services reach a collector, and everything else stays as it is."""

from urllib.parse import urlsplit

import pytest

from services.__main__ import present
from tests.deploy.cluster.objects import applied
from tests.deploy.manifests import Manifests, Thing
from tests.deploy.test_manifests import RULES, VERSIONS, schema_findings

FOLDER = "tests/deploy/traced"


@pytest.fixture
def manifests() -> Manifests:
    """Production, with it."""
    return Manifests(applied(FOLDER).things, "production")


def policy(manifests: Manifests) -> Thing:
    """What the component lets out."""
    spec: Thing = manifests.find("NetworkPolicy", "traces")["spec"]
    return spec


def findings(manifests: Manifests) -> set[str]:
    """All that is found wrong."""
    return {finding for rule in RULES for finding in rule(manifests)}


def to_the_collector(*pods: str) -> set[str]:
    """What is found where these pods reach it: without the component nobody may."""
    return {f"not expected: {pod} to namespace observability 4318" for pod in pods}


def test_every_service_reaches_the_collector_and_nobody_else_does(manifests: Manifests) -> None:
    assert findings(manifests) == to_the_collector(*present())


def test_a_pod_more_that_reaches_the_collector_would_be_found(manifests: Manifests) -> None:
    policy(manifests)["podSelector"] = {}
    assert findings(manifests) >= to_the_collector(*present(), "nats", "migrate", "operator")


def test_services_are_told_the_address_that_is_let_through(manifests: Manifests) -> None:
    url = urlsplit(manifests.settings()["RINGLINE_OTLP_URL"])
    (rule,) = policy(manifests)["egress"]
    (peer,), (port,) = rule["to"], rule["ports"]
    namespace = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    assert url.hostname is not None
    assert (url.hostname.split(".")[1], url.port) == (namespace, port["port"])


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_kubernetes_knows_its_fields(manifests: Manifests, version: str) -> None:
    assert not schema_findings([manifests.find("NetworkPolicy", "traces")], version)
