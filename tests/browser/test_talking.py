"""Two people call each other and talk."""

import pytest

from tests.browser.cast import Cast
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_two_people_hear_each_other(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.call(bob)
    await ada.reads("Ringing…")
    await bob.rings(ada)
    await bob.press("Answer")
    await ada.reads("Connected")
    await bob.reads("Connected")
    await ada.hears(HERTZ["bob"])
    await bob.hears(HERTZ["ada"])
    await ada.loses_nothing()
    await bob.loses_nothing()
    assert (await ada.received())["video"] == 0
    await ada.press("Hang up")
    await ada.reads("Call ended")
    await bob.reads("Call ended")
