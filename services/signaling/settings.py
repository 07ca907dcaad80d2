"""Settings of signaling."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from ringline.config import Configured
from services.signaling.record import Times


class Settings(Configured):
    """What the operator may set."""

    model_config = SettingsConfigDict(env_prefix="RINGLINE_SIGNALING_", extra="ignore", frozen=True)

    ring_s: float = Field(45.0, gt=0, le=120, description="For how many seconds a call rings.")
    least_ring_s: float = Field(
        5.0,
        ge=0,
        le=20,
        description="A device that comes later than so many seconds before the end of ringing stays silent.",
    )
    connect_s: float = Field(
        45.0,
        gt=0,
        le=120,
        description="In how many seconds after the answer somebody must have said that media flows. Clients "
        "give up by themselves after 30 s; this is longer, so that who is cut off can still say so.",
    )
    lost_s: float = Field(
        45.0, gt=0, le=600, description="A call is lost when no device of it was there for so long."
    )
    caller_absent_s: float = Field(
        6.0, gt=0, le=60, description="A ring ends when the calling device was away for so many seconds."
    )
    look_s: float = Field(20.0, gt=0, le=120, description="How often a running call is looked at.")
    turn_urls: str = Field(
        "", description="STUN and TURN URIs for clients, separated by commas; empty means peer to peer only."
    )
    turn_secret: SecretStr = Field(
        SecretStr(""),
        description="The secret shared with coturn (static-auth-secret; it may have several). Of several, "
        "separated by commas, the first one is used.",
    )
    turn_ttl_s: int = Field(600, ge=30, le=600, description="Seconds for which relay credentials are good.")

    def times(self) -> Times:
        """The time limits in milliseconds."""
        return Times(
            ring=round(self.ring_s * 1000),
            least_ring=round(self.least_ring_s * 1000),
            connect=round(self.connect_s * 1000),
            lost=round(self.lost_s * 1000),
            caller_absent=round(self.caller_absent_s * 1000),
            look=round(self.look_s * 1000),
        )
