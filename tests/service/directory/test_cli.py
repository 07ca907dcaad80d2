"""`ringline user …`, as the operator types it."""

from __future__ import annotations

import asyncio
import os
import sys

from ringline.v1 import directory_pb2
from tests.service.directory.conftest import People


async def ringline(people: People, *words: str, typed: str = "") -> tuple[int, str]:
    """Exit status and output of a command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", "user", *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"RINGLINE_ADDRESS_DIRECTORY": f"127.0.0.1:{people.node.port}", "COLUMNS": "100"},
    )
    output, _ = await process.communicate(typed.encode())
    assert process.returncode is not None
    return process.returncode, output.decode()


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
