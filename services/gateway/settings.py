"""Settings of the gateway."""

from typing import Literal

from pydantic import Field, SecretStr

from ringline.config import ServiceSettings


class Settings(ServiceSettings, service="gateway"):
    """What the operator may set."""

    host: str = Field("127.0.0.1", description="The address on which HTTP and WebSocket listen.")
    port: int = Field(8080, ge=0, le=65535, description="The port of HTTP and WebSocket; 0 takes a free one.")
    web_root: str = Field("", description="The folder of the built web client; empty serves none.")
    allowed_origins: str = Field(
        "",
        description="Origins of other sites whose pages may use this API, separated by commas. The gateway's "
        "own origin is always allowed.",
    )
    trusted_proxies: str = Field(
        "", description="Networks (CIDR) whose X-Forwarded-For is believed, separated by commas."
    )
    sign_up: Literal["open", "invite", "closed"] = Field(
        "open",
        description="How new accounts are made, as clients are told; the directory's setting decides.",
    )

    ticket_key: SecretStr = Field(
        SecretStr(""),
        description="The secret with which tickets are signed, 32 characters or more, the same for all "
        "gateways. Several, separated by commas: the first one signs, all are good. Needed in production; "
        "elsewhere empty means one of this process's own.",
    )
    ticket_s: int = Field(30, ge=5, le=300, description="Seconds for which a ticket is good.")

    oidc_issuer: str = Field(
        "",
        description="The issuer (iss) of the platform's identity provider; empty means Ringline's own "
        "accounts.",
    )
    oidc_audience: str = Field("", description="The audience (aud) that the provider's tokens must carry.")
    oidc_jwks_url: str = Field("", description="Where the provider publishes its keys (RFC 7517); https.")
    oidc_jwks_file: str = Field("", description="A file with the provider's keys, instead of the URL.")
    oidc_algorithm: Literal[
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"
    ] = Field("RS256", description="The one algorithm with which the provider signs.")
    oidc_needs_jti: bool = Field(False, description="Refuse tokens of the provider that have no id (jti).")
    claim_username: str = Field("preferred_username", description="The claim that holds the username.")
    claim_display_name: str = Field("name", description="The claim that holds the display name; optional.")
    claim_tier: str = Field("tier", description="The claim that holds the tier; optional.")
    claim_verified: str = Field("verified", description="The claim that holds the verified mark; optional.")

    lookup_burst: int = Field(60, ge=1, description="Lookups of names that a user may make at once.")
    lookup_every_s: float = Field(10.0, gt=0, description="Seconds after which one more lookup is granted.")
    recall_burst: int = Field(
        60, ge=1, description="How often a user whose lookups are used up may still turn to people he knows."
    )
    recall_every_s: float = Field(1.0, gt=0, description="Seconds after which he may once more.")
    presence_burst: int = Field(30, ge=1, description="Times that a user may ask at once who is there.")
    presence_every_s: float = Field(
        2.0, gt=0, description="Seconds after which a user may ask once more who is there."
    )
    relay_burst: int = Field(
        20, ge=1, description="Times that a user may ask at once for fresh credentials of the relay."
    )
    relay_every_s: float = Field(
        60.0,
        gt=0,
        description="Seconds after which he may ask once more; a call goes on with those that it has.",
    )
    hello_failures: int = Field(10, ge=1, description="Failed hellos per network before it has to wait.")
    hello_window_s: float = Field(1800.0, gt=0, description="Seconds for which a failed hello is remembered.")
    command_burst: int = Field(60, ge=1, description="Frames that a line may send at once.")
    command_every_s: float = Field(0.05, gt=0, description="Seconds after which one more frame is granted.")

    request_s: float = Field(
        15.0, gt=0, le=120, description="Seconds within which a request has come and is answered."
    )
    hello_s: float = Field(2.0, gt=0, le=30, description="Seconds within which a connection says hello.")
    slow_s: float = Field(
        5.0, gt=0, le=60, description="Seconds after which a line that does not read is cut."
    )
    line_buffer: int = Field(
        262_144, ge=65_536, description="Bytes that may wait for a slow line before it is cut at once."
    )
    beat_s: float = Field(4.0, gt=0, le=4, description="Seconds between beats to a line with a live call.")
    idle_beat_s: float = Field(25.0, gt=0, le=60, description="Seconds between beats to any other line.")
    sync_s: float = Field(2.0, gt=0, le=5, description="Seconds between two comparisons with signaling.")
    drain_s: float = Field(
        10.0,
        ge=0,
        le=40,
        description="Seconds over which a stopping gateway spreads the reconnects of its lines, and in which "
        "load balancers find out that it is not ready; 0 in dev.",
    )
