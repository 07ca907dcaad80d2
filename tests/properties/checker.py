"""The checker: which properties of a call a history breaks. Pure; it knows nothing of how it was made.

The numbers are those of the properties (docs/correctness.md). Where an order cannot be known, because two
things were on their way at once, nothing is said: what is found here is wrong in every order.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from tests.properties.history import CALLEE, CALLER, NEVER, History, Row, Said, Saw
from tests.properties.known import Known, Violation
from tests.properties.waiting import WAITING_CHECKS

KEPT_COMMANDS = 64
"""Of so many commands of each side a call remembers that they were carried out."""
OVERLAP_MS = 1_000
"""By so much the clocks of what is kept may be off."""
UNKNOWN = frozenset({"unavailable", "overloaded"})
"""Answers that leave open whether a command was carried out."""
SHUT_OUT = UNKNOWN | {"line_fenced", "device_revoked"}
TELLING = frozenset({"declined", "busy", "severed", "declined_elsewhere", "answered_elsewhere"})
"""Endings that would tell a caller who may not know what the callee's devices did."""


Check = Callable[[Known], Iterator[Violation]]


def violations(history: History) -> list[Violation]:
    """Everything that is wrong with a history; empty where nothing is."""
    known = Known(history)
    return [found for check in CHECKS for found in check(known)]


def one_line_is_connected(known: Known) -> Iterator[Violation]:
    """S3: at most one line of a member."""
    ends: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for (line, call_id), seen in known.seen.items():
        if any(saw.view.here for saw in seen):
            ends[call_id, known.lines[line]].add(line)
    for said in known.history.said:
        if said.verb == "answer" and said.is_done:
            ends[said.call_id, said.user_id].add(said.line)
    for (call_id, user_id), lines in ends.items():
        if len(lines) > 1:
            yield Violation("S3", f"{sorted(lines)} of {user_id} are all in {call_id}")
    for kept in known.history.kept:
        for row in kept.rows:
            if any(len(bound) > 1 for bound in row.bound):
                yield Violation("S3", f"{row.bound} are bound in {row.call_id}")


def nothing_travels_before_the_answer(known: Known) -> Iterator[Violation]:
    """S2: no description before the answer, nor to a line that is not in the call."""
    for saw in known.history.saw:
        if saw.view.has_peer_description and (saw.view.phase in ("calling", "ringing") or not saw.view.here):
            yield Violation("S2", f"{saw.line} sees a description in {saw.view}")


def nothing_changes_after_the_end(known: Known) -> Iterator[Violation]:
    """S4."""
    for (line, call_id), seen in known.seen.items():
        shown = [saw for saw in seen if saw.way not in ("late", "beat")]
        for before, after in pairwise(shown):
            # Its leg was over and not the call: who declined on a device may still answer there.
            changed_mind = before.view.ending == "declined" and after.view.here
            if before.view.phase == "ended" and after.view.phase != "ended" and not changed_mind:
                yield Violation("S4", f"{line} sees {call_id} go on after its end: {after.view}")
    for earlier, later in pairwise(known.history.kept):
        now = {row.call_id: row for row in later.rows}
        for row in earlier.rows:
            later_row = now.get(row.call_id)
            is_same = later_row is not None and later_row.digest == row.digest
            if not row.live and later.asked >= earlier.at and not is_same:
                yield Violation("S4", f"{row.call_id} changed after its end")
    for said in known.history.said:
        is_late = said.asked > known.over.get(said.call_id, NEVER)
        if said.is_done and is_late and not known.had_effect(said):
            yield Violation(
                "S4", f"{said.verb} of {said.line} was carried out after the end of {said.call_id}"
            )
    last: dict[str, int] = {}
    for fact in known.history.facts:
        if fact.version > last.get(fact.call_id, fact.version):
            yield Violation("S4", f"{fact.fact} of {fact.call_id} comes after its end")
        if fact.is_last:
            last[fact.call_id] = fact.version


