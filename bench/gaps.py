"""`python -m bench.gaps`: how long nobody is heard when a page, a network or a gateway is another one in the
middle of a call. Writes bench/results/gaps.json; needs root, for networks of its own.

Two real browsers in networks apart talk. A capture at each port tells when packets of sound arrived: the gap
is the longest time without one, from the event until both are heard again. They come every 20 ms.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import report
from tests.browser.apart.moves import LONG, begin, knows, move, reach_each_other
from tests.browser.apart.networks import AWAY, HOME, Place
from tests.browser.apart.rtp import Sound, longest_silence, missing, sound_at
from tests.browser.apart.wire import Wire, listening
from tests.browser.apart.world import World, standing
from tests.browser.lines import Lines
from tests.browser.person import Person, until
from tests.servers import database_server, scratch

QUIET_SECONDS = 4.0
"""How long nothing happens in the row that shows what the machine itself does to packets."""
FADE_SECONDS = 1.0
"""How long a sound that ended may still be in the ears of a browser."""
BEFORE_SECONDS = 0.5
AFTER_SECONDS = 2.0
"""How long packets are still watched when both are heard again."""


@dataclass
class Talk:
    """Two people in a call, and what passes at their ports. The event happens to Ada."""

    world: World
    people: dict[str, Person]
    lines: dict[str, Lines]
    wires: dict[str, Wire]
    where: Place = HOME
    possible_at: float = 0.0
    """When Ada could reach the gateway again, in Unix seconds; 0 where she always could."""
    gone_at: float = 0.0
    """When she lost the address that she had, in Unix seconds: nothing that is sent there is heard by her."""

    @property
    def ada(self) -> Person:
        """The one to whom it happens."""
        return self.people["ada"]

    async def sounds(self, name: str, since: float) -> list[Sound]:
        """What this person heard since then, in Unix seconds."""
        heard = sound_at(await self.wires[name].packets(), [place.addresses[name] for place in (HOME, AWAY)])
        if name == "ada" and self.gone_at:
            here = self.where.addresses[name]
            heard = [one for one in heard if one.to == here or one.at < self.gone_at]
        return [one for one in heard if one.at >= since]

    async def goes_on(self) -> None:
        """Waits until both hear the other again, and packets come at both ports."""
        await asyncio.sleep(FADE_SECONDS)
        await reach_each_other(self.ada, self.people["bob"], "audio")
        for name in self.people:
            moment = time.time()
            await until(partial(self.sounds, name, moment), bool, within=LONG)

    def other_place(self) -> Place:
        """Where Ada is not; she is there from now on."""
        self.where = AWAY if self.where is HOME else HOME
        return self.where


Event = Callable[[Talk], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """One kind of event."""

    name: str
    what: str
    event: Event
    relayed: bool = False
    before: Event | None = None
    afresh: bool = False
    """A call of its own each time."""


async def nothing(talk: Talk) -> None:
    """For comparison."""
    await asyncio.sleep(QUIET_SECONDS)


async def reload(talk: Talk) -> None:
    """The page is loaded anew."""
    await talk.ada.page.reload()


async def change(talk: Talk) -> None:
    """Another address, after a moment with none."""
    networks, talk.gone_at = talk.world.networks, time.time()
    talk.possible_at = await move(talk.ada, networks, networks.ada, talk.other_place())


async def prepare_second(talk: Talk) -> None:
    """Ada is in the other network as well, and her browser knows."""
    networks, place = talk.world.networks, talk.other_place()
    networks.enter(networks.ada, place)
    await until(partial(knows, talk.ada, place.addresses["ada"]), bool, within=LONG)


async def lose_first(talk: Talk) -> None:
    """The network that carried the call is gone, and nobody says so."""
    networks = talk.world.networks
    networks.leave(networks.ada, HOME if talk.where is AWAY else AWAY)
    talk.possible_at = talk.gone_at = time.time()


async def change_softly(talk: Talk) -> None:
    """Her browser says that the network changed; the old one goes when the new one carries the call."""
    await talk.ada.page.evaluate("() => { dispatchEvent(new Event('online')); }")
    there = talk.where.addresses["ada"]

    async def carriers() -> tuple[str, str]:
        at_bob = sound_at(await talk.wires["bob"].packets(), [HOME.addresses["bob"]])
        at_ada = sound_at(await talk.wires["ada"].packets(), [there, HOME.addresses["ada"]])
        return at_bob[-1].by, at_ada[-1].to

    await until(carriers, lambda hosts: set(hosts) == {there}, within=LONG)
    await lose_first(talk)


def restart(talk: Talk, kill: bool) -> Awaitable[None]:
    """The only gateway ends, and is started anew."""

    async def work() -> None:
        known = {name: len(lines.welcomes) for name, lines in talk.lines.items()}
        (gateway,) = talk.world.topology.processes["gateway"]
        if kill:
            gateway.kill()
        else:
            gateway.ask_to_stop()
        await gateway.ended()
        await talk.world.topology.restart(gateway)
        talk.possible_at = time.time()
        for name, lines in talk.lines.items():
            await lines.next_after(known[name], LONG)

    return work()


ROWS = (
    Row("nothing", "nothing happens, for comparison", nothing),
    Row("reload", "the page is loaded anew", reload),
    Row("network-direct", "another network, direct path", change),
    Row("network-relayed", "another network, relay only", change, relayed=True),
    Row(
        "network-silent",
        "another network, of which the browser says nothing",
        lose_first,
        before=prepare_second,
    ),
    Row("gateway-term", "the gateway is restarted (SIGTERM)", partial(restart, kill=False)),
    Row("gateway-kill", "the gateway is restarted (kill -9)", partial(restart, kill=True)),
    Row(
        "network-soft",
        "another network while the old one lasts",
        change_softly,
        before=prepare_second,
        afresh=True,
    ),
)


@dataclass
class Figures:
    """What was measured so far, by person: milliseconds of silence, and packets that were lost."""

    silence: dict[str, list[float]] = field(default_factory=lambda: {"ada": [], "bob": []})
    lost: dict[str, list[float]] = field(default_factory=lambda: {"ada": [], "bob": []})
    line: list[float] = field(default_factory=list)
    """Milliseconds until Ada's line was back."""


