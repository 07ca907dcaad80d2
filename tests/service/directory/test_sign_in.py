"""Signing in: the password, the device's key, and no more guesses than allowed."""

from __future__ import annotations

import asyncio
import json

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from ringline.config import NodeSettings
from ringline.refusal import Refusal
from ringline.v1 import accounts_pb2, directory_pb2
from tests.service.directory.conftest import (
    PASSWORD,
    Clock,
    People,
    directory_pods,
    open_people,
    reason,
)
from tests.service.pods import owner


async def test_the_right_password_and_a_proven_key_let_in(people: People) -> None:
    user_id = await people.new("ada")
    device = people.device()
    entered = await people.sign_in("ada", device)
    assert entered.account.profile.user_id == user_id
    assert entered.device.public_key == device.public
    assert entered.device.name == "Phone"
    assert entered.device.device_id.startswith("d_")
    assert entered.expires_in_s == 900


async def test_the_name_may_be_typed_in_any_form(people: People) -> None:
    await people.new("ada")
    device = people.device()
    request = accounts_pb2.SignInRequest(
        username=" @ＡDA", password=PASSWORD, network="192.0.2.1", device=device.proof("sign-in", "ada")
    )
    assert (await people.stub.SignIn(request)).account.profile.username == "ada"


async def test_the_same_key_is_the_same_device(both: tuple[People, People]) -> None:
    one, other = both
    await one.new("ada")
    device = one.device()
    first = await one.sign_in("ada", device)
    second = await other.sign_in("ada", device)
    assert first.device.device_id == second.device.device_id


async def test_a_token_of_one_pod_verifies_with_the_keys_of_the_other(both: tuple[People, People]) -> None:
    one, other = both
    user_id = await one.new("ada")
    entered = await one.sign_in("ada", one.device())
    keys = await other.stub.IssuerKeys(accounts_pb2.IssuerKeysRequest())
    claims = jwt.decode(
        entered.access_token, KeySet.import_key_set(json.loads(keys.jwks)), algorithms=["Ed25519"]
    ).claims
    assert claims["sub"] == user_id
    assert claims["did"] == entered.device.device_id
    assert (claims["iss"], claims["aud"]) == (keys.issuer, keys.audience) == ("ringline", "ringline")
    assert claims["exp"] - claims["iat"] == 900


async def test_production_does_not_start_without_a_key_of_its_own(
    settings: NodeSettings, clock: Clock
) -> None:
    production = settings.model_copy(update={"environment": "production"})
    with pytest.raises(ValueError, match="RINGLINE_DIRECTORY_ISSUER_KEY"):
        async with directory_pods(production, clock):
            pass


async def test_a_wrong_password_an_unknown_user_and_no_name_at_all_look_the_same(people: People) -> None:
    await people.new("ada")
    seen = []
    for username in ("ada", "nobody", "a b", "admin"):
        with pytest.raises(Refusal) as refused:
            await people.sign_in(username, people.device(), password="not the password")
        seen.append((reason(refused), refused.value.sentence, refused.value.retry_after))
    assert set(seen) == {("CREDENTIALS_WRONG", seen[0][1], None)}


@pytest.mark.parametrize("password", ["", "\0", "x" * 5000, PASSWORD.upper(), PASSWORD + " "])
async def test_any_other_password_is_wrong(people: People, password: str) -> None:
    await people.new("ada")
    with pytest.raises(Refusal) as refused:
        await people.sign_in("ada", people.device(), password=password)
    assert reason(refused) == "CREDENTIALS_WRONG"


async def test_a_proof_of_another_purpose_name_key_or_time_is_refused(people: People) -> None:
    await people.new("ada")
    device, other = people.device(), people.device()
    late = device.proof("sign-in", "ada")
    late.signed_at_ms -= 1
    swapped = device.proof("sign-in", "ada")
    swapped.public_key = other.public
    for shown in (
        accounts_pb2.DeviceProof(),
        device.proof("register", "ada"),
        device.proof("sign-in", "bob"),
        late,
        swapped,
    ):
        request = accounts_pb2.SignInRequest(
            username="ada", password=PASSWORD, network="192.0.2.1", device=shown
        )
        with pytest.raises(Refusal) as refused:
            await people.stub.SignIn(request)
        assert reason(refused) == "PROOF_INVALID"


