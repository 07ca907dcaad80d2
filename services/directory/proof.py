"""Proof of possession: that a device holds the private half of the key it shows (Ed25519, RFC 8032). Pure."""

from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ringline.refusal import Refusal
from ringline.v1.accounts_pb2 import DeviceProof
from ringline.v1.reasons_pb2 import Reason

Purpose = Literal["sign-in", "register", "renew"]

TOLERANCE_MS = 120_000
KEY_BYTES = 32
SIGNATURE_BYTES = 64


def text(purpose: Purpose, subject: str, signed_at_ms: int) -> bytes:
    """What a device signs: `subject` is the username in normal form, or the user id where the purpose is
    "renew".

    A username is UTF-8 where it is more than ASCII.
    """
    return f"ringline-device-v1:{purpose}:{subject}:{signed_at_ms}".encode()


def check(proof: DeviceProof, purpose: Purpose, subject: str, now_ms: int) -> None:
    """Raises Refusal(PROOF_INVALID) where the proof does not verify, or is off by more than two minutes."""
    if len(proof.public_key) != KEY_BYTES or len(proof.signature) != SIGNATURE_BYTES:
        raise Refusal(Reason.REASON_PROOF_INVALID, "A public key has 32 bytes and a signature 64.")
    if abs(proof.signed_at_ms - now_ms) > TOLERANCE_MS:
        raise Refusal(Reason.REASON_PROOF_INVALID, "The device's clock is more than two minutes off.")
    try:
        Ed25519PublicKey.from_public_bytes(proof.public_key).verify(
            proof.signature, text(purpose, subject, proof.signed_at_ms)
        )
    except (InvalidSignature, ValueError) as error:
        raise Refusal(Reason.REASON_PROOF_INVALID) from error
