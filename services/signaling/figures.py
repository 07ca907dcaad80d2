"""Figures of calls: what became of them, how long people waited, what was turned on. Counted where it was
committed, once for each call whichever process did it, and with nothing in them that is one call's own.
"""

import functools
from collections.abc import Sequence

from prometheus_client import Counter, Histogram

from ringline.telemetry import SECONDS
from ringline.v1 import events_pb2, signaling_pb2, types_pb2

MINUTES = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0)

FACTS = Counter("ringline_call_facts_total", "What happened to calls, by the names of events.", ["fact"])
ENDED = Counter(
    "ringline_calls_ended_total",
    "Calls that are over, by how, whether they were answered, and what was asked for; without those that "
    "nobody heard.",
    ["ending", "answered", "kind"],
)
RING_SECONDS = Histogram(
    "ringline_call_ring_seconds",
    "Time from a call's beginning until the first device of the callee says that it rings.",
    buckets=SECONDS,
)
CONNECT_SECONDS = Histogram(
    "ringline_call_connect_seconds",
    "Time from the answer until media is reported to flow.",
    buckets=SECONDS,
)
TALK_SECONDS = Histogram("ringline_call_talk_seconds", "Time from answer to end.", buckets=MINUTES)
TOGGLES = Counter(
    "ringline_call_toggles_total", "Kinds of media that were turned on or off in a call.", ["kind", "to"]
)
REMEMBERED = Counter(
    "ringline_call_memory_total",
    "What a process remembered of a call that it was to change: remembered, it was right; read, it was read "
    "just now; stale, it was not right and is read again; conflict, somebody else was faster.",
    ["outcome"],
)


def count(
    was: signaling_pb2.CallRecord | None,
    now: signaling_pb2.CallRecord,
    events: Sequence[events_pb2.Event],
) -> None:
    """Counts what a commit said of a call; `was` is None where it was placed."""
    for event in events:
        fact = event.WhichOneof("fact") or ""
        if fact == "call_ended":
            _count_end(was, now)
            continue
        _fact(fact).inc()
        if fact == "call_rang":
            RING_SECONDS.observe(max(0, event.at_ms - now.placed_at_ms) / 1000)
        elif fact == "call_media_set" and was is not None:
            _count_toggles(was, now, event.call_media_set.user_id)
    if was is not None and now.connected_at_ms and not was.connected_at_ms and now.answered_at_ms:
        CONNECT_SECONDS.observe(max(0, now.connected_at_ms - now.answered_at_ms) / 1000)


def remembered(outcome: str) -> None:
    """Counts what a process's memory of a call was worth."""
    _memory(outcome).inc()


def _count_end(was: signaling_pb2.CallRecord | None, now: signaling_pb2.CallRecord) -> None:
    """A call may end for the callee first and for the caller later: it is one end."""
    if now.shadow or (was is not None and was.ending):
        return
    _fact("call_ended").inc()
    ending = types_pb2.Ending.Name(now.ending).removeprefix("ENDING_").lower()
    answered = "yes" if now.answered_at_ms else "no"
    ENDED.labels(ending, answered, "video" if now.asked.video else "audio").inc()
    if now.answered_at_ms:
        TALK_SECONDS.observe(max(0, now.ended_at_ms - now.answered_at_ms) / 1000)


def _count_toggles(was: signaling_pb2.CallRecord, now: signaling_pb2.CallRecord, user_id: str) -> None:
    for before, after in zip(was.members, now.members, strict=True):
        if after.profile.user_id != user_id:
            continue
        for kind in ("audio", "video"):
            if getattr(before.sends, kind) != getattr(after.sends, kind):
                TOGGLES.labels(kind, "on" if getattr(after.sends, kind) else "off").inc()


@functools.cache  # looking labels up costs more than counting
def _fact(fact: str) -> Counter:
    return FACTS.labels(fact)


@functools.cache
def _memory(outcome: str) -> Counter:
    return REMEMBERED.labels(outcome)
