"""The checker of chaos finds nothing in a call that went well, and each kind of wrong where a book has it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.books import (
    ADA,
    BOB,
    CALL,
    LAPTOP,
    PHONE,
    good,
    keep,
    row,
    said,
    saw,
    unanswered,
    without_media,
)
from tests.chaos.checker import findings
from tests.chaos.finding import DUPLICATE, GHOST, LOST, OTHER, WRONG
from tests.chaos.rings import silent_calls
from tests.chaos.story import NEVER, Book, Ring
from tests.properties.history import Closed, Entry, Fact, Kept, Opened

Break = Callable[[Book], None]


def kinds(book: Book) -> set[str]:
    """The kinds of what is wrong with a book."""
    return {one.kind for one in findings(book)}


def test_nothing_is_wrong_with_a_call_that_went_well() -> None:
    assert findings(good()) == []


def test_a_book_that_was_written_down_is_judged_the_same() -> None:
    book = good()
    ring_on(book)
    again = Book.loads(book.dumps())
    assert findings(again) == findings(book) != []


# ------------------------------------------------------------ one broken book for each kind


def forget_the_call(book: Book) -> None:
    book.history.kept = [Kept(60.0, 60.1, ())]


def forget_the_answer(book: Book) -> None:
    keep(book, answered_line="")


def answer_of_another_line(book: Book) -> None:
    keep(book, answered_line="d_tablet.tab")


def go_on_after_hanging_up(book: Book) -> None:
    keep(book, live=True, holds_pair=True)


def leave_the_end_out_of_the_log(book: Book) -> None:
    book.history.facts = book.history.facts[:2]


def leave_an_entry_out(book: Book) -> None:
    book.history.entries = book.history.entries[:1]


def place_twice(book: Book) -> None:
    second = replace(row(placed_at_ms=55_000, answered_at_ms=0), call_id="c_2")
    book.history.kept = [Kept(60.0, 60.1, (row(), second))]


def answer_a_command_twice(book: Book) -> None:
    book.history.said.append(said(LAPTOP, 1.5, "place", call_id="c_2"))


def end_twice_in_the_log(book: Book) -> None:
    book.history.facts.append(Fact("e_4", CALL, 3, "call_ended", is_last=True))


def two_entries(book: Book) -> None:
    book.history.entries.append(Entry(BOB, CALL, "hung_up"))


def ring_on(book: Book) -> None:
    book.rings[1] = replace(book.rings[1], stopped=2.0 + 15.5)


def ring_to_the_end(book: Book) -> None:
    book.rings[1] = replace(book.rings[1], stopped=NEVER)


def ring_for_nothing(book: Book) -> None:
    book.rings.append(Ring(PHONE, BOB, "c_unknown", 10.0, 26.0))


def dial_on(book: Book) -> None:
    book.rings[0] = replace(book.rings[0], stopped=20.0)


def ring_past_its_time(book: Book) -> None:
    unanswered(book, "no_answer", [])
    book.ring_s = 20.0
    book.rings = [Ring(PHONE, BOB, CALL, 1.2, 50.2)]


def be_lost_while_media_flows(book: Book) -> None:
    book.history.said.pop()
    keep(book, ending="lost", ending_for_caller="lost")
    end = {"ending": "lost"}
    book.history.saw[-2:] = [saw(LAPTOP, 50.1, 3, "ended", **end), saw(PHONE, 50.2, 3, "ended", **end)]


def end_before_the_word(book: Book) -> None:
    book.history.said[-1] = said(LAPTOP, 51.0, "hang_up")


def media_failed_before_it_was_reported(book: Book) -> None:
    be_lost_while_media_flows(book)
    keep(book, connected_at_ms=0, ending="media_failed", ending_for_caller="media_failed")


def cancelled_by_nobody(book: Book) -> None:
    unanswered(book, "cancelled", [])


def rang_too_short(book: Book) -> None:
    unanswered(book, "no_answer", [])
    book.ring_s = 60.0


def ring_late_and_long(book: Book) -> None:
    book.rings.append(Ring(PHONE, BOB, CALL, 70.0, 84.0))


def ring_again_and_again(book: Book) -> None:
    book.rings += [Ring(PHONE, BOB, CALL, 52.0 + 14 * n, 66.0 + 14 * n) for n in range(10)]


def ring_again_because_somebody_spoke_late(book: Book) -> None:
    late = said(PHONE, 69.0, "hang_up", refused="call_ended", call_id="", about=CALL)
    unanswered(book, "no_answer", [late])
    book.rings = [Ring(PHONE, BOB, CALL, 48.0, 52.0), Ring(PHONE, BOB, CALL, 70.0, 72.0)]
    book.ring_s = 40.0


def lose_an_acknowledged_end(book: Book) -> None:
    book.history.said.append(said(PHONE, 49.9, "hang_up"))


def lose_an_acknowledged_decline(book: Book) -> None:
    unanswered(book, "no_answer", [said(PHONE, 5.0, "decline")])


def be_lost_before_a_late_word(book: Book) -> None:
    be_lost_while_media_flows(book)
    history = book.history
    history.said.append(said(PHONE, 25.0, "hang_up", refused="call_ended", call_id="", about=CALL))
    end = {"ending": "lost"}
    history.saw[-2:] = [saw(PHONE, 20.0, 3, "ended", **end), saw(LAPTOP, 26.0, 3, "ended", **end)]
    keep(book, ending="lost", ending_for_caller="lost", ended_at_ms=20_000)


def be_lost_after_a_word(book: Book) -> None:
    be_lost_while_media_flows(book)
    book.history.said.append(said(LAPTOP, 40.0, "hang_up", answered=NEVER))


def be_told_before_the_word(book: Book) -> None:
    book.history.saw[-2:] = [
        saw(PHONE, 20.0, 3, "ended", ending="hung_up"),
        saw(LAPTOP, 50.1, 3, "ended", ending="hung_up"),
    ]


def hung_up_by_a_refused_word(book: Book) -> None:
    book.history.said[-1] = said(LAPTOP, 50.0, "hang_up", refused="wrong_state", command_id="another")


def declined_by_nobody(book: Book) -> None:
    unanswered(book, "declined", [])


def declined_by_the_caller(book: Book) -> None:
    unanswered(book, "declined", [said(LAPTOP, 49.9, "hang_up", answered=NEVER)])


def busy_with_nothing(book: Book) -> None:
    unanswered(book, "busy", [])


def lost_while_it_rang(book: Book) -> None:
    unanswered(book, "lost", [])


def without_media_while_one_was_there(book: Book) -> None:
    without_media(book, cut_off=(LAPTOP,))


def without_media_too_soon(book: Book) -> None:
    without_media(book)
    book.connect_s = 60.0


def without_media_though_it_flowed(book: Book) -> None:
    without_media(book)
    book.history.said.append(said(PHONE, 4.0, "report"))


def without_media_though_packets_came(book: Book) -> None:
    flows = book.flows
    without_media(book)
    book.flows = flows


def answered_and_not_answered(book: Book) -> None:
    without_media(book)
    keep(book, connected_at_ms=0, ending="no_answer", ending_for_caller="no_answer")


def never_ring(book: Book) -> None:
    unanswered(book, "no_answer", [])
    book.history.saw = [one for one in book.history.saw if one.line == LAPTOP]


def fact_of_no_call(book: Book) -> None:
    book.history.facts.append(Fact("e_9", "c_9", 1, "call_placed"))


def entry_of_no_call(book: Book) -> None:
    book.history.entries.append(Entry(ADA, "c_9", "hung_up"))


def entry_of_a_third_one(book: Book) -> None:
    book.history.entries.append(Entry("u_cleo", CALL, "hung_up"))


def version_goes_down(book: Book) -> None:
    book.history.saw.insert(-1, saw(LAPTOP, 49.0, 1, "calling", here=True))


BROKEN: dict[str, list[Break]] = {
    LOST: [
        forget_the_call,
        forget_the_answer,
        answer_of_another_line,
        go_on_after_hanging_up,
        leave_the_end_out_of_the_log,
        leave_an_entry_out,
        lose_an_acknowledged_end,
        lose_an_acknowledged_decline,
    ],
    DUPLICATE: [place_twice, answer_a_command_twice, end_twice_in_the_log, two_entries],
    GHOST: [
        ring_on,
        ring_to_the_end,
        ring_for_nothing,
        dial_on,
        ring_past_its_time,
        ring_late_and_long,
        ring_again_and_again,
        ring_again_because_somebody_spoke_late,
    ],
    WRONG: [
        be_lost_while_media_flows,
        end_before_the_word,
        media_failed_before_it_was_reported,
        cancelled_by_nobody,
        rang_too_short,
        be_lost_before_a_late_word,
        be_lost_after_a_word,
        be_told_before_the_word,
        hung_up_by_a_refused_word,
        declined_by_nobody,
        declined_by_the_caller,
        busy_with_nothing,
        lost_while_it_rang,
        without_media_while_one_was_there,
        without_media_too_soon,
        without_media_though_it_flowed,
        without_media_though_packets_came,
        answered_and_not_answered,
    ],
    OTHER: [version_goes_down, never_ring, fact_of_no_call, entry_of_no_call, entry_of_a_third_one],
}


ALL_BROKEN = [pytest.param(kind, one, id=one.__name__) for kind, own in BROKEN.items() for one in own]


@pytest.mark.parametrize(("kind", "damage"), ALL_BROKEN)
def test_each_kind_of_wrong_is_found_where_a_book_has_it(kind: str, damage: Break) -> None:
    book = good()
    damage(book)
    assert kind in kinds(book)


# ------------------------------------------------------------ and what is no fault


def test_a_ring_that_ends_in_time_or_was_given_up_is_no_fault() -> None:
    book = good()
    unanswered(book, "no_answer", [])
    book.ring_s = 45.0
    assert findings(book) == []
    unanswered(book, "cancelled", [said(LAPTOP, 49.9, "hang_up", answered=NEVER)])
    assert findings(book) == [], "he hung up, though he was not answered"


def test_a_caller_who_was_away_has_given_up() -> None:
    book = good()
    unanswered(book, "cancelled", [])
    book.history.closed.append(Closed(LAPTOP, ADA, 1, 43.0))
    book.history.opened.append(Opened(LAPTOP, ADA, 2, 49.0, 50.05))
    assert WRONG not in kinds(book)


def test_an_unanswered_command_may_be_lost() -> None:
    book = good()
    book.history.said.append(said(LAPTOP, 55.0, "place", call_id="", answered=NEVER, command_id="unheard"))
    assert findings(book) == []


def test_a_ring_that_comes_late_and_stops_at_once_is_no_ghost() -> None:
    book = good()
    unanswered(book, "cancelled", [said(LAPTOP, 49.9, "hang_up", answered=NEVER)])
    book.rings = [Ring(PHONE, BOB, CALL, 49.0, 52.0), Ring(PHONE, BOB, CALL, 60.0, 64.9)]
    book.ring_s = 60.0
    assert findings(book) == []


def test_a_call_is_given_up_for_want_of_media_where_both_were_cut_off() -> None:
    book = good()
    without_media(book)
    assert findings(book) == []
    without_media(book, cut_off=(LAPTOP,))
    book.history.closed.append(Closed(PHONE, BOB, 1, 3.0))
    assert WRONG not in kinds(book), "its line was closed"


def test_an_answer_of_the_line_whose_own_call_had_answered_already_is_not_lost() -> None:
    """Both called, and the command that answered is the one that placed; of no other line."""
    for line, kinds_found in ((PHONE, set()), (LAPTOP, {LOST})):
        book = good()
        keep(book, commands=((f"place-{LAPTOP}", f"hang_up-{LAPTOP}"), ("glare",)))
        book.history.said.append(said(line, 1.5, "place", command_id="glare", answered=NEVER))
        assert kinds(book) == kinds_found


def test_a_declined_call_and_one_that_meets_another_are_no_fault() -> None:
    book = good()
    word = said(PHONE, 49.9, "decline")
    unanswered(book, "declined", [word], commands=((f"place-{LAPTOP}",), (word.command_id,)))
    assert findings(book) == []
    unanswered(book, "busy", [])
    other = replace(row(), call_id="c_0", caller_id=BOB, callee_id="u_cleo", placed_at_ms=500, live=True)
    book.history.kept = [Kept(60.0, 60.1, (*book.history.kept[0].rows, other))]
    assert WRONG not in kinds(book)


def test_a_call_need_not_ring_where_it_was_over_soon_or_no_line_was_open() -> None:
    book = good()
    never_ring(book)
    assert silent_calls(book) == {CALL}
    book.history.closed.append(Closed(PHONE, BOB, 1, 40.0))
    assert OTHER not in kinds(book)
    book = good()
    never_ring(book)
    book.history.saw[-1] = saw(LAPTOP, 8.0, 2, "ended", ending="no_answer")
    assert OTHER not in kinds(book)
    assert silent_calls(good()) == set()
