"""The sweeper: no timer is truth. A replica takes what is due on the database's clock; if it dies, another
one does."""

import asyncio
from contextlib import suppress

from ringline.refusal import Refusal
from ringline.telemetry import log
from services.signaling.api import SignalingApi
from services.signaling.exchange import Exchange
from services.signaling.store import Store, Stored

LOOK_SECONDS = 0.5
PURGE_SECONDS = 60.0
RESTORED_SECONDS = 2.0
TICK_SECONDS = 5.0
"""A call whose commands queue must not keep the others from being looked at."""


async def sweep(exchange: Exchange) -> None:
    """Looks for due calls, for ever."""
    looks = 0
    while True:
        try:
            if looks % 20 == 0:
                await exchange.store.compare_clocks()
            while taken := await exchange.store.due():
                await asyncio.gather(*(_look_at(exchange, stored) for stored in taken))
        except Refusal as refusal:
            log(__name__).warning("sweep failed", reason=refusal.name)
        looks += 1
        await asyncio.sleep(LOOK_SECONDS)


async def purge(exchange: Exchange) -> None:
    """Deletes what is old, for ever."""
    while True:
        try:
            while await exchange.store.purge():
                pass
        except Refusal as refusal:
            log(__name__).warning("purge failed", reason=refusal.name)
        await asyncio.sleep(PURGE_SECONDS)


async def follow(store: Store, api: SignalingApi) -> None:
    """Looks whether the data was restored while this process runs, for ever.

    What it remembers of calls does no harm then: their versions have leapt, so it is read again.
    """
    while True:
        await asyncio.sleep(RESTORED_SECONDS)
        with suppress(Refusal):
            found = await store.incarnation()
            if found != api.incarnation:
                log(__name__).warning("the data was restored", incarnation=found)
                api.incarnation = found


async def _look_at(exchange: Exchange, stored: Stored) -> None:
    try:
        async with asyncio.timeout(TICK_SECONDS):
            await exchange.tick(stored)
    except TimeoutError:
        log(__name__).warning("look took too long", call=stored.record.call_id)
    except Refusal as refusal:
        # Ended meanwhile, or the database is away: whoever looks next sees.
        log(__name__).info("look refused", call=stored.record.call_id, reason=refusal.name)
