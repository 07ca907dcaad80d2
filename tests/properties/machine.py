"""Rounds of acts: hypothesis makes them up from a seed, they are played, the checker judges, and what breaks
a property is made smaller.

The servers are real and have their own timing, so the same act may go well the next time: the history in
which something was found is written down at once, and counts, whether or not it is found again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisException

from tests.properties.checker import violations
from tests.properties.history import History
from tests.properties.play import play
from tests.properties.script import Act, Scene, act
from tests.properties.town import Town

ACTS = 10
"""In a round. With more, hypothesis begins to vary the acts that it has: that finds less than new ones."""


class Broken(AssertionError):
    """A history breaks a property."""


@dataclass
class Round:
    """What became of a round."""

    seed: int
    steps: int = 0
    scenes: int = 0
    restarts: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    """By verb."""
    calls: int = 0
    answered: int = 0
    rang_out: int = 0
    """Calls that nobody answered and nobody ended: a deadline did."""
    gave_up: int = 0
    """Calls that were answered and that nobody ended: a deadline did."""
    waited: int = 0
    """Calls that waited behind another to their end."""
    busy: int = 0
    """Calls for which there was no room."""
    found: list[str] = field(default_factory=list)
    """What broke, the first time that something did."""
    smallest: int = 0
    """Steps of the smallest act that broke something; 0 where none did."""
    story: str = ""
    """What happened in it."""


def run_round(town: Town, runner: asyncio.Runner, number: int, folder: Path) -> Round:
    """Plays the round of this seed; what breaks a property is written below `folder`."""
    done = Round(number)

    def played(one: Act) -> None:
        histories = runner.run(play(town, one))
        if not done.found:
            _count(done, one, histories)
        for scene, history in zip(one.scenes, histories, strict=True):
            _judge(done, one, scene, history, folder)

    with suppress(Broken, HypothesisException, BaseExceptionGroup):  # it is in `done`
        _through(number, played)
    return done


def _through(number: int, played: Callable[[Act], None]) -> None:
    @seed(number)
    @settings(
        database=None,
        deadline=None,
        max_examples=ACTS,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(act())
    def acts(one: Act) -> None:
        played(one)

    acts()


def _count(done: Round, one: Act, histories: list[History]) -> None:
    done.steps += one.steps
    done.scenes += len(one.scenes)
    done.restarts += int(one.restart is not None)
    for history in histories:
        rows = history.kept[-1].rows
        done.calls += len(rows)
        done.answered += sum(bool(row.answered_at_ms) for row in rows)
        done.waited += sum(bool(row.waiting_line) for row in rows)
        done.busy += sum(row.ending == "busy" for row in rows)
        alone = [row for row in rows if row.call_id in history.left_alone and not row.live]
        done.rang_out += sum(not row.answered_at_ms for row in alone)
        done.gave_up += sum(bool(row.answered_at_ms) for row in alone)
        done.commands.update(said.verb for said in history.said)


def _judge(done: Round, one: Act, scene: Scene, history: History, folder: Path) -> None:
    found = [f"{number}: {what}" for number, what in violations(history)]
    if not found:
        return
    if not done.found:
        done.found = found
        _keep(folder / f"seed-{done.seed}.json", history)
    if not done.smallest or one.steps <= done.smallest:
        done.smallest = one.steps
        done.story = "\n".join([*map(str, scene.steps), str(one.restart), *found])
        _keep(folder / f"seed-{done.seed}-smallest.json", history)
    raise Broken("\n".join(found))


def _keep(path: Path, history: History) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(history.dumps())
