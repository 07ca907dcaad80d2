"""S6: whatever a caller who may not know says to a call, a ring and a veiled call answer the same."""

import pytest

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, policy_pb2, signaling_pb2, types_pb2
from services.signaling import dial
from services.signaling.call import step
from services.signaling.record import Times
from services.signaling.store import Stored
from services.signaling.teller import raise_versions
from services.signaling.verbs import Tick, Verb, Who
from services.signaling.view import view

ADA = Who(0, "d_ada.laptop01", "g_1", 1)
BOTH = types_pb2.Kinds(audio=True, video=True)
DESCRIPTION = client_pb2.Description(generation=1, body=b"x")
SAYINGS: list[Verb] = [
    client_pb2.Ringing(),
    client_pb2.Answer(kinds=BOTH),
    client_pb2.Decline(),
    client_pb2.Decline(everywhere=True),
    client_pb2.HangUp(),
    client_pb2.SetMedia(kinds=BOTH),
    client_pb2.SetMedia(),
    client_pb2.Describe(description=DESCRIPTION),
    client_pb2.AddCandidates(generation=1, candidates=[b"c"]),
    client_pb2.Report(state=client_pb2.MEDIA_STATE_FLOWING),
    client_pb2.Report(state=client_pb2.MEDIA_STATE_FAILED),
    signaling_pb2.Arrived(),
    signaling_pb2.Gone(),
    Tick(frozenset({ADA.line})),
    Tick(frozenset()),
]


def placed(outcome: "policy_pb2.Outcome.ValueType", busy: bool = False) -> signaling_pb2.CallRecord:
    verdict = policy_pb2.Verdict(
        outcome=outcome,
        caller_may_send=BOTH,
        callee_may_send=BOTH,
        relay_only=True,
        caller=types_pb2.Profile(user_id="u_ada"),
        callee=types_pb2.Profile(user_id="u_bob"),
    )
    line = types_pb2.Line(user_id="u_bob", device_id="d_bob", instance="phone001", epoch=1)
    place = client_pb2.Place(username="bob", kinds=types_pb2.Kinds(audio=True))
    return dial.place("c_1", verdict, ADA, place, [line], dial.Room(busy), 0, Times()).record


def declined() -> signaling_pb2.CallRecord:
    record = placed(policy_pb2.OUTCOME_ADMITTED)
    bob = Who(1, "d_bob.phone001", "g_1", 1)
    return step(record, bob, client_pb2.Decline(everywhere=True), 0).record


VEILED = {
    "not admitted": lambda: placed(policy_pb2.OUTCOME_UNHEARD),
    "busy": lambda: placed(policy_pb2.OUTCOME_ADMITTED, busy=True),
    "declined": declined,
}


def heard(record: signaling_pb2.CallRecord, verb: Verb, now: int) -> str | client_pb2.Call:
    """What the caller hears: the refusal's name, or the call as it is then."""
    who = None if isinstance(verb, Tick) else ADA
    try:
        done = step(record, who, verb, now)
    except Refusal as refusal:
        return refusal.name
    if done.changed:
        raise_versions(Stored(record, (None, None)), done)
    return view(done.record if done.changed else record, 0, ADA.line, now=now)


@pytest.mark.shows("S6")
@pytest.mark.parametrize("why", VEILED)
@pytest.mark.parametrize("verb", SAYINGS, ids=lambda verb: f"{type(verb).__name__} {verb}".strip()[:40])
def test_a_ring_and_a_veiled_call_answer_the_caller_the_same(why: str, verb: Verb) -> None:
    for now in (0, 7_000, 44_000, 45_000):
        ring = heard(placed(policy_pb2.OUTCOME_ADMITTED), verb, now)
        assert heard(VEILED[why](), verb, now) == ring
