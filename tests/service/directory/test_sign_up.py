"""Signing up: a username is all it takes, and it is one person's."""

from __future__ import annotations

import asyncio

import pytest

from ringline.config import NodeSettings
from ringline.refusal import Refusal
from ringline.v1 import accounts_pb2
from tests.service.directory.conftest import Clock, People, directory_pods, open_people, reason
from tests.service.pods import owner


async def test_a_new_account_is_its_username_and_ten_codes(people: People) -> None:
    made = await people.sign_up("@Ada", display_name=" Ada  Lovelace ")
    account = made.account
    assert account.profile.username == "ada"
    assert account.profile.display_name == "Ada Lovelace"
    assert account.profile.user_id.startswith("u_")
    assert (account.tier, account.profile.verified, account.searchable) == ("free", False, False)
    assert abs(account.created_at_ms - people.clock()) < 60_000
    assert len(set(made.recovery_codes)) == 10


@pytest.mark.parametrize(
    ("username", "why"),
    [
        ("ada", "USERNAME_TAKEN"),
        ("ＡＤＡ", "USERNAME_TAKEN"),
        ("ɑda", "USERNAME_LOOKALIKE"),
        ("admin", "USERNAME_RESERVED"),
        ("a b c", "USERNAME_INVALID"),
        ("xy", "USERNAME_INVALID"),
        ("nul\0byte", "USERNAME_INVALID"),
    ],
)
async def test_a_name_that_is_not_to_be_had_is_refused(people: People, username: str, why: str) -> None:
    await people.new("ada")
    with pytest.raises(Refusal) as refused:
        await people.sign_up(username)
    assert reason(refused) == why


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"password": "short"}, "PASSWORD_WEAK"),
        ({"password": "lovelace!"}, "PASSWORD_WEAK"),
        ({"display_name": "x" * 51}, "INVALID"),
        ({"display_name": "Ada ✅"}, "INVALID"),
        ({"network": ""}, "INVALID"),
    ],
)
async def test_what_is_malformed_is_refused(people: People, more: dict[str, str], why: str) -> None:
    with pytest.raises(Refusal) as refused:
        await people.sign_up("lovelace", **more)
    assert reason(refused) == why


async def test_of_many_who_claim_few_names_at_once_each_name_has_one_winner(
    both: tuple[People, People], settings: NodeSettings
) -> None:
    # Each name in four disguises: one skeleton, one winner.
    names = [(f"name{n}o", f"NAME{n}O", f"name{n}0", f"nаme{n}o".replace("а", "ɑ")) for n in "abcdefghij"]

    async def claim(at: int) -> str:
        while True:
            try:
                made = await both[at % 2].sign_up(names[at % 10][at // 10 % 4])
            except Refusal as refused:
                if refused.name in ("unavailable", "overloaded"):
                    continue  # too many at once: whoever is told so tries again
                return refused.name
            return made.account.profile.username

    fates = await asyncio.gather(*(claim(at) for at in range(400)))
    winners = [fate for fate in fates if fate.startswith("n")]
    assert len(winners) == 10
    assert set(fates) - set(winners) <= {"username_taken", "username_lookalike"}
    async with owner(settings) as database:
        assert await database.fetchval("SELECT count(*) FROM directory.account") == 10
        assert await database.fetchval("SELECT count(DISTINCT skeleton) FROM directory.name") == 10


async def test_a_network_gets_five_accounts_an_hour_whatever_the_pod(both: tuple[People, People]) -> None:
    one, other = both

    async def sign_up(at: int) -> str:
        try:
            await both[at % 2].sign_up(f"person{at}x", network="192.0.2.1")
        except Refusal as refused:
            assert refused.retry_after is not None
            assert 0 < refused.retry_after <= 3600
            return refused.name
        return "made"

    fates = await asyncio.gather(*(sign_up(at) for at in range(12)))
    assert sorted(fates) == ["limited"] * 7 + ["made"] * 5
    await one.sign_up("elsewhere", network="192.0.2.2")
    one.clock.ahead_ms += 3_600_000
    await other.sign_up("an_hour_later", network="192.0.2.1")


async def test_who_was_refused_for_his_name_has_not_used_up_anything(people: People) -> None:
    await people.new("ada")
    for _ in range(6):
        with pytest.raises(Refusal):
            await people.sign_up("ada", network="192.0.2.1")
    await people.sign_up("grace", network="192.0.2.1")


async def test_the_network_is_stored_only_as_a_hash_and_forgotten(
    people: People, settings: NodeSettings
) -> None:
    await people.sign_up("ada", network="192.0.2.99")
    async with owner(settings) as database:
        rows = await database.fetch("SELECT * FROM directory.tally")
        assert len(rows) == 1
        assert b"192.0.2.99" not in bytes(rows[0]["subject"])
        assert rows[0]["until_ms"] <= people.clock() + 24 * 3_600_000


async def test_password_and_codes_are_stored_only_as_hashes(people: People, settings: NodeSettings) -> None:
    made = await people.sign_up("ada", password="an uncommon sentence")
    async with owner(settings) as database:
        password = await database.fetchval("SELECT password FROM directory.account")
        assert password.startswith("$argon2id$")
        assert "uncommon" not in password
        stored = {
            bytes(row["hash"]) for row in await database.fetch("SELECT hash FROM directory.recovery_code")
        }
        assert len(stored) == 10
        assert not stored & {code.encode() for code in made.recovery_codes}


async def test_the_operator_may_close_the_door_or_ask_for_an_invite(
    settings: NodeSettings, clock: Clock
) -> None:
    async with (
        directory_pods(settings, clock, sign_up="closed", invite="sesame") as [node],
        open_people(node, clock) as people,
    ):
        with pytest.raises(Refusal) as refused:
            await people.sign_up("ada", invite="sesame")
        assert reason(refused) == "SIGN_UP_CLOSED"
        async with open_people(node, clock, "operator") as operator:
            await operator.sign_up("ada", network="")
    async with (
        directory_pods(settings, clock, sign_up="invite", invite="sesame, open") as [node],
        open_people(node, clock) as people,
    ):
        for wrong in ("", "open up", "sesame, open"):
            with pytest.raises(Refusal) as refused:
                await people.sign_up("bob", invite=wrong)
            assert reason(refused) == "SIGN_UP_CLOSED"
        await people.sign_up("bob", invite="open")


async def test_a_full_queue_of_passwords_says_so_at_once(settings: NodeSettings, clock: Clock) -> None:
    async with (
        directory_pods(settings, clock, hash_threads=1, hash_queue=1, hash_memory_kib=65_536) as [node],
        open_people(node, clock) as people,
    ):
        made = await asyncio.gather(
            *(people.sign_up(f"person{at}x") for at in range(8)), return_exceptions=True
        )
        refused = [one for one in made if isinstance(one, Refusal)]
        assert {one.name for one in refused} == {"overloaded"}
        assert all(one.retry_after for one in refused)
        assert 2 <= len(made) - len(refused) < 8


async def test_policy_may_not_sign_anybody_up(people: People, clock: Clock) -> None:
    async with open_people(people.node, clock, "policy") as policy:
        with pytest.raises(Refusal) as refused:
            await policy.stub.SignUp(accounts_pb2.SignUpRequest(username="ada"))
    assert reason(refused) == "FORBIDDEN"