async def guess(people: People, network: str, username: str = "ada") -> str:
    """One wrong password."""
    with pytest.raises(Refusal) as refused:
        await people.sign_in(username, people.device(), password="not the password", network=network)
    return refused.value.name


async def test_ten_guesses_from_a_network_even_all_at_once_and_then_it_waits(
    both: tuple[People, People],
) -> None:
    one, _ = both
    await one.new("ada")
    fates = await asyncio.gather(*(guess(both[at % 2], "192.0.2.1") for at in range(16)))
    assert sorted(fates) == ["credentials_wrong"] * 10 + ["limited"] * 6
    with pytest.raises(Refusal) as refused:
        await one.sign_in("ada", one.device(), network="192.0.2.1")
    assert reason(refused) == "LIMITED"
    assert refused.value.retry_after is not None
    assert 0 < refused.value.retry_after <= 900


async def test_another_network_and_another_quarter_of_an_hour_are_let_in(people: People) -> None:
    await people.new("ada")
    await asyncio.gather(*(guess(people, "192.0.2.1") for _ in range(10)))
    await people.sign_in("ada", people.device(), network="192.0.2.2")
    people.clock.ahead_ms += 900_000
    await people.sign_in("ada", people.device(), network="192.0.2.1")


async def test_unknown_users_are_guessed_at_as_slowly(people: People) -> None:
    fates = [await guess(people, "192.0.2.1", "nobody") for _ in range(11)]
    assert fates == ["credentials_wrong"] * 10 + ["limited"]


async def test_who_signs_in_rightly_is_not_counted(people: People) -> None:
    await people.new("ada")
    device = people.device()
    for _ in range(12):
        await people.sign_in("ada", device, network="192.0.2.1")


async def test_a_hash_is_made_stronger_when_its_owner_comes_by(settings: NodeSettings, clock: Clock) -> None:
    async def stored() -> str:
        async with owner(settings) as database:
            return str(await database.fetchval("SELECT password FROM directory.account"))

    async with directory_pods(settings, clock) as [node], open_people(node, clock) as people:
        await people.new("ada")
    assert "t=1" in await stored()
    async with directory_pods(settings, clock, hash_passes=2) as [node], open_people(node, clock) as people:
        await people.sign_in("ada", people.device())
        assert "t=2" in await stored()
        await people.sign_in("ada", people.device())


async def renewed(people: People, user_id: str, device_id: str, shown: accounts_pb2.DeviceProof) -> str:
    """A fresh token."""
    request = accounts_pb2.RenewTokenRequest(user_id=user_id, device_id=device_id, device=shown)
    return (await people.stub.RenewToken(request)).access_token


async def test_a_device_renews_its_token_with_its_key(both: tuple[People, People]) -> None:
    one, other = both
    user_id = await one.new("ada")
    device = one.device()
    entered = await one.sign_in("ada", device)
    one.clock.ahead_ms += 1000
    fresh = await renewed(other, user_id, entered.device.device_id, device.proof("renew", user_id))
    assert fresh != entered.access_token
    listed = await one.stub.ListDevices(directory_pb2.ListDevicesRequest(user_id=user_id))
    assert listed.devices[0].last_seen_at_ms - entered.device.last_seen_at_ms >= 1000


async def test_nobody_else_renews_it(people: People) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    device, stranger = people.device(), people.device()
    device_id = (await people.sign_in("ada", device)).device.device_id
    for user_id, which, shown, why in (
        (ada, device_id, stranger.proof("renew", ada), "PROOF_INVALID"),
        (ada, device_id, device.proof("sign-in", "ada"), "PROOF_INVALID"),
        (bob, device_id, device.proof("renew", ada), "PROOF_INVALID"),
        (bob, device_id, device.proof("renew", bob), "DEVICE_NOT_FOUND"),
        (ada, "d_" + "0" * 26, device.proof("renew", ada), "DEVICE_NOT_FOUND"),
        (ada, "d_\0", device.proof("renew", ada), "DEVICE_NOT_FOUND"),
        ("u_\0", device_id, device.proof("renew", "u_\0"), "DEVICE_NOT_FOUND"),
    ):
        with pytest.raises(Refusal) as refused:
            await renewed(people, user_id, which, shown)
        assert reason(refused) == why