def _closed_times(known: Known) -> Iterator[tuple[str, str, float, float]]:
    """Who has surely blocked whom: user, other, from, until."""
    gates = known.history.gates
    for gate in gates:
        if not gate.closed or gate.answered == NEVER:
            continue
        mine = [
            one
            for one in gates
            if not one.closed and (one.user_id, one.other_id) == (gate.user_id, gate.other_id)
        ]
        if any(one.asked < gate.answered and one.answered > gate.asked for one in mine):
            continue  # both were on their way at once
        later = [one.asked for one in mine if one.asked >= gate.answered]
        yield gate.user_id, gate.other_id, gate.answered, min(later, default=NEVER)


def no_ring_after_a_block(known: Known) -> Iterator[Violation]:
    """S5: from the acknowledgement on nothing is placed, kept or rung."""
    for user_id, other_id, since, until in _closed_times(known):
        pair = {user_id, other_id}
        for row in known.rows.values():
            if {row.caller_id, row.callee_id} != pair or row.shadow:
                continue
            tries = known.attempts[row.caller_id, row.commands[0][0]] if row.commands[0] else []
            places = [one for one in tries if one.verb == "place"]
            asked = min((one.asked for one in places), default=0.0)
            # Told before the gate began to open again: until then it was carried out behind the closed one.
            told = min((one.answered for one in places if one.is_done), default=NEVER)
            if since < asked and told < until and len(row.commands[0]) < KEPT_COMMANDS:
                yield Violation("S5", f"{row.call_id} was placed after the block was acknowledged")
        for (line, call_id), seen in known.seen.items():
            there = known.rows.get(call_id)
            if (
                there is not None
                and {there.caller_id, there.callee_id} == pair
                and there.callee_id == user_id
            ):
                if any(since < one.at < until for one in _rings_on(seen)):
                    yield Violation("S5", f"{line} rings for {call_id} after the block was acknowledged")
        for kept in known.history.kept:
            for row in kept.rows:
                mine = {row.caller_id, row.callee_id} == pair and row.holds_pair
                if mine and since < kept.asked and kept.at < until:
                    yield Violation("S5", f"{row.call_id} goes on after the block was acknowledged")


def _rings_on(seen: list[Saw]) -> Iterator[Saw]:
    """Views with which a line begins to ring, or rings on, and after which no end comes. A ring and its end
    may both arrive just after the acknowledgement, which goes another way: then it does not ring.
    """
    shown = [saw for saw in seen if saw.way != "late"]
    for number, saw in enumerate(shown):
        is_ring = saw.view.role == CALLEE and saw.view.phase in ("calling", "ringing")
        if is_ring and (number + 1 == len(shown) or shown[number + 1].view.phase != "ended"):
            yield saw


def who_may_not_know_learns_nothing(known: Known) -> Iterator[Violation]:
    """S6: as far as a single view can tell."""
    for saw in known.history.saw:
        row = known.rows.get(saw.view.call_id)
        if row is None or saw.way == "beat":
            continue
        if row.shadow and saw.user_id == row.callee_id:
            yield Violation("S6", f"{saw.line} hears of {row.call_id}, which its user does not admit")
        if saw.user_id == row.caller_id and not row.truth:
            if saw.view.ending in TELLING or saw.view.phase == "ringing":
                yield Violation("S6", f"{saw.line} learns what the callee's devices do: {saw.view}")
        if saw.view.ending == "severed":
            yield Violation("S6", f"{saw.line} learns of the block in {row.call_id}")


def one_live_call_of_a_pair(known: Known) -> Iterator[Violation]:
    """S7."""
    for kept in known.history.kept:
        held: defaultdict[frozenset[str], list[str]] = defaultdict(list)
        for row in kept.rows:
            if row.holds_pair:
                held[frozenset({row.caller_id, row.callee_id})].append(row.call_id)
        for calls in held.values():
            if len(calls) > 1:
                yield Violation("S7", f"{calls} of one pair are live at once")
    by_pair: defaultdict[frozenset[str], list[Row]] = defaultdict(list)
    for row in known.rows.values():
        if not row.shadow:
            by_pair[frozenset({row.caller_id, row.callee_id})].append(row)
    for rows in by_pair.values():
        for before, after in pairwise(sorted(rows, key=lambda row: (row.placed_at_ms, row.call_id))):
            if after.placed_at_ms + OVERLAP_MS < before.ended_at_ms:
                yield Violation("S7", f"{after.call_id} was placed while {before.call_id} was live")


