"""`ringline user …`, as the operator types it."""

from __future__ import annotations

import asyncio

from typer.testing import CliRunner

from ringline.v1 import directory_pb2
from services.directory import cli
from tests.service.directory.conftest import People


async def ringline(people: People, *words: str, typed: str = "") -> tuple[int, str]:
    """Exit status and output of a command, which has a loop of its own in a thread of its own."""
    env = {"RINGLINE_ADDRESS_DIRECTORY": f"127.0.0.1:{people.node.port}", "COLUMNS": "100"}
    result = await asyncio.to_thread(CliRunner().invoke, cli.app, words, input=typed, env=env)
    return result.exit_code, result.output


async def test_the_operator_says_what_a_user_is(people: People) -> None:
    ada = await people.new("ada")
    status, output = await ringline(people, "tier", "@ada", "plus")
    assert (status, "plus" in output) == (0, True)
    status, output = await ringline(people, "verify", "@ada")
    assert (status, ada in output) == (0, True)
    account = (await people.stub.GetAccount(directory_pb2.GetAccountRequest(user_id=ada))).account
    assert (account.tier, account.profile.verified) == ("plus", True)
    status, output = await ringline(people, "show", "ada")
    assert status == 0
    assert [word for word in ("@ada", ada, "plus", "yes") if word not in output] == []


async def test_a_refusal_is_said_and_ends_with_a_status(people: People) -> None:
    assert await ringline(people, "verify", "@nobody") == (1, "There is no such user.\n")


async def test_the_operator_adds_a_user_without_writing_the_password_on_the_command_line(
    people: People,
) -> None:
    status, output = await ringline(people, "add", "@bob", typed="correct horse battery\n")
    assert status == 0, output
    assert "correct horse" not in output
    await people.sign_in("bob", people.device())
