"""What a Place means among the calls that are live: glare, a second call, a third one."""

import random
import secrets

import pytest

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, signaling_pb2
from services.signaling import dial
from services.signaling.call import step
from services.signaling.record import CALLEE, CALLER
from services.signaling.verbs import Verb, Who
from tests.unit.signaling.calls import AUDIO, answered, placed


def held(record: signaling_pb2.CallRecord, side: int) -> signaling_pb2.CallRecord:
    """The answered call, put on hold by the one on this side."""
    line = next(leg.line for leg in record.members[side].legs if leg.state == signaling_pb2.LEG_STATE_BOUND)
    return step(record, Who(side, line, "", 1), client_pb2.Hold(on=True), 2_000).record


def refused(*calls: signaling_pb2.CallRecord, caller: str = "u_bob", callee: str = "u_ada") -> bool:
    with pytest.raises(Refusal) as refusal:
        dial.meets(caller, callee, calls)
    return refusal.value.name == "already_in_call"


@pytest.mark.shows("S7")
def test_who_dials_the_one_that_rings_him_meets_that_call() -> None:
    met = dial.meets("u_bob", "u_ada", [placed()])
    assert met is not None and met.record.call_id == "c_1"


@pytest.mark.shows("S7")
@pytest.mark.parametrize("others", [[], [answered(placed("u_bob", "u_carol", call_id="c_2"))]])
def test_who_dials_the_one_he_talks_with_is_in_that_call_already(
    others: list[signaling_pb2.CallRecord],
) -> None:
    talking = answered(placed())
    assert refused(talking, *others)
    assert refused(talking, *others, caller="u_ada", callee="u_bob")
    assert refused(held(talking, CALLEE), *others), "a hold makes no room for a second call of the same two"


@pytest.mark.shows("S7")
def test_no_id_that_a_client_makes_up_decides_who_called_first() -> None:
    """Low, high, random or from the future: the call that is there is the one that is met."""
    chance = random.Random(7)
    chosen = ["c_", "c_0", "c_" + "f" * 32, "c_9999999999"]
    ids = [*chosen, *(f"c_{chance.getrandbits(64):x}" for _ in range(50))]
    for call_id in ids:
        met = dial.meets("u_bob", "u_ada", [placed(call_id=call_id)])
        assert met is not None and met.record.call_id == call_id
        assert met.record.members[CALLER].profile.user_id == "u_ada"


@pytest.mark.shows("S7")
def test_a_call_behind_the_veil_is_not_met() -> None:
    assert dial.meets("u_bob", "u_ada", [placed(admitted=False)]) is None


@pytest.mark.shows("S8")
def test_who_is_in_a_call_places_another_only_when_he_holds_it_and_never_a_third() -> None:
    talking = answered(placed())
    assert refused(talking, callee="u_carol")
    assert refused(held(talking, CALLER), callee="u_carol"), "it is the other side that holds"
    holding = held(talking, CALLEE)
    assert dial.meets("u_bob", "u_carol", [holding]) is None
    assert refused(holding, placed("u_bob", "u_carol", call_id="c_2"), callee="u_dan")


@pytest.mark.shows("S8")
def test_who_is_in_a_call_with_a_device_that_is_gone_may_place_another() -> None:
    gone = step(answered(placed()), Who(CALLEE, "d_bob.phone001", "", 1), signaling_pb2.Gone(), 2_000).record
    assert dial.meets("u_bob", "u_carol", [gone]) is None
    assert refused(gone), "with the same one he still is in a call"


@pytest.mark.shows("S8")
def test_a_phone_has_room_for_one_call_that_rings_and_one_that_waits() -> None:
    assert dial.room("u_carol", "u_bob", []) == dial.FREE
    assert dial.room("u_carol", "u_bob", [placed()]) == dial.FREE, "both ring on every device"
    two = [placed(), placed("u_dan", "u_bob", call_id="c_2")]
    assert dial.room("u_carol", "u_bob", two).is_busy


@pytest.mark.shows("S8")
def test_behind_a_call_one_waits_where_the_other_one_is_and_the_next_is_busy() -> None:
    talking = answered(placed())
    room = dial.room("u_carol", "u_bob", [talking])
    assert room.line is not None and room.line.line == "d_bob.phone001" and not room.is_busy
    waiting = placed("u_carol", "u_bob", room=room, call_id="c_2")
    assert waiting.waiting_line == "d_bob.phone001"
    assert [leg.line for leg in waiting.members[CALLEE].legs] == ["d_bob.phone001"]
    assert dial.room("u_dan", "u_bob", [talking, waiting]).is_busy


@pytest.mark.shows("S8")
def test_it_waits_behind_the_call_that_is_talked_in_not_behind_the_one_on_hold() -> None:
    holding = held(answered(placed()), CALLEE)
    dialled = placed("u_bob", "u_carol", call_id="c_2")
    room = dial.room("u_dan", "u_bob", [holding, dialled])
    assert room.line is not None and room.line.line == "d_bob.laptop01"
    third = placed("u_dan", "u_bob", room=room, call_id="c_3")
    assert dial.room("u_eve", "u_bob", [holding, dialled, third]).is_busy


@pytest.mark.shows("S8")
def test_behind_a_device_that_is_away_nothing_waits() -> None:
    gone = step(answered(placed()), Who(CALLEE, "d_bob.phone001", "", 1), signaling_pb2.Gone(), 2_000).record
    assert dial.room("u_carol", "u_bob", [gone]) == dial.FREE
    other = placed("u_bob", "u_dan", call_id="c_2")
    room = dial.room("u_carol", "u_bob", [gone, other])
    assert room.line is not None and room.line.line == "d_bob.laptop01"


@pytest.mark.shows("S8")
def test_who_waits_behind_the_veil_takes_no_room_of_the_one_he_calls() -> None:
    veiled = placed("u_bob", "u_carol", admitted=False)
    assert dial.room("u_carol", "u_bob", [veiled]) == dial.FREE, "who declined may call back"
    assert dial.room("u_dan", "u_bob", [veiled]).line is not None, "to Bob it is a call that he dials"


@pytest.mark.shows("S8", "S3")
def test_of_all_that_may_happen_to_a_waiting_call_none_binds_two_lines() -> None:
    """Random words of the two devices of the callee, a thousand times."""
    seed = secrets.randbits(32)
    chance = random.Random(seed)
    lines = ("d_bob.phone001", "d_bob2.tablet01")
    words: tuple[Verb, ...] = (
        client_pb2.Ringing(waits=True),
        client_pb2.Ringing(),
        client_pb2.Answer(kinds=AUDIO),
        signaling_pb2.Arrived(),
        signaling_pb2.Gone(),
    )
    for _ in range(1_000):
        room = dial.room("u_carol", "u_bob", [answered(placed())])
        record = placed("u_carol", "u_bob", room=room, call_id="c_2")
        for now in range(1, 9):
            verb = chance.choice(words)
            line = chance.choice(lines)
            try:
                record = step(record, Who(CALLEE, line, "g", 1), verb, now).record
            except Refusal:
                continue
            legs = {leg.line for leg in record.members[CALLEE].legs if leg.state in (1, 2)}
            if record.waiting_line:
                assert legs <= {record.waiting_line}, seed
            bound = [leg for leg in record.members[CALLEE].legs if leg.state == signaling_pb2.LEG_STATE_BOUND]
            assert len(bound) <= 1, seed
