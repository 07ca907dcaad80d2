"""The checker of chaos: what was acknowledged and is lost, what is there twice, what rang on, what was ended
by nobody. Pure; it reads books (story.py) and knows nothing of how they were made. Everything else that a
history can break is found by the checker of the properties (tests/properties/checker.py).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.chaos.story import NEVER, Book, Ring
from tests.properties.checker import CHECKS, a_call_has_one_entry_for_each
from tests.properties.history import CALLER, Row, Said
from tests.properties.known import Known

GHOST_SECONDS = 15.0
SKEW_SECONDS = 0.25
"""By so much the database's clock and the observer's may differ, which are of one machine."""
ABSENT_SECONDS = 6.0
"""A caller who is away for longer gives up his ring; the server notices a dead line later than that."""
LOST, DUPLICATE, GHOST, WRONG, OTHER = "lost", "duplicates", "ghosts", "wrongly_ended", "other"
WAYS_TO_END = ("hang_up", "decline")


class Finding(NamedTuple):
    """What is wrong: of which kind, with which call, when (on the observer's clock), in words."""

    kind: str
    call_id: str
    at: float
    what: str


def findings(book: Book) -> list[Finding]:
    """Everything that is wrong with a pair's book; empty where nothing is."""
    known = Known(book.history)
    found = [one for check in MY_CHECKS for one in check(book, known)]
    return found + _others(book, known, found)


def acknowledged_is_kept(book: Book, known: Known) -> Iterator[Finding]:
    """What a client was told is done is in the database, and every call that is over is in the log and in the
    history of both.
    """
    for said in book.history.said:
        if said.is_done and (what := _is_missing(known, said)):
            yield Finding(LOST, said.call_id, said.asked, what)
    facts, entries = _counts(book)
    for row in known.rows.values():
        if row.live:
            continue
        at = book.at(row.placed_at_ms)
        if not facts[row.call_id]:
            yield Finding(LOST, row.call_id, at, f"the end of {row.call_id} is not in the event log")
        for owner_id in _owners(row):
            if not entries[owner_id, row.call_id]:
                yield Finding(LOST, row.call_id, at, f"{row.call_id} is not in the history of {owner_id}")


def _is_missing(known: Known, said: Said) -> str:
    """Why an acknowledged command is lost; "" where it is not."""
    row = known.rows.get(said.call_id)
    if said.verb == "place" and row is None:
        return f"{said.call_id} was acknowledged and is not there"
    if row is None:
        return f"{said.verb} of {said.line} was acknowledged in {said.call_id}, which is not there"
    if said.verb == "answer" and row.answered_line != said.line:
        return f"the answer of {said.line} in {said.call_id} was acknowledged and is not there"
    if said.verb == "hang_up" and row.live:
        return f"{said.call_id} was hung up and goes on"
    return ""


def nothing_is_there_twice(book: Book, known: Known) -> Iterator[Finding]:
    """One call for one command, one end in the log for one call, one entry for each of the two."""
    placed: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in known.rows.values():
        if row.commands[0]:
            placed[row.caller_id, row.commands[0][0]].add(row.call_id)
    for said in book.history.said:
        if said.verb == "place" and said.is_done:
            placed[said.user_id, said.command_id].add(said.call_id)
    for (user_id, command_id), calls in placed.items():
        if len(calls) > 1:
            at = min(one.asked for one in book.history.said if one.command_id == command_id)
            what = f"{command_id} of {user_id} placed {sorted(calls)}"
            yield Finding(DUPLICATE, min(calls), at, what)
    facts, entries = _counts(book)
    for row in known.rows.values():
        at = book.at(row.placed_at_ms)
        if facts[row.call_id] > 1:
            what = f"{row.call_id} is over {facts[row.call_id]} times in the log"
            yield Finding(DUPLICATE, row.call_id, at, what)
        for owner_id in (row.caller_id, row.callee_id):
            if (count := entries[owner_id, row.call_id]) > 1:
                what = f"{owner_id} has {count} entries of {row.call_id}"
                yield Finding(DUPLICATE, row.call_id, at, what)


def no_ghost_rings(book: Book, known: Known) -> Iterator[Finding]:
    """Nothing rings longer than 15 s for a call that is answered or over, whose time to ring is over, or that
    nobody knows.
    """
    words = _words(book, (*WAYS_TO_END, "answer"))
    for ring in book.rings:
        since = _should_have_stopped(book, known.rows.get(ring.call_id), ring, words[ring.call_id])
        if ring.stopped - since > GHOST_SECONDS + SKEW_SECONDS:
            rang = "to the end" if ring.stopped == NEVER else f"{ring.stopped - since:.1f} s"
            yield Finding(GHOST, ring.call_id, ring.began, f"{ring.line} rang on for {ring.call_id}: {rang}")


def _should_have_stopped(book: Book, row: Row | None, ring: Ring, words: list[float]) -> float:
    """A row's times are of a server whose clock may be wrong: it was not over before somebody said so."""
    if row is None:
        return ring.began
    times = [book.at(one) for one in (row.answered_at_ms, row.ended_at_ms) if one]
    told = max(ring.began, min(times, default=NEVER), min(words, default=0.0))
    return min(told, ring.began + book.ring_s)


def nobody_else_ends_a_call(book: Book, known: Known) -> Iterator[Finding]:
    """A call that was talked in ends by a word of one of the two; a ring too, unless its caller was away or
    its time was over.
    """
    words = _words(book, WAYS_TO_END)
    flowed: defaultdict[str, set[str]] = defaultdict(set)
    for flow in book.flows:
        flowed[flow.call_id].add(flow.user_id)
    shown: dict[str, float] = {}
    for saw in book.history.saw:
        # To the callee's other devices it is over when one has answered.
        if saw.view.phase == "ended" and saw.view.role == CALLER:
            shown.setdefault(saw.view.call_id, saw.at)
    for row in known.rows.values():
        ended = shown.get(row.call_id, book.at(row.ended_at_ms))
        if row.live or any(asked < ended + SKEW_SECONDS for asked in words[row.call_id]):
            continue
        if len(flowed[row.call_id]) == 2 or row.connected_at_ms:
            what = f"{row.call_id} was talked in and ended as {row.ending} by nobody's word"
            yield Finding(WRONG, row.call_id, ended, what)
        elif not row.answered_at_ms and (what := _ended_early(book, known, row, ended)):
            yield Finding(WRONG, row.call_id, ended, what)


def _ended_early(book: Book, known: Known, row: Row, ended: float) -> str:
    """Why a ring that nobody ended should have gone on; "" where it should not."""
    tries = known.attempts[row.caller_id, row.commands[0][0]] if row.commands[0] else []
    placed = min((one.asked for one in tries), default=book.at(row.placed_at_ms))
    if row.ending_for_caller == "no_answer" and ended - placed < book.ring_s - SKEW_SECONDS:
        return f"{row.call_id} rang for {ended - placed:.1f} s and not {book.ring_s:.0f} s"
    if row.ending == "cancelled" and not _was_away(book, row, placed, ended):
        return f"{row.call_id} was cancelled while its caller was there"
    return ""


def _was_away(book: Book, row: Row, placed: float, ended: float) -> bool:
    """Whether a line of the caller was closed for a while before the end."""
    opened = [one for one in book.history.opened if one.user_id == row.caller_id]
    for closed in book.history.closed:
        if closed.user_id == row.caller_id and placed - 1 < closed.at < ended:
            back = [one.at for one in opened if one.line == closed.line and one.at > closed.at]
            if min(back, default=NEVER) - closed.at > ABSENT_SECONDS / 2:
                return True
    return False


def _words(book: Book, verbs: tuple[str, ...]) -> defaultdict[str, list[float]]:
    """When somebody said one of these of a call, whatever he was answered."""
    words: defaultdict[str, list[float]] = defaultdict(list)
    for said in book.history.said:
        if said.verb in verbs:
            words[said.call_id or said.about].append(said.asked)
    return words


def _others(book: Book, known: Known, mine: list[Finding]) -> list[Finding]:
    """What the properties' checker finds, but for what was found here in other words."""
    told = {one.call_id for one in mine}
    found = []
    for check in CHECKS:
        for violation in check(known):
            is_told = check is a_call_has_one_entry_for_each and any(one in violation.what for one in told)
            if not is_told:
                call_id = next((one for one in known.rows if one in violation.what), "")
                at = book.at(known.rows[call_id].placed_at_ms) if call_id else 0.0
                found.append(Finding(OTHER, call_id, at, f"{violation.property}: {violation.what}"))
    return found


def _owners(row: Row) -> tuple[str, ...]:
    return (row.caller_id,) if row.shadow else (row.caller_id, row.callee_id)


def _counts(book: Book) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """How often each call is over in the log, and how many entries of it each has."""
    over = {fact.event_id: fact.call_id for fact in book.history.facts if fact.is_last}
    return Counter(over.values()), Counter((one.owner_id, one.call_id) for one in book.history.entries)


Check = Callable[[Book, Known], Iterator[Finding]]
MY_CHECKS: tuple[Check, ...] = (
    acknowledged_is_kept,
    nothing_is_there_twice,
    no_ghost_rings,
    nobody_else_ends_a_call,
)
