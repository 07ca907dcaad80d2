"""The sweeper: forgets lines and tickets that nobody needs any more. Every replica sweeps."""

import asyncio

from ringline.refusal import Refusal
from ringline.telemetry import log
from services.presence.store import Store

PAUSE_SECONDS = 20.0


async def sweep(store: Store) -> None:
    """Sweeps for ever."""
    while True:
        try:
            while swept := await store.sweep():
                log(__name__).debug("swept", rows=swept)
        except Refusal as refusal:
            log(__name__).warning("sweep failed", reason=refusal.name)
        await asyncio.sleep(PAUSE_SECONDS)
