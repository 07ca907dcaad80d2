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
    rules_file: str = Field(
        "",
        description="A file of the operator's rules (docs/operator-rules.md), such as a ConfigMap's: what "
        "changes there is in force within a second. Empty: rules come by `ringline policy rules` alone.",
    )
