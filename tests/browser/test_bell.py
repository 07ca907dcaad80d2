"""A browser profile rings with one sound, however many of its tabs ring; told by what goes to the speaker.

The browser of these stories holds sound back until a gesture, as those of people do.
"""

import asyncio
from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect

from tests.browser.cast import Cast
from tests.browser.judge import SPEAKER
from tests.browser.person import PATIENCE, Person, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

MELODY_SECONDS = 2.6
ONE_RING = 0.45
"""What a single ring stays below at its loudest; two at once do not."""
NAMED = "document.querySelector('[role=dialog] h2')?.textContent ?? document.body.innerText"
"""Who rings; where nobody does, the page."""


async def profile(cast: Cast, *, touch: bool = False) -> BrowserContext:
    """A browser profile whose pages are listened to; `touch`: with a screen for fingers."""
    context = await (await cast.studio.strict_browser("bob")).new_context(has_touch=touch)
    await context.add_init_script(SPEAKER)
    return context


async def two_tabs(cast: Cast) -> tuple[Person, Person, Person]:
    """Ada, and Bob at two tabs of one browser profile that he has touched."""
    ada = await cast.person("ada")
    first = await cast.enter(await cast.account("bob"), await profile(cast))
    second = await cast.tab(first)
    await cast.acquaint(ada, first)
    await touch(second)
    return ada, first, second


async def touch(tab: Person) -> None:
    """A gesture that does nothing else."""
    await tab.page.mouse.click(2, 2)


async def glance(tab: Person, expression: str) -> Any:
    """Reads from a page. To the browser, what Playwright reads is a gesture; this is none."""
    session = await tab.context.new_cdp_session(tab.page)
    answer = await session.send("Runtime.evaluate", {"expression": expression, "returnByValue": True})
    await session.detach()
    return answer["result"]["value"]


async def speaker(tab: Person) -> dict[str, Any]:
    """What a page has sent to the speaker: see judge.SPEAKER."""
    return dict(await glance(tab, "speaker"))


async def untouched(cast: Cast, person: Person) -> Person:
    """A tab at the same browser profile, which is open and nothing more."""
    tab = await cast.sit_down(person.account, person.context)
    await tab.visit("/")
    await until(lambda: glance(tab, NAMED), lambda text: f"Your username is {tab.at}" in text)
    return tab


async def shows_the_ring(tab: Person, caller: Person) -> None:
    """Waits for the ring of this caller without a gesture."""
    await until(lambda: glance(tab, NAMED), lambda text: text == f"Incoming audio call from {caller.at}")


async def begins_to_sound(tab: Person) -> None:
    """Waits until this tab, which was silent, is heard."""
    await until(lambda: speaker(tab), lambda now: now["strikes"] > 0)


async def the_one_that_sounds(*tabs: Person, strikes: int = 3) -> Person:
    """Waits for this many strikes, of which a melody has two, and answers whose they are. Raises
    AssertionError where a second tab sounds."""
    before = await asyncio.gather(*(speaker(tab) for tab in tabs))

    async def struck() -> list[int]:
        now = await asyncio.gather(*(speaker(tab) for tab in tabs))
        return [one["strikes"] - then["strikes"] for one, then in zip(now, before, strict=True)]

    found = await until(struck, lambda counts: max(counts) >= strikes)
    assert sorted(found)[:-1] == [0] * (len(tabs) - 1), found
    return tabs[found.index(max(found))]


async def stays_silent(tab: Person) -> None:
    """Waits for longer than a melody on the clock of its sound. Raises AssertionError where one is begun."""
    then = await until(lambda: speaker(tab), lambda now: not now["loud"])
    later = then["clock"] + MELODY_SECONDS + 0.5
    now = await until(lambda: speaker(tab), lambda now: now["clock"] >= later)
    for count in ("strikes", "started"):
        assert now[count] == then[count], (then, now)


