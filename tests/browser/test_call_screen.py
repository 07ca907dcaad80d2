"""The call on the screen: beside the messages, with other devices, without the server, and after its end."""

import re
from typing import Any, cast

import pytest
from playwright.async_api import Locator, expect

from tests.browser.cast import CAMERAS, Cast
from tests.browser.person import OPENED, PATIENCE, SOCKETS, Person, talk, until
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAIT = PATIENCE * 1000
THEIRS = """
() => {
  const sender = connections[0].getSenders().find((one) => one.track?.kind === KIND);
  const { deviceId } = sender?.track?.getSettings() ?? {};
  const live = opened.filter((one) => one.kind === KIND && one.readyState === 'live').length;
  return { device: deviceId ?? '', live };
}
"""
"""What this person sends of a kind: the device it comes from, and how many of that kind are open."""
PLUG = """
([kind, label]) => {
  const devices = navigator.mediaDevices;
  window.real ??= devices.enumerateDevices.bind(devices);
  devices.enumerateDevices = async () => {
    const there = await real();
    return label === '' ? there : [...there, { kind, label, deviceId: 'plugged', groupId: 'g' }];
  };
  devices.dispatchEvent(new Event('devicechange'));
}
"""
"""Plugs a device of this label in, for the list; with no label it is taken out again."""


async def sends(person: Person, kind: str) -> dict[str, Any]:
    """What this person sends of a kind: see THEIRS."""
    read = THEIRS.replace("KIND", f"'{kind}'")
    return cast("dict[str, Any]", await person.page.evaluate(read))


async def comes_to_send(person: Person, kind: str, device: str) -> None:
    """Waits until this device is what they send, and the only open one of its kind."""
    await until(lambda: sends(person, kind), lambda now: now == {"device": device, "live": 1})


async def choices(picker: Locator) -> list[str]:
    """The ids in a list of devices, without the browser's own choice."""
    await expect(picker.locator("option")).not_to_have_count(1, timeout=WAIT)
    ids = await picker.locator("option").evaluate_all("(all) => all.map((one) => one.value)")
    return [one for one in ids if one not in ("", "default")]


