"""Who asks: access tokens (RFC 7519) of the local issuer or of the platform's own identity provider.

One algorithm, and issuer, audience and expiry are required; there is no way to ask for less. The keys come
from the directory, or from the provider's JWK Set (RFC 7517).
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from ringline import ids
from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1 import accounts_pb2, directory_pb2
from ringline.v1.reasons_pb2 import Reason
from services.gateway.recent import Recent
from services.gateway.settings import Settings

if TYPE_CHECKING:  # these classes are in the stub files only
    from ringline.v1.directory_pb2_grpc import DirectoryAsyncStub

LOCAL_ALGORITHM = "Ed25519"
LONGEST = 8_192
LEEWAY_SECONDS = 5
KEYS_SECONDS = 600.0
"""How long keys are used before they are asked for again; a key that is unknown asks at once."""
UNKNOWN_SECONDS = 5.0
"""How often an unknown key may ask."""
FETCH_SECONDS = 3.0
DEVICE_SECONDS = 1.0
"""How long a device that was found good counts as good: a revoked one is shut out within this time."""
ADOPTED_SECONDS = 30.0


@dataclass(frozen=True)
class Rules:
    """What a token must be."""

    issuer: str
    audience: str
    algorithm: str
    needed: tuple[str, ...]


@dataclass(frozen=True)
class Caller:
    """Who asks. `device_id` is empty where the token names no device (that of another issuer)."""

    user_id: str
    device_id: str


def claims_of(token: str, keys: KeySet, rules: Rules, now: float) -> dict[str, Any]:
    """The claims of a token that obeys `rules`; `now` in Unix seconds. Raises Refusal(TOKEN_INVALID)."""
    options: dict[str, Any] = {name: {"essential": True} for name in ("exp", *rules.needed)}
    registry = JWTClaimsRegistry(
        now=int(now),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": rules.issuer},
        aud={"essential": True, "value": rules.audience},
        **options,
    )
    try:
        claims = jwt.decode(token, keys, algorithms=[rules.algorithm]).claims
        registry.validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise Refusal(Reason.REASON_TOKEN_INVALID) from error
    return claims


def key_id(token: str, algorithm: str) -> str:
    """The key a token says it is signed with; "" where it names none.

    Raises Refusal(TOKEN_INVALID) where it has another algorithm, before any key is looked for.
    """
    if len(token) > LONGEST:
        raise Refusal(Reason.REASON_TOKEN_INVALID)
    try:
        head = token.partition(".")[0]
        header = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        if header["alg"] != algorithm:
            raise Refusal(Reason.REASON_TOKEN_INVALID)
        return str(header.get("kid", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # RecursionError: a header of nothing but brackets.
        raise Refusal(Reason.REASON_TOKEN_INVALID) from error


class Keys:
    """The keys of one issuer and what its tokens must be, fetched when needed and kept for ten minutes."""

    def __init__(
        self, load: Callable[[], Awaitable[tuple[KeySet, Rules]]], unknown_s: float = UNKNOWN_SECONDS
    ) -> None:
        self._load = load
        self._unknown_s = unknown_s
        self._known: tuple[KeySet, Rules] | None = None
        self._loaded_at = 0.0

    async def claims(self, token: str, now: float) -> dict[str, Any]:
        """The claims of a valid token; `now` in Unix seconds. Raises Refusal(TOKEN_INVALID, UNAVAILABLE)."""
        keys, rules = await self._fresh(KEYS_SECONDS)
        kid = key_id(token, rules.algorithm)
        if kid and kid not in {key.kid for key in keys}:
            keys, rules = await self._fresh(self._unknown_s)
        return claims_of(token, keys, rules, now)

    async def _fresh(self, seconds: float) -> tuple[KeySet, Rules]:
        now = time.monotonic()
        if self._known is not None and now - self._loaded_at < seconds:
            return self._known
        self._loaded_at = now
        try:
            self._known = await self._load()
        except Refusal:
            if self._known is None:
                self._loaded_at = 0.0
                raise
            log(__name__).warning("keys of the issuer could not be renewed")
        return self._known


def local_keys(directory: DirectoryAsyncStub) -> Keys:
    """The keys of Ringline's own accounts."""

    async def load() -> tuple[KeySet, Rules]:
        answer = await directory.IssuerKeys(accounts_pb2.IssuerKeysRequest())
        rules = Rules(answer.issuer, answer.audience, LOCAL_ALGORITHM, ("sub", "did", "jti"))
        return KeySet.import_key_set(json.loads(answer.jwks)), rules

    return Keys(load)


