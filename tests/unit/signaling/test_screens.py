"""The server's call and the client's table together: people read what follows from what is really shown."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.refusal import Refusal
from ringline.v1 import client_pb2
from tests.unit.signaling.screens import TABLE, Screen
from tests.unit.signaling.test_stories import STORIES, Stage

VERBS = {"answer": "answer", "decline": "decline", "hangUp": "hang_up"}
GIVEN = {
    "verdict": {
        "outcome": "OUTCOME_ADMITTED",
        "callerMaySend": {"audio": True, "video": True},
        "calleeMaySend": {"audio": True, "video": True},
        "deviceTruth": True,
    },
    "asks": {"audio": True},
    "lines": ["bob.phone", "bob.tablet"],
}
MOVES = [
    ("bob.phone", {"ringing": {}}),
    ("bob.tablet", {"ringing": {}}),
    ("bob.phone", {"answer": {"kinds": {"audio": True}}}),
    ("bob.tablet", {"answer": {"kinds": {"audio": True}}}),
    ("bob.phone", {"decline": {"everywhere": True}}),
    ("bob.tablet", {"decline": {}}),
    ("ada.laptop", {"hangUp": {}}),
    ("bob.phone", {"hangUp": {}}),
    ("ada.laptop", {"report": {"state": "MEDIA_STATE_FLOWING"}}),
    ("bob.phone", {"report": {"state": "MEDIA_STATE_FLOWING"}}),
    ("bob.tablet", {"report": {"state": "MEDIA_STATE_FAILED"}}),
    ("ada.laptop", {"hold": {"on": True}}),
    ("ada.laptop", {"hold": {"on": False}}),
    ("bob.phone", {"hold": {"on": True}}),
    ("bob.phone", {"hold": {"on": False}}),
]


class Theatre:
    """A call of the server with a screen for each line."""

    def __init__(self, given_: dict[str, Any]) -> None:
        self.stage = Stage(given_)
        self.screens: dict[str, Screen] = {}
        for line, seen in self.stage.views(1_000_000).items():
            self._screen(line).sees(seen)

    def play(self, told: dict[str, Any], lost: frozenset[str] = frozenset()) -> None:
        """One step; what it shows does not reach the lines that are `lost`."""
        name, body = next(iter(told["does"].items()))
        screen = self._screen(told["by"]) if told["by"] != "server" else None
        verb = ("hold" if body["on"] else "resume") if name == "hold" else VERBS.get(name)
        if screen is not None and verb is not None and not screen.does(verb):
            return  # the page has no such button now
        if screen is not None and name == "report":
            screen.hears("media.flowing" if body["state"] == "MEDIA_STATE_FLOWING" else "media.failed")
        try:
            changed = self.stage.take(told)
        except Refusal:
            if screen is not None and screen.state in ("answering", "dialling"):
                screen.hears("refused")
            return
        for line, seen in changed.items():
            if line not in lost:
                self._screen(line).sees(seen)

    def catch_up(self) -> None:
        """Every line reconnects and gets its snapshot."""
        for line, seen in self.stage.views(1_000_000 + 40_000).items():
            self._screen(line).sees(seen)

    def _screen(self, line: str) -> Screen:
        if line not in self.screens:
            self.screens[line] = Screen()
            if line.startswith("ada."):
                self.screens[line].does("place")
        return self.screens[line]


@pytest.mark.shows("S15")
def test_every_input_of_every_state_is_in_the_table() -> None:
    for name, row in TABLE["states"].items():
        assert sorted([*row["on"], *row["ignored"]]) == sorted(TABLE["inputs"]), name


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_people_read_what_the_story_tells(path: Path) -> None:
    story = json.loads(path.read_text())
    theatre = Theatre(story["given"])
    for told in story["steps"]:
        theatre.play(told)
        for line, words in told.get("reads", {}).items():
            assert theatre.screens[line].reads == words, (told, line)


@pytest.mark.shows("S1", "S3", "S9", "L4")
@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(MOVES), st.frozensets(st.sampled_from(["ada.laptop", "bob.phone", "bob.tablet"]))
        ),
        max_size=12,
    )
)
def test_whatever_is_lost_media_opens_only_for_two_and_all_screens_agree_in_the_end(
    moves: list[tuple[tuple[str, dict[str, Any]], frozenset[str]]],
) -> None:
    theatre = Theatre(GIVEN)
    for at, ((by, does), lost) in enumerate(moves):
        theatre.play({"at": 100 * (at + 1), "by": by, "does": does}, lost)
        for screen in theatre.screens.values():
            if screen.media == "open":
                assert screen.consented and screen.view.here
                assert not screen.view.holds and not screen.view.peer_holds
        assert sum(theatre.screens[line].media == "open" for line in ("bob.phone", "bob.tablet")) <= 1
    theatre.catch_up()
    views = theatre.stage.views(1_000_000 + 40_000)
    for line, screen in theatre.screens.items():
        if views[line].phase == client_pb2.PHASE_ENDED:
            assert screen.state == "ended", (line, screen.state)
        if screen.media == "open":
            assert views[line].here
