"""Call settings between JSON and the contract: both ways, and what is absent stays absent."""

import pytest
from pydantic import ValidationError

from ringline.v1 import callee_pb2, policy_pb2, reasons_pb2
from services.gateway import call_shapes

WHOLE = {
    "audiences": ["contacts", "verified"],
    "audio_only": ["verified"],
    "must_have_messaged": True,
    "always_relay": True,
    "quiet_hours": {
        "spans": [{"weekdays": [1, 7], "from": "22:00", "to": "07:05"}],
        "time_zone": "Europe/Berlin",
        "favourites": True,
        "repeated": False,
    },
}


def test_call_settings_go_both_ways() -> None:
    proto = call_shapes.CallSettings.model_validate(WHOLE).to_proto()
    (span,) = proto.quiet_hours.spans
    assert (list(span.weekdays), span.from_minute, span.to_minute) == ([1, 7], 1320, 425)
    assert call_shapes.settings(proto).model_dump(by_alias=True) == WHOLE


def test_what_a_client_does_not_say_is_not_said_to_policy() -> None:
    wish = call_shapes.CallSettings.model_validate({"audiences": ["verified", "contacts", "verified"]})
    proto = wish.to_proto()
    assert list(proto.audiences) == [policy_pb2.AUDIENCE_VERIFIED, policy_pb2.AUDIENCE_CONTACTS]
    assert [field.name for field, _ in proto.ListFields()] == ["audiences"]


def test_nothing_chosen_is_said_and_is_not_the_same_as_nothing_said() -> None:
    wish = {**WHOLE, "audiences": [], "audio_only": [], "must_have_messaged": False, "always_relay": False}
    proto = call_shapes.CallSettings.model_validate(wish | {"quiet_hours": {"spans": []}}).to_proto()
    for name in ("audio_only", "must_have_messaged", "always_relay", "quiet_hours"):
        assert proto.HasField(name)


@pytest.mark.parametrize(
    "span",
    [
        {"weekdays": [], "from": "22:00", "to": "07:00"},
        {"weekdays": [0], "from": "22:00", "to": "07:00"},
        {"weekdays": [8], "from": "22:00", "to": "07:00"},
        {"weekdays": [1], "from": "24:00", "to": "07:00"},
        {"weekdays": [1], "from": "7:00", "to": "08:00"},
        {"weekdays": [1], "from": "07:60", "to": "08:00"},
        {"weekdays": [1], "from": "07:00"},
    ],
)
def test_a_span_is_of_days_of_the_week_and_minutes_of_the_day(span: object) -> None:
    with pytest.raises(ValidationError):
        call_shapes.QuietHours.model_validate({"spans": [span], "time_zone": "UTC"})


@pytest.mark.parametrize("one", [{}, {"username": "ada", "kind": "contact"}, {"kind": "friend"}])
def test_a_preview_is_about_a_person_or_a_sample(one: object) -> None:
    with pytest.raises(ValidationError):
        call_shapes.PreviewWish.model_validate({"people": [one]})


def test_a_preview_names_who_was_asked_about_and_the_rule_that_settled_it() -> None:
    asked = call_shapes.PreviewCaller.model_validate({"kind": "stranger"})
    assert asked.to_proto().sample == callee_pb2.SAMPLE_CALLER_STRANGER
    told = callee_pb2.Preview(rule="audience.none", trace=[callee_pb2.PreviewStep(rule="blocked")])
    assert call_shapes.preview(asked, told).model_dump() == {
        "username": None, "kind": "stranger", "rings": False, "audio_only": False, "relay": False,
        "reason": "audience.none", "trace": [{"rule": "blocked", "held": False}],
    }  # fmt: skip


def test_a_preview_of_nobody_says_so() -> None:
    asked = call_shapes.PreviewCaller.model_validate({"username": "nobody"})
    told = callee_pb2.Preview()
    told.refused.reason = reasons_pb2.REASON_USER_NOT_FOUND
    shown = call_shapes.preview(asked, told)
    assert (shown.reason, shown.rings, shown.username) == ("user_not_found", False, "nobody")