def provider_keys(settings: Settings) -> Keys:
    """The keys of the platform's identity provider. Raises ValueError where the settings do not add up."""
    if not settings.oidc_audience or bool(settings.oidc_jwks_url) == bool(settings.oidc_jwks_file):
        raise ValueError("an OIDC issuer needs an audience, and either a URL or a file with its keys")
    if settings.oidc_jwks_url and not settings.oidc_jwks_url.startswith("https://"):
        raise ValueError("the keys of an OIDC issuer come over https")
    needed = ("sub", settings.claim_username, *(("jti",) if settings.oidc_needs_jti else ()))
    rules = Rules(settings.oidc_issuer, settings.oidc_audience, settings.oidc_algorithm, needed)

    async def load() -> tuple[KeySet, Rules]:
        try:
            if settings.oidc_jwks_file:
                text = Path(settings.oidc_jwks_file).read_text()  # noqa: ASYNC240  a small file, once in ten minutes
            else:
                text = await _fetch(settings.oidc_jwks_url)
            return KeySet.import_key_set(json.loads(text)), rules
        except (httpx.HTTPError, OSError, JoseError, ValueError, KeyError, TypeError) as error:
            sentence = "The identity provider's keys could not be read."
            raise Refusal(Reason.REASON_UNAVAILABLE, sentence) from error

    return Keys(load)


async def _fetch(url: str) -> str:
    async with httpx.AsyncClient(timeout=FETCH_SECONDS, follow_redirects=False) as client:
        response = await client.get(url)
        response.raise_for_status()
        return response.text


class Doorkeeper:
    """Turns an Authorization header into a caller."""

    def __init__(self, settings: Settings, directory: DirectoryAsyncStub) -> None:
        self.is_local = not settings.oidc_issuer
        self._settings = settings
        self._directory = directory
        self._keys = local_keys(directory) if self.is_local else provider_keys(settings)
        self._good: Recent[accounts_pb2.Device] = Recent(DEVICE_SECONDS)
        self._adopted: Recent[str] = Recent(ADOPTED_SECONDS)

    async def caller(self, authorization: str) -> Caller:
        """Who asks. Raises Refusal(TOKEN_INVALID, DEVICE_REVOKED, UNAVAILABLE)."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(Reason.REASON_TOKEN_INVALID)
        claims = await self._keys.claims(token.strip(), time.time())
        if not self.is_local:
            return Caller(await self._adopt(claims), "")
        caller = Caller(str(claims["sub"]), str(claims["did"]))
        if not ids.is_id(caller.user_id, "u_") or not ids.is_id(caller.device_id, "d_"):
            raise Refusal(Reason.REASON_TOKEN_INVALID)
        try:
            await self.device(caller.user_id, caller.device_id)
        except Refusal as refusal:
            if refusal.reason == Reason.REASON_DEVICE_NOT_FOUND:
                raise Refusal(Reason.REASON_TOKEN_INVALID) from refusal
            raise
        return caller

    async def device(self, user_id: str, device_id: str) -> accounts_pb2.Device:
        """A device of this user that is still good. Raises Refusal(DEVICE_REVOKED, DEVICE_NOT_FOUND)."""
        key = f"{user_id} {device_id}"
        found = self._good.get(key, time.monotonic())
        if found is None:
            request = directory_pb2.GetDeviceRequest(user_id=user_id, device_id=device_id)
            found = (await self._directory.GetDevice(request)).device
            if found.revoked:
                raise Refusal(Reason.REASON_DEVICE_REVOKED)
            self._good.put(key, found, time.monotonic())
        return found

    def forget(self, user_id: str, device_id: str) -> None:
        """The device was revoked through this gateway: from now on it is asked for again."""
        self._good.drop(f"{user_id} {device_id}")

    async def _adopt(self, claims: dict[str, Any]) -> str:
        """The user behind a token of the provider, made on first sight."""
        settings = self._settings
        verified = claims.get(settings.claim_verified)
        request = accounts_pb2.AdoptRequest(
            issuer=settings.oidc_issuer,
            subject=_text(claims, "sub"),
            username=_text(claims, settings.claim_username),
            tier=_text(claims, settings.claim_tier),
            display_name=_text(claims, settings.claim_display_name),
            verified=verified if isinstance(verified, bool) else None,
        )
        key = request.SerializeToString(deterministic=True).hex()
        user_id = self._adopted.get(key, time.monotonic())
        if user_id is None:
            user_id = (await self._directory.Adopt(request)).account.profile.user_id
            self._adopted.put(key, user_id, time.monotonic())
        return user_id


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise Refusal(Reason.REASON_TOKEN_INVALID, f"The claim {name} of the token is no text.")
    return value
