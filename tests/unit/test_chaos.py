"""The checker of chaos finds nothing in a call that went well, and each kind of wrong where a book has it."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import whole
from tests.chaos.checker import DUPLICATE, GHOST, LOST, OTHER, WRONG, Finding, findings
from tests.chaos.passage import RETRANSMISSION_SECONDS, Weather
from tests.chaos.run import OTHERS, Outcome
from tests.chaos.story import NEVER, Book, Flow, Injection, Ring, Story
from tests.chaos.table import QUIET, Line, is_good, last_line, lines
from tests.properties.history import Closed, Entry, Fact, History, Kept, Opened, Row, Said, Saw, View

ADA, BOB = "u_ada", "u_bob"
LAPTOP, PHONE = "d_laptop.tab", "d_phone.tab"
CALL = "c_1"
OWNER = {LAPTOP: ADA, PHONE: BOB}

Break = Callable[[Book], None]


def said(line: str, at: float, verb: str, call_id: str = CALL, **more: object) -> Said:
    """A command that was answered a moment later."""
    about = BOB if verb == "place" else call_id
    one = Said(line, OWNER[line], 1, f"{verb}-{line}", verb, about, at, at + 0.1, "", call_id)
    return replace(one, **more)  # type: ignore[arg-type]


def saw(line: str, at: float, version: int, phase: str, **more: object) -> Saw:
    """What a line was told by a wake-up."""
    role = "caller" if line == LAPTOP else "callee"
    view = View(CALL, version, role, phase, **more)  # type: ignore[arg-type]
    return Saw(line, OWNER[line], 1, at, at, "wake", view)


def row(**more: object) -> Row:
    """A call that Ada placed at 1 s, Bob answered at 2 s, and Ada hung up at 50 s."""
    values: dict[str, object] = {
        "version": 3, "caller_id": ADA, "callee_id": BOB, "live": False, "holds_pair": False,
        "shadow": False, "truth": True, "ending": "hung_up", "ending_for_caller": "hung_up",
        "placed_at_ms": 1_000, "answered_at_ms": 2_000, "connected_at_ms": 3_000, "ended_at_ms": 50_000,
        "answered_line": PHONE, "bound": ((), ()), "versions": (3, 3),
        "commands": ((f"place-{LAPTOP}", f"hang_up-{LAPTOP}"), (f"answer-{PHONE}",)), "digest": "three",
    }  # fmt: skip
    return Row(CALL, **values | more)  # type: ignore[arg-type]


def good() -> Book:
    """That call, with everything that belongs to it."""
    history = History(
        people=(ADA, BOB),
        opened=[Opened(line, user_id, 1, 0.0, 0.1) for line, user_id in OWNER.items()],
        said=[said(LAPTOP, 1.0, "place"), said(PHONE, 2.0, "answer"), said(LAPTOP, 50.0, "hang_up")],
        saw=[
            saw(LAPTOP, 1.1, 1, "calling", here=True),
            saw(PHONE, 1.2, 1, "calling"),
            saw(PHONE, 2.1, 2, "connecting", here=True),
            saw(LAPTOP, 2.2, 2, "connecting", here=True),
            saw(LAPTOP, 50.1, 3, "ended", ending="hung_up"),
            saw(PHONE, 50.2, 3, "ended", ending="hung_up"),
        ],
        kept=[Kept(60.0, 60.1, (row(),))],
        facts=[
            Fact("e_1", CALL, 1, "call_placed"),
            Fact("e_2", CALL, 2, "call_answered"),
            Fact("e_3", CALL, 3, "call_ended", is_last=True),
        ],
        entries=[Entry(ADA, CALL, "hung_up"), Entry(BOB, CALL, "hung_up")],
        repaired_at=59.0,
    )
    rings = [Ring(LAPTOP, ADA, CALL, 1.1, 2.2), Ring(PHONE, BOB, CALL, 1.2, 2.1)]
    flows = [Flow(line, user_id, CALL, 3.0, 50.0, 200) for line, user_id in OWNER.items()]
    return Book(history, rings, flows)


def keep(book: Book, **more: object) -> None:
    """The row that was kept is another one."""
    book.history.kept = [Kept(60.0, 60.1, (row(**more),))]


def unanswered(book: Book, ending: str, said_too: list[Said], **more: object) -> None:
    """The call rang and was never answered; it was over at 50 s."""
    values: dict[str, object] = {"answered_at_ms": 0, "connected_at_ms": 0, "answered_line": "", "version": 2}
    values |= {"versions": (2, 2), "ending": ending, "ending_for_caller": ending}
    values["commands"] = ((f"place-{LAPTOP}",), ())
    keep(book, **values | more)
    book.flows, book.rings = [], []
    history = book.history
    history.said = [said(LAPTOP, 1.0, "place"), *said_too]
    history.saw = [*history.saw[:2], saw(LAPTOP, 50.1, 2, "ended", ending=ending)]
    history.saw.append(saw(PHONE, 50.2, 2, "ended", ending=ending))
    history.facts = [Fact("e_1", CALL, 1, "call_placed"), Fact("e_3", CALL, 2, "call_ended", is_last=True)]
    history.entries = [Entry(ADA, CALL, ending), Entry(BOB, CALL, ending)]


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
    ],
    DUPLICATE: [place_twice, answer_a_command_twice, end_twice_in_the_log, two_entries],
    GHOST: [ring_on, ring_to_the_end, ring_for_nothing, dial_on, ring_past_its_time],
    WRONG: [
        be_lost_while_media_flows,
        end_before_the_word,
        media_failed_before_it_was_reported,
        cancelled_by_nobody,
        rang_too_short,
    ],
    OTHER: [version_goes_down],
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


# ------------------------------------------------------------ the table


STORY = Story([good()], [Injection("kill -9 signaling", 0.5, 4.0), Injection("SIGTERM nats", 5.0, 6.0)])


def test_a_call_counts_in_the_fault_in_which_it_was_placed() -> None:
    made = lines(STORY, [Finding(GHOST, CALL, 5.5, "rang on"), Finding(GHOST, CALL, 5.6, "on another one")])
    assert {name: line.calls for name, line in made.items()} == {
        "kill -9 signaling": 1,
        "SIGTERM nats": 0,
        QUIET: 0,
    }
    assert made["kill -9 signaling"].ring_ms == [200] and made["kill -9 signaling"].p99() == 200
    assert made["SIGTERM nats"].found == {GHOST: 1}
    assert not is_good(list(made.values())) and is_good(list(lines(STORY, []).values()))


def test_the_last_line_sums_up_and_what_was_not_injected_says_so() -> None:
    story = Story(STORY.books, [Injection("clock set back", 0.5, 0.5, "no library")])
    rows = list(lines(story, [Finding(LOST, CALL, 1.0, "gone")]).values())
    assert last_line(rows) == "calls=1 faults=0 lost=1 duplicates=0 ghosts=0 wrongly_ended=0"
    assert rows[0].cells()[:3] == ["clock set back", "not injected: no library", "0"]


def test_the_whole_goes_on_where_it_was_and_begins_anew_with_other_code(tmp_path: Path) -> None:
    state, result = tmp_path / "progress.json", tmp_path / "chaos.json"
    begun = whole.load(state)
    assert begun.wish().seed == whole.FIRST_SEED and not begun.is_whole
    begun.add(Outcome(STORY, [], 60.0))
    begun.add(Outcome(STORY, [Finding(WRONG, CALL, 1.0, "ended")], 60.0))
    whole.save(begun, state)
    whole.publish(begun, result)
    again = whole.load(state)
    assert (again.rounds, again.wish().seed) == (2, whole.FIRST_SEED + 2)
    assert again.failed_seeds == [whole.FIRST_SEED + 1]
    assert last_line(again.lines()) == "calls=2 faults=4 lost=0 duplicates=0 ghosts=0 wrongly_ended=1"
    again.code = "another"
    whole.save(again, state)
    assert whole.load(state).rounds == 0


def test_every_other_fault_has_its_turn() -> None:
    begun = whole.Whole("code", "commit")
    seen = set()
    for _ in range(OTHERS):
        wish = begun.wish()
        seen |= {(wish.others_from + step) % OTHERS for step in range(wish.others)}
        begun.rounds += 1
    assert seen == set(range(OTHERS))


def test_lines_of_several_rounds_are_added_up() -> None:
    line = Line("kill -9 nats")
    line.add(Line("kill -9 nats", 1, 3, {LOST: 1}, [5, 7]))
    line.add(Line("kill -9 nats", 0, 0, {}, [], "no library"))
    assert (line.times, line.calls, line.found, line.ring_ms, line.why_not) == (1, 3, {LOST: 1}, [5, 7], "")


# ------------------------------------------------------------ the weather


def test_a_share_of_the_chunks_is_late_by_retransmissions_and_all_by_the_delay() -> None:
    weather = Weather(random.Random(1))
    assert weather.lateness() == 0.0
    weather.set(delay_s=0.3, loss=0.1)
    late = [weather.lateness() for _ in range(10_000)]
    assert min(late) == 0.3
    lost = [one for one in late if one > 0.3]
    assert 900 < len(lost) < 1_100
    assert 80 < sum(one > 0.31 + RETRANSMISSION_SECONDS for one in late) < 120, "a retransmission is lost too"
