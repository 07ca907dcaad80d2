"""The rings of a book: what rang on, and what never rang. Pure."""

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.finding import GHOST, OTHER, SKEW_SECONDS, Finding
from tests.chaos.story import NEVER, Book, Ring
from tests.properties.history import CALLEE, Row, View
from tests.properties.known import Known

GHOST_SECONDS = 15.0
MUST_RING_SECONDS = 8.0
"""A call is looked at every three seconds and rings then wherever a line is open: in so long it has rung."""
STOPS = ("answer", "decline", "hang_up")
STILL = ("connecting", "connected", "ended")


def no_ghost_rings(book: Book, known: Known) -> Iterator[Finding]:
    """Nothing rings 15 s after its call was answered or over, or its time to ring was, or after it began for
    a call that nobody knows: neither on and on nor again, in however small pieces.
    """
    pieces: defaultdict[tuple[str, str], list[Ring]] = defaultdict(list)
    for ring in book.rings:
        pieces[ring.line, ring.call_id].append(ring)
    for (line, call_id), rings in pieces.items():
        since = _should_have_stopped(book, known, call_id)
        stopped = max(ring.stopped for ring in rings)
        if stopped - since > GHOST_SECONDS + SKEW_SECONDS:
            after = "to the end" if stopped == NEVER else f"{stopped - since:.1f} s later"
            heard = sum(ring.stopped - max(ring.began, since) for ring in rings if ring.stopped > since)
            what = f"{line} rings for {call_id} {after}, {heard:.1f} s in all"
            yield Finding(GHOST, call_id, min(ring.began for ring in rings), what)


def _should_have_stopped(book: Book, known: Known, call_id: str) -> float:
    """From when on the servers knew: as the row has it, but not before somebody said so, since the row's
    times are of a server whose clock may be wrong; and not after somebody was told.
    """
    began = min(ring.began for ring in book.rings if ring.call_id == call_id)
    row = known.rows.get(call_id)
    if row is None:
        return began
    seen = [one.at for one in book.history.saw if one.view.call_id == call_id and _tells_all(one.view, row)]
    told = min(seen, default=NEVER)
    words = [
        one.asked for one in book.history.said if one.verb in STOPS and (one.call_id or one.about) == call_id
    ]
    times = [book.at(one) for one in (row.answered_at_ms, row.ended_at_ms) if one]
    kept = max(min(times, default=NEVER), min(words, default=0.0))
    return min(kept, told, began + book.ring_s)


def _tells_all(view: View, row: Row) -> bool:
    """Whether nothing should ring any more for a call that is shown so; one device may decline for itself."""
    return view.phase in STILL and (view.ending != "declined" or row.ending == "declined")


def what_is_there_rings(book: Book, known: Known) -> Iterator[Finding]:
    """An acknowledged call rings in time where a line of the callee is open all the while."""
    for call_id in silent_calls(book):
        row = known.rows[call_id]
        tries = [one for one in book.history.said if one.verb == "place" and one.call_id == call_id]
        since = min(one.answered for one in tries if one.is_done)
        ended = min(
            (one.at for one in book.history.saw if one.view.call_id == call_id and one.view.phase == "ended"),
            default=book.at(row.ended_at_ms) if row.ended_at_ms else NEVER,
        )
        if ended - since >= MUST_RING_SECONDS and (line := _open_line(book, row.callee_id, since, ended)):
            what = f"{call_id} went on for {ended - since:.1f} s and did not ring on {line}, which was open"
            yield Finding(OTHER, call_id, min(one.asked for one in tries), what)


def _open_line(book: Book, user_id: str, since: float, until: float) -> str:
    """A line of this user that was open all the time; "" where there is none."""
    for one in book.history.opened:
        if one.user_id == user_id and one.at <= since:
            closed = [
                gone.at for gone in book.history.closed if (gone.line, gone.epoch) == (one.line, one.epoch)
            ]
            if min(closed, default=NEVER) >= until:
                return one.line
    return ""


def silent_calls(book: Book) -> set[str]:
    """The acknowledged calls that should have rung and were shown to no line of the callee while they did."""
    rows = {row.call_id: row for kept in book.history.kept for row in kept.rows}
    shown = {
        one.view.call_id
        for one in book.history.saw
        if one.view.role == CALLEE and (one.view.phase in ("calling", "ringing") or one.view.here)
    }
    placed = {one.call_id for one in book.history.said if one.verb == "place" and one.is_done}
    return {
        call_id
        for call_id in placed - shown
        if (row := rows.get(call_id)) and not row.shadow and row.ending != "busy" and not row.answered_at_ms
    }
