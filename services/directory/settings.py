"""Settings of the directory."""

from typing import Literal

from pydantic import Field, SecretStr

from ringline.config import ServiceSettings


class Settings(ServiceSettings, service="directory"):
    """What the operator may set."""

    issuer: str = Field("ringline", description="The name (iss) that access tokens carry.")
    audience: str = Field("ringline", description="The audience (aud) that access tokens carry.")
    token_s: int = Field(900, ge=60, le=3600, description="For how many seconds an access token is good.")
    issuer_key: SecretStr = Field(
        SecretStr(""),
        description="What signs access tokens: the 32-byte seed of an Ed25519 key in base64url. Several, "
        "separated by commas: the first one signs, all verify. Required in production; elsewhere one is made "
        "and kept in the database.",
    )
    sign_up: Literal["open", "invite", "closed"] = Field(
        "open", description="Who may make an account: everybody, those with an invite, or nobody."
    )
    invite: SecretStr = Field(
        SecretStr(""), description="The invites that are good where sign_up is invite, separated by commas."
    )
    sign_ups_per_hour: int = Field(
        5,
        ge=0,
        le=1000,
        description="New accounts per network (IPv4 address or IPv6 /64) and hour; 0: no limit.",
    )
    renames_per_month: int = Field(
        3, ge=1, le=100, description="How often a user may take another username within 30 days."
    )
    reserved: str = Field("", description="More usernames that nobody gets, separated by spaces.")
    first_tier: str = Field("free", pattern="^[a-z0-9_-]{1,32}$", description="The tier of a new account.")
    hash_threads: int = Field(2, ge=1, le=64, description="How many passwords are hashed at the same time.")
    hash_queue: int = Field(
        16, ge=0, le=1000, description="How many may wait for that; whoever comes then is told so at once."
    )
    hash_memory_kib: int = Field(65_536, ge=8, description="Memory of one password hash (Argon2id), in KiB.")
    hash_passes: int = Field(3, ge=1, description="Passes of one password hash (Argon2id).")
