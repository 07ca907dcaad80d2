"""Units of the campaign, and the same for `make test`, smaller: hostile connections, with sessions that
hypothesis puts together; REST; and the parsers.
"""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.hostile import excess, rest, sessions
from tests.hostile.attacks import Outcome
from tests.hostile.parsers import PARSERS
from tests.hostile.raw import Fault
from tests.hostile.rest import Rest
from tests.hostile.siege import siege
from tests.hostile.storm import MIX, Storm, put_away, storm
from tests.servers import bus_server, database_server

SCRIPTS_AT_ONCE = 8
SESSIONS_SHARE = 0.01
"""Of the cases, as scripts of sessions: each is some cases, and slow."""
SLOW_CASES = len(excess.SLOW) * 3


@asynccontextmanager
async def besieged(folder: Path) -> AsyncIterator[Storm]:
    """An installation to attack, with its own Postgres and NATS below `folder`."""
    with database_server(folder) as postgres, bus_server(folder) as nats:
        async with siege(folder, postgres, nats, "besieged") as made:
            attacked = await storm(made)
            yield attacked
            await put_away(attacked)


Script = tuple[int, list[sessions.Move]]
Plays = Callable[[Sequence[Script]], Coroutine[Any, Any, Outcome]]


class Broken(AssertionError):
    """A script of sessions was found to break something."""


def storm_of(runner: asyncio.Runner, storm: Storm, number: int, most: int) -> Outcome:
    """A unit of hostile connections: sessions, then everything else at once."""
    done = scripted(runner, storm, number, max(1, round(most * SESSIONS_SHARE) // SCRIPTS_AT_ONCE))
    done.add(runner.run(storm.unit(number, max(1, most - done.cases.total()), MIX, SLOW_CASES)))
    return done


def scripted(runner: asyncio.Runner, storm: Storm, number: int, examples: int) -> Outcome:
    """Sessions out of order, while two honest people talk: afterwards they still do."""
    honest, during = storm.honest, storm.during
    failed = len(during.failed)
    held = runner.run(honest.talk(during))

    async def play(scripts: Sequence[Script]) -> Outcome:
        before = await storm.siege.look()
        storm.siege.known.calls = [storm.honest.live] if storm.honest.live else []
        told = await together(scripts, lambda *script: sessions.play(storm.siege, *script))
        after = await storm.siege.look()
        told.found += [f"a fault was logged: {line}" for line in after.bugs[len(before.bugs) :]]
        return told

    done = hunted(runner, play, number, examples)
    if held is not None:
        runner.run(honest.go_on(held, during))
    if held is not None and len(during.failed) == failed:
        runner.run(honest.part(held, during))
    done.found += during.failed[failed:]
    return done


async def together(
    scripts: Sequence[Script], play: Callable[[int, list[sessions.Move]], Coroutine[Any, Any, Outcome]]
) -> Outcome:
    """Scripts at the same time. What hangs, or is cut, is found at once: it may not come again when it is
    played anew.
    """

    async def one(dice: int, moves: list[sessions.Move]) -> Outcome:
        try:
            return await play(dice, moves)
        except (Fault, OSError) as error:
            names = [move.__name__ for move in moves]
            return Outcome(found=[f"{type(error).__name__}: {error}: {dice} {names}"])

    return sessions.counted(await asyncio.gather(*(one(*script) for script in scripts)))


def hunted(runner: asyncio.Runner, play: Plays, number: int, examples: int) -> Outcome:
    """Plays scripts that hypothesis makes. What breaks something is made smaller, and told first."""
    done = Outcome()

    @seed(number)
    @settings(
        max_examples=examples,
        phases=[Phase.generate, Phase.shrink],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(st.lists(sessions.SCRIPTS, min_size=1, max_size=SCRIPTS_AT_ONCE))
    def tries(scripts: list[Script]) -> None:
        told = runner.run(play(scripts))
        done.cases += told.cases
        done.repeated += told.repeated
        if told.found:
            done.found[:0] = told.found
            raise Broken(told.found[0])

    try:
        tries()
    except* Broken:  # it is in `done`; in a group, where it did not come again
        pass
    return done


def rest_of(runner: asyncio.Runner, storm: Storm, api: Rest, number: int, most: int) -> Outcome:
    """A unit of REST."""
    cases = rest.made(api, number, most)
    dice = Random(number)

    async def attack(siege: object, own: Random, count: int) -> Outcome:
        return await api.play(cases, dice)

    return runner.run(storm.unit(number, 1, [(attack, len(cases), 1)]))


def parsers_of(number: int, most: int) -> Outcome:
    """A unit of the parsers: each fuzzed in a process of its own, two at a time."""
    runs = max(1, most // len(PARSERS))

    def one(name: str) -> Outcome:
        words = [sys.executable, "-m", "tests.hostile.fuzz", name, "--seed", str(number), "--runs", str(runs)]
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
        if ended.returncode == 0 and f"runs={runs}" in ended.stdout:
            return Outcome(Counter({f"parsed_{name}": runs}))
        return Outcome(Counter(), [(ended.stdout + ended.stderr[-500:]).strip()[:6_000]])

    done = Outcome()
    with ThreadPoolExecutor(2) as pool:
        for outcome in pool.map(one, PARSERS):
            done.add(outcome)
    return done
