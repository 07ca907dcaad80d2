"""Settings of policy."""

from pydantic import Field

from ringline.config import ServiceSettings


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