@pytest.mark.shows("L1", "L3")
async def test_two_tabs_ring_with_one_sound_and_one_takes_over_when_the_other_dies(cast: Cast) -> None:
    ada, *tabs = await two_tabs(cast)
    await ada.call(tabs[0])
    for tab in tabs:
        await tab.rings(ada)
    heard = await the_one_that_sounds(*tabs)
    other = next(tab for tab in tabs if tab is not heard)
    await heard.page.close()
    await begins_to_sound(other)
    await ada.press("Hang up")
    await other.stops_ringing()
    await stays_silent(other)


@pytest.mark.shows("L1", "L3")
async def test_no_tab_sounds_after_the_end(cast: Cast) -> None:
    """Whoever answers or declines at one tab does not hear the other one begin."""
    ada, *tabs = await two_tabs(cast)
    for end in ("Decline", "cancel", "deadline", "Answer"):
        await ada.call(tabs[0])
        await asyncio.gather(*(tab.rings(ada) for tab in tabs))
        heard = await the_one_that_sounds(*tabs, strikes=1)
        other = next(tab for tab in tabs if tab is not heard)
        before = (await speaker(other))["strikes"]
        if end == "cancel":
            await ada.press("Hang up")
        elif end == "deadline":
            await ada.reads("No answer", within=30)
        else:
            await heard.press(end)
        await asyncio.gather(*(tab.stops_ringing() for tab in tabs))
        await asyncio.gather(*(stays_silent(tab) for tab in tabs))
        assert (await speaker(other))["strikes"] == before, end
    await ada.reads("Connected")


@pytest.mark.shows("L1")
async def test_two_accounts_of_one_browser_ring_one_after_the_other(cast: Cast) -> None:
    """Bob and Cleo share a computer: both are called, the one sound goes from one call to the other."""
    ada, dora = await cast.person("ada"), await cast.person("ada")
    context = await profile(cast)
    tabs = [await cast.sit_down(await cast.account(name), context) for name in ("bob", "cleo")]
    for tab in tabs:
        await tab.visit("/")
        await expect(tab.page.get_by_label("Password")).to_be_visible(timeout=PATIENCE * 1000)
    for tab in tabs:
        await tab.pass_the_door()
    await cast.acquaint(ada, dora, *tabs)
    callers = dict(zip(tabs, (ada, dora), strict=True))
    for tab, caller in callers.items():
        await caller.call(tab)
        await tab.rings(caller)
    heard = await the_one_that_sounds(*tabs)
    other = next(tab for tab in tabs if tab is not heard)
    await callers[heard].press("Hang up")
    await begins_to_sound(other)
    await callers[other].press("Hang up")
    await other.stops_ringing()
    await asyncio.gather(*(stays_silent(tab) for tab in tabs))


async def test_a_tab_that_nobody_has_touched_leaves_the_sound_to_one_that_was(cast: Cast) -> None:
    """Both are held back; the second one is touched first, and is what Bob hears until it dies."""
    ada, first, second = await two_tabs(cast)
    early, late = await untouched(cast, first), await untouched(cast, first)
    await first.page.close()
    await second.page.close()
    await ada.call(first)
    for tab in (early, late):
        await shows_the_ring(tab, ada)
        assert (await speaker(tab))["started"] == 0
    await touch(late)
    assert await the_one_that_sounds(early, late) is late
    await touch(early)
    runs = await until(lambda: speaker(early), lambda now: now["clock"] > 0)
    assert runs["strikes"] == 0
    await late.page.close()
    await begins_to_sound(early)
    heard = await speaker(early)
    assert heard["piled"] == 0
    assert heard["peak"] < ONE_RING


async def test_the_first_finger_lets_the_ring_sound(cast: Cast) -> None:
    """A browser counts a touch from the moment the finger is lifted, a click from the moment of the press."""
    ada = await cast.person("ada")
    entered = await cast.enter(await cast.account("bob"), await profile(cast, touch=True))
    await cast.acquaint(ada, entered)
    bob = await untouched(cast, entered)
    await entered.page.close()
    await ada.call(bob)
    await shows_the_ring(bob, ada)
    assert (await speaker(bob))["started"] == 0
    await bob.page.touchscreen.tap(2, 2)
    await begins_to_sound(bob)
    await ada.press("Hang up")
    await bob.stops_ringing()
    await stays_silent(bob)
