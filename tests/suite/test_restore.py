"""The restore drill: docs/operations-data.md is carried out as it stands there, and calls live through it."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg
import httpx
import pytest

from ringline.client import Call, Phone
from services.embedded import Postgres
from tests.servers import Process, bus_server
from tests.suite.people import PATIENCE, Operator, Stage, are_signed_out, at, chronicle, talk
from tests.suite.topology import ROOT, SETTINGS, Topology, running

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = ROOT / "docs/operations-data.md"
BACK_SECONDS = 30.0
"""Within these everybody is connected again by himself."""
COPIES = {"one_process": 0, "a_process_of_each": 1}
"""One of each is enough here, where all of them stop and start, and takes half the time."""
LONG = {"RINGLINE_SIGNALING_LOST_S": "45", "RINGLINE_SIGNALING_RING_S": "45"}
"""As an operator has it: a restore is not done within the five seconds of the other stories."""


class Pair(NamedTuple):
    """Two phones, and the call on each."""

    ada: Phone
    bob: Phone
    call: Call
    ring: Call


def commands(title: str) -> str:
    """The block of the page whose first line is this comment."""
    found = re.findall(rf"^```sh\n# {title}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert len(found) == 1, f"the page has {len(found)} blocks that are called {title}"
    return str(found[0])


async def carry_out(topology: Topology, title: str) -> str:
    """What the operator does, with a shell and the programs that he has; answers what it printed."""
    some = topology.everything()[0].env
    bins = [str(Path(sys.executable).parent), str(topology.postgres.programs), os.environ.get("PATH", "")]
    where = {f"RINGLINE_ADDRESS_{name.upper()}": one for name, one in topology.addresses.items()}
    postgres = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(topology.postgres.port),
        "PGUSER": "postgres",
        "PGPASSWORD": topology.postgres.password,
        "PGDATABASE": topology.name,
    }
    env = some | where | postgres | {"PATH": os.pathsep.join(bins), "BACKUP": str(topology.folder / "backup")}
    shell = Process(title, ["bash", "-euc", commands(title)], env, topology.folder / f"{title}.log").start()
    status = await shell.ended(60.0)
    assert status == 0, f"{title}: {shell.tail()}"
    return shell.tail()


@asynccontextmanager
async def opened(name: str, folder: Path, postgres: Postgres) -> AsyncIterator[Stage]:
    """An installation of its own, whose database may come and go."""
    own = folder / f"restore_{name}"
    own.mkdir()
    with bus_server(own) as nats:
        settings = SETTINGS | LONG
        async with (
            running(own.name, COPIES[name], own, postgres, nats, settings) as topology,
            chronicle(topology) as book,
            httpx.AsyncClient(trust_env=False, timeout=10.0) as http,
        ):
            operator = Operator(topology)
            await operator.set_entitlements()
            stage = Stage(topology, http, operator, book)
            try:
                yield stage
            finally:
                await stage.close()
                await operator.close()


async def talking(stage: Stage, name: str) -> Pair:
    """Two who talk."""
    return await answer(*await stage.friends(f"{name}_a", f"{name}_b"))


async def ringing(stage: Stage, name: str) -> Pair:
    """One who rings at the other."""
    return await ring(*await stage.friends(f"{name}_a", f"{name}_b"))


async def answer(ada: Phone, bob: Phone) -> Pair:
    """Ada calls, and Bob answers."""
    return Pair(ada, bob, *await talk(ada, bob))


async def ring(ada: Phone, bob: Phone) -> Pair:
    """Ada rings at Bob."""
    return Pair(ada, bob, await ada.place(at(bob)), await bob.rings(PATIENCE))


async def endings(phone: Phone, other: Phone) -> list[tuple[str, bool, str]]:
    """The calls in a thread: how each ended, whether it was missed, and which call it is."""
    page = await phone.session.entries(at(other))
    calls = [entry["call"] for entry in page["entries"] if entry["call"] is not None]
    return [(call["ending"], call["missed"], call["call_id"]) for call in calls]


class Played(NamedTuple):
    """The calls of the drill, by what the database that is restored knows of them."""

    kept: Pair
    """Talking at the backup and at the loss."""
    hung_up: Pair
    """Talking at the backup, over at the loss."""
    cancelled: Pair
    """Ringing at the backup, over at the loss."""
    answered: Pair
    """Ringing at the backup, answered at the loss."""
    past: Pair
    """Begun and over between the two."""
    unknown: Pair
    """Begun after the backup, talking at the loss."""
    rings: Pair
    """Begun after the backup, ringing at the loss."""

    @property
    def over(self) -> list[Pair]:
        """All but the one that goes on."""
        return [one for one in self if one is not self.kept]

    @property
    def phones(self) -> list[Phone]:
        """Everybody's."""
        return [phone for one in self for phone in (one.ada, one.bob)]


