"""Audio only: to the callee it is an audio call; until the answer the caller sees nothing of that."""

import pytest

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, policy_pb2, signaling_pb2, types_pb2
from services.signaling import dial
from services.signaling.call import step
from services.signaling.record import Times
from services.signaling.verbs import SetMediaInVain, Verb, Who
from services.signaling.view import view

ADA, BOB = Who(0, "d_ada.laptop01", "g_1", 1), Who(1, "d_bob.phone001", "g_1", 1)
BOTH, AUDIO = types_pb2.Kinds(audio=True, video=True), types_pb2.Kinds(audio=True)
VIDEO, NOTHING = types_pb2.Kinds(video=True), types_pb2.Kinds()


def placed(kinds: types_pb2.Kinds, audio_only: bool, unheard: bool = False) -> signaling_pb2.CallRecord:
    """Ada calls Bob."""
    verdict = policy_pb2.Verdict(
        outcome=policy_pb2.OUTCOME_UNHEARD if unheard else policy_pb2.OUTCOME_ADMITTED,
        caller_may_send=BOTH,
        callee_may_send=BOTH,
        relay_only=True,
        audio_only=audio_only,
        caller=types_pb2.Profile(user_id="u_ada"),
        callee=types_pb2.Profile(user_id="u_bob"),
    )
    line = types_pb2.Line(user_id="u_bob", device_id="d_bob", instance="phone001", epoch=1)
    place = client_pb2.Place(username="bob", kinds=kinds)
    return dial.place("c_1", verdict, ADA, place, [line], dial.FREE, 0, Times()).record


def answered(record: signaling_pb2.CallRecord) -> signaling_pb2.CallRecord:
    """Bob answers, with his camera on where he may."""
    return step(record, BOB, client_pb2.Answer(kinds=BOTH), 1000).record


def for_ada(record: signaling_pb2.CallRecord) -> client_pb2.Call:
    """What Ada sees."""
    return view(record, 0, ADA.line, now=500)


def for_bob(record: signaling_pb2.CallRecord) -> client_pb2.Call:
    """What Bob sees."""
    return view(record, 1, BOB.line, now=500)


@pytest.mark.shows("S6")
@pytest.mark.parametrize("kinds", [BOTH, AUDIO, VIDEO], ids=str)
@pytest.mark.parametrize("toggles", [(), (NOTHING,), (BOTH, AUDIO, BOTH), (VIDEO,)], ids=str)
def test_until_the_answer_the_caller_sees_a_call_like_any_other(
    kinds: types_pb2.Kinds, toggles: tuple[types_pb2.Kinds, ...]
) -> None:
    seen = []
    for record in (placed(kinds, True), placed(kinds, False), placed(kinds, False, unheard=True)):
        views = [for_ada(record)]
        for wanted in toggles:
            record = step(record, ADA, client_pb2.SetMedia(kinds=wanted), 100).record
            views.append(for_ada(record))
        seen.append(views)
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("kinds", [BOTH, AUDIO, VIDEO], ids=str)
def test_to_the_callee_it_is_an_audio_call_from_the_first_moment(kinds: types_pb2.Kinds) -> None:
    ringing = for_bob(placed(kinds, True))
    assert ringing.asked == AUDIO
    assert not ringing.peer_may_send.video and not ringing.peer_sends.video
    assert ringing.peer_sends.audio == kinds.audio


def test_the_answer_takes_the_callers_picture_and_opens_no_camera_of_the_callees() -> None:
    record = answered(placed(BOTH, True))
    assert for_bob(record).sends == AUDIO and for_bob(record).peer_sends == AUDIO
    assert for_ada(record).sends == AUDIO and for_ada(record).may_send == AUDIO
    assert for_bob(record).peer_may_send == AUDIO


def test_a_caller_who_toggled_his_camera_while_it_rang_sends_sound_alone_after_the_answer() -> None:
    record = step(placed(AUDIO, True), ADA, client_pb2.SetMedia(kinds=BOTH), 100).record
    assert for_bob(record).peer_sends == AUDIO
    assert for_ada(answered(record)).sends == AUDIO


def test_video_turned_on_in_vain_is_seen_by_the_caller_alone_and_until_the_answer() -> None:
    in_vain = SetMediaInVain(BOTH)
    ringing, unheard = (placed(AUDIO, False, unheard=is_unheard) for is_unheard in (False, True))
    admitted = step(ringing, ADA, client_pb2.SetMedia(kinds=BOTH), 100).record
    ringing, unheard = (step(record, ADA, in_vain, 100).record for record in (ringing, unheard))
    assert for_ada(ringing) == for_ada(unheard) == for_ada(admitted)
    assert for_bob(ringing).peer_sends == AUDIO and for_bob(ringing).peer_may_send == AUDIO
    talking = answered(ringing)
    assert for_ada(talking).sends == for_ada(talking).may_send == for_bob(talking).peer_sends == AUDIO
    for verb in (in_vain, client_pb2.SetMedia(kinds=BOTH)):
        with pytest.raises(Refusal, match="kind_not_admitted|not admitted"):
            step(talking, ADA, verb, 2000)


@pytest.mark.parametrize("kinds", [BOTH, VIDEO], ids=str)
def test_a_hostile_caller_has_no_video_admitted_after_an_audio_call(kinds: types_pb2.Kinds) -> None:
    record = answered(placed(AUDIO, True))
    attempts: list[Verb] = [client_pb2.SetMedia(kinds=kinds)] * 2
    for verb in attempts:
        with pytest.raises(Refusal) as refused:
            step(record, ADA, verb, 2000)
        assert refused.value.name == "kind_not_admitted"
    held = step(record, ADA, client_pb2.Hold(on=True), 2000).record
    with pytest.raises(Refusal):
        step(held, ADA, client_pb2.SetMedia(kinds=kinds), 3000)
    assert not for_bob(held).peer_sends.video


def test_the_callee_may_turn_his_own_camera_on() -> None:
    record = step(answered(placed(BOTH, True)), BOB, client_pb2.SetMedia(kinds=BOTH), 2000).record
    assert for_ada(record).peer_sends == BOTH
    assert not for_bob(record).peer_sends.video


def test_an_unheard_call_keeps_nothing_of_what_the_callee_takes() -> None:
    assert placed(BOTH, True, unheard=True) == placed(BOTH, False, unheard=True)
