"""S15 and S16: every cell of role, phase and verb; and nobody's step changes what another agreed to."""

import itertools

import pytest

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, reasons_pb2, signaling_pb2
from services.signaling.call import TABLE, step
from services.signaling.record import Phase, phase
from services.signaling.verbs import Drop, EndByOperator, SetMediaInVain, Sever, Tick, Verb, Who
from tests.unit.signaling.calls import AUDIO, BOTH, IN, LAPTOP, OFFER, PHONE, placed

SAYINGS: tuple[Verb, ...] = (
    client_pb2.Ringing(),
    client_pb2.Ringing(waits=True),
    client_pb2.Answer(kinds=AUDIO),
    client_pb2.Decline(),
    client_pb2.Decline(everywhere=True),
    client_pb2.HangUp(),
    client_pb2.SetMedia(kinds=AUDIO),
    client_pb2.SetMedia(),
    SetMediaInVain(AUDIO),
    SetMediaInVain(BOTH),
    client_pb2.Hold(on=True),
    client_pb2.Hold(),
    client_pb2.Describe(description=client_pb2.Description(generation=9, body=b"anew")),
    client_pb2.AddCandidates(generation=1, candidates=[b"c"]),
    client_pb2.Report(state=client_pb2.MEDIA_STATE_FLOWING),
    client_pb2.Report(state=client_pb2.MEDIA_STATE_FAILED),
    signaling_pb2.Arrived(),
    signaling_pb2.Gone(),
    Tick(frozenset({LAPTOP.line, PHONE.line})),
    Tick(frozenset()),
    Sever("u_bob"),
    Drop("u_bob", "d_bob"),
    EndByOperator(),
)
SPEAKERS: dict[str, Who | None] = {"caller": LAPTOP, "callee": PHONE, "server": None}
REASONS = {reasons_pb2.REASON_WRONG_ROLE, reasons_pb2.REASON_WRONG_STATE, reasons_pb2.REASON_CALL_ENDED}
CELLS = [
    pytest.param(was, role, verb, id=f"{was.value} {role} {type(verb).__name__} {number}")
    for was, role, (number, verb) in itertools.product(Phase, SPEAKERS, enumerate(SAYINGS))
]


def kept(record: signaling_pb2.CallRecord) -> bytes:
    return record.SerializeToString(deterministic=True)


def test_the_sayings_are_all_that_can_be_said() -> None:
    assert {type(verb).__name__ for verb in SAYINGS} == {verb for _, _, verb in TABLE}
    assert {phase(make()) for make in IN.values()} == set(Phase)


@pytest.mark.shows("S15", "S4")
@pytest.mark.parametrize(("was", "role", "verb"), CELLS)
def test_what_is_not_in_the_table_is_refused_and_changes_nothing(was: Phase, role: str, verb: Verb) -> None:
    record = IN[was]()
    before = kept(record)
    is_allowed = (was, role, type(verb).__name__) in TABLE
    try:
        done = step(record, SPEAKERS[role], verb, 3_000)
    except Refusal as refusal:
        assert is_allowed or refusal.reason in REASONS
        done = None
    assert is_allowed or done is None
    assert kept(record) == before, "what is there is never changed"
    if done is not None:
        assert done.record.version == record.version + int(done.changed)
        assert done.changed or kept(done.record) == before
        assert done.changed or not done.events


@pytest.mark.shows("S16", "S1")
@pytest.mark.parametrize(("was", "role", "verb"), CELLS)
def test_nobodys_step_changes_what_another_agreed_to(was: Phase, role: str, verb: Verb) -> None:
    """What a member sends, holds and may send is his own. Of one-to-one calls; groups are not built yet."""
    record = IN[was]()
    try:
        done = step(record, SPEAKERS[role], verb, 3_000)
    except Refusal:
        return
    for side, name in enumerate(("caller", "callee")):
        before, after = record.members[side], done.record.members[side]
        assert after.may_send == before.may_send, "what was admitted is never widened"
        if name != role:
            assert (after.sends, after.holds) == (before.sends, before.holds)
            assert {x.line for x in after.legs if x.state == signaling_pb2.LEG_STATE_BOUND} <= {
                x.line for x in before.legs if x.state == signaling_pb2.LEG_STATE_BOUND
            }


@pytest.mark.shows("S2")
@pytest.mark.parametrize("was", [Phase.RINGING, Phase.VEILED])
@pytest.mark.parametrize("role", ["caller", "callee"])
def test_no_description_is_taken_before_the_answer(was: Phase, role: str) -> None:
    for verb in (
        client_pb2.Describe(description=OFFER),
        client_pb2.AddCandidates(generation=1, candidates=[b"c"]),
    ):
        with pytest.raises(Refusal):
            step(IN[was](), SPEAKERS[role], verb, 3_000)


@pytest.mark.shows("S14", "S11")
def test_behind_the_veil_a_revocation_changes_nothing_that_a_device_reads() -> None:
    """It declined, or heard of it elsewhere: that stays what it reads, under the version that it has."""
    record = placed()
    record.device_truth = False
    veiled = step(record, PHONE, client_pb2.Decline(everywhere=True), 1_000).record
    assert phase(veiled) is Phase.VEILED
    assert not step(veiled, None, Drop("u_bob", "d_bob"), 2_000).changed
    over = step(veiled, None, Drop("u_ada", "d_ada"), 2_000)
    assert over.changed and phase(over.record) is Phase.OVER, "the caller's own device ends what it sees"
