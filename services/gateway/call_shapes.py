"""The JSON of call settings, of words about single people, and of previews; in and out."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ringline.refusal import Refusal
from ringline.v1 import call_settings_pb2, callee_pb2, policy_pb2
from services.gateway.shapes import Audience, Body, Profile, Username

Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Hours and minutes.")]
Weekday = Annotated[int, Field(ge=1, le=7)]
SampleKind = Literal["contact", "following", "verified", "stranger"]
LATEST_MS = 4_102_444_800_000


class QuietSpan(BaseModel):
    """A span of the week on the clock of the person's time zone; it may end on the next day."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, populate_by_name=True)

    weekdays: list[Weekday] = Field(
        min_length=1, max_length=7, description="Days on which it begins: 1 is Monday, 7 is Sunday."
    )
    begin: Clock = Field(alias="from")
    end: Clock = Field(
        alias="to", description="On the next day where it is not later than `from`; the same is a whole day."
    )


class QuietHours(BaseModel):
    """When devices stay quiet; without a span they never do."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    spans: list[QuietSpan] = Field(max_length=28)
    time_zone: str = Field("", max_length=64, description="An IANA name, such as Europe/Berlin.")
    favourites: bool = Field(False, description="Favourites ring all the same.")
    repeated: bool = Field(False, description="Who tries again within three minutes rings all the same.")

    def to_proto(self) -> call_settings_pb2.QuietHours:
        """As policy takes it."""
        return call_settings_pb2.QuietHours(
            spans=[
                call_settings_pb2.QuietSpan(
                    weekdays=sorted(set(span.weekdays)),
                    from_minute=_minute(span.begin),
                    to_minute=_minute(span.end),
                )
                for span in self.spans
            ],
            time_zone=self.time_zone,
            favourites=self.favourites,
            repeated_callers=self.repeated,
        )


class CallSettings(Body):
    """Who may call, when and how; what is absent stays as it is."""

    audiences: list[Audience] = Field(max_length=8, description="Who may call; none means nobody.")
    audio_only: list[Audience] | None = Field(
        None, max_length=8, description="Those of the audiences that may send sound only."
    )
    must_have_messaged: bool | None = Field(
        None, description="Whoever is neither contact nor followed must have written before."
    )
    always_relay: bool | None = Field(None, description="Media passes through the relay in every call.")
    quiet_hours: QuietHours | None = None

    def to_proto(self) -> policy_pb2.CallSettings:
        """As policy takes it."""
        audio_only, quiet = self.audio_only, self.quiet_hours
        return policy_pb2.CallSettings(
            audiences=_audiences(self.audiences),
            audio_only=None if audio_only is None else policy_pb2.Audiences(audiences=_audiences(audio_only)),
            must_have_messaged=self.must_have_messaged,
            always_relay=self.always_relay,
            quiet_hours=None if quiet is None else quiet.to_proto(),
        )


class PersonSettings(Body):
    """What one says about one other; what is absent is not said."""

    allowed: bool = Field(False, description="May call whatever the audiences are.")
    audio_only: bool = Field(False, description="May send sound only in the calls that he places.")
    favourite: bool = Field(False, description="Breaks through quiet hours, where favourites do.")

    def to_proto(self) -> call_settings_pb2.PersonSettings:
        """As policy takes it."""
        return call_settings_pb2.PersonSettings(**self.model_dump())


class PreviewCaller(Body):
    """Somebody who might call: a person by name, or a sample."""

    username: Username | None = None
    kind: SampleKind | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "PreviewCaller":
        if (self.username is None) == (self.kind is None):
            raise ValueError("username or kind")
        return self

    def to_proto(self) -> callee_pb2.PreviewCaller:
        """As policy takes it."""
        if self.kind is None:
            return callee_pb2.PreviewCaller(username=self.username or "")
        return callee_pb2.PreviewCaller(
            sample=callee_pb2.SampleCaller.Value(f"SAMPLE_CALLER_{self.kind.upper()}")
        )


class PreviewWish(Body):
    """Asks who could ring one."""

    settings: CallSettings | None = Field(None, description="A draft; absent, the settings in force.")
    at_ms: int = Field(0, ge=0, le=LATEST_MS, description="Unix milliseconds; 0 is now.")
    people: list[PreviewCaller] = Field(min_length=1, max_length=20)


class Settings(BaseModel):
    """Call settings as they are now."""

    audiences: list[Audience]
    audio_only: list[Audience]
    must_have_messaged: bool
    always_relay: bool
    quiet_hours: QuietHours


class SettledPerson(BaseModel):
    """What one says about one other."""

    person: Profile
    allowed: bool
    audio_only: bool
    favourite: bool


class SettledPeople(BaseModel):
    """About whom one says something, newest first."""

    people: list[SettledPerson]


class PreviewStep(BaseModel):
    """One of one's rules."""

    rule: str
    held: bool


class Preview(BaseModel):
    """What one's own rules say about a caller; nothing of his own, and nothing of the operator's."""

    username: str | None = None
    kind: SampleKind | None = None
    rings: bool
    audio_only: bool = Field(description="It rings as a call without his picture.")
    relay: bool = Field(description="He does not learn one's address.")
    reason: str = Field(
        description="The rule that settled it; user_not_found where nobody has that name, self for oneself."
    )
    trace: list[PreviewStep]


class Previews(BaseModel):
    """One for each that was asked about, in that order."""

    previews: list[Preview]


def settings(proto: policy_pb2.CallSettings) -> Settings:
    """Call settings of the contract's message."""
    quiet = proto.quiet_hours
    return Settings(
        audiences=_names(proto.audiences),
        audio_only=_names(proto.audio_only.audiences),
        must_have_messaged=proto.must_have_messaged,
        always_relay=proto.always_relay,
        quiet_hours=QuietHours(
            spans=[
                QuietSpan(
                    weekdays=list(span.weekdays),
                    begin=_clock(span.from_minute),
                    end=_clock(span.to_minute),
                )
                for span in quiet.spans
            ],
            time_zone=quiet.time_zone,
            favourites=quiet.favourites,
            repeated=quiet.repeated_callers,
        ),
    )


def person_settings(person: Profile, proto: call_settings_pb2.PersonSettings) -> SettledPerson:
    """What one says about one other, of the contract's message."""
    return SettledPerson(
        person=person, allowed=proto.allowed, audio_only=proto.audio_only, favourite=proto.favourite
    )


def preview(asked: PreviewCaller, proto: callee_pb2.Preview) -> Preview:
    """A preview of the contract's message."""
    is_refused = proto.HasField("refused")
    return Preview(
        username=asked.username,
        kind=asked.kind,
        rings=proto.rings,
        audio_only=proto.audio_only,
        relay=proto.relay,
        reason=Refusal.from_proto(proto.refused).name if is_refused else proto.rule,
        trace=[PreviewStep(rule=step.rule, held=step.held) for step in proto.trace],
    )


def _audiences(names: list[Audience]) -> list[policy_pb2.Audience.ValueType]:
    return [policy_pb2.Audience.Value(f"AUDIENCE_{name.upper()}") for name in dict.fromkeys(names)]


def _names(values: Iterable[int]) -> list[Audience]:
    known: dict[int, Audience] = {1: "contacts", 2: "following", 3: "verified", 4: "everyone"}
    return [known[value] for value in values if value in known]


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _clock(minute: int) -> str:
    return "{:02}:{:02}".format(*divmod(minute, 60))
