"""The sweeper: what is kept for a time only is deleted after it. Any replica may do it, and all do."""

import asyncio
import time

from ringline.refusal import Refusal
from ringline.telemetry import log
from services.conversations.store import Store

LOOK_SECONDS = 60.0
DAY_MS = 24 * 3600 * 1000
LEAST_DAYS = 8
"""For a week the event log may say a call again: an entry that was deleted meanwhile would come back."""


async def sweep(store: Store, keep_days: int) -> None:
    """Deletes what is older than `keep_days`, for ever."""
    while True:
        await sweep_once(store, keep_days, time.time_ns() // 1_000_000)
        await asyncio.sleep(LOOK_SECONDS)


async def sweep_once(store: Store, keep_days: int, now_ms: int) -> None:
    """Deletes what is older; an outage only makes it late."""
    before_ms = now_ms - max(keep_days, LEAST_DAYS) * DAY_MS
    try:
        while await store.forget(before_ms):
            pass
    except Refusal as refusal:
        log(__name__).warning("sweep failed", reason=refusal.name)
