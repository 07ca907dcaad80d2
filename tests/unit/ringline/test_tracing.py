"""Without a collector there are no traces, and questions go as they went before."""

from ringline import ids, tracing
from ringline.v1 import policy_pb2


def test_without_a_collector_a_question_says_nothing_of_where_it_comes_from() -> None:
    attempt = policy_pb2.Attempt(call_id=ids.mint_call())
    with tracing.step("signaling", "place", attempt.call_id):
        tracing.stamp(attempt)
    assert not attempt.trace
    attempt.trace = b"\x01" * 24  # of a process that makes traces, to one that makes none
    assert tracing.come_from(attempt) == b"" == tracing.root_of(attempt.call_id)
