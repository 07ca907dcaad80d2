"""The outbox: what may travel at once."""

from ringline.outbox import waves
from ringline.v1.events_pb2 import Event


def rows(*calls: str) -> list[tuple[int, Event]]:
    return [(number, Event(call_id=call)) for number, call in enumerate(calls)]


def test_no_two_events_of_a_call_are_on_their_way_at_once_and_their_order_stays() -> None:
    found = waves(rows("c_a", "c_b", "c_a", "c_c", "c_a", "c_b"))
    assert [[number for number, _ in wave] for wave in found] == [[0, 1], [2, 3], [4, 5]]
    assert waves([]) == []
