"""When a call is over each browser says how it was; the server has sums, and no address."""

import asyncio

import pytest

from tests.browser.cast import Cast
from tests.browser.person import PATIENCE, talk
from tests.browser.tones import HERTZ
from tests.suite.test_metrics import pages, sums
from tests.suite.topology import Topology

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_both_sides_of_a_call_say_how_it_was(cast: Cast, installation: Topology) -> None:
    before = await sums(installation)
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob, "video")
    await ada.sees()
    await bob.sees()
    await ada.hears(HERTZ["bob"])
    await ada.press("Hang up")
    await bob.reads("Call ended")
    told = {
        'ringline_quality_reports_total{codec="vp8",path="direct"}': 2,
        'ringline_quality_round_trip_seconds_count{path="direct"}': 2,
        'ringline_quality_loss_ratio_count{path="direct"}': 2,
        'ringline_quality_first_audio_seconds_count{path="direct"}': 2,
    }
    found: dict[str, float] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            while found != told:
                after = await sums(installation)
                found = {name: after[name] - before[name] for name in told}
                await asyncio.sleep(0.2)
    except TimeoutError:
        pass
    assert found == told
    for page in await pages(installation):
        assert "127.0.0.1" not in page and "192.168" not in page
