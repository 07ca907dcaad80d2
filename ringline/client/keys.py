"""A device's key: Ed25519 (RFC 8032), made on the device and never leaving it."""

import time
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5), as JSON carries bytes here."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


class DeviceKey:
    """The private key of one device; `raw` (32 bytes) restores a known one, else a new one is made."""

    def __init__(self, raw: bytes | None = None) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(raw) if raw else Ed25519PrivateKey.generate()

    @property
    def raw(self) -> bytes:
        """The 32 private bytes, to be kept secret."""
        return self._key.private_bytes_raw()

    @property
    def public(self) -> bytes:
        """The 32 public bytes."""
        return self._key.public_key().public_bytes_raw()

    def prove(self, purpose: str, subject: str, name: str = "") -> dict[str, str | int]:
        """The proof of possession as JSON for `purpose` ("sign-in", "register", "renew"): see DeviceProof in
        directory.proto.

        `subject` is the username in normal form, or the user's id for "renew".
        """
        at = time.time_ns() // 1_000_000
        text = f"ringline-device-v1:{purpose}:{subject}:{at}"
        return {
            "public_key": b64url(self.public),
            "signed_at_ms": at,
            "signature": b64url(self._key.sign(text.encode("utf-8"))),
            "name": name,
        }

    def sign_ticket(self, ticket: str) -> bytes:
        """The signature with which this device presents a ticket: see Hello in client.proto."""
        return self._key.sign(b"ringline-line-v1:" + ticket.encode("ascii"))
