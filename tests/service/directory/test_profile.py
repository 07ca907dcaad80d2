"""Profiles, names that change hands, and the operator's word."""

from __future__ import annotations

import asyncio

import pytest

from ringline.refusal import Refusal
from ringline.v1 import directory_pb2
from ringline.v1.accounts_pb2 import Account
from ringline.v1.types_pb2 import Profile
from tests.service.directory.conftest import People, reason

DAY_MS = 24 * 3_600_000
NOBODY = "u_" + "0" * 26


async def rename(people: People, user_id: str, username: str) -> Account:
    """The account under its new name."""
    request = directory_pb2.RenameRequest(user_id=user_id, username=username)
    return (await people.stub.Rename(request)).account


async def resolve(people: People, username: str) -> str:
    """Whose name it is."""
    return (await people.stub.Resolve(directory_pb2.ResolveRequest(username=username))).profile.user_id


async def account(people: People, user_id: str) -> Account:
    """The account."""
    return (await people.stub.GetAccount(directory_pb2.GetAccountRequest(user_id=user_id))).account


async def test_a_name_is_found_whatever_its_case_width_and_sign(both: tuple[People, People]) -> None:
    one, other = both
    ada = await one.new("Ada")
    for typed in ("ada", "@ada", "ADA", "ａｄａ", " @Ada "):
        assert await resolve(other, typed) == ada


@pytest.mark.parametrize(
    "typed", ["bob", "ad", "", "a b", "ɑda", "ada%", "ad_", "ada\0", "'; DROP TABLE name"]
)
async def test_what_is_nobodys_name_is_not_found(people: People, typed: str) -> None:
    await people.new("ada")
    with pytest.raises(Refusal) as refused:
        await resolve(people, typed)
    assert reason(refused) == "USER_NOT_FOUND"


async def test_a_resolved_profile_says_no_more_than_everybody_may_know(people: People) -> None:
    await people.new("ada", display_name="Ada")
    found = await people.stub.Resolve(directory_pb2.ResolveRequest(username="ada"))
    assert {field.name for field, _ in found.profile.ListFields()} == {"user_id", "username", "display_name"}


async def profiles(people: People, user_ids: list[str]) -> dict[str, Profile]:
    """Several profiles by user."""
    found = await people.stub.GetProfiles(directory_pb2.GetProfilesRequest(user_ids=user_ids))
    assert len({each.user_id for each in found.profiles}) == len(found.profiles)
    return {each.user_id: each for each in found.profiles}


async def test_profiles_of_several_are_answered_at_once_and_nobodys_are_left_out(people: People) -> None:
    ada, bob = await people.new("ada", display_name="Ada"), await people.new("bob")
    found = await profiles(people, [bob, ada, NOBODY, "", "ada", "\0", ada])
    assert found == {
        ada: Profile(user_id=ada, username="ada", display_name="Ada"),
        bob: Profile(user_id=bob, username="bob"),
    }
    assert await profiles(people, []) == {}
    await rename(people, bob, "robert")
    assert (await profiles(people, [bob]))[bob].username == "robert"


async def test_profiles_are_answered_for_a_hundred_users_at_most(people: People) -> None:
    assert await profiles(people, [NOBODY] * 100) == {}
    with pytest.raises(Refusal) as refused:
        await profiles(people, [NOBODY] * 101)
    assert reason(refused) == "INVALID"


async def test_a_profile_changes_in_the_parts_that_are_given(people: People) -> None:
    ada = await people.new("ada", display_name="Ada")
    update = directory_pb2.UpdateProfileRequest
    changed = await people.stub.UpdateProfile(update(user_id=ada, searchable=True))
    assert (changed.account.profile.display_name, changed.account.searchable) == ("Ada", True)
    changed = await people.stub.UpdateProfile(update(user_id=ada, display_name="  Countess "))
    assert (changed.account.profile.display_name, changed.account.searchable) == ("Countess", True)
    changed = await people.stub.UpdateProfile(update(user_id=ada, display_name=""))
    assert changed.account.profile.display_name == ""
    assert changed.account == await account(people, ada)
    with pytest.raises(Refusal) as refused:
        await people.stub.UpdateProfile(update(user_id=ada, display_name="x\u202e"))
    assert reason(refused) == "INVALID"


