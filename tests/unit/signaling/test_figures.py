"""Figures of calls: each thing that happens is counted once, and nothing of a call that nobody heard."""

from prometheus_client import REGISTRY

from ringline.v1 import client_pb2, signaling_pb2
from services.signaling import figures
from services.signaling.call import step
from services.signaling.verbs import EndByOperator, Verb, Who
from tests.unit.signaling.calls import AUDIO, BOTH, LAPTOP, PHONE, answered, placed


def value(name: str, **labels: str) -> float:
    """What is counted now."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def does(was: signaling_pb2.CallRecord, who: Who | None, verb: Verb, now: int) -> signaling_pb2.CallRecord:
    """A step, counted as after its commit."""
    done = step(was, who, verb, now)
    figures.count(was, done.record, done.events)
    return done.record


def test_a_ring_is_timed_from_the_calls_beginning_to_the_first_device() -> None:
    before = value("ringline_call_ring_seconds_sum"), value("ringline_call_ring_seconds_count")
    record = does(placed(), PHONE, client_pb2.Ringing(), 400)
    does(record, PHONE, client_pb2.Ringing(), 900)
    assert value("ringline_call_ring_seconds_count") == before[1] + 1
    assert round(value("ringline_call_ring_seconds_sum") - before[0], 3) == 0.4


def test_an_answered_call_ends_once_and_says_how_long_it_was() -> None:
    labels = {"ending": "by_operator", "answered": "yes", "kind": "video"}
    before = value("ringline_calls_ended_total", **labels), value("ringline_call_talk_seconds_sum")
    does(answered(placed()), None, EndByOperator(), 61_000)
    assert value("ringline_calls_ended_total", **labels) == before[0] + 1
    assert value("ringline_call_talk_seconds_sum") == before[1] + 60


def test_a_call_that_ends_for_the_callee_first_is_counted_once() -> None:
    before = value("ringline_call_facts_total", fact="call_ended")
    record = placed()
    record.device_truth = False
    veiled = does(record, PHONE, client_pb2.Decline(everywhere=True), 2_000)
    assert veiled.ending and not veiled.ending_for_caller
    does(veiled, None, EndByOperator(), 45_000)
    assert value("ringline_call_facts_total", fact="call_ended") == before + 1


def test_a_call_that_nobody_heard_is_in_no_rate_of_answers() -> None:
    before = [value("ringline_call_facts_total", fact=fact) for fact in ("call_placed", "call_ended")]
    ends = {"answered": "no", "kind": "video", "ending": "by_operator"}
    ended = value("ringline_calls_ended_total", **ends)
    does(placed(admitted=False), None, EndByOperator(), 2_000)
    assert [value("ringline_call_facts_total", fact=fact) for fact in ("call_placed", "call_ended")] == before
    assert value("ringline_calls_ended_total", **ends) == ended


def test_a_camera_that_is_turned_on_is_one_toggle_and_the_microphone_none() -> None:
    before = value("ringline_call_toggles_total", kind="video", to="on")
    sound = value("ringline_call_toggles_total", kind="audio", to="on")
    record = answered(placed(asks=AUDIO))
    record.members[0].may_send.CopyFrom(BOTH)
    does(record, LAPTOP, client_pb2.SetMedia(kinds=BOTH), 5_000)
    assert value("ringline_call_toggles_total", kind="video", to="on") == before + 1
    assert value("ringline_call_toggles_total", kind="audio", to="on") == sound


def test_the_time_to_media_is_that_from_the_answer() -> None:
    before = value("ringline_call_connect_seconds_count"), value("ringline_call_connect_seconds_sum")
    record = answered(placed())
    flowing = client_pb2.Report(state=client_pb2.MEDIA_STATE_FLOWING)
    record = does(record, LAPTOP, flowing, 1_500)
    does(record, PHONE, flowing, 1_700)
    assert value("ringline_call_connect_seconds_count") == before[0] + 1
    assert round(value("ringline_call_connect_seconds_sum") - before[1], 3) == 0.7
