"""Plays an act on the installation and writes its histories down."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from ringline.bus import Bus
from ringline.v1 import client_pb2, threads_pb2
from tests.properties.history import Entry, History, Row, ending_name, fact_of, row_of
from tests.properties.player import NEWS_SECONDS, Player
from tests.properties.script import DEVICES, PEOPLE, Act, Restart, Scene
from tests.properties.stage import Stage, end_by_operator, on_stage
from tests.properties.town import Town

SNAPSHOT_EVERY = 12
REPEATED = 6
"""Commands that are said again when all is over."""
PATIENCE = 30.0
LOOK_SECONDS = 0.25
"""Between two looks at what has not ended by itself."""


async def play(town: Town, act: Act) -> list[History]:
    """Plays all scenes of an act at the same time; answers their histories."""
    people = await town.people([row for scene in act.scenes for row in _people_of(scene)])
    bus = await town.bus()
    half = asyncio.Semaphore(0)
    restart = asyncio.create_task(_restart(town, act.restart, half))
    try:
        stages = [
            Stage(town, people[number * PEOPLE : (number + 1) * PEOPLE], DEVICES, scene.key, number)
            for number, scene in enumerate(act.scenes)
        ]
        return await asyncio.gather(
            *(
                _play_scene(stage, scene, bus, half, restart, act.is_patient)
                for stage, scene in zip(stages, act.scenes, strict=True)
            )
        )
    finally:
        half.release()
        await restart
        await bus.close()


def _people_of(scene: Scene) -> list[tuple[bool, tuple[int, ...]]]:
    return list(zip(scene.everyone, scene.contacts, strict=True))


async def _restart(town: Town, restart: Restart | None, half: asyncio.Semaphore) -> None:
    """Ends a process as soon as the first scene is half over, and starts it anew."""
    await half.acquire()
    if restart is not None:
        await town.restart(restart.service, restart.number, restart.crash)


async def _play_scene(
    stage: Stage,
    scene: Scene,
    bus: Bus,
    half: asyncio.Semaphore,
    restart: asyncio.Task[None],
    is_patient: bool,
) -> History:
    async with on_stage(stage, bus):
        online = [one for number, one in enumerate(stage.devices) if number not in scene.offline]
        await asyncio.gather(*(stage.enter(one, one.number % 2, one.number % 2) for one in online))
        player = Player(stage)
        for number, step in enumerate(scene.steps):
            await player.play(step)
            if number % SNAPSHOT_EVERY == SNAPSHOT_EVERY - 1:
                stage.start(stage.note_kept())
            if number == len(scene.steps) // 2:
                half.release()
        await stage.settle()
        await restart
        await end(stage, is_patient)
    return stage.history


async def end(stage: Stage, is_patient: bool = False) -> None:
    """Brings everything to its end: calls, repairs, repetitions, the event log and the entries."""
    for gateway in stage.gateways:
        gateway.deaf = 0
    await (_calls_end(stage) if is_patient else _end_calls(stage))
    await asyncio.gather(*(gateway.repaired(PATIENCE) for gateway in stage.gateways))
    stage.history.repaired_at = time.monotonic()
    kept = await stage.note_kept()
    stage.history.repeated_from = len(stage.history.kept) - 1
    await _say_again(stage)
    await stage.note_kept()
    await _drained(stage, [row.call_id for row in kept.rows])


async def _end_calls(stage: Stage) -> None:
    """People hang up; what is left the operator ends."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and (going := await _going(stage)):
        for row in going:
            if not await _hang_up(stage, row.call_id):
                await end_by_operator(stage, row.call_id, 0)
        await _moment(NEWS_SECONDS)


async def _calls_end(stage: Stage) -> None:
    """Nobody ends what did not connect: deadlines must, or the checker finds that it goes on. Who talks hangs
    up; where nobody is there any more who could, that is for a deadline too.
    """
    deadline = time.monotonic() + PATIENCE
    alone: set[str] | None = None
    while time.monotonic() < deadline and (going := await _going(stage)):
        alone = {row.call_id for row in going} if alone is None else alone
        for row in going:
            if row.connected_at_ms and await _hang_up(stage, row.call_id):
                alone.discard(row.call_id)
        await _moment(LOOK_SECONDS)
    stage.history.left_alone = tuple(sorted(alone or ()))


async def _going(stage: Stage) -> list[Row]:
    kept = await stage.town.kept(stage.history.people)
    return [row for row in (row_of(record, digest) for record, digest in kept) if row.live]


async def _moment(seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


async def _hang_up(stage: Stage, call_id: str) -> bool:
    """Whether somebody was there who could."""
    for device in stage.devices:
        known = device.calls.get(call_id)
        if known is not None and known.here and device.line is not None:
            said = await stage.say(
                device,
                "hang_up",
                call_id,
                (device.number % 2,),
                hang_up=client_pb2.HangUp(call_id=call_id),
            )
            if isinstance(said, client_pb2.Call):
                return True
    return False


async def _say_again(stage: Stage) -> None:
    """Commands that were said before are said again, now that nothing else happens."""
    lines = [(one, one.line) for one in stage.devices if one.line is not None]
    await asyncio.gather(
        *(
            line.say(frame, verb, about, (number % 2,))
            for one, line in lines
            if line is not None
            for number, (frame, verb, about) in enumerate(one.said[-REPEATED:])
            if verb != "place" or _made_a_call(stage, frame.command_id)
        )
    )


def _made_a_call(stage: Stage, command_id: str) -> bool:
    return any(one.command_id == command_id and one.call_id for one in stage.history.said)


async def _drained(stage: Stage, call_ids: list[str]) -> None:
    """Waits until the outbox is empty and the entries are written, and notes both. The checker misses what
    is still not there after some patience.
    """
    history, town = stage.history, stage.town
    deadline = time.monotonic() + PATIENCE
    wanted = sum(2 - int(row.shadow) for row in history.kept[-1].rows if not row.live)
    entries: list[tuple[str, bytes]] = []
    while time.monotonic() < deadline:
        entries = await town.entries(history.people)
        told = [any(fact_of(event).is_last for event in town.events[one]) for one in call_ids]
        if len(entries) >= wanted and all(told) and not await town.outbox(call_ids):
            break
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.Event().wait()
    for owner_id, body in entries:
        call = threads_pb2.Entry.FromString(body).call
        history.entries.append(Entry(owner_id, call.call_id, ending_name(call.ending), call.missed))
    for call_id in call_ids:
        history.facts += [fact_of(event) for event in town.events.pop(call_id, [])]