async def test_one_writes_while_the_call_goes_on(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    await ada.press("Show the messages")
    box = ada.page.get_by_role("textbox", name=f"Message to {bob.at}")
    await box.fill("look at this while we talk", timeout=WAIT)
    await box.press("Enter")
    await bob.press("Show the messages")
    thread = bob.page.get_by_role("region", name="Messages and calls")
    await expect(thread).to_contain_text("look at this while we talk", timeout=WAIT)
    await ada.reads("Connected")
    await ada.press("Mute")
    await bob.hears_nothing()
    await ada.press("Unmute")
    await bob.hears(HERTZ["ada"])
    await ada.press(f"Open {bob.at}")
    await expect(ada.page.get_by_role("toolbar", name="Call controls")).to_be_visible(timeout=WAIT)
    await ada.press("Hang up")
    await bob.reads("Call ended")


async def test_on_a_phone_the_small_picture_leads_back_to_the_call(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.page.set_viewport_size({"width": 390, "height": 844})
    await talk(ada, bob, "video")
    await ada.press("Show the messages")
    await expect(ada.page.get_by_role("textbox", name=f"Message to {bob.at}")).to_be_visible(timeout=WAIT)
    await ada.press(f"Open {bob.at}")
    await expect(ada.page.get_by_role("toolbar", name="Call controls")).to_be_visible(timeout=WAIT)


async def test_another_microphone_is_heard_at_once_and_nothing_is_lost(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.page.add_init_script(OPENED)
    await talk(ada, bob)
    before = await sends(ada, "audio")
    await ada.press("Sound and picture")
    picker = ada.page.get_by_label("Microphone")
    wanted = next(one for one in await choices(picker) if one != before["device"])
    await picker.select_option(wanted)
    await comes_to_send(ada, "audio", wanted)
    await ada.press("Close")
    await bob.hears(HERTZ["ada"])
    assert (await bob.received())["connections"] == 1
    await bob.loses_nothing()


async def test_a_device_that_fails_leaves_the_one_before_and_the_next_choice_counts(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.page.add_init_script(OPENED)
    await talk(ada, bob, "video")
    await ada.press("Sound and picture")
    for kind, name in (("audio", "Microphone"), ("video", "Camera")):
        before = await sends(ada, kind)
        picker = ada.page.get_by_role("dialog").get_by_label(name)
        broken = (await choices(picker))[-1]
        await ada.page.evaluate("(id) => refused.add(id)", broken)
        await picker.select_option(broken)
        banner = ada.page.get_by_role("alert")
        await expect(banner).to_contain_text(
            f"That {name.lower()} cannot be used now. The one before goes on.", timeout=WAIT
        )
        await comes_to_send(ada, kind, before["device"])
        await expect(picker).to_have_value("")
        await ada.page.evaluate("() => refused.clear()")
        await picker.select_option(broken)
        await comes_to_send(ada, kind, broken)
        await expect(banner).to_have_count(0)
    await ada.press("Close")
    await bob.hears(HERTZ["ada"])
    await bob.sees()


async def test_devices_come_and_go_while_the_list_is_open(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.page.add_init_script(OPENED)
    await talk(ada, bob)
    await ada.press("Sound and picture")
    picker = ada.page.get_by_label("Microphone")
    headset = picker.locator("option", has_text="Headset of Ada")
    await expect(headset).to_have_count(0)
    await ada.page.evaluate(PLUG, ["audioinput", "Headset of Ada"])
    await expect(headset).to_have_count(1, timeout=WAIT)
    await ada.page.evaluate(PLUG, ["audioinput", ""])
    await expect(headset).to_have_count(0, timeout=WAIT)
    await ada.press("Close")
    # The one in use is pulled out: the page opens another one by itself.
    await ada.page.evaluate(
        "() => { const [one] = opened; one.stop(); one.dispatchEvent(new Event('ended')); }"
    )
    await until(lambda: sends(ada, "audio"), lambda now: now["live"] == 1)
    await bob.hears(HERTZ["ada"])


async def test_the_camera_is_switched_in_the_call(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await ada.page.add_init_script(OPENED)
    await talk(ada, bob, "video")
    await bob.sees()
    seen = [await sends(ada, "video")]
    for _ in range(CAMERAS):
        await ada.press("Switch camera")
        seen.append(
            await until(
                lambda: sends(ada, "video"), lambda now: now["device"] not in ("", seen[-1]["device"])
            )
        )
    assert {one["live"] for one in seen} == {1}
    assert len({one["device"] for one in seen}) == CAMERAS
    assert seen[-1] == seen[0]
    await bob.sees()
    assert (await bob.received())["connections"] == 1


async def test_the_picture_has_the_whole_screen_and_a_window_of_its_own(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob, "video")
    await ada.sees()
    page = ada.page
    await ada.press("Full screen")
    await expect(page.get_by_role("button", name="Leave full screen")).to_be_visible(timeout=WAIT)
    filled = await page.evaluate("() => document.fullscreenElement.getAttribute('aria-label')")
    assert filled == f"Call with {bob.at}"
    await ada.press("Sound and picture")
    await expect(page.get_by_role("dialog", name="Sound and picture")).to_be_visible(timeout=WAIT)
    await ada.press("Close")
    await ada.press("Leave full screen")
    await until(lambda: page.evaluate("() => document.fullscreenElement === null"), bool)
    await ada.press("Picture in picture")
    small = "() => document.pictureInPictureElement?.dataset.remote === 'video'"
    await until(lambda: page.evaluate(small), bool)
    await ada.sees()


async def test_somebody_who_calls_is_seen_in_full_screen_while_the_call_is_on_hold(cast: Cast) -> None:
    ada, bob, cleo = await cast.friends("ada", "bob", "cleo")
    await talk(ada, bob)
    await bob.press("Full screen")
    await bob.press("Hold")
    await bob.reads("On hold")
    await cleo.call(bob)
    await bob.rings(cleo)
    shown = """() => {
      const { x, y, width, height } = document.querySelector('[role=dialog]').getBoundingClientRect();
      const there = document.elementFromPoint(x + width / 2, y + height / 2);
      return document.fullscreenElement !== null && there?.closest('[role=dialog]') !== null;
    }"""
    await until(lambda: bob.page.evaluate(shown), bool)
    await bob.press("Decline")
    await cleo.reads("Declined")


async def test_one_sees_who_speaks_who_is_muted_and_how_the_connection_is(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    stage = ada.page.get_by_role("region", name=f"Call with {bob.at}")
    await expect(stage).to_have_attribute("data-speaking", "true", timeout=WAIT)
    await expect(stage.get_by_text(re.compile("^(Good|Unsteady|Weak) connection$"))).to_be_visible(
        timeout=WAIT
    )
    await bob.press("Mute")
    await expect(stage).to_have_attribute("data-speaking", "false", timeout=WAIT)
    await expect(stage.get_by_text(f"{bob.at} is muted")).to_be_visible(timeout=WAIT)


async def test_the_own_picture_moves_out_of_the_way(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob, "video")
    own = ada.page.get_by_role("group", name=re.compile("^Your own video"))
    mirrored = await own.locator("video").evaluate("(one) => getComputedStyle(one).transform")
    assert mirrored == "matrix(-1, 0, 0, 1, 0, 0)"
    before = await own.bounding_box()
    await own.focus()
    await ada.page.keyboard.press("ArrowUp")
    await ada.page.keyboard.press("ArrowLeft")
    after = await own.bounding_box()
    assert before and after
    assert after["x"] < before["x"]
    assert after["y"] < before["y"]
    stage = await ada.page.get_by_role("region", name=f"Call with {bob.at}").bounding_box()
    assert stage
    await ada.page.mouse.move(after["x"] + 20, after["y"] + 20)
    await ada.page.mouse.down()
    await ada.page.mouse.move(stage["x"] + stage["width"] - 60, stage["y"] + 120, steps=5)
    await ada.page.mouse.up()
    dropped = await own.bounding_box()
    assert dropped
    assert dropped["x"] > after["x"]
    await ada.sees()


async def test_a_call_without_the_server_says_what_is_true(cast: Cast) -> None:
    """And nothing stands in front of it, on a phone either."""
    ada, bob = await cast.friends("ada", "bob")
    await ada.page.add_init_script(SOCKETS)
    await talk(ada, bob, "video")
    await ada.page.set_viewport_size({"width": 390, "height": 844})
    await ada.page.route("**/v1/tickets", lambda route: route.abort())
    await ada.page.evaluate("() => sockets.at(-1).close()")
    banner = ada.page.get_by_role("alert")
    await expect(banner).to_contain_text("You are still connected to each other.", timeout=WAIT)
    own = await ada.page.get_by_role("group", name=re.compile("^Your own video")).bounding_box()
    said = await banner.bounding_box()
    assert own and said and own["y"] + own["height"] <= said["y"]
    await ada.reads("Connected")
    await bob.hears(HERTZ["ada"])
    await ada.page.unroute("**/v1/tickets")
    await expect(banner).to_have_count(0, timeout=WAIT)
    await ada.press("Hang up")
    await bob.reads("Call ended")
    ada.complaints.clear()  # the browser says what the story did to it


async def test_after_the_call_one_reads_how_long_it_was_and_calls_again(cast: Cast) -> None:
    ada, bob = await cast.friends("ada", "bob")
    await talk(ada, bob)
    await bob.press("Hang up")
    await ada.reads("Call ended")
    await expect(ada.page.get_by_text(re.compile(r"^Audio call, \d+ s$"))).to_be_visible()
    await ada.press("Call again")
    await bob.rings(ada)
    await bob.press("Decline")
    await ada.reads("Declined")


async def test_carol_whom_bob_does_not_know_calls_and_writes_to_him(cast: Cast) -> None:
    bob, carol = await cast.person("bob"), await cast.person("cleo")
    await (await cast.session(bob.account)).allow_calls_from("everyone")
    await carol.page.get_by_role("searchbox").fill(bob.at)
    await carol.page.get_by_role("link", name=bob.at).click(timeout=WAIT)
    await carol.press("Audio call")
    await bob.rings(carol)
    await bob.press("Answer")
    await bob.hears(HERTZ["cleo"])
    await carol.press("Hang up")
    await bob.reads("Call ended")
    await carol.press("Close")
    box = carol.page.get_by_role("textbox", name=f"Message to {bob.at}")
    await box.fill("It was nice to talk to you", timeout=WAIT)
    await box.press("Enter")
    await bob.visit(f"/{carol.at}")
    thread = bob.page.get_by_role("region", name="Messages and calls")
    await expect(thread).to_contain_text("It was nice to talk to you", timeout=WAIT)
    await expect(thread).to_contain_text("Incoming audio call")
