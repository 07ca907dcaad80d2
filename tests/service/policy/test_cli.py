"""`ringline policy …`, as the operator types it."""

from __future__ import annotations

import asyncio

from typer.testing import CliRunner

from ringline.node import Node
from ringline.v1 import policy_pb2
from services.policy import cli
from tests.service.policy.conftest import EVERYONE, People, Policy


async def ringline(directory: Node, policy: Policy, *words: str) -> tuple[int, str]:
    """Exit status and output of a command, which has a loop of its own in a thread of its own."""
    env = {
        "RINGLINE_ADDRESS_DIRECTORY": f"127.0.0.1:{directory.port}",
        "RINGLINE_ADDRESS_POLICY": f"127.0.0.1:{policy.node.port}",
        "COLUMNS": "100",
    }
    result = await asyncio.to_thread(CliRunner().invoke, cli.app, words, env=env)
    return result.exit_code, " ".join(result.output.split())


async def test_a_verdict_is_explained_rule_by_rule(neighbours: Node, one: Policy, people: People) -> None:
    await people.new("ada")
    bob = await people.new("bob")
    status, output = await ringline(neighbours, one, "explain", "@ada", "@bob", "video")
    assert status == 0, output
    assert "outcome unheard" in output
    assert "audience.none yes refuses" in output
    await one.allow(bob, EVERYONE)

    _, output = await ringline(neighbours, one, "explain", "ada", "bob")

    assert "outcome admitted" in output
    assert "relay only yes" in output
    assert "caller may send audio and video" in output
    assert "audience.everyone yes admits" in output
    assert "ring budget spent of free budget.declined 0 1 now" in output


async def test_an_own_fault_is_explained_and_an_unknown_caller_refused(
    neighbours: Node, one: Policy, people: People
) -> None:
    await people.new("ada")
    status, output = await ringline(neighbours, one, "explain", "@ada", "@nobody")
    assert (status, "outcome refused (user_not_found)" in output) == (0, True)
    assert await ringline(neighbours, one, "explain", "@nobody", "@ada") == (1, "There is no such user.")


async def test_the_operator_says_what_tiers_may_do(neighbours: Node, one: Policy) -> None:
    status, output = await ringline(neighbours, one, "entitlements")
    assert (status, output) == (0, "version 0 tier may place audio may send video every tier yes yes")
    await ringline(neighbours, one, "entitle", "plus", "audio", "video")
    await ringline(neighbours, one, "entitle", "*", "audio")
    await ringline(neighbours, one, "entitle", "muted")
    _, output = await ringline(neighbours, one, "unlist", "muted")
    assert output.endswith("* yes no plus yes yes")
    found = await one.stub.GetEntitlements(policy_pb2.GetEntitlementsRequest())
    assert (found.version, [row.tier for row in found.entitlements]) == (4, ["*", "plus"])
    status, output = await ringline(neighbours, one, "entitle", "Not a tier")
    assert (status, output) == (1, 'A tier is 1 to 32 characters of [a-z0-9_-], or "*".')
