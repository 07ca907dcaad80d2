"""Settings of conversations."""

from pydantic import Field

from ringline.config import ServiceSettings


class Settings(ServiceSettings, service="conversations"):
    """What the operator may set."""

    keep_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="After how many days messages and entries of calls are deleted; 0 keeps them. Less than "
        "8 counts as 8: for so long the event log may say a call again.",
    )
