"""Tickets: what a device shows to open one line. A JWT (RFC 7519) signed with the key all gateways share.
Pure.

It names the device and the device's public key, so that whichever gateway gets it can check, without asking
anybody, that the device itself presents it. That it is good only once is presence's part: `Presence.Claim`
spends its id.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason

ALGORITHM = "HS256"
AUDIENCE = "ringline-line"
SIGNED_PREFIX = b"ringline-line-v1:"
LONGEST = 2_048
KEY_BYTES = 32
SIGNATURE_BYTES = 64


@dataclass(frozen=True)
class Ticket:
    """What a ticket says."""

    ticket_id: str
    user_id: str
    device_id: str
    public_key: bytes
    expires_at_ms: int


class TicketPress:
    """Makes tickets and checks them. `key` is shared by all gateways and signs; tickets that one of the
    `others` signed are good as well, while the key is changed. `seconds` is how long a ticket is good.
    """

    def __init__(self, key: str, seconds: int, others: Sequence[str] = ()) -> None:
        if min(map(len, (key, *others))) < KEY_BYTES:
            raise ValueError("the ticket key has at least 32 characters")
        self._key, *self._others = (OctKey.import_key(one) for one in (key, *others))
        self.seconds = seconds

    def mint(self, user_id: str, device_id: str, public_key: bytes, now: float) -> str:
        """A ticket for this device; `public_key` is its raw Ed25519 key, `now` in Unix seconds."""
        claims = {
            "aud": AUDIENCE,
            "jti": ids.mint_ticket(),
            "sub": user_id,
            "did": device_id,
            "dk": urlsafe_b64encode(public_key).rstrip(b"=").decode("ascii"),
            "exp": int(now) + self.seconds,
        }
        return jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])

    def check(self, ticket: str, signature: bytes, now: float) -> Ticket:
        """What the ticket says. Raises Refusal(TICKET_INVALID) where it is not ours, expired, or not signed
        by the device it names (Ed25519 over "ringline-line-v1:" and the ticket, RFC 8032).
        """
        told = self._read(ticket, now)
        try:
            Ed25519PublicKey.from_public_bytes(told.public_key).verify(
                signature, SIGNED_PREFIX + ticket.encode("ascii")
            )
        except (InvalidSignature, ValueError) as error:
            raise Refusal(Reason.REASON_TICKET_INVALID) from error
        return told

    def _read(self, ticket: str, now: float) -> Ticket:
        if len(ticket) > LONGEST or not ticket.isascii():
            raise Refusal(Reason.REASON_TICKET_INVALID)
        needed = {name: {"essential": True} for name in ("jti", "sub", "did", "dk", "exp")}
        registry = JWTClaimsRegistry(now=int(now), aud={"essential": True, "value": AUDIENCE}, **needed)  # type: ignore[arg-type]
        try:
            claims = self._verified(ticket)
            registry.validate(claims)
            key = urlsafe_b64decode(claims["dk"] + "=")
        except (JoseError, ValueError, TypeError) as error:
            raise Refusal(Reason.REASON_TICKET_INVALID) from error
        return Ticket(claims["jti"], claims["sub"], claims["did"], key, int(claims["exp"]) * 1000)

    def _verified(self, ticket: str) -> dict[str, Any]:
        """The claims. Raises JoseError or ValueError where none of the keys has signed them."""
        for key in self._others:
            with suppress(BadSignatureError):
                return jwt.decode(ticket, key, algorithms=[ALGORITHM]).claims
        return jwt.decode(ticket, self._key, algorithms=[ALGORITHM]).claims
