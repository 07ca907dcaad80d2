"""The checker finds nothing in a call that went well, and finds each property where a history breaks it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.properties.checker import violations
from tests.properties.history import (
    Closed,
    Entry,
    Fact,
    Gate,
    History,
    Kept,
    Opened,
    Revoked,
    Row,
    Said,
    Saw,
    View,
)

ADA, BOB = "u_ada", "u_bob"
LAPTOP, PHONE, TABLET = "d_laptop.tab", "d_phone.tab", "d_tablet.tab"
CALL = "c_1"
OWNER = {LAPTOP: ADA, PHONE: BOB, TABLET: BOB}

Break = Callable[[History], None]


def saw(line: str, at: float, version: int, phase: str, **more: object) -> Saw:
    """What a line was shown; `way` and `asked` are those of a wake-up where nothing else is said."""
    way, asked = str(more.pop("way", "wake")), float(str(more.pop("asked", at)))
    call_id = str(more.pop("call_id", CALL))
    role = "caller" if line == LAPTOP else "callee"
    view = View(call_id, version, role, phase, **more)  # type: ignore[arg-type]
    return Saw(line, OWNER[line], 1, at, asked, way, view)


def said(line: str, at: float, verb: str, refused: str = "", epoch: int = 1, about: str = CALL) -> Said:
    """A command that was answered a moment later."""
    call_id = "" if refused else CALL
    return Said(line, OWNER[line], epoch, f"{verb}-{line}", verb, about, at, at + 0.1, refused, call_id)


def row(call_id: str = CALL, **more: object) -> Row:
    """A call that Ada placed, Bob answered on his phone, and Ada hung up."""
    values: dict[str, object] = {
        "version": 3, "caller_id": ADA, "callee_id": BOB, "live": False, "holds_pair": False,
        "shadow": False, "truth": True, "ending": "hung_up", "ending_for_caller": "hung_up",
        "placed_at_ms": 1_000, "answered_at_ms": 2_000, "ended_at_ms": 5_000, "answered_line": PHONE,
        "bound": ((), ()), "versions": (3, 3),
        "commands": ((f"place-{LAPTOP}", f"hang_up-{LAPTOP}"), (f"answer-{PHONE}",)), "digest": "three",
    }  # fmt: skip
    return Row(call_id, **values | more)  # type: ignore[arg-type]


def good() -> History:
    """That call, with everything that belongs to it."""
    talking = row(
        version=2, live=True, holds_pair=True, ending="", ending_for_caller="", ended_at_ms=0,
        bound=((LAPTOP,), (PHONE,)), versions=(2, 2), digest="two",
    )  # fmt: skip
    return History(
        people=(ADA, BOB),
        opened=[Opened(line, user_id, 1, 0.0, 0.1) for line, user_id in OWNER.items()],
        said=[
            said(LAPTOP, 1.0, "place", about=BOB),
            said(PHONE, 2.0, "answer"),
            said(TABLET, 2.0, "answer", refused="answered_elsewhere"),
            said(LAPTOP, 5.0, "hang_up"),
        ],
        saw=[
            saw(LAPTOP, 1.1, 1, "calling", here=True, way="reply", asked=1.0),
            saw(PHONE, 1.2, 1, "calling"),
            saw(TABLET, 1.2, 1, "calling"),
            saw(PHONE, 2.1, 2, "connecting", here=True, way="reply", asked=2.0),
            saw(TABLET, 2.2, 2, "ended", ending="answered_elsewhere"),
            saw(LAPTOP, 2.2, 2, "connecting", here=True, has_peer_description=True),
            saw(LAPTOP, 5.1, 3, "ended", ending="hung_up", way="reply", asked=5.0),
            saw(PHONE, 5.2, 3, "ended", ending="hung_up"),
        ],
        kept=[Kept(3.0, 3.1, (talking,)), Kept(6.0, 6.1, (row(),)), Kept(7.0, 7.1, (row(),))],
        facts=[
            Fact("e_1", CALL, 1, "call_placed"),
            Fact("e_2", CALL, 2, "call_answered"),
            Fact("e_3", CALL, 3, "call_ended", is_last=True),
        ],
        entries=[Entry(ADA, CALL, "hung_up"), Entry(BOB, CALL, "hung_up")],
        repaired_at=6.0,
        repeated_from=1,
    )


def block(history: History, asked: float, answered: float) -> None:
    history.gates.append(Gate(BOB, ADA, True, asked, answered))


def two_answers(history: History) -> None:
    history.said[2] = replace(history.said[2], refused="", call_id=CALL)


def two_lines_are_here(history: History) -> None:
    history.saw.append(saw(TABLET, 2.3, 3, "connecting", here=True))


def two_lines_are_bound(history: History) -> None:
    talking = history.kept[0].rows[0]
    history.kept[0] = Kept(3.0, 3.1, (replace(talking, bound=((LAPTOP,), (PHONE, TABLET))),))


def a_description_before_the_answer(history: History) -> None:
    history.saw[1] = saw(PHONE, 1.2, 1, "calling", has_peer_description=True)


def a_description_for_another_line(history: History) -> None:
    history.saw[4] = saw(TABLET, 2.2, 2, "connecting", has_peer_description=True)


def a_row_changes_after_the_end(history: History) -> None:
    history.repeated_from = None
    history.kept[2] = Kept(7.0, 7.1, (row(digest="four", version=4),))


def a_row_is_forgotten_after_the_end(history: History) -> None:
    history.kept[2] = Kept(7.0, 7.1, ())
    history.repeated_from = None


def a_command_is_carried_out_after_the_end(history: History) -> None:
    history.said.append(said(PHONE, 8.0, "set_media"))


def a_line_sees_it_go_on_after_the_end(history: History) -> None:
    history.saw.append(saw(PHONE, 5.3, 3, "connecting", here=True))


def an_event_comes_after_the_end(history: History) -> None:
    history.facts.append(Fact("e_4", CALL, 4, "call_media_set"))


def it_is_placed_after_the_block(history: History) -> None:
    block(history, 0.2, 0.5)


def it_goes_on_after_the_block(history: History) -> None:
    block(history, 2.5, 2.9)


def it_rings_on_after_the_block(history: History) -> None:
    block(history, 1.05, 1.15)
    history.saw[1:3] = [saw(PHONE, 1.2, 1, "calling"), saw(PHONE, 1.3, 2, "calling")]


def a_stranger_learns_of_a_decline(history: History) -> None:
    over = row(truth=False, ending="declined", ending_for_caller="declined", answered_at_ms=0)
    history.kept[1:] = [Kept(6.0, 6.1, (over,)), Kept(7.0, 7.1, (over,))]
    history.saw[6] = saw(LAPTOP, 5.1, 3, "ended", ending="declined")


def a_shadow_is_heard_of(history: History) -> None:
    history.kept[1:] = [Kept(at, at, (row(shadow=True),)) for at in (6.0, 7.0)]


def two_calls_of_a_pair_are_live(history: History) -> None:
    talking = history.kept[0].rows[0]
    history.kept[0] = Kept(3.0, 3.1, (talking, replace(talking, call_id="c_2", caller_id=BOB, callee_id=ADA)))


def a_call_is_placed_while_another_is_live(history: History) -> None:
    more = row("c_2", placed_at_ms=3_500, ended_at_ms=4_000, commands=(("other",), ()))
    history.kept[1:] = [Kept(at, at, (row(), more)) for at in (6.0, 7.0)]


def a_command_has_two_calls(history: History) -> None:
    history.said.append(replace(history.said[0], call_id="c_2"))


def a_command_places_two_calls(history: History) -> None:
    more = row("c_2", placed_at_ms=9_000, ended_at_ms=9_500)
    history.kept[1:] = [Kept(at, at, (row(), more)) for at in (6.0, 7.0)]


def a_repeated_command_is_refused(history: History) -> None:
    history.said.append(replace(history.said[1], asked=3.0, answered=3.1, refused="wrong_state"))


def a_repeated_command_changes_something(history: History) -> None:
    history.kept[1] = Kept(6.0, 7.05, (row(),))  # S4 cannot tell: the two looks overlap
    history.kept[2] = Kept(7.0, 7.1, (row(digest="four"),))


def a_version_goes_down(history: History) -> None:
    history.saw.append(saw(PHONE, 5.3, 2, "connecting", here=True, way="late", asked=5.25))


def a_version_is_two_things(history: History) -> None:
    history.saw[5] = saw(LAPTOP, 2.2, 1, "connecting", here=True)


def a_version_was_never_kept(history: History) -> None:
    history.saw[7] = saw(PHONE, 5.2, 4, "ended", ending="hung_up")


def an_entry_is_there_twice(history: History) -> None:
    history.entries.append(history.entries[0])


def an_entry_is_missing(history: History) -> None:
    del history.entries[1]


def an_answered_call_is_called_missed(history: History) -> None:
    history.entries[1] = replace(history.entries[1], missed=True)


def it_ends_twice_in_the_log(history: History) -> None:
    history.facts.append(Fact("e_5", CALL, 3, "call_ended", is_last=True))


def events_are_out_of_order(history: History) -> None:
    history.facts[0], history.facts[1] = history.facts[1], history.facts[0]


def a_replaced_line_is_obeyed(history: History) -> None:
    history.opened.append(Opened(LAPTOP, ADA, 2, 3.0, 3.1, (CALL,)))


def a_revoked_device_is_obeyed(history: History) -> None:
    history.revoked.append(Revoked(ADA, "d_laptop", 3.0, 3.1))


def a_revoked_device_leaves_a_call(history: History) -> None:
    history.revoked.append(Revoked(ADA, "d_laptop", 0.3, 0.4))
    history.said[0] = replace(history.said[0], refused="device_revoked", call_id="")
    del history.said[3]


def a_hold_comes_from_nowhere(history: History) -> None:
    history.saw[3] = saw(PHONE, 2.1, 2, "connecting", here=True, peer_holds=True)


def a_call_does_not_end(history: History) -> None:
    history.kept[1:] = [Kept(6.0, 6.1, (replace(history.kept[0].rows[0], answered_at_ms=0),))]
    history.repeated_from = None


def an_answered_call_does_not_end(history: History) -> None:
    history.kept[1:] = []
    history.repeated_from = None


def nobody_tells_a_line(history: History) -> None:
    del history.saw[7]


def a_line_is_told_wrongly(history: History) -> None:
    history.saw[4] = saw(TABLET, 2.2, 2, "ended", ending="cancelled")


def a_waiting_call_rings_elsewhere(history: History) -> None:
    history.kept[1:] = [Kept(at, at, (row(waiting_line=PHONE),)) for at in (6.0, 7.0)]


def a_call_that_waits_still_rings_elsewhere(history: History) -> None:
    waits = replace(history.kept[0].rows[0], waiting_line=PHONE)
    history.kept.insert(0, Kept(1.5, 1.6, (waits,)))  # by the end it did not wait any more
    history.repeated_from = 2


def second_and_third(history: History, **third: object) -> None:
    """While Bob talks to Ada, Cyd calls him, and then Dan does."""
    history.said += [
        replace(said(LAPTOP, 3.0, "place", about=BOB), user_id="u_cyd", command_id="cyd", call_id="c_2"),
        replace(said(LAPTOP, 3.5, "place", about=BOB), user_id="u_dan", command_id="dan", call_id="c_3"),
    ]
    second = row(
        "c_2", caller_id="u_cyd", placed_at_ms=3_000, answered_at_ms=0, ended_at_ms=4_500,
        commands=(("cyd",), ()),
    )  # fmt: skip
    more = row(
        "c_3", **{"caller_id": "u_dan", "placed_at_ms": 3_500, "commands": (("dan",), ())} | third
    )  # fmt: skip
    history.kept[1:] = [Kept(at, at, (row(), second, more)) for at in (6.0, 7.0)]


def a_third_call_is_let_through(history: History) -> None:
    second_and_third(history)


BREAKS: list[tuple[str, Break]] = [
    ("S8", a_waiting_call_rings_elsewhere),
    ("S8", a_call_that_waits_still_rings_elsewhere),
    ("S8", a_third_call_is_let_through),
    ("S2", a_description_before_the_answer),
    ("S2", a_description_for_another_line),
    ("S3", two_answers),
    ("S3", two_lines_are_here),
    ("S3", two_lines_are_bound),
    ("S4", a_row_changes_after_the_end),
    ("S4", a_row_is_forgotten_after_the_end),
    ("S4", a_command_is_carried_out_after_the_end),
    ("S4", a_line_sees_it_go_on_after_the_end),
    ("S4", an_event_comes_after_the_end),
    ("S5", it_is_placed_after_the_block),
    ("S5", it_goes_on_after_the_block),
    ("S5", it_rings_on_after_the_block),
    ("S6", a_stranger_learns_of_a_decline),
    ("S6", a_shadow_is_heard_of),
    ("S7", two_calls_of_a_pair_are_live),
    ("S7", a_call_is_placed_while_another_is_live),
    ("S9", a_hold_comes_from_nowhere),
    ("S10", a_command_has_two_calls),
    ("S10", a_command_places_two_calls),
    ("S10", a_repeated_command_is_refused),
    ("S10", a_repeated_command_changes_something),
    ("S11", a_version_goes_down),
    ("S11", a_version_is_two_things),
    ("S11", a_version_was_never_kept),
    ("S12", an_entry_is_there_twice),
    ("S12", an_entry_is_missing),
    ("S12", an_answered_call_is_called_missed),
    ("S12", it_ends_twice_in_the_log),
    ("S12", events_are_out_of_order),
    ("S14", a_replaced_line_is_obeyed),
    ("S14", a_revoked_device_is_obeyed),
    ("S14", a_revoked_device_leaves_a_call),
    ("L1", a_call_does_not_end),
    ("L2", an_answered_call_does_not_end),
    ("L4", nobody_tells_a_line),
    ("L4", a_line_is_told_wrongly),
]


def test_a_call_that_goes_well_breaks_nothing() -> None:
    assert violations(good()) == []


@pytest.mark.parametrize(("number", "broken"), BREAKS, ids=[broken.__name__ for _, broken in BREAKS])
def test_the_checker_finds_where(number: str, broken: Break) -> None:
    history = good()
    broken(history)
    assert number in {found.property for found in violations(history)}


def test_what_cannot_be_known_is_not_said() -> None:
    """Things that were on their way at once, answers that never came, and lines that are away."""
    history = good()
    history.gates += [Gate(BOB, ADA, True, 0.2, 0.9), Gate(BOB, ADA, False, 0.8, 0.95)]  # in either order
    history.said.append(replace(history.said[1], asked=3.0, answered=3.1, refused="unavailable"))
    history.opened.append(Opened(LAPTOP, ADA, 2, 4.9, 5.3, (CALL,)))  # its welcome came after the hang-up
    history.closed.append(Closed(TABLET, BOB, 1, 1.5))
    del history.saw[4]
    assert violations(history) == []


@pytest.mark.parametrize(
    "third",
    [
        {"ending": "busy", "answered_at_ms": 0},
        {"shadow": True},
        {"placed_at_ms": 4_400},  # the second one may have been over by then
    ],
)
def test_a_third_call_for_which_there_was_or_may_have_been_room_breaks_nothing(
    third: dict[str, object],
) -> None:
    history = good()
    second_and_third(history, **third)
    assert "S8" not in {found.property for found in violations(history)}


def test_places_that_were_on_their_way_at_once_may_both_find_room() -> None:
    history = good()
    second_and_third(history)
    history.said[-1] = replace(history.said[-1], asked=3.05)
    assert "S8" not in {found.property for found in violations(history)}


def test_a_history_can_be_written_down_and_read() -> None:
    history = good()
    history.gates.append(Gate(BOB, ADA, True, 8.0))
    history.revoked.append(Revoked(BOB, "d_tablet", 8.0))
    history.closed.append(Closed(TABLET, BOB, 1, 8.0))
    assert History.loads(history.dumps()) == history
