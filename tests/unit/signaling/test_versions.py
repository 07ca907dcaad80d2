"""S11: a version is one and the same thing, also to a line that has left and comes back."""

import pytest

from ringline.v1 import client_pb2, signaling_pb2
from services.signaling.call import step
from services.signaling.record import CALLEE
from services.signaling.store import Stored
from services.signaling.teller import raise_versions
from services.signaling.verbs import Verb, Who
from services.signaling.view import view
from tests.unit.signaling.calls import LAPTOP, placed
from tests.unit.signaling.calls import PHONE as BOB


def after(record: signaling_pb2.CallRecord, who: Who, verb: Verb) -> signaling_pb2.CallRecord:
    """The record as it is kept after a command."""
    done = step(record, who, verb, 1_000)
    raise_versions(Stored(record, (None, None)), done)
    return done.record


@pytest.mark.shows("S11")
def test_what_ended_while_its_only_line_was_away_has_a_version_of_its_own() -> None:
    ringing = after(placed(), BOB, client_pb2.Ringing())
    seen = view(ringing, CALLEE, BOB.line)
    away = after(ringing, BOB, signaling_pb2.Gone())
    over = after(away, LAPTOP, client_pb2.HangUp())
    back = view(over, CALLEE, BOB.line)
    assert (seen.phase, back.phase) == (client_pb2.PHASE_CALLING, client_pb2.PHASE_ENDED)
    assert back.version > seen.version
