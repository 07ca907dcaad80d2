"""Two people call each other and talk. The one who judges is always the other one."""

import pytest

from tests.browser.cast import Cast
from tests.browser.lines import Lines
from tests.browser.person import PATIENCE, talk
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
    # Frames, not packets: to try the path a browser sends padding that carries nothing.
    for person in (ada, bob):
        received = await person.received()
        assert received["frames"] == received["sent_frames"] == 0
    await ada.loses_nothing()
    await bob.loses_nothing()
    await ada.press("Hang up")
    await ada.reads("Call ended")
    await bob.reads("Call ended")


async def test_two_people_see_and_hear_each_other(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob, "video")
    await ada.sees()
    await bob.sees()
    await ada.hears(HERTZ["bob"])
    await bob.hears(HERTZ["ada"])
    await ada.loses_nothing()
    await bob.loses_nothing()


async def test_the_camera_goes_on_and_off_and_on_while_the_sound_goes_on(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    await bob.hears(HERTZ["ada"])
    await ada.press("Turn camera on")
    await bob.sees()
    await ada.sees_nothing()
    await bob.press("Turn camera on")
    await ada.sees()
    await bob.hears(HERTZ["ada"])
    await ada.press("Turn camera off")
    await bob.sees_nothing()
    await ada.sees()
    await bob.hears(HERTZ["ada"])
    await ada.press("Turn camera on")
    await bob.sees()
    await bob.stops_ringing()
    for one in (ada, bob):
        await one.loses_nothing()
        assert (await one.received())["connections"] == 1


async def test_who_mutes_is_not_heard_until_they_unmute(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    await bob.hears(HERTZ["ada"])
    await ada.press("Mute")
    await bob.hears_nothing()
    await ada.hears(HERTZ["bob"])
    await ada.press("Unmute")
    await bob.hears(HERTZ["ada"])


async def test_the_one_who_was_called_may_hang_up_and_call_back(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    await bob.press("Hang up")
    await bob.reads("Call ended")
    await ada.reads("Call ended")
    await bob.call(ada, "video")
    await ada.rings(bob, "video")
    await ada.press("Answer")
    await bob.sees()
    await ada.hears(HERTZ["bob"])


@pytest.mark.shows("L2", "S14")
@pytest.mark.parametrize("who", ["ada", "bob"])
async def test_a_call_survives_the_reload_of_a_page(cast: Cast, who: str) -> None:
    """Of who called, and of who answered; the tab has its name still, and its line is a newer one."""
    ada, bob = await cast.friends("ada", "bob")
    one = ada if who == "ada" else bob
    lines = Lines(one.page)
    await bob.visit("/")
    await talk(ada, bob, "video")
    before = lines.welcomes[-1].line
    await one.page.reload()
    welcome = await lines.next_after(len(lines.welcomes), PATIENCE)
    assert welcome.line.instance == before.instance and welcome.line.epoch > before.epoch
    assert [call.here for call in welcome.calls] == [True]
    for person, other in ((ada, bob), (bob, ada)):
        await person.reads("Connected")
        await person.hears(other.hertz)
        await person.sees()


@pytest.mark.shows("S7")
async def test_both_call_at_once_and_it_becomes_one_call(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.visit(f"/{bob.at}")
    await bob.visit(f"/{ada.at}")
    await ada.press("Audio call")
    await bob.press_if_there("Audio call")
    await bob.answers_unless_connected()
    await ada.reads("Connected")
    await bob.reads("Connected")
    await ada.hears(HERTZ["bob"])
    await bob.hears(HERTZ["ada"])