def a_command_has_one_effect_and_one_answer(known: Known) -> Iterator[Violation]:
    """S10."""
    for (user_id, command_id), attempts in known.attempts.items():
        done = [one for one in attempts if one.is_done]
        if len({one.call_id for one in done}) > 1:
            yield Violation(
                "S10", f"{command_id} of {user_id} was about {sorted(one.call_id for one in done)}"
            )
        since = min((one.answered for one in done if known.had_effect(one)), default=NEVER)
        for one in attempts:
            if one.asked > since and one.refused and one.refused not in SHUT_OUT and not _long(known, done):
                yield Violation("S10", f"{command_id} of {user_id} was carried out and then {one.refused}")
    placed: dict[tuple[str, str], str] = {}
    for row in known.rows.values():
        if row.commands[0] and len(row.commands[0]) < KEPT_COMMANDS:
            key = row.caller_id, row.commands[0][0]
            if key in placed:
                yield Violation("S10", f"{key[1]} placed both {placed[key]} and {row.call_id}")
            placed[key] = row.call_id
    if known.history.repeated_from is not None:
        before, after = known.history.kept[known.history.repeated_from], known.history.kept[-1]
        then = {row.call_id: row.digest for row in before.rows}
        for row in after.rows:
            if then.get(row.call_id) != row.digest:
                yield Violation("S10", f"{row.call_id} was changed by commands that were only repeated")


def _long(known: Known, done: list[Said]) -> bool:
    """Whether so much was said in the call that it may have forgotten this command."""
    row = known.rows.get(done[0].call_id)
    return row is None or max(map(len, row.commands)) >= KEPT_COMMANDS


def no_version_goes_down(known: Known) -> Iterator[Violation]:
    """S11: what a line sees never goes back, and a version is one and the same thing."""
    for (line, call_id), seen in known.seen.items():
        row = known.rows.get(call_id)
        at: dict[int, Saw] = {}
        for saw in seen:
            if saw.way == "beat":
                continue
            view = saw.view
            newer = [one for one in at.values() if one.view.version > view.version and one.at < saw.asked]
            if newer:
                yield Violation(
                    "S11", f"{line} sees {view.version} of {call_id} after {newer[0].view.version}"
                )
            same = at.setdefault(view.version, saw).view
            if (same.phase, same.ending, same.here) != (view.phase, view.ending, view.here):
                yield Violation("S11", f"version {view.version} of {call_id} is two things to {line}")
            if row is not None and view.version > row.versions[known.side(row, saw.user_id)]:
                yield Violation("S11", f"{line} sees {view.version} of {call_id}, which was not kept")


def a_call_has_one_entry_for_each(known: Known) -> Iterator[Violation]:
    """S12: in the event log, and in the conversations."""
    for call_id, row in known.rows.items():
        if row.live:
            continue
        facts = {fact.event_id: fact for fact in known.history.facts if fact.call_id == call_id}.values()
        if sum(fact.is_last for fact in facts) != 1:
            yield Violation(
                "S12", f"{call_id} is over {sum(fact.is_last for fact in facts)} times in the log"
            )
        if any(before.version > after.version for before, after in pairwise(facts)):
            yield Violation("S12", f"the events of {call_id} are out of order")
        for owner_id in (row.caller_id, row.callee_id):
            mine = [
                one for one in known.history.entries if (one.owner_id, one.call_id) == (owner_id, call_id)
            ]
            wanted = int(owner_id == row.caller_id or not row.shadow)
            if len(mine) != wanted:
                yield Violation("S12", f"{owner_id} has {len(mine)} entries of {call_id} and not {wanted}")
            if any(one.missed for one in mine) and row.answered_at_ms:
                yield Violation("S12", f"{call_id} was answered and is called missed")
            is_caller = owner_id == row.caller_id
            if is_caller and any(one.ending != row.ending_for_caller for one in mine):
                yield Violation("S12", f"{owner_id} reads {mine} of a call that was {row.ending_for_caller}")


