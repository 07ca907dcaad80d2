"""The bus lost what it kept: the stream and its consumers are made anew, and nobody has to be restarted."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import pytest
from prometheus_client import REGISTRY

from ringline import ids
from ringline.bus import Bus
from ringline.db import Database
from ringline.log import Log
from ringline.outbox import Outbox
from ringline.v1.events_pb2 import CallEnded, Event
from services.embedded import Nats
from tests.conftest import SettingsFor
from tests.servers import until

Loss = Callable[[Nats, Bus], Awaitable[None]]


async def disk(nats: Nats, bus: Bus) -> None:
    """The bus starts anew, on an empty disk."""
    port = urlsplit(nats.url()).port or 0
    nats.kill()
    shutil.rmtree(nats.folder / "streams")
    nats.start(port)
    await until(lambda: bus.is_up, 15, lambda: "not back")


async def stream(nats: Nats, bus: Bus) -> None:
    """Somebody deletes the stream while everything runs."""
    await bus.client.jetstream().delete_stream("EVENTS")


async def content(nats: Nats, bus: Bus) -> None:
    """Somebody purges the stream while everything runs."""
    await bus.client.jetstream().purge_stream("EVENTS")


def times_made() -> float:
    """How often this process made the log."""
    return REGISTRY.get_sample_value("ringline_event_log_made_total") or 0.0


@pytest.mark.parametrize("lose", [disk, stream, content])
async def test_what_happens_after_the_log_was_lost_is_heard_by_those_who_listened_before(
    lose: Loss, nats: Nats, settings_for: SettingsFor
) -> None:
    settings = await settings_for("signaling")
    db = await Database.of(settings, "signaling").open()
    bus, reader = await Bus(nats.url()).connect(10), await Bus(nats.url(), "reader").connect(10)
    outbox = Outbox(db, Log(bus))
    heard: list[str] = []

    async def hear(event: Event) -> None:
        heard.append(event.call_id)

    async def happen(call_id: str) -> None:
        event = Event(event_id=ids.mint_event(), call_id=call_id, version=1, call_ended=CallEnded())
        async with db.transaction() as con:
            await outbox.add(con, event)
        outbox.nudge()

    tasks = [
        asyncio.create_task(outbox.run()),
        asyncio.create_task(Log(reader).consume("projector", ["call_ended"], hear)),
    ]
    await happen("c_before")
    await until(lambda: heard == ["c_before"], 10, lambda: str(heard))
    made = times_made()
    await lose(nats, bus)
    await happen("c_after")
    await until(lambda: "c_after" in heard, 20, lambda: str(heard))
    assert (times_made() > made) is (lose in (disk, stream)), "the operator can tell"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(bus.close(), reader.close(), db.close())
