"""The checker of chaos: what was acknowledged and is lost, is there twice or for nothing; what rang on or
did not ring (rings.py), what was ended by nobody (endings.py). Pure; it reads books (story.py) and knows
nothing of how they were made. Everything else that a history can break is found by the checker of the
properties (tests/properties/checker.py).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

from tests.chaos.endings import nobody_else_ends_a_call
from tests.chaos.finding import DUPLICATE, LOST, OTHER, Finding
from tests.chaos.rings import no_ghost_rings, what_is_there_rings
from tests.chaos.story import Book
from tests.properties.checker import CHECKS, KEPT_COMMANDS, a_call_has_one_entry_for_each
from tests.properties.history import Row, Said
from tests.properties.known import Known

KEPT = ("place", "answer", "decline", "hang_up")
"""What is kept in the call by its command id, each time that it is carried out."""


def findings(book: Book) -> list[Finding]:
    """Everything that is wrong with a pair's book; empty where nothing is."""
    known = Known(book.history)
    found = [one for check in MY_CHECKS for one in check(book, known)]
    return found + _others(book, known, found)


def acknowledged_is_kept(book: Book, known: Known) -> Iterator[Finding]:
    """What a client was told is done is in the database, and every call that is over is in the log and in the
    history of both.
    """
    places = {said.command_id: said.line for said in book.history.said if said.verb == "place"}
    for said in book.history.said:
        if said.is_done and (what := _is_missing(known, said, places)):
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


def _is_missing(known: Known, said: Said, places: Mapping[str, str]) -> str:
    """Why an acknowledged command is lost; "" where it is not. `places` says which line asked for a call, by
    command.
    """
    row = known.rows.get(said.call_id)
    if said.verb == "place" and row is None:
        return f"{said.call_id} was acknowledged and is not there"
    if row is None:
        return f"{said.verb} of {said.line} was acknowledged in {said.call_id}, which is not there"
    if said.verb == "answer" and row.answered_line != said.line:
        return f"the answer of {said.line} in {said.call_id} was acknowledged and is not there"
    if said.verb == "hang_up" and row.live:
        return f"{said.call_id} was hung up and goes on"
    commands = row.commands[known.side(row, said.user_id)]
    if said.verb == "answer" and said.line in {places.get(one) for one in commands}:
        return ""  # both called: this line's place was the answer, and nothing was left to do
    if said.verb in KEPT and said.command_id not in commands and len(commands) < KEPT_COMMANDS:
        return f"{said.verb} of {said.line} was acknowledged in {said.call_id}, which does not have it"
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


def nothing_is_there_for_nothing(book: Book, known: Known) -> Iterator[Finding]:
    """Every fact and every entry is of a call that there is, and an entry's owner is one of its two."""
    for fact in book.history.facts:
        if fact.call_id not in known.rows:
            what = f"{fact.fact} of {fact.call_id}, which is not there, is in the event log"
            yield Finding(OTHER, fact.call_id, 0.0, what)
    for entry in book.history.entries:
        row = known.rows.get(entry.call_id)
        if row is None or entry.owner_id not in (row.caller_id, row.callee_id):
            what = f"{entry.owner_id} has an entry of {entry.call_id}, which is not there for him"
            yield Finding(OTHER, entry.call_id, 0.0, what)


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
    nothing_is_there_for_nothing,
    no_ghost_rings,
    what_is_there_rings,
    nobody_else_ends_a_call,
)
