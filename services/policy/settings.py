"""Settings of policy."""

from pydantic import Field

from ringline.config import ServiceSettings
from services.policy.ringing import DAY, Limits


class Settings(ServiceSettings, service="policy"):
    """What the operator may set."""

    message_burst: int = Field(30, ge=1, le=10_000, description="Messages that a user may send at once.")
    message_every_s: float = Field(
        1.0, gt=0, le=86_400, description="Seconds after which one more message is granted."
    )
    strangers_per_day: int = Field(
        30,
        ge=1,
        le=500,
        description="To how many people who do not know him a user may write for the first time within 24 "
        "hours.",
    )
    verdict_days: int = Field(
        30, ge=1, le=3_650, description="For how many days verdicts are kept, with the rules that made them."
    )
    reports_per_day: int = Field(
        20, ge=1, le=10_000, description="How many reports a user may make within 24 hours."
    )
    report_days: int = Field(
        180, ge=1, le=3_650, description="After how many days reports are erased, with words and evidence."
    )
    audit_days: int = Field(
        365, ge=1, le=3_650, description="For how many days it is kept what the operator looked at and did."
    )
    ring_places_per_minute: int = Field(
        10, ge=0, le=1000, description="Calls that a user places within a minute; 0: no limit."
    )
    ring_pair: int = Field(
        3,
        ge=0,
        le=100,
        description="Rings of one person that nobody answered, within ring_pair_window_s; 0: no limit.",
    )
    ring_pair_window_s: float = Field(
        600.0,
        gt=0,
        le=86_400,
        description="Within how many seconds so many rings of one person are too many.",
    )
    ring_pair_rest_s: float = Field(
        3600.0,
        gt=0,
        le=86_400,
        description="For how many seconds one does not ring somebody again who did not answer so often.",
    )
    ring_pair_near_rest_s: float = Field(
        600.0,
        gt=0,
        le=86_400,
        description="The same where the callee has the caller as a contact or follows him.",
    )
    ring_strangers_per_day: int = Field(
        30,
        ge=0,
        le=500,
        description="How many strangers a user rings within 24 hours if each of them talks with him; those "
        "who do not count twice. 0: no limit.",
    )
    ring_heard: int = Field(
        6,
        ge=0,
        le=100,
        description="Rings of strangers that a user hears within ring_heard_window_s; more are unheard. "
        "0: no limit.",
    )
    ring_heard_window_s: float = Field(
        600.0, gt=0, le=86_400, description="Within how many seconds so many rings of strangers are heard."
    )
    ring_heard_per_day: int = Field(
        60,
        ge=0,
        le=1000,
        description="Rings of strangers with whom he did not talk that a user hears within 24 hours. 0: no "
        "limit.",
    )
    ring_declined_s: float = Field(
        3600.0,
        ge=0,
        le=86_400,
        description="For how many seconds somebody who is neither contact nor followed is not heard by "
        "those who declined him twice. 0: no limit.",
    )
    ring_talk_s: float = Field(
        10.0, ge=0, le=600, description="A call that went on for so many seconds was a talk."
    )
    ring_new_days: float = Field(
        7.0,
        ge=0,
        le=365,
        description="For how many days an account is new: until it has talked with somebody, it rings no "
        "strangers. 0: never.",
    )

    def limits(self) -> Limits:
        """What the ring budget allows."""
        return Limits(
            places=self.ring_places_per_minute,
            pair=self.ring_pair,
            pair_ms=round(self.ring_pair_window_s * 1000),
            rest_ms=round(self.ring_pair_rest_s * 1000),
            near_rest_ms=round(self.ring_pair_near_rest_s * 1000),
            strangers=self.ring_strangers_per_day,
            rings=self.ring_heard,
            rings_ms=round(self.ring_heard_window_s * 1000),
            rings_a_day=self.ring_heard_per_day,
            declined_ms=round(self.ring_declined_s * 1000),
            talk_ms=round(self.ring_talk_s * 1000),
            new_ms=round(self.ring_new_days * DAY),
        )

    rules_file: str = Field(
        "",
        description="A file of the operator's rules (docs/operator-rules.md), such as a ConfigMap's: what "
        "changes there is in force within a second. Empty: rules come by `ringline policy rules` alone.",
    )
