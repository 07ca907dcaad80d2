"""What would be applied is right: by Kubernetes' own schemas, and by what only we know."""

import json
from collections.abc import Callable, Iterable

import kubernetes_validate
import pytest

from ringline.asker import CONNECT_SECONDS, LOOK_SECONDS
from services.gateway.settings import Settings as GatewaySettings
from tests.deploy import callgraph, capacity, configured, hardening, references
from tests.deploy.custom import CUSTOM, custom_findings
from tests.deploy.manifests import OVERLAYS, Manifests, rendered, title

VERSIONS = [f"1.{minor}" for minor in range(29, 38)]
RULES = (*references.RULES, *configured.RULES, *callgraph.RULES, *hardening.RULES, *capacity.RULES)
DNS_SECONDS = 30.0
"""For so long a cluster's DNS may remember which pods a name stands for: kubeadm's setting."""
FAIR_SHARE_SECONDS = 60.0


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(version: str) -> None:
    different = {json.dumps(thing) for overlay in OVERLAYS for thing in rendered(overlay).things}
    assert not schema_findings(map(json.loads, sorted(different)), version)


def schema_findings(things: Iterable[dict[str, object]], version: str) -> list[str]:
    """What the schemas of a version of Kubernetes find wrong; a field that they do not know is wrong."""
    wrong = []
    for thing in things:
        if thing["kind"] in CUSTOM:
            wrong += custom_findings(thing)
            continue
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            wrong.append(f"{title(thing)}: {str(error)[:300]}")
    return wrong


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_nothing_is_found_wrong(overlay: str, rule: Callable[[Manifests], Iterable[str]]) -> None:
    assert not list(rule(rendered(overlay)))


def test_rendering_says_the_same_each_time() -> None:
    assert rendered("trial").things == rendered("trial").things
    names = [(title(thing), thing["metadata"].get("namespace")) for thing in rendered("production").things]
    assert len(names) == len(set(names))


def test_a_new_pod_is_asked_within_a_minute() -> None:
    """A stream is opened when its name is looked up next; what is asked one by one follows when connections
    are renewed, at the age that is configured, give or take gRPC's tenth.
    """
    age = float(rendered("production").settings()["RINGLINE_CONNECTION_AGE_SECONDS"])
    assert DNS_SECONDS + LOOK_SECONDS + CONNECT_SECONDS < FAIR_SHARE_SECONDS
    assert age <= DNS_SECONDS  # with several connections of different ages, one is renewed long before
    assert DNS_SECONDS + 1.1 * age / 2 < FAIR_SHARE_SECONDS


def test_a_line_speaks_before_a_load_balancer_closes_it() -> None:
    settings = GatewaySettings()
    assert 2 * settings.idle_beat_s < capacity.CLOSED_AFTER_SECONDS
    annotations = rendered("production").find("Ingress", "gateway")["metadata"]["annotations"]
    limits = [value.rstrip("s") for key, value in annotations.items() if "time" in key]
    assert limits and all(float(limit) > 2 * settings.idle_beat_s for limit in limits)
