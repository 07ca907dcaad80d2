"""What a revoked device is elsewhere: presence and signaling are told until both have confirmed it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from prometheus_client import REGISTRY

from ringline.config import NodeSettings
from ringline.db import Database
from ringline.v1 import accounts_pb2
from ringline.v1.reasons_pb2 import Reason
from services.directory.devices import Devices
from services.directory.revocations import AT_ONCE
from tests.service.directory.conftest import Clock, People, directory_pods, open_people
from tests.service.directory.neighbours import Neighbour
from tests.service.directory.test_devices import get, register, revoke
from tests.service.pods import owner

pytestmark = pytest.mark.shows("S14")


async def new_device(people: People, user_id: str, username: str) -> str:
    """Another device of this user; its id."""
    return (await register(people, user_id, people.device().proof("register", username))).device_id


async def recover(people: People, username: str, code: str) -> None:
    """Revokes every device by a recovery code."""
    request = accounts_pb2.RecoverRequest(
        username=username, recovery_code=code, new_password="another good sentence", network="192.0.2.1"
    )
    await people.stub.Recover(request)


async def let_the_turn_pass(settings: NodeSettings, last: str = "") -> None:
    """Whoever had these revocations for himself has them no more; `last` waits behind all others."""
    async with owner(settings) as database:
        await database.execute(
            "UPDATE directory.device SET settle_at = now() - CASE WHEN device_id = $1 THEN interval '1 s'"
            " ELSE interval '2 s' END WHERE settle_at IS NOT NULL",
            last,
        )


async def unsettled(settings: NodeSettings) -> list[str]:
    """The devices that not everybody has confirmed."""
    async with owner(settings) as database:
        rows = await database.fetch("SELECT device_id FROM directory.device WHERE settle_at IS NOT NULL")
    return [row["device_id"] for row in rows]


async def test_both_have_confirmed_a_revoked_device_before_the_answer_and_hear_of_it_once(
    both: tuple[People, People], settings: NodeSettings, presence: Neighbour, signaling: Neighbour
) -> None:
    one, other = both
    ada = await one.new("ada")
    stolen, kept = await new_device(one, ada, "ada"), await new_device(one, ada, "ada")
    await revoke(one, ada, stolen)
    assert presence.confirmed == signaling.confirmed == {stolen}
    assert await unsettled(settings) == []
    await revoke(other, ada, stolen)
    assert presence.told == signaling.told == [stolen]
    assert not (await get(other, ada, kept)).revoked


async def test_a_recovery_is_told_of_every_device_that_was_good(
    people: People, settings: NodeSettings, presence: Neighbour, signaling: Neighbour
) -> None:
    made = await people.sign_up("ada")
    ada = made.account.profile.user_id
    devices = [await new_device(people, ada, "ada") for _ in range(AT_ONCE + 3)]
    await revoke(people, ada, devices[0])
    await recover(people, "ada", made.recovery_codes[0])
    assert sorted(presence.told) == sorted(signaling.told) == sorted(devices)
    assert await unsettled(settings) == []


async def test_a_device_is_revoked_while_signaling_is_silent_and_another_process_tells_it_later(
    settings: NodeSettings, clock: Clock, presence: Neighbour, signaling: Neighbour
) -> None:
    signaling.may_answer.clear()
    async with directory_pods(settings, clock) as [node], open_people(node, clock) as people:
        ada = await people.new("ada")
        device_id = await new_device(people, ada, "ada")
        assert (await revoke(people, ada, device_id)).revoked
    assert presence.confirmed == {device_id}
    assert not signaling.confirmed
    before = len(signaling.told)
    await let_the_turn_pass(settings)
    async with directory_pods(settings, clock):
        await signaling.until(lambda it: len(it.told) > before)
        assert REGISTRY.get_sample_value("ringline_directory_unsettled") == 1
        signaling.may_answer.set()
        await signaling.until(lambda it: it.confirmed == {device_id})


async def test_a_silent_presence_keeps_no_call_alive_and_hears_of_the_device_when_it_is_back(
    people: People, settings: NodeSettings, presence: Neighbour, signaling: Neighbour
) -> None:
    ada = await people.new("ada")
    device_id = await new_device(people, ada, "ada")
    presence.may_answer.clear()
    assert (await revoke(people, ada, device_id)).revoked
    assert signaling.confirmed == {device_id}
    assert await unsettled(settings) == [device_id]
    presence.may_answer.set()
    await let_the_turn_pass(settings)
    await presence.until(lambda it: it.confirmed == {device_id})
    await signaling.until(lambda it: len(it.told) >= 2)


async def test_who_asks_again_while_it_is_owed_has_it_carried_out(
    both: tuple[People, People], settings: NodeSettings, presence: Neighbour, signaling: Neighbour
) -> None:
    one, other = both
    ada = await one.new("ada")
    device_id = await new_device(one, ada, "ada")
    signaling.refused, signaling.reason = (lambda _: True), Reason.REASON_FORBIDDEN  # an older release
    assert (await revoke(one, ada, device_id)).revoked
    signaling.refused = lambda _: False
    await revoke(other, ada, device_id)
    assert signaling.confirmed == {device_id}
    assert await unsettled(settings) == []


async def test_devices_that_are_refused_for_ever_keep_no_other_one_waiting(
    people: People, settings: NodeSettings, signaling: Neighbour
) -> None:
    made = await people.sign_up("ada")
    ada = made.account.profile.user_id
    devices = [await new_device(people, ada, "ada") for _ in range(2 * AT_ONCE + 1)]
    signaling.refused = lambda _: True
    await recover(people, "ada", made.recovery_codes[0])
    good = devices[-1]
    signaling.refused = lambda device_id: device_id != good
    await let_the_turn_pass(settings, last=good)
    await signaling.until(lambda it: it.confirmed == {good})


async def test_a_revocation_is_one_processes_to_tell_until_its_turn_is_over(
    settings: NodeSettings, clock: Clock, signaling: Neighbour
) -> None:
    signaling.refused = lambda _: True
    async with directory_pods(settings, clock) as [node], open_people(node, clock) as people:
        made = await people.sign_up("ada")
        devices = [await new_device(people, made.account.profile.user_id, "ada") for _ in range(9)]
        await recover(people, "ada", made.recovery_codes[0])
    await let_the_turn_pass(settings)
    async with AsyncExitStack() as stack:
        pools = [await Database.of(settings, "directory").open() for _ in range(3)]
        for pool in pools:
            stack.push_async_callback(pool.close)
        takes = await asyncio.gather(*(Devices(pool).take_unsettled(3) for pool in pools))
        taken = [device_id for take in takes for _, device_id in take]
        assert len(taken) == len(set(taken)), "two processes were given the same"
        taken += [device_id for _, device_id in await Devices(pools[0]).take_unsettled(9)]
        assert sorted(taken) == sorted(devices)
        assert await Devices(pools[0]).take_unsettled(9) == []
        assert await Devices(pools[0]).count_unsettled() == 9
