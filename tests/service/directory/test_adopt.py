"""Adopting the platform's own users: its identity provider says who they are."""

from __future__ import annotations

import asyncio

import pytest

from ringline.config import NodeSettings
from ringline.refusal import Refusal
from ringline.v1 import accounts_pb2, directory_pb2
from ringline.v1.accounts_pb2 import Account
from tests.service.directory.conftest import People, reason
from tests.service.pods import owner

ISSUER = "https://id.example"


async def adopt(people: People, subject: str, username: str, **more: object) -> Account:
    """The account of a subject."""
    request = accounts_pb2.AdoptRequest(issuer=ISSUER, subject=subject, username=username)
    for field, value in more.items():
        setattr(request, field, value)
    return (await people.stub.Adopt(request)).account


async def test_the_first_visit_makes_the_account_that_the_next_ones_find(both: tuple[People, People]) -> None:
    one, other = both
    made = await adopt(one, "1", "Ada", tier="plus", verified=True, display_name="Ada L.")
    assert (made.profile.username, made.profile.display_name) == ("ada", "Ada L.")
    assert (made.tier, made.profile.verified) == ("plus", True)
    assert await adopt(other, "1", "Ada") == made
    assert (await adopt(other, "2", "bob")).tier == "free"


async def test_many_first_visits_at_once_make_one_account(
    both: tuple[People, People], settings: NodeSettings
) -> None:
    made = await asyncio.gather(*(adopt(both[at % 2], "1", "ada") for at in range(12)))
    assert len({account.profile.user_id for account in made}) == 1
    async with owner(settings) as database:
        assert await database.fetchval("SELECT count(*) FROM directory.account") == 1


async def test_claims_are_followed_when_they_change(people: People) -> None:
    first = await adopt(people, "1", "ada", tier="plus", verified=True, display_name="Ada")
    renamed = await adopt(people, "1", "countess", tier="gold", verified=False, display_name="Countess")
    assert renamed.profile.user_id == first.profile.user_id
    assert (renamed.profile.username, renamed.profile.display_name) == ("countess", "Countess")
    assert (renamed.tier, renamed.profile.verified) == ("gold", False)
    assert await adopt(people, "1", "", tier="", display_name="") == renamed


async def test_a_user_who_renamed_himself_keeps_that_until_the_claim_changes(people: People) -> None:
    ada = (await adopt(people, "1", "ada")).profile.user_id
    await people.stub.Rename(directory_pb2.RenameRequest(user_id=ada, username="mine"))
    assert (await adopt(people, "1", "ada")).profile.username == "mine"
    assert (await adopt(people, "1", "theirs")).profile.username == "theirs"


async def test_a_new_name_that_is_not_to_be_had_leaves_the_old_one_until_it_is(people: People) -> None:
    await adopt(people, "1", "ada")
    bob = await adopt(people, "2", "bob")
    for claim in ("ada", "admin", "a b"):
        assert (await adopt(people, "2", claim)).profile == bob.profile
    await adopt(people, "1", "countess")
    people.clock.ahead_ms += 31 * 24 * 3_600_000
    assert (await adopt(people, "2", "ada")).profile.username == "ada"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"username": "bob"}, "USERNAME_TAKEN"),
        ({"username": "b0b"}, "USERNAME_LOOKALIKE"),
        ({"username": "root"}, "USERNAME_RESERVED"),
        ({"username": ""}, "USERNAME_INVALID"),
        ({"subject": ""}, "INVALID"),
        ({"issuer": ""}, "INVALID"),
        ({"subject": "\0"}, "INVALID"),
        ({"subject": "x" * 256}, "INVALID"),
        ({"tier": "No Tier"}, "INVALID"),
    ],
)
async def test_a_stranger_with_impossible_claims_is_refused(
    people: People, settings: NodeSettings, more: dict[str, str], why: str
) -> None:
    await people.new("bob")
    with pytest.raises(Refusal) as refused:
        await adopt(people, more.pop("subject", "1"), more.pop("username", "ada"), **more)
    assert reason(refused) == why
    async with owner(settings) as database:
        assert await database.fetchval("SELECT count(*) FROM directory.identity") == 0


async def test_a_display_name_claim_that_breaks_our_rules_is_left_out(people: People) -> None:
    assert (await adopt(people, "1", "ada", display_name="Ada ✅")).profile.display_name == ""


async def test_an_adopted_account_has_no_password_that_could_be_guessed(people: People) -> None:
    await adopt(people, "1", "ada")
    for password in ("", "correct horse battery"):
        with pytest.raises(Refusal) as refused:
            await people.sign_in("ada", people.device(), password=password)
        assert reason(refused) == "CREDENTIALS_WRONG"