class Undone(NamedTuple):
    """What was done after the backup and is lost."""

    revoked: Phone
    """A device that was revoked."""
    newcomer: Phone
    """Somebody who signed up."""
    blocked: Pair
    """Two of whom the first blocked the second."""


async def play(stage: Stage) -> tuple[Phone, Played]:
    """Calls before the backup, the backup, calls after it; and another device of who talks all the time."""
    kept, hung_up = await asyncio.gather(talking(stage, "kept"), talking(stage, "ended"))
    cancelled, answered = await asyncio.gather(ringing(stage, "rang"), ringing(stage, "answered"))
    later = await asyncio.gather(*(stage.friends(f"{one}_a", f"{one}_b") for one in ("past", "now", "last")))
    tablet = await stage.another_device(kept.ada)
    await kept.ada.session.send(at(kept.bob), "before the backup")
    await carry_out(stage.topology, "backup")
    await kept.ada.session.send(at(kept.bob), "after the backup")
    await kept.call.hold()
    await kept.ring.until(where=lambda it: it.peer_holds, within=PATIENCE)
    await asyncio.gather(
        hung_up.call.hang_up(), cancelled.call.hang_up(), answered.ring.answer(offer=b"offer")
    )
    past, unknown, rings = await answer(*later[0]), await answer(*later[1]), await ring(*later[2])
    await past.ring.hang_up()
    await asyncio.gather(*(stage.book.facts(one.call.call_id) for one in (hung_up, cancelled, past)))
    for one, fact in ((answered, "call_answered"), (unknown, "call_answered"), (rings, "call_rang")):
        await stage.book.facts(one.call.call_id, fact)
    return tablet, Played(kept, hung_up, cancelled, answered, past, unknown, rings)


async def do_what_will_be_lost(stage: Stage, played: Played, tablet: Phone) -> Undone:
    """After the backup, and after those calls."""
    await played.kept.ada.session.revoke(tablet.session.device_id)
    await are_signed_out(tablet)
    await played.past.ada.session.block(played.past.bob.session.username)
    return Undone(tablet, await stage.person("newcomer"), played.past)


async def is_lost(stage: Stage, undone: Undone) -> None:
    """As the page says: the device is good again, the block is gone, and so is who signed up."""
    await undone.newcomer.until(lambda it: it.gone is not None, BACK_SECONDS)
    await stage.another_line(undone.revoked)
    again, _ = await talk(undone.blocked.bob, undone.blocked.ada)
    await again.hang_up()


async def stop(topology: Topology) -> None:
    """Step 1: every process, with good manners."""
    for process in topology.everything():
        process.ask_to_stop()
    await asyncio.gather(*(process.ended() for process in topology.everything()))


async def start(topology: Topology) -> None:
    """Step 5."""
    for process in topology.everything():
        process.start()
    await topology.until_ready()


