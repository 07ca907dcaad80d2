"""The JSON of the public API, in and out, and how it is made of the contract's messages."""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ringline.v1 import accounts_pb2, policy_pb2, types_pb2
from ringline.v1.operator_pb2 import Feature

INT64 = 2**63
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{0,4096}")


def _bytes_of(text: object) -> bytes:
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text):
        raise ValueError("base64url without padding")
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise ValueError("base64url without padding") from None


def _text_of(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


Base64Url = Annotated[
    bytes,
    BeforeValidator(_bytes_of),
    PlainSerializer(_text_of),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]*$", "maxLength": 4096}),
]
"""Bytes as base64url without padding (RFC 4648 section 5)."""

Id = Annotated[str, Field(pattern=r"^[a-z]{1,4}_[0-9a-z]{26,34}$", max_length=40)]
Username = Annotated[str, Field(min_length=1, max_length=200, description="A username as typed.")]
PathUsername = Annotated[str, Path(min_length=1, max_length=200, description="A username, without @.")]
PathPeer = Annotated[
    str, Path(min_length=1, max_length=200, description="A username, without @, or a user id.")
]
Secret = Annotated[str, Field(min_length=1, max_length=1024)]
Audience = Literal["contacts", "following", "verified", "everyone"]


class Body(BaseModel):
    """What a client sends: unknown fields are ignored, so that newer clients can talk to older servers."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


# ------------------------------------------------------------ what clients send


class NewAccount(Body):
    """A new account: a username is enough."""

    username: Username
    password: Secret
    display_name: str = Field("", max_length=200)
    invite: str = Field("", max_length=200)


class DeviceProof(Body):
    """A device's key with the proof that it holds the private half: see directory.proto."""

    public_key: Base64Url
    signed_at_ms: int = Field(ge=0, lt=INT64)
    signature: Base64Url
    name: str = Field("", max_length=200)

    def to_proto(self) -> accounts_pb2.DeviceProof:
        """As the directory takes it."""
        return accounts_pb2.DeviceProof(
            public_key=self.public_key,
            signed_at_ms=self.signed_at_ms,
            signature=self.signature,
            name=self.name,
        )


class NewSession(Body):
    """Signs a device in."""

    username: Username
    password: Secret
    device: DeviceProof


class Renewal(Body):
    """Asks for a fresh access token by the device's key."""

    user_id: Id
    device_id: Id
    device: DeviceProof


class Recovery(Body):
    """Sets a new password against a recovery code."""

    username: Username
    recovery_code: Secret
    new_password: Secret


class TicketWish(Body):
    """Asks for a ticket; the device is needed where the access token names none."""

    device_id: Id | None = None


class ProfileChange(Body):
    """What is to change; what is absent stays."""

    display_name: str | None = Field(None, max_length=200)
    searchable: bool | None = None


class Rename(Body):
    """The wanted username."""

    username: Username


# ------------------------------------------------------------ what clients get


class Profile(BaseModel):
    """What everybody may know of a user."""

    user_id: str
    username: str
    display_name: str
    verified: bool


class Account(Profile):
    """An account as its owner sees it."""

    tier: str
    searchable: bool
    created_at_ms: int


class Device(BaseModel):
    """A device as its owner sees it."""

    device_id: str
    name: str
    public_key: Base64Url
    created_at_ms: int
    last_seen_at_ms: int
    revoked: bool


class AccountMade(BaseModel):
    """The new account, and its recovery codes, which are shown this once."""

    account: Account
    recovery_codes: list[str]


class AccessToken(BaseModel):
    """A token for the header `Authorization: Bearer …`."""

    access_token: str
    expires_in: int = Field(description="Seconds.")


class SessionMade(AccessToken):
    """The device is signed in."""

    account: Account
    device: Device


class Recovered(BaseModel):
    """The password is set; every device was revoked."""

    codes_left: int


class Ticket(BaseModel):
    """Opens one line, once: sign it and send it in hello."""

    ticket: str
    expires_in: int = Field(description="Seconds.")


class Devices(BaseModel):
    """Devices, newest first."""

    devices: list[Device]


class People(BaseModel):
    """People."""

    people: list[Profile]


class PeoplePage(People):
    """A page of people."""

    next: str = Field(description="Pass it as `after` for the next page; empty at the end.")


class Entitlement(BaseModel):
    """What the operator's rules entitle this user to."""

    place_audio: bool
    place_video: bool


class Config(BaseModel):
    """What a client needs to know of this installation before anybody has signed in."""

    environment: Literal["dev", "test", "production"]
    sign_up: Literal["open", "invite", "closed"]
    issuer: Literal["local", "oidc"]
    version: str


def profile(proto: types_pb2.Profile) -> Profile:
    """A profile of the contract's message."""
    return Profile(
        user_id=proto.user_id,
        username=proto.username,
        display_name=proto.display_name,
        verified=proto.verified,
    )


def account(proto: accounts_pb2.Account) -> Account:
    """An account of the contract's message."""
    return Account(
        **profile(proto.profile).model_dump(),
        tier=proto.tier,
        searchable=proto.searchable,
        created_at_ms=proto.created_at_ms,
    )


def device(proto: accounts_pb2.Device) -> Device:
    """A device of the contract's message."""
    return Device.model_construct(
        device_id=proto.device_id,
        name=proto.name,
        public_key=proto.public_key,
        created_at_ms=proto.created_at_ms,
        last_seen_at_ms=proto.last_seen_at_ms,
        revoked=proto.revoked,
    )


def entitlement(rows: policy_pb2.GetEntitlementsResponse, tier: str) -> Entitlement:
    """What a tier is entitled to: its own row, else that of "*"; without any row everything. Where rules are
    in force they alone can tell, attempt by attempt.
    """
    by_tier = {} if rows.by_rules else {row.tier: row for row in rows.entitlements}
    row = by_tier.get(tier) or by_tier.get("*")
    is_video_off = Feature.FEATURE_VIDEO in rows.off
    if row is None:
        return Entitlement(place_audio=not by_tier, place_video=not by_tier and not is_video_off)
    return Entitlement(place_audio=row.place_audio, place_video=row.place_video and not is_video_off)
