"""A server and a peer that mean harm: nothing leaves a device but what its user asked for, once answered."""

from collections.abc import Mapping

import pytest

from tests.browser.cast import Cast
from tests.browser.hostile.run import run
from tests.browser.hostile.scene import open_scene
from tests.browser.hostile.story import Turn, shortest, story

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEDS = range(20)
EAGER = """
(() => {
  const real = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = async function (description) {
    await real.call(this, description);
    setTimeout(() => {
      const video = this.getTransceivers().find((one) => one.receiver.track.kind === 'video');
      const picture = document.createElement('canvas').captureStream(5).getTracks()[0];
      if (video?.sender.track === null) void video.sender.replaceTrack(picture);
    });
  };
})();
"""
"""Runs before the page: whoever describes video is sent video."""


@pytest.mark.shows("S1", "S2", "S8", "S9", "S17")
async def test_a_page_sends_what_was_asked_for_and_admitted_whatever_it_is_told(cast: Cast) -> None:
    outcome = await run(lambda: open_scene(cast), SEEDS)
    print(f"{outcome.stories} stories, {outcome.turns} turns, {outcome.seconds:.1f} s, {outcome.talked}")
    print(f"{outcome.held} on hold after talking, {outcome.resumed} resumed")
    assert not outcome.failures, "\n".join(failure.words() for failure in outcome.failures)
    assert outcome.talked["audio"] and outcome.talked["video"], "no story went so far that something was sent"
    assert outcome.held and outcome.resumed, "no story went so far that a hold silenced it, and ended"


UNWANTED = '"view.unwanted":{to:`ended`,send:`hang_up`}'
CALLING = "calling:{media:`prepared`"
HOLDING = "holding:{media:`silent`"
SECOND = "n===`hold`?r?.hold():r?.hangUp()"
ROOM = "t.length>1?`none`:t.every(e=>e.holds)?`talk`:`hold`"


@pytest.mark.parametrize(
    ("script", "patches", "first"),
    [
        pytest.param(
            "",
            {UNWANTED: '"view.unwanted":{to:`connecting`}'},
            5,
            id="a page opens media without the gesture",
            marks=pytest.mark.finds("S1"),
        ),
        pytest.param(
            "",
            {CALLING: "calling:{media:`open`"},
            8,
            id="a page opens media without the answer",
            marks=pytest.mark.finds("S1"),
        ),
        pytest.param(EAGER, {}, 7, id="a page sends whatever is described", marks=pytest.mark.finds("S17")),
        pytest.param(
            "",
            {HOLDING: "holding:{media:`open`"},
            13,
            id="a page sends while it holds",
            marks=pytest.mark.finds("S9"),
        ),
        pytest.param(
            "",
            {SECOND: "n===`hold`||r?.hangUp()", ROOM: "`talk`"},
            5,
            id="a page talks in two calls",
            marks=pytest.mark.finds("S8"),
        ),
    ],
)
async def test_the_judge_finds_a_page_that_sends(
    cast: Cast, script: str, patches: Mapping[str, str], first: int
) -> None:
    """A page that is broken on purpose: else nobody would know whether the judge sees anything.

    The stories begin where one is told that such a page does not pass.
    """
    stories = range(first, first + len(SEEDS))
    outcome = await run(lambda: open_scene(cast, script, patches), stories, tries=0)
    assert outcome.failures, "the judge saw nothing"
    print(f"after {outcome.stories} stories: {outcome.failures[0].words()}")


async def test_a_story_is_told_as_short_as_it_goes_wrong() -> None:
    told = story(7)
    assert told == story(7) and len(told) > 3
    needed = [told[1], told[-1]]

    async def fails(rest: list[Turn]) -> bool:
        return all(turn in rest for turn in needed)

    assert await shortest(told, fails, tries=40) == needed