async def test_nobody_has_no_account(people: People, operator: People) -> None:
    for user_id in (NOBODY, "", "u_\0", "ada"):
        for ask in (
            people.stub.GetAccount(directory_pb2.GetAccountRequest(user_id=user_id)),
            people.stub.UpdateProfile(directory_pb2.UpdateProfileRequest(user_id=user_id, searchable=True)),
            people.stub.Rename(directory_pb2.RenameRequest(user_id=user_id, username="ada")),
            operator.stub.SetStanding(directory_pb2.SetStandingRequest(user_id=user_id, verified=True)),
        ):
            with pytest.raises(Refusal) as refused:
                await ask
            assert reason(refused) == "USER_NOT_FOUND"


async def test_a_released_name_is_held_for_its_bearer_for_thirty_days(both: tuple[People, People]) -> None:
    one, other = both
    ada = await one.new("ada")
    assert (await rename(one, ada, "Countess")).profile.username == "countess"
    assert await resolve(other, "countess") == ada
    with pytest.raises(Refusal) as refused:
        await resolve(other, "ada")
    assert reason(refused) == "USER_NOT_FOUND"
    one.clock.ahead_ms += 30 * DAY_MS - 60_000
    with pytest.raises(Refusal) as refused:
        await other.sign_up("ada")
    assert reason(refused) == "USERNAME_TAKEN"
    with pytest.raises(Refusal) as refused:
        await other.sign_up("ɑda")
    assert reason(refused) == "USERNAME_LOOKALIKE"
    assert (await rename(one, ada, "ada")).profile.username == "ada"
    await rename(one, ada, "countess")
    one.clock.ahead_ms += 30 * DAY_MS + 60_000
    thief = await other.new("ɑda")
    assert await resolve(one, "ɑda") == thief


async def test_a_name_may_become_its_own_look_alike_and_nothing_is_left_behind(people: People) -> None:
    ada = await people.new("ada0")
    assert (await rename(people, ada, "adao")).profile.username == "adao"
    assert await resolve(people, "adao") == ada
    with pytest.raises(Refusal):
        await resolve(people, "ada0")
    with pytest.raises(Refusal) as refused:
        await people.sign_up("ada0")
    assert reason(refused) == "USERNAME_LOOKALIKE"


async def test_somebody_elses_name_or_its_look_alike_is_not_to_be_had(people: People) -> None:
    ada = await people.new("ada")
    await people.new("bob0")
    for typed, why in (
        ("bob0", "USERNAME_TAKEN"),
        ("bobo", "USERNAME_LOOKALIKE"),
        ("root", "USERNAME_RESERVED"),
    ):
        with pytest.raises(Refusal) as refused:
            await rename(people, ada, typed)
        assert reason(refused) == why
    assert await resolve(people, "ada") == ada


async def test_many_who_rename_to_one_name_at_once_have_one_winner(both: tuple[People, People]) -> None:
    users = [await both[0].new(f"person{letter}x") for letter in "abcdefgh"]
    fates = await asyncio.gather(
        *(rename(both[at % 2], user, "wanted") for at, user in enumerate(users)), return_exceptions=True
    )
    assert sum(not isinstance(fate, BaseException) for fate in fates) == 1
    assert {fate.name for fate in fates if isinstance(fate, Refusal)} == {"username_taken"}


async def test_names_are_not_collected_by_renaming(people: People, operator: People) -> None:
    ada = await people.new("ada")
    for name in ("one", "one", "two", "three"):
        await rename(people, ada, name)
    with pytest.raises(Refusal) as refused:
        await rename(people, ada, "four")
    assert reason(refused) == "LIMITED"
    assert (await rename(operator, ada, "four")).profile.username == "four"
    people.clock.ahead_ms += 30 * DAY_MS
    await rename(people, ada, "five")


async def test_the_operator_sets_tier_and_verified_mark(people: People, operator: People) -> None:
    ada = await people.new("ada")
    standing = directory_pb2.SetStandingRequest
    assert (await operator.stub.SetStanding(standing(user_id=ada, tier="plus"))).account.tier == "plus"
    verified = (await operator.stub.SetStanding(standing(user_id=ada, verified=True))).account
    assert (verified.tier, verified.profile.verified) == ("plus", True)
    cleared = (await operator.stub.SetStanding(standing(user_id=ada, verified=False))).account
    assert (cleared.tier, cleared.profile.verified) == ("plus", False)
    with pytest.raises(Refusal) as refused:
        await operator.stub.SetStanding(standing(user_id=ada, tier="No Tier"))
    assert reason(refused) == "INVALID"


async def test_nobody_but_the_operator_sets_standing(people: People) -> None:
    ada = await people.new("ada")
    with pytest.raises(Refusal) as refused:
        await people.stub.SetStanding(directory_pb2.SetStandingRequest(user_id=ada, verified=True))
    assert reason(refused) == "FORBIDDEN"
