"""S11: a version of a call is one and the same thing to a line, also to one that presence did not know."""

import pytest

from ringline.v1 import client_pb2, signaling_pb2
from services.signaling.call import step
from services.signaling.record import CALLEE, CALLER, live
from services.signaling.store import Stored
from services.signaling.teller import raise_versions
from services.signaling.verbs import EndByOperator, Step, Verb, Who
from services.signaling.view import sight
from tests.unit.signaling.calls import AUDIO, LAPTOP, PHONE, placed

TABLET = Who(CALLEE, "d_bob2.tablet01", "g_3", 2)
STRANGE = "d_bob3.nobody01"
"""A line that says nothing."""
LINES = {CALLER: (LAPTOP.line, "d_ada2.phone001"), CALLEE: (PHONE.line, TABLET.line, STRANGE)}


def cold() -> signaling_pb2.CallRecord:
    """Presence was away: whoever has a line of Bob rings it, and no leg says which."""
    record = placed()
    del record.members[CALLEE].legs[:]
    return record


SAYINGS: list[tuple[Who | None, Verb]] = [
    (TABLET, client_pb2.Ringing()),
    (TABLET, client_pb2.Decline()),
    (TABLET, client_pb2.Decline(everywhere=True)),
    (TABLET, client_pb2.Answer(kinds=AUDIO)),
    (PHONE, client_pb2.Decline()),
    (LAPTOP, client_pb2.HangUp()),
    (None, EndByOperator()),
]


@pytest.mark.shows("S11")
@pytest.mark.parametrize("first", SAYINGS, ids=lambda said: type(said[1]).__name__)
@pytest.mark.parametrize("known", [False, True], ids=["nobody known", "the phone known"])
def test_what_any_line_sees_otherwise_is_another_version(known: bool, first: tuple[Who | None, Verb]) -> None:
    record = placed() if known else cold()
    for who, verb in (first, (None, EndByOperator())):
        if live(record):
            done = step(record, who, verb, 1_000)
            raise_versions(Stored(record, (None, None)), done)
            assert two_things(record, done) == []
            record = done.record


def two_things(was: signaling_pb2.CallRecord, done: Step) -> list[str]:
    """The lines that see something else under the same version."""
    return [
        line
        for side, lines in LINES.items()
        for line in lines
        if was.members[side].version == done.record.members[side].version
        and sight(was, side, line) != sight(done.record, side, line)
    ]
