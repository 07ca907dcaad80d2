"""The lease: which gateway hears what, and what a line must look like."""

import pytest

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import types_pb2
from services.presence.lease import check_id, check_line, fences


def a_line(**changes: object) -> types_pb2.Line:
    """A well-formed line, with some fields changed."""
    line = types_pb2.Line(
        user_id=ids.mint_user(),
        device_id=ids.mint_device(),
        instance="tab-0001",
        epoch=7,
        gateway_id=ids.mint_gateway(),
    )
    for name, value in changes.items():
        setattr(line, name, value)
    return line


def test_each_gateway_hears_of_its_own_former_lines_alone() -> None:
    first, second = ids.mint_gateway(), ids.mint_gateway()
    lines = [a_line(gateway_id=first), a_line(gateway_id=second), a_line(gateway_id=first)]

    wakes = fences(lines, expelled=False)

    assert set(wakes) == {first, second}
    assert list(wakes[first].fenced) == [lines[0], lines[2]]
    assert list(wakes[second].fenced) == [lines[1]]
    assert not any(wake.expelled for wake in wakes.values())


def test_expelled_lines_are_told_apart_from_replaced_ones() -> None:
    lines = [a_line(gateway_id=ids.mint_gateway())]
    [wake] = fences(lines, expelled=True).values()
    assert (list(wake.expelled), list(wake.fenced)) == (lines, [])


def test_a_line_that_was_open_nowhere_wakes_nobody() -> None:
    assert fences([a_line(gateway_id="")], expelled=False) == {}


def test_a_well_formed_line_is_accepted() -> None:
    check_line(a_line())


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": ""},
        {"user_id": ids.mint_device()},
        {"device_id": "d_1"},
        {"gateway_id": ""},
        {"gateway_id": "g_*"},
        {"instance": ""},
        {"instance": "short"},
        {"instance": "x" * 33},
        {"instance": "tab 00001"},
        {"instance": "tab.00001"},
    ],
)
def test_a_malformed_line_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Refusal) as refused:
        check_line(a_line(**changes))
    assert refused.value.name == "invalid"


def test_an_id_of_another_kind_is_refused() -> None:
    with pytest.raises(Refusal):
        check_id(ids.mint_user(), "g_")
