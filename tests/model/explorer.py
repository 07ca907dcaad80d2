"""The explorer: every state that can be reached, breadth first: the story of a fault is a shortest one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tests.model.properties import broken, inert, unsettled
from tests.model.quiet import still, tidied
from tests.model.world import Configuration, Stage, World


@dataclass(slots=True)
class Violation:
    """A property that does not hold, and how it comes to that."""

    property: str
    found: str
    story: list[str]

    def __str__(self) -> str:
        lines = [f"{number:3}. {what}" for number, what in enumerate(self.story, 1)]
        return "\n".join([*lines, f"     {self.property}: {self.found}"])


@dataclass(slots=True)
class Explored:
    """What came of it."""

    states: int = 0
    transitions: int = 0
    violation: Violation | None = None
    properties: set[str] = field(default_factory=set)


def explore(configuration: Configuration, most: int = 10_000_000) -> Explored:
    """Explores a configuration; ends at the first violation, or after `most` states."""
    stage = Stage(configuration)
    try:
        return _explore(stage, most)
    finally:
        stage.close()


def _explore(stage: Stage, most: int) -> Explored:
    first = stage.first()
    ways: dict[World, tuple[World, str] | None] = {first: None}
    waiting, explored, settled = deque([first]), Explored(), set[World]()
    while waiting and explored.violation is None and len(ways) < most:
        world = waiting.popleft()
        quiet = still(world)
        if quiet not in settled:
            settled.add(quiet)
            for returning in (False, True) if any(not one.up for one in world.devices) else (True,):
                for property_, found in unsettled(stage, quiet, returning):
                    story = [*_story(ways, world), "and nothing more" + (", but all are back" * returning)]
                    explored.violation = explored.violation or Violation(property_, found, story)
        for move in stage.moves(world):
            explored.transitions += 1
            after, stale = tidied(move.world)
            for property_, found in (*broken(world, move), *inert(stage, after, stale)):
                story = [*_story(ways, world), move.what]
                explored.violation = explored.violation or Violation(property_, found, story)
            if after not in ways:
                ways[after] = (world, move.what)
                waiting.append(after)
    explored.states = len(ways)
    return explored


def _story(ways: dict[World, tuple[World, str] | None], world: World) -> list[str]:
    story = []
    way = ways[world]
    while way is not None:
        story.append(way[1])
        way = ways[way[0]]
    return story[::-1]