async def once(talk: Talk, row: Row, figures: Figures) -> None:
    """Lets it happen, and writes down what it did."""
    if row.before is not None:
        await row.before(talk)
    await asyncio.sleep(BEFORE_SECONDS * 2)
    began, talk.possible_at, talk.gone_at = time.time(), 0.0, 0.0
    await row.event(talk)
    await talk.goes_on()
    await asyncio.sleep(AFTER_SECONDS)
    for name in talk.people:
        sounds = await talk.sounds(name, began - BEFORE_SECONDS)
        figures.silence[name].append(longest_silence(sounds) * 1000)
        figures.lost[name].append(missing(sounds))
    if talk.possible_at:
        figures.line.append(max(0.0, talk.lines["ada"].moments[-1] - talk.possible_at) * 1000)


async def measure(world: World, row: Row, repetitions: int) -> dict[str, Any]:
    """One row: the gap in each repetition, for who hears Ada and for her, and the packets that were lost."""
    figures = Figures()
    for times in [1] * repetitions if row.afresh else [repetitions]:
        async with world.cast() as cast, listening(world.networks.ada, world.folder) as at_ada:
            async with listening(world.networks.bob, world.folder) as at_bob:
                people, lines = await begin(cast, "audio", strangers=row.relayed)
                talk = Talk(world, people, lines, {"ada": at_ada, "bob": at_bob})
                for _ in range(times):
                    await once(talk, row, figures)
                for person in people.values():
                    person.complaints.clear()
        world.networks.home()
    lost = [a + b for a, b in zip(figures.lost["ada"], figures.lost["bob"], strict=True)]
    return {
        "name": row.name,
        "what": row.what,
        "at": report.moment(),
        "commit": report.commit(),
        "repetitions": repetitions,
        "other_hears_ms": report.figure(figures.silence["bob"], 0),
        "one_hears_ms": report.figure(figures.silence["ada"], 0),
        "line_back_ms": report.figure(figures.line, 0) if figures.line else None,
        "lost_packets": report.figure(lost, 0),
    }


def show(rows: list[dict[str, Any]]) -> None:
    """Prints the table."""
    table = Table(
        "median / worst", "the other hears nothing, ms", "the one, ms", "line back, ms", "packets lost"
    )
    for row in rows:
        cells = (row[key] for key in ("other_hears_ms", "one_hears_ms", "line_back_ms", "lost_packets"))
        shown = (f"{cell['median']:.0f} / {cell['range'][1]:.0f}" if cell else "" for cell in cells)
        table.add_row(row["what"], *shown)
    Console(width=120).print(table)


async def bench(folder: Path, chosen: argparse.Namespace) -> None:
    """Measures the chosen rows and keeps each as it comes, beside those of before."""
    with database_server(folder) as postgres:
        async with standing(folder, postgres, copies=1) as world:
            for row in ROWS:
                if not chosen.only or row.name in chosen.only:
                    known = {one["name"]: one for one in report.read("gaps").get("rows", [])}
                    known[row.name] = await measure(world, row, chosen.repetitions)
                    rows = [known[one.name] for one in ROWS if one.name in known]
                    report.write({"rows": rows}, "gaps")
                    show([known[row.name]])
    show(rows)


def main() -> None:
    """Runs the bench."""
    parser = argparse.ArgumentParser(prog="python -m bench.gaps", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--only", action="append", help="rows by name; the others stay as they were")
    with scratch("ringline-gaps-") as folder:
        asyncio.run(bench(folder, parser.parse_args()))


if __name__ == "__main__":
    main()
