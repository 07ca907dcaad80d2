"""Words on how calls were: taken from whoever is signed in, bounded, and forgotten in sums."""

from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from tests.service.gateway.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHOLE: dict[str, Any] = {
    "relayed": True, "codec": "vp8", "round_trip_ms": 80.0, "jitter_ms": 12.0, "loss": 0.02,
    "first_audio_ms": 450.0, "restarts": 2,
}  # fmt: skip


def counted(name: str, **labels: str) -> float:
    """What this process has counted."""
    return REGISTRY.get_sample_value(f"ringline_quality_{name}", labels) or 0.0


async def test_what_a_device_says_of_a_call_is_in_the_sums(shared: Town) -> None:
    ada = await shared.person("ada")
    names = ("round_trip_seconds_sum", "jitter_seconds_sum", "loss_ratio_sum", "first_audio_seconds_sum",
             "restarts_total")  # fmt: skip
    before = [counted(name, path="relay") for name in names]
    reports = counted("reports_total", path="relay", codec="vp8")
    await ada.report_quality(**WHOLE)
    told = [round(counted(name, path="relay") - was, 6) for name, was in zip(names, before, strict=True)]
    assert told == [0.08, 0.012, 0.02, 0.45, 2]
    assert counted("reports_total", path="relay", codec="vp8") == reports + 1


async def test_what_is_not_known_is_not_counted(shared: Town) -> None:
    ada = await shared.person("ada")
    before = counted("round_trip_seconds_count", path="direct")
    reports = counted("reports_total", path="direct", codec="none")
    await ada.report_quality(False)
    assert counted("round_trip_seconds_count", path="direct") == before
    assert counted("reports_total", path="direct", codec="none") == reports + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": 1.5},
        {"loss": -0.1},
        {"round_trip_ms": 60_001},
        {"jitter_ms": -1},
        {"restarts": 101},
        {"codec": "x" * 30},
        {"first_audio_ms": "soon"},
        {"relayed": "perhaps"},
    ],
)
async def test_what_cannot_be_is_refused(shared: Town, wrong: dict[str, Any]) -> None:
    ada = await shared.person("ada")
    with pytest.raises(Refusal) as refusal:
        await ada.report_quality(**(WHOLE | wrong))
    assert refusal.value.reason == Reason.REASON_INVALID


async def test_somebody_who_says_too_much_is_told_to_come_later(shared: Town) -> None:
    ada = await shared.person("ada")
    with pytest.raises(Refusal) as refusal:
        for _ in range(32):
            await ada.report_quality(False)
    assert refusal.value.reason == Reason.REASON_LIMITED


async def test_nobody_says_it_without_a_token(shared: Town) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=shared.urls[0]) as http:
        assert (await http.post("/v1/me/call-quality", json=WHOLE)).status_code == 401
