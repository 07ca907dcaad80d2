"""Devices: keys that a person holds, good until they are revoked."""

from __future__ import annotations

import pytest

from ringline.refusal import Refusal
from ringline.v1 import accounts_pb2, directory_pb2
from ringline.v1.accounts_pb2 import Device, DeviceProof
from tests.service.directory.conftest import People, reason

DAY_MS = 24 * 3_600_000
NOBODYS = "d_" + "0" * 26


async def register(people: People, user_id: str, shown: DeviceProof) -> Device:
    """Registers a device."""
    request = directory_pb2.RegisterDeviceRequest(user_id=user_id, device=shown)
    return (await people.stub.RegisterDevice(request)).device


async def listed(people: People, user_id: str) -> list[str]:
    """The names of the user's devices, revoked ones in brackets."""
    answer = await people.stub.ListDevices(directory_pb2.ListDevicesRequest(user_id=user_id))
    return [f"({device.name})" if device.revoked else device.name for device in answer.devices]


async def revoke(people: People, user_id: str, device_id: str) -> Device:
    """Revokes a device."""
    request = directory_pb2.RevokeDeviceRequest(user_id=user_id, device_id=device_id)
    return (await people.stub.RevokeDevice(request)).device


async def get(people: People, user_id: str, device_id: str) -> Device:
    """One device."""
    request = directory_pb2.GetDeviceRequest(user_id=user_id, device_id=device_id)
    return (await people.stub.GetDevice(request)).device


async def test_a_device_proves_its_key_and_is_listed_newest_first(both: tuple[People, People]) -> None:
    one, other = both
    ada = await one.new("ada")
    phone, laptop = one.device(), one.device()
    first = await register(one, ada, phone.proof("register", "ada", "Phone"))
    one.clock.ahead_ms += 1000
    await register(other, ada, laptop.proof("register", "ada", ""))
    assert await listed(one, ada) == ["Device", "Phone"]
    assert await get(other, ada, first.device_id) == first
    again = await register(other, ada, phone.proof("register", "ada", "Old phone"))
    assert again.device_id == first.device_id
    assert await listed(one, ada) == ["Device", "Old phone"]


async def test_a_proof_of_something_else_registers_nothing(people: People) -> None:
    ada = await people.new("ada")
    device = people.device()
    for shown in (device.proof("sign-in", "ada"), device.proof("register", "bob"), DeviceProof()):
        with pytest.raises(Refusal) as refused:
            await register(people, ada, shown)
        assert reason(refused) == "PROOF_INVALID"
    with pytest.raises(Refusal) as refused:
        await register(people, "u_" + "0" * 26, device.proof("register", "ada"))
    assert reason(refused) == "USER_NOT_FOUND"
    assert await listed(people, ada) == []


async def test_a_revoked_device_never_comes_back(both: tuple[People, People]) -> None:
    one, other = both
    ada = await one.new("ada")
    phone = one.device()
    device_id = (await one.sign_in("ada", phone)).device.device_id
    assert (await revoke(one, ada, device_id)).revoked
    assert (await revoke(other, ada, device_id)).revoked
    assert (await get(other, ada, device_id)).revoked
    for attempt in (
        register(other, ada, phone.proof("register", "ada")),
        one.sign_in("ada", phone),
        other.stub.RenewToken(
            accounts_pb2.RenewTokenRequest(user_id=ada, device_id=device_id, device=phone.proof("renew", ada))
        ),
    ):
        with pytest.raises(Refusal) as refused:
            await attempt
        assert reason(refused) == "DEVICE_REVOKED"
    await one.sign_in("ada", one.device())


async def test_a_revoked_device_is_listed_for_thirty_days(people: People) -> None:
    ada = await people.new("ada")
    device = await register(people, ada, people.device().proof("register", "ada"))
    await revoke(people, ada, device.device_id)
    assert await listed(people, ada) == ["(Phone)"]
    people.clock.ahead_ms += 30 * DAY_MS + 1000
    assert await listed(people, ada) == []


async def test_somebody_elses_device_is_no_device(people: People) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    device = await register(people, bob, people.device().proof("register", "bob"))
    for device_id in (device.device_id, NOBODYS, "", "d_\0", "%"):
        for ask in (get, revoke):
            with pytest.raises(Refusal) as refused:
                await ask(people, ada, device_id)
            assert reason(refused) == "DEVICE_NOT_FOUND"
    assert not (await get(people, bob, device.device_id)).revoked


async def test_two_people_may_share_a_browser_and_its_key(people: People) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    shared = people.device()
    one = await register(people, ada, shared.proof("register", "ada"))
    other = await register(people, bob, shared.proof("register", "bob"))
    assert one.device_id != other.device_id
    await revoke(people, ada, one.device_id)
    assert not (await get(people, bob, other.device_id)).revoked
