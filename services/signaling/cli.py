"""`ringline restored`, signaling's half: what is done with the calls of a backup before anything serves."""

from datetime import timedelta
from typing import NamedTuple

from ringline.config import NodeSettings
from ringline.log import Log
from ringline.node import Node
from ringline.outbox import Outbox
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from services.signaling.record import live
from services.signaling.restore import FACTS, Trails, end_of, mended
from services.signaling.store import Store

MARGIN = timedelta(minutes=10)
"""The log is read from so long before the newest change of a call: clocks differ, and events are late."""


class Restored(NamedTuple):
    """What became of the calls."""

    incarnation: int
    kept: int
    """Live calls of the backup that may go on."""
    ended: int
    """Live calls of the backup that are over, as the log says or because nobody knows."""
    unknown: int
    """Calls that were placed after the backup and got an end."""


async def restored(settings: NodeSettings, trust_log: bool = True) -> Restored:
    """Mends the calls by the event log and raises the incarnation, in one transaction; may be repeated.

    Raises Refusal where the database or the log is away, or the log is empty; with `trust_log` false the log
    is not asked, and no call goes on.
    """
    own = settings.model_copy(update={"listen_port": 0, "metrics_port": -1, "probe_port": -1})
    async with Node(own) as process:
        node = process.of("signaling")
        db = await node.database("signaling")
        return await _mend(Store(db), Outbox(db, await node.log()), await node.log(), trust_log)


async def _mend(store: Store, outbox: Outbox, log: Log, trust_log: bool) -> Restored:
    await store.compare_clocks()
    newest = await store.newest()
    async with store.transaction() as con:
        backup = await store.all_live(con)
    trails = Trails({stored.record.call_id for stored in backup})
    if trust_log:
        if await log.is_empty():
            sentence = "The event log is empty. If it was lost, say so: --without-log."
            raise Refusal(Reason.REASON_UNAVAILABLE, sentence)
        await log.replay(FACTS, trails.hear, newest - MARGIN if newest is not None else None)
    now = store.now()
    until = trails.until_ms or (round(newest.timestamp() * 1000) if newest is not None else now)
    async with store.transaction() as con:
        steps = [
            mended(stored.record, trails.of(stored.record.call_id), now, until, trust_log)
            for stored in await store.all_live(con)
        ]
        unended = trails.unended()
        known = await store.known(con, [trail.call_id for trail in unended])
        lost = [end_of(trail, until) for trail in unended if trail.call_id not in known]
        for step in steps:
            await store.mend(con, step)
        for event in (*(event for step in steps for event in step.events), *lost):
            await outbox.add(con, event)
        kept = sum(live(step.record) for step in steps)
        return Restored(await store.raise_incarnation(con), kept, len(steps) - kept, len(lost))