async def histories_are_whole(played: Played) -> None:
    """Every call has one entry on each side, which says what became of it."""
    told = {
        "kept": ("hung_up", False),
        "hung_up": ("hung_up", False),
        "cancelled": ("cancelled", True),
        "answered": ("lost", False),
        "past": ("hung_up", False),
        "unknown": ("lost", False),
        "rings": ("no_answer", True),
    }
    for name, (ending, missed) in told.items():
        one: Pair = getattr(played, name)
        mine, theirs = await asyncio.gather(endings(one.ada, one.bob), endings(one.bob, one.ada))
        assert mine == [(ending, False, one.call.call_id)], f"{name}: {mine}"
        assert theirs == [(ending, missed, one.call.call_id)], f"{name}: {theirs}"


async def threads_begin_anew(pair: Pair) -> None:
    """What was written after the backup is gone, and whoever asks for what came after it is told so."""
    known = pair.bob.inbox.feed
    page = await pair.bob.session.changes(known + 1_000)
    assert page["anew"], page
    await pair.bob.catch_up()
    entries = (await pair.bob.session.entries(at(pair.ada)))["entries"]
    assert [one["message"]["text"] for one in entries if one["message"]] == ["before the backup"]


async def nothing_is_left(topology: Topology) -> None:
    """No call is live, and no pair is held by one."""
    connection = await asyncpg.connect(topology.postgres.url(topology.name))
    try:
        live = await connection.fetchval("SELECT count(*) FROM signaling.call WHERE live")
        held = await connection.fetchval("SELECT count(*) FROM signaling.pair WHERE live_call IS NOT NULL")
    finally:
        await connection.close()
    assert (live, held) == (0, 0)


@pytest.mark.shows("S12", "L3", "L4", "L5")
@pytest.mark.parametrize("name", COPIES)
async def test_after_a_restore_calls_go_on_or_are_over_and_the_history_is_whole(
    name: str, server_folder: Path, postgres: Postgres
) -> None:
    async with opened(name, server_folder, postgres) as stage:
        tablet, played = await play(stage)
        undone = await do_what_will_be_lost(stage, played, tablet)
        before = played.kept.ada.incarnation
        await stop(stage.topology)
        said = await carry_out(stage.topology, "restore")
        assert "1 may go on and 3 are over; 2 that came after it got an end" in said, said
        await start(stage.topology)
        for phone in played.phones:
            await phone.until(lambda it: it.is_connected and it.incarnation > before, BACK_SECONDS)
        kept = played.kept
        assert (kept.call.phase, kept.ring.phase) == ("connected", "connected"), (kept.call, kept.ring)
        assert not kept.call.holds and not kept.ring.peer_holds, (
            "the restored server is right, not who knows more"
        )
        for one in played.over:
            await asyncio.gather(
                one.call.until("ended", within=PATIENCE), one.ring.until("ended", within=PATIENCE)
            )
        assert not [call for phone in played.phones for call in phone.calls.values() if call.rings]
        await kept.ring.hang_up()
        await kept.call.until(ended="hung_up", within=PATIENCE)
        await stage.book.facts(kept.call.call_id)
        await carry_out(stage.topology, "history")
        await histories_are_whole(played)
        await threads_begin_anew(kept)
        await is_lost(stage, undone)
        await nothing_is_left(stage.topology)


@pytest.mark.shows("L5")
async def test_devices_find_out_of_a_restore_though_nothing_was_stopped(stage: Stage) -> None:
    """Against the advice: whoever restores stops everything. But what is forgotten must not stay wrong."""
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    before = ada.incarnation
    connection = await asyncpg.connect(stage.topology.postgres.url(stage.topology.name))
    try:
        await connection.execute("UPDATE signaling.meta SET incarnation = incarnation + 1")
    finally:
        await connection.close()
    for phone in (ada, bob):
        await phone.until(lambda it: it.is_connected and it.incarnation > before, BACK_SECONDS)
    assert (call.phase, ring.phase) == ("connected", "connected"), (call, ring)
    await ring.hang_up()
    await call.until(ended="hung_up", within=PATIENCE)