def a_fenced_line_is_refused(known: Known) -> Iterator[Violation]:
    """S14: from when a newer connection of the line has its welcome, with this call in it."""
    newer = defaultdict(list)
    for opened in known.history.opened:
        newer[opened.line].append(opened)
    for said in known.history.said:
        if not said.is_done or said.verb == "place":
            continue
        for opened in newer[said.line]:
            if opened.epoch > said.epoch and opened.at < said.asked and said.call_id in opened.calls:
                yield Violation("S14", f"{said.verb} of {said.line} was carried out after it was replaced")
    placed = {(row.caller_id, row.commands[0][0]) for row in known.rows.values() if row.commands[0]}
    for gone in known.history.revoked:
        for said in known.history.said:
            # What was carried out before has the same answer, and no effect.
            key = said.user_id, said.command_id
            first = min(one.asked for one in known.attempts[key])
            if first <= gone.answered or not said.line.startswith(f"{gone.device_id}."):
                continue
            if said.is_done or (said.verb == "place" and key in placed):
                yield Violation("S14", f"{said.verb} of {said.line} was carried out after it was revoked")


def only_who_holds_takes_back(known: Known) -> Iterator[Violation]:
    """S9: as far as views can tell: nobody's hold comes or goes without a word of his own."""
    words: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    for said in known.history.said:
        if said.verb in ("hold", "resume"):
            words[said.user_id, said.about, said.verb].append(said.asked)
    for (line, call_id), seen in known.seen.items():
        row = known.rows.get(call_id)
        for user_id in (row.caller_id, row.callee_id) if row is not None else ():
            is_mine, was = user_id == known.lines[line], False
            for saw in seen:
                is_on = saw.view.holds if is_mine else saw.view.peer_holds
                asked = words[user_id, call_id, "hold" if is_on else "resume"]
                is_told = saw.way not in ("late", "beat") and saw.view.phase != "ended"
                if is_told and is_on != was and not any(one < saw.at for one in asked):
                    yield Violation("S9", f"{line} sees the hold of {user_id} {'come' if is_on else 'go'}")
                was = is_on if is_told else was


def everything_ends_and_everybody_hears_it(known: Known) -> Iterator[Violation]:
    """L1 and L2: no call is left; L4: every line that is there knows how it ended."""
    if known.history.repaired_at == NEVER:
        return
    for row in known.rows.values():
        if row.live:
            yield Violation("L2" if row.answered_at_ms else "L1", f"{row.call_id} does not end")
    epochs: dict[str, int] = {}
    for opened in known.history.opened:
        epochs[opened.line] = max(opened.epoch, epochs.get(opened.line, 0))
    gone = {(closed.line, closed.epoch) for closed in known.history.closed}
    for (line, call_id), seen in known.seen.items():
        there = known.rows.get(call_id)
        if there is None or there.live or line not in epochs or (line, epochs[line]) in gone:
            continue
        shown = [saw for saw in seen if saw.way != "late"]
        if shown and shown[-1].view.phase != "ended":
            yield Violation("L4", f"{line} does not know that {call_id} is over")
        elif shown and shown[-1].way != "beat":
            is_revoked = any(line.startswith(f"{one.device_id}.") for one in known.history.revoked)
            yield from _right_ending(there, line, shown[-1], is_revoked)


def _right_ending(row: Row, line: str, saw: Saw, is_revoked: bool) -> Iterator[Violation]:
    if saw.view.role == CALLER:
        right = {row.ending_for_caller}
    elif row.answered_at_ms and line != row.answered_line:
        right = {"answered_elsewhere", "declined"}
    elif row.answered_at_ms:
        right = {"hung_up" if row.ending == "severed" else row.ending}
    elif row.ending == "declined":
        right = {"declined", "declined_elsewhere"}
    else:
        right = {"cancelled" if row.ending == "severed" else row.ending, "declined"}
    if is_revoked:  # while it rang: to that device it was over then, whatever became of the call
        right.add("cancelled")
    if saw.view.ending not in right:
        yield Violation("L4", f"{line} reads {saw.view.ending} and not {sorted(right)} of {row.call_id}")


CHECKS: tuple[Check, ...] = (
    *WAITING_CHECKS,
    nothing_travels_before_the_answer,
    one_line_is_connected,
    nothing_changes_after_the_end,
    no_ring_after_a_block,
    who_may_not_know_learns_nothing,
    one_live_call_of_a_pair,
    a_command_has_one_effect_and_one_answer,
    no_version_goes_down,
    a_call_has_one_entry_for_each,
    a_fenced_line_is_refused,
    only_who_holds_takes_back,
    everything_ends_and_everybody_hears_it,
)
