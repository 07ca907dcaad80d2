"""A refusal survives every hop, and every reason has its meaning."""

from ringline.refusal import REASONS, Refusal
from ringline.v1 import reasons_pb2
from ringline.v1.reasons_pb2 import Reason


def test_every_reason_has_a_status_and_a_sentence() -> None:
    assert set(REASONS) == set(Reason.values()) - {Reason.REASON_UNSPECIFIED}
    for meaning in REASONS.values():
        assert 400 <= meaning.status < 600
        assert meaning.sentence.endswith(".")


def test_a_refusal_comes_out_of_the_wire_as_it_went_in() -> None:
    said = Refusal(Reason.REASON_LIMITED, "Three rings are enough.", retry_after=1.5)
    heard = Refusal.from_proto(reasons_pb2.Refusal.FromString(said.to_proto().SerializeToString()))
    assert (heard.reason, heard.sentence, heard.retry_after) == (said.reason, said.sentence, said.retry_after)
    assert heard.name == "limited"
    assert heard.status == 429


def test_where_time_changes_nothing_there_is_no_retry() -> None:
    assert Refusal.from_proto(Refusal(Reason.REASON_SELF).to_proto()).retry_after is None


def test_a_reason_of_a_newer_sender_counts_as_unavailable() -> None:
    heard = Refusal.from_proto(reasons_pb2.Refusal(reason=9999, sentence="New."))  # type: ignore[arg-type]
    assert heard.reason == Reason.REASON_UNAVAILABLE


def test_what_is_missing_crosses_every_hop() -> None:
    said = Refusal(Reason.REASON_NOT_ENTITLED_VIDEO, missing="plus")
    assert Refusal.from_proto(said.to_proto()).missing == "plus"
    assert Refusal.from_proto(Refusal(Reason.REASON_SELF).to_proto()).missing == ""


def test_which_budget_is_used_up_crosses_every_hop() -> None:
    said = Refusal(Reason.REASON_LIMITED, retry_after=60.0, budget="pair")
    assert Refusal.from_proto(said.to_proto()).budget == "pair"
    assert Refusal.from_proto(Refusal(Reason.REASON_LIMITED).to_proto()).budget == ""


def test_a_time_that_is_too_long_for_its_field_is_said_as_the_longest() -> None:
    heard = Refusal.from_proto(Refusal(Reason.REASON_LIMITED, retry_after=365 * 86_400.0).to_proto())
    assert heard.retry_after == (2**32 - 1) / 1000
