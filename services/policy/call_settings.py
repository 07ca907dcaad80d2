"""Call settings as the contract says them: checked on the way in, and made on the way out."""

from collections.abc import Sequence

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import call_settings_pb2, callee_pb2, policy_pb2, reasons_pb2
from services.policy.callee import CallSettings, Choices
from services.policy.callee_store import Change
from services.policy.quiet import DAY, MOST_SPANS, Quiet, Span, zones
from services.policy.rules import LONGEST_USERNAME, check_audiences

MOST_PREVIEWS = 20
"""Callers in one preview at most."""
LATEST_MS = 4_102_444_800_000
"""2100, in Unix milliseconds: no preview looks further."""


def change_of(wish: policy_pb2.CallSettings) -> Change:
    """What a user wishes; what is absent stays as it is. Raises Refusal(INVALID) where it makes no sense."""
    return Change(
        audiences=check_audiences(wish.audiences),
        audio_only=check_audiences(wish.audio_only.audiences) if wish.HasField("audio_only") else None,
        must_have_messaged=wish.must_have_messaged if wish.HasField("must_have_messaged") else None,
        always_relay=wish.always_relay if wish.HasField("always_relay") else None,
        quiet=_quiet_of(wish.quiet_hours) if wish.HasField("quiet_hours") else None,
    )


def settings_proto(settings: CallSettings) -> policy_pb2.CallSettings:
    """Settings as they are told, nothing absent."""
    quiet = settings.quiet or Quiet((), "", favourites=False, repeated=False)
    return policy_pb2.CallSettings(
        audiences=sorted(settings.audiences),
        audio_only=policy_pb2.Audiences(audiences=sorted(settings.audio_only)),
        must_have_messaged=settings.must_have_messaged,
        always_relay=settings.always_relay,
        quiet_hours=call_settings_pb2.QuietHours(
            spans=[
                call_settings_pb2.QuietSpan(
                    weekdays=sorted(span.weekdays), from_minute=span.begin, to_minute=span.end
                )
                for span in quiet.spans
            ],
            time_zone=quiet.time_zone,
            favourites=quiet.favourites,
            repeated_callers=quiet.repeated,
        ),
    )


def choices_of(wish: call_settings_pb2.PersonSettings) -> Choices:
    """What a user says about another."""
    return Choices(wish.allowed, wish.audio_only, wish.favourite)


def choices_proto(choices: Choices) -> call_settings_pb2.PersonSettings:
    """The same as it is told."""
    return call_settings_pb2.PersonSettings(**choices._asdict())


def check_preview(request: callee_pb2.PreviewCallsRequest) -> None:
    """Raises Refusal(INVALID) where somebody asks in a way that makes no sense."""
    if not ids.is_id(request.user_id, "u_"):
        raise Refusal(reasons_pb2.REASON_INVALID, "A user's id is needed.")
    if len(request.callers) > MOST_PREVIEWS:
        raise Refusal(reasons_pb2.REASON_INVALID, f"A preview is about {MOST_PREVIEWS} callers at most.")
    if not 0 <= request.at_ms <= LATEST_MS:
        raise Refusal(reasons_pb2.REASON_INVALID, "A preview is of a time from 1970 to 2100.")
    for caller in request.callers:
        is_person = caller.WhichOneof("who") == "username" and 0 < len(caller.username) <= LONGEST_USERNAME
        if not is_person and caller.sample not in SAMPLES:
            raise Refusal(reasons_pb2.REASON_INVALID, "A preview is about a person, or about a sample.")


SAMPLES = frozenset(callee_pb2.SampleCaller.values()) - {callee_pb2.SAMPLE_CALLER_UNSPECIFIED}


def _quiet_of(wish: call_settings_pb2.QuietHours) -> Quiet:
    if len(wish.spans) > MOST_SPANS:
        raise Refusal(reasons_pb2.REASON_INVALID, f"Quiet hours have {MOST_SPANS} spans at most.")
    if (wish.time_zone or wish.spans) and wish.time_zone not in zones():
        raise Refusal(reasons_pb2.REASON_INVALID, "There is no such time zone.")
    spans = tuple(_span_of(span) for span in wish.spans)
    return Quiet(spans, wish.time_zone, wish.favourites, wish.repeated_callers)


def _span_of(wish: call_settings_pb2.QuietSpan) -> Span:
    weekdays: Sequence[int] = wish.weekdays
    if not weekdays or not all(1 <= day <= 7 for day in weekdays):
        raise Refusal(reasons_pb2.REASON_INVALID, "A span begins on days from 1, Monday, to 7, Sunday.")
    if wish.from_minute >= DAY or wish.to_minute >= DAY:
        raise Refusal(reasons_pb2.REASON_INVALID, "A span begins and ends at a minute of the day.")
    return Span(frozenset(weekdays), wish.from_minute, wish.to_minute)
