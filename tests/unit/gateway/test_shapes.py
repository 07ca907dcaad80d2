"""The JSON of the public API and its document."""

import pytest
from pydantic import ValidationError

from ringline.v1 import accounts_pb2, policy_pb2, types_pb2
from ringline.v1.operator_pb2 import Feature
from services.gateway import shapes
from services.gateway.http import document
from tools import openapi


def test_the_document_of_the_api_is_fresh() -> None:
    assert openapi.PATH.read_text() == openapi.text(), "run python -m tools.openapi"


def test_every_operation_says_what_it_does_and_how_it_refuses() -> None:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            assert operation["description"].endswith("."), (method, path)
            assert "application/problem+json" in operation["responses"]["default"]["content"], (method, path)


def test_bytes_travel_as_base64url_without_padding() -> None:
    body = {"public_key": "AAEC_w", "signed_at_ms": 1, "signature": "", "name": "x"}
    proof = shapes.DeviceProof.model_validate(body)
    assert proof.to_proto().public_key == b"\x00\x01\x02\xff"
    device = shapes.device(accounts_pb2.Device(device_id="d_1", public_key=b"\x00\x01\x02\xff"))
    assert device.model_dump()["public_key"] == "AAEC_w"


@pytest.mark.parametrize("text", ["a", "****", "é", 7, None, "AAEC+w"])
def test_what_is_no_base64url_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        shapes.DeviceProof.model_validate({"public_key": text, "signed_at_ms": 1, "signature": ""})


@pytest.mark.parametrize("at", [-1, 2**63, "x", 1.5])
def test_a_time_fits_into_the_contract(at: object) -> None:
    with pytest.raises(ValidationError):
        shapes.DeviceProof.model_validate({"public_key": "", "signed_at_ms": at, "signature": ""})


def test_an_account_shows_its_profile_flat() -> None:
    profile = types_pb2.Profile(user_id="u_1", username="ada", display_name="Ada", verified=True)
    account = shapes.account(accounts_pb2.Account(profile=profile, tier="plus", created_at_ms=5))
    assert account.model_dump() == {
        "user_id": "u_1", "username": "ada", "display_name": "Ada", "verified": True,
        "tier": "plus", "searchable": False, "created_at_ms": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tier", "audio", "video"), [("plus", True, True), ("free", True, False), ("unheard-of", False, False)]
)
def test_a_tier_without_a_row_gets_that_of_the_star(tier: str, audio: bool, video: bool) -> None:
    rows = policy_pb2.GetEntitlementsResponse(
        entitlements=[
            policy_pb2.Entitlement(tier="plus", place_audio=True, place_video=True),
            policy_pb2.Entitlement(tier="free", place_audio=True),
            policy_pb2.Entitlement(tier="*"),
        ]
    )
    assert shapes.entitlement(rows, tier) == shapes.Entitlement(place_audio=audio, place_video=video)


def test_without_any_row_everybody_may_do_everything() -> None:
    everything = shapes.Entitlement(place_audio=True, place_video=True)
    assert shapes.entitlement(policy_pb2.GetEntitlementsResponse(), "free") == everything


def test_with_rules_no_tier_greys_a_button_out_and_the_switch_of_video_does() -> None:
    rows = policy_pb2.GetEntitlementsResponse(
        entitlements=[policy_pb2.Entitlement(tier="free")], by_rules=True
    )
    assert shapes.entitlement(rows, "free") == shapes.Entitlement(place_audio=True, place_video=True)
    rows.off.append(Feature.FEATURE_VIDEO)
    assert shapes.entitlement(rows, "free") == shapes.Entitlement(place_audio=True, place_video=False)
    rows.by_rules = False
    assert shapes.entitlement(rows, "free") == shapes.Entitlement(place_audio=False, place_video=False)
