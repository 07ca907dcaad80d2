"""The explorer: every state that can be reached, breadth first: the story of a fault is a shortest one.

What lies on the way is never a must: a frame, an answer, a word of a connection that is gone, a command that
the server may hear again, a crash, a wait. Each may happen or never happen. So a world with more of them can
do all that the same world with fewer can, by the same moves, and comes to worlds with more of them again. The
moves, devices and rows that are looked at are the same. Therefore of worlds that differ by such
possibilities alone only the largest are explored (`Exploration.tops`), and each stands for all smaller ones.
What must happen in the end (`unsettled`) is looked at with none of them left. A test explores without this
rule, every loss a move, and finds the same devices and rows.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tests.model.properties import broken, inert
from tests.model.quiet import still, tidied
from tests.model.rest import unsettled
from tests.model.stage import Stage
from tests.model.world import Configuration, World


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
    """What came of it. `states` are the worlds whose every move was taken."""

    states: int = 0
    transitions: int = 0
    violation: Violation | None = None
    ended: bool = True
    """It was explored to its end, or to a violation."""


@dataclass(slots=True)
class Way:
    """A world that waits to be explored, and how it was come to."""

    world: World
    firm: World
    possible: int
    before: Way | None
    what: str

    def story(self) -> list[str]:
        """What happened until here."""
        steps: list[str] = []
        way: Way | None = self
        while way is not None and way.before is not None:
            steps.append(way.what)
            way = way.before
        return steps[::-1]


@dataclass(slots=True)
class Possible:
    """Writes what may happen or not as bits of a number."""

    configuration: Configuration
    bits: dict[object, int] = field(default_factory=dict)

    def split(self, world: World) -> tuple[World, int]:
        """What is so, and what may happen."""
        possible = 0
        for one in (*world.flight, *world.lates, *world.echoes):
            possible |= self._bit(one)
        for command_id in world.tried:
            possible |= self._bit(("tried", command_id))
        for command_id in world.carried:
            possible |= self._bit(("carried", command_id))
        of = self.configuration
        for name, most, used in (
            *((line, of.weak.count(line), world.crashed.count(line)) for line in sorted(set(of.weak))),
            ("toggle", of.toggles, world.toggles),
            ("wait", of.waits, world.waits),
            ("fail", of.fails, world.fails),
        ):
            for number in range(most - used):
                possible |= self._bit((name, number))
        return World(world.server, world.devices, dialled=world.dialled, blocked=world.blocked), possible

    def _bit(self, one: object) -> int:
        return self.bits.setdefault(one, 1 << len(self.bits))


def explore(configuration: Configuration, most: int = 10_000_000) -> Explored:
    """Explores a configuration; ends at the first violation, or after `most` states."""
    stage = Stage(configuration)
    try:
        return Exploration(stage).run(most)
    finally:
        stage.close()


class Exploration:
    """One configuration, being explored."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.possible = Possible(stage.configuration)
        self.tops: dict[World, list[int]] = {}
        self.waiting: deque[Way] = deque()
        self.settled: set[World] = set()
        self.explored = Explored()

    def run(self, most: int) -> Explored:
        """Explores."""
        explored = self.explored
        self._reach(tidied(self.stage, self.stage.first())[0], None, "")
        while self.waiting and explored.violation is None:
            way = self.waiting.popleft()
            if way.possible not in self.tops[way.firm]:
                continue  # one was found since that can do all this and more
            if explored.states >= most:
                explored.ended = False
                break
            explored.states += 1
            self._settle(way)
            for move in self.stage.moves(way.world):
                explored.transitions += 1
                after, stale = tidied(self.stage, move.world)
                for property_, found in (*broken(way.world, move), *inert(self.stage, after, stale)):
                    self._violated(property_, found, [*way.story(), move.what])
                self._reach(after, way, move.what)
        return explored

    def _reach(self, world: World, before: Way | None, what: str) -> None:
        firm, possible = self.possible.split(world)
        tops = self.tops.setdefault(firm, [])
        if any(top & possible == possible for top in tops):
            return
        tops[:] = [top for top in tops if top & possible != top]
        tops.append(possible)
        self.waiting.append(Way(world, firm, possible, before, what))

    def _settle(self, way: Way) -> None:
        quiet = still(way.world)
        if quiet in self.settled:
            return
        self.settled.add(quiet)
        for returning in (False, True) if any(not one.up for one in quiet.devices) else (True,):
            for property_, found in unsettled(self.stage, quiet, returning):
                self._violated(
                    property_, found, [*way.story(), "and nothing more" + ", but all are back" * returning]
                )

    def _violated(self, property_: str, found: str, story: list[str]) -> None:
        self.explored.violation = self.explored.violation or Violation(property_, found, story)