async def recover(people: People, code: str, new: str = "another good sentence") -> int:
    """Recovers ada's account; how many codes are left."""
    request = accounts_pb2.RecoverRequest(
        username="ada", recovery_code=code, new_password=new, network="192.0.2.1"
    )
    return (await people.stub.Recover(request)).codes_left


async def test_a_recovery_code_sets_a_new_password_once_and_revokes_every_device(people: People) -> None:
    codes = (await people.sign_up("ada")).recovery_codes
    device = people.device()
    entered = await people.sign_in("ada", device)
    user_id = entered.account.profile.user_id
    assert await recover(people, codes[3].lower().replace("-", " ")) == 9
    with pytest.raises(Refusal) as refused:
        await renewed(people, user_id, entered.device.device_id, device.proof("renew", user_id))
    assert reason(refused) == "DEVICE_REVOKED"
    with pytest.raises(Refusal) as refused:
        await people.sign_in("ada", people.device())
    assert reason(refused) == "CREDENTIALS_WRONG"
    await people.sign_in("ada", people.device(), password="another good sentence")
    with pytest.raises(Refusal) as refused:
        await recover(people, codes[3])
    assert reason(refused) == "CREDENTIALS_WRONG"
    assert await recover(people, codes[4]) == 8


async def test_no_device_gets_in_with_the_old_password_around_a_recovery(both: tuple[People, People]) -> None:
    one, other = both
    codes = (await one.sign_up("ada")).recovery_codes
    passwords = [PASSWORD, *(f"good sentence number {at}" for at in range(8))]
    for at, code in enumerate(codes[:8]):
        old, new = passwords[at], passwords[at + 1]
        *entered, left = await asyncio.gather(
            *(both[n % 2].sign_in("ada", one.device(), old, f"192.0.2.{10 * at + n}") for n in range(6)),
            recover(other, code, new),
            return_exceptions=True,
        )
        assert left == 9 - at
        assert {one.name for one in entered if isinstance(one, Refusal)} <= {"credentials_wrong"}
        user_id = (await one.sign_in("ada", one.device(), new)).account.profile.user_id
        listed = await one.stub.ListDevices(directory_pb2.ListDevicesRequest(user_id=user_id))
        assert sum(not device.revoked for device in listed.devices) == 1


async def test_a_code_is_spent_once_however_often_it_is_sent_at_once(both: tuple[People, People]) -> None:
    codes = (await both[0].sign_up("ada")).recovery_codes
    fates = await asyncio.gather(
        *(recover(both[at % 2], codes[0]) for at in range(6)), return_exceptions=True
    )
    assert [fate for fate in fates if not isinstance(fate, Refusal)] == [9]


async def test_somebody_elses_code_no_code_and_a_weak_password_are_refused(people: People) -> None:
    await people.new("ada")
    foreign = (await people.sign_up("bob")).recovery_codes[0]
    for code, new, why in (
        (foreign, "another good sentence", "CREDENTIALS_WRONG"),
        ("", "another good sentence", "CREDENTIALS_WRONG"),
        ("\0" * 20, "another good sentence", "CREDENTIALS_WRONG"),
        (foreign, "short", "PASSWORD_WEAK"),
    ):
        with pytest.raises(Refusal) as refused:
            await recover(people, code, new)
        assert reason(refused) == why


async def test_codes_are_guessed_as_slowly_as_passwords(people: People) -> None:
    codes = (await people.sign_up("ada")).recovery_codes
    for _ in range(10):
        with pytest.raises(Refusal):
            await recover(people, "00000-00000-00000-00000")
    with pytest.raises(Refusal) as refused:
        await recover(people, codes[0])
    assert reason(refused) == "LIMITED"
