"""What the checker knows of a second call, that waits, and of a third one (S8). Pure.

Room for a call is advisory across pairs: two Places that are on their way at once may both find room. So only
that counts as taken which its own line had the answer of before the Place was asked for, and which went on
after it was written.
"""

from collections.abc import Iterator

from tests.properties.history import CALLEE, NEVER, Row
from tests.properties.known import Known, Violation

SKEW_MS = 250
"""By so much the clocks of two processes of signaling may differ, which both follow the database's."""


def a_waiting_call_rings_where_it_waits(known: Known) -> Iterator[Violation]:
    """S8: on the line that is in the other call and on no other, until that said that it waits no longer.

    Whether it waits is decided when it is placed, and it never begins to wait again: where it was kept as
    waiting, it waited all the time before.
    """
    until: dict[str, tuple[str, float]] = {}
    for kept in known.history.kept:
        for row in kept.rows:
            if row.waiting_line:
                until[row.call_id] = row.waiting_line, kept.asked
    for row in known.rows.values():
        if row.waiting_line:  # to its end
            until[row.call_id] = row.waiting_line, NEVER
    for (line, call_id), seen in known.seen.items():
        waits_on, end = until.get(call_id, (line, 0.0))
        for saw in seen if line != waits_on else ():
            is_ring = saw.view.role == CALLEE and saw.view.phase in ("calling", "ringing")
            # What it reads as the answer to its own word is no ring: it asked for what it was not told of.
            if is_ring and saw.way not in ("late", "reply") and saw.at < end:
                yield Violation("S8", f"{line} rings for {call_id}, which waits on {waits_on}")


def a_third_call_is_busy(known: Known) -> Iterator[Violation]:
    """S8: no call is let through to somebody who is in one while another waits, or for whom two ring."""
    for row in known.rows.values():
        if row.shadow or row.ending == "busy" or not row.commands[0]:
            continue
        tries = known.attempts[row.caller_id, row.commands[0][0]]
        asked = min((one.asked for one in tries if one.verb == "place"), default=0.0)
        others = [one for one in known.rows.values() if one is not row and not one.shadow]
        engaged = [one.call_id for one in others if _is_engaged(known, one, row, asked)]
        ringing = [one.call_id for one in others if _rings(known, one, row, asked)]
        if len(ringing) > (0 if engaged else 1):
            yield Violation("S8", f"{row.call_id} was let through: {engaged} is talked in, {ringing} ring")


def _is_engaged(known: Known, one: Row, placed: Row, asked: float) -> bool:
    """Whether the callee of `placed` was surely in `one`, or dialled it, when that was placed."""
    user_id = placed.callee_id
    is_in_it = user_id == one.caller_id or (user_id == one.callee_id and bool(one.answered_at_ms))
    goes_on = (one.ended_at_ms or NEVER) > placed.placed_at_ms + SKEW_MS
    return is_in_it and goes_on and _was_answered(known, user_id, one, asked)


def _rings(known: Known, one: Row, placed: Row, asked: float) -> bool:
    """Whether `one` surely rang for the callee of `placed` when that was placed."""
    over = min(one.answered_at_ms or NEVER, one.ended_at_ms or NEVER)
    goes_on = over > placed.placed_at_ms + SKEW_MS
    return placed.callee_id == one.callee_id and goes_on and _was_answered(known, one.caller_id, one, asked)


def _was_answered(known: Known, user_id: str, one: Row, before: float) -> bool:
    """Whether the Place or Answer with which this user came into the call was carried out by then."""
    return any(
        said.is_done and said.call_id == one.call_id and said.answered < before
        for said in known.by_user[user_id]
        if said.verb in ("place", "answer")
    )


WAITING_CHECKS = (a_waiting_call_rings_where_it_waits, a_third_call_is_busy)
