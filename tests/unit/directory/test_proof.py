"""Proof of possession: only the holder of the key, for this purpose, this person, and now."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringline.refusal import Refusal
from ringline.v1.accounts_pb2 import DeviceProof
from ringline.v1.reasons_pb2 import Reason
from services.directory import proof

NOW = 1_800_000_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def signed(purpose: proof.Purpose = "sign-in", subject: str = "ada", at: int = NOW) -> DeviceProof:
    return DeviceProof(
        public_key=KEY.public_key().public_bytes_raw(),
        signed_at_ms=at,
        signature=KEY.sign(proof.text(purpose, subject, at)),
    )


def test_the_text_is_the_one_in_the_contract() -> None:
    assert proof.text("sign-in", "ada", 17) == b"ringline-device-v1:sign-in:ada:17"


@pytest.mark.parametrize("at", [NOW, NOW - 120_000, NOW + 120_000])
def test_the_holder_of_the_key_is_believed_within_two_minutes(at: int) -> None:
    proof.check(signed(at=at), "sign-in", "ada", NOW)


def forged(**changes: object) -> DeviceProof:
    given = signed()
    for field, value in changes.items():
        setattr(given, field, value)
    return given


@pytest.mark.parametrize(
    "given",
    [
        DeviceProof(),
        signed(purpose="renew"),
        signed(subject="bob"),
        signed(at=NOW - 120_001),
        signed(at=NOW + 120_001),
        forged(signed_at_ms=NOW + 1),
        forged(public_key=bytes(32)),
        forged(public_key=b"\xff" * 32),
        forged(public_key=b"short"),
        forged(signature=bytes(64)),
        forged(signature=signed().signature + b"\0"),
        forged(signature=signed().signature[:-1] + bytes([signed().signature[-1] ^ 1])),
    ],
)
def test_anything_else_is_refused(given: DeviceProof) -> None:
    with pytest.raises(Refusal) as refused:
        proof.check(given, "sign-in", "ada", NOW)
    assert refused.value.reason == Reason.REASON_PROOF_INVALID
