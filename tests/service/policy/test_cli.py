"""`ringline policy …`, as the operator types it."""

from __future__ import annotations

import asyncio

import typer
from typer.testing import CliRunner

from ringline import ids
from ringline.node import Node
from ringline.v1 import policy_pb2, records_pb2
from services.policy import cli, records_cli
from tests.service.policy.conftest import EVERYONE, People, Policy, Verdicts, attempt, outcome
from tests.service.policy.records import EVE, records_of, traced_until


async def ringline(
    directory: Node, policy: Policy, *words: str, app: typer.Typer = cli.app
) -> tuple[int, str]:
    """Exit status and output of a command, which has a loop of its own in a thread of its own."""
    env = {
        "RINGLINE_ADDRESS_DIRECTORY": f"127.0.0.1:{directory.port}",
        "RINGLINE_ADDRESS_POLICY": f"127.0.0.1:{policy.node.port}",
        "COLUMNS": "200",
    }
    result = await asyncio.to_thread(CliRunner().invoke, app, words, env=env)
    return result.exit_code, " ".join(result.output.split())


async def test_a_verdict_is_explained_rule_by_rule(neighbours: Node, one: Policy, people: People) -> None:
    await people.new("ada")
    bob = await people.new("bob")
    status, output = await ringline(neighbours, one, "explain", "@ada", "@bob", "video", "--why", "ticket 7")
    assert status == 0, output
    assert "outcome unheard" in output
    assert "audience.none yes refuses" in output
    await one.allow(bob, EVERYONE)

    _, output = await ringline(neighbours, one, "explain", "ada", "bob", "--why", "ticket 7")

    assert "outcome admitted" in output
    assert "relay only yes" in output
    assert "caller may send audio and video" in output
    assert "audience.everyone yes admits" in output
    assert "ring budget spent of free budget.declined 0 1 now" in output


async def test_an_own_fault_is_explained_and_an_unknown_caller_refused(
    neighbours: Node, one: Policy, people: People
) -> None:
    await people.new("ada")
    status, output = await ringline(neighbours, one, "explain", "@ada", "@nobody", "--why", "ticket 7")
    assert (status, "outcome refused (user_not_found)" in output) == (0, True)
    unknown = await ringline(neighbours, one, "explain", "@nobody", "@ada", "--why", "ticket 7")
    assert unknown == (1, "There is no such user.")


async def test_what_the_operator_looks_at_and_sets_is_in_the_audit(
    neighbours: Node, one: Policy, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    status, _ = await ringline(neighbours, one, "explain", "@ada", "@bob")
    assert status == 2, "nobody looks without a reason"
    async with records_of(one) as records:
        assert await records.audit() == []
        await ringline(neighbours, one, "explain", "@ada", "@bob", "--why", "ticket 7", "--as", "eve")
        await ringline(neighbours, one, "entitle", "plus", "audio", "--why", "sold", "--as", "eve")
        await ringline(neighbours, one, "rules", "shadow", "--comment", "before promoting", "--by", "eve")
        entries = (await records.operator.ListAudit(records_pb2.ListAuditRequest(limit=200))).entries
    assert {entry.operator.name for entry in entries} == {"eve"}
    assert [(entry.what, entry.about, entry.operator.why) for entry in entries] == [
        ("rules.shadow", "0", "before promoting"),
        ("entitlements.set", "1", "sold"),
        ("explain", f"{ada} {bob}", "ticket 7"),
    ]


async def test_a_command_of_an_earlier_release_is_in_the_audit_without_a_name(
    one: Policy, people: People
) -> None:
    ada = await people.new("ada")
    await one.operator.Explain(policy_pb2.ExplainRequest(attempt=attempt(ada, "@nobody")))
    await one.operator.SetEntitlements(policy_pb2.SetEntitlementsRequest())
    async with records_of(one) as records:
        entries = (await records.operator.ListAudit(records_pb2.ListAuditRequest(limit=200))).entries
    said = [(one.operator.name, one.operator.why, one.what, one.about) for one in entries]
    assert said == [("-", "-", "entitlements.set", "1"), ("-", "-", "explain", ada)]


async def test_of_two_operators_who_speak_at_once_neither_undoes_what_the_other_said(
    one: Policy, other: Policy
) -> None:
    tiers = [f"tier{number}" for number in range(6)]
    rows = [policy_pb2.Entitlement(tier=tier, place_audio=True) for tier in tiers]
    await asyncio.gather(
        *(
            cli.set_row(policy.operator, row.tier, row, EVE)
            for row, policy in zip(rows, [one, other] * 3, strict=True)
        )
    )
    found = await one.operator.GetEntitlements(policy_pb2.GetEntitlementsRequest())
    assert ([row.tier for row in found.entitlements], found.version) == (tiers, 6)


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


async def test_a_call_is_traced_by_its_id_and_the_look_is_in_the_audit(
    neighbours: Node, one: Policy, people: People, verdicts: Verdicts
) -> None:
    ada = await people.new("ada")
    await people.new("bob")
    call_id = ids.mint_call()
    await verdicts.ask(attempt(ada, "@bob", video=True, call_id=call_id))
    async with records_of(one) as records:
        await traced_until(records, call_id, 1)
    status, output = await ringline(
        neighbours, one, "trace", f"{call_id}00ff", "--why", "ticket 9", "--as", "eve"
    )
    assert status == 0, output
    assert "caller @ada callee @bob kinds audio and video outcome unheard" in output
    assert "audience.none yes refuses" in output

    _, output = await ringline(neighbours, one, "audit")

    assert f"eve trace {call_id}00ff ticket 9" in output
    assert (await ringline(neighbours, one, "trace", call_id))[0] != 0, "nobody looks without a reason"
    unknown = await ringline(neighbours, one, "trace", ids.mint_call(), "--why", "ticket 9")
    assert unknown == (1, "No verdict on this call is kept.")


async def test_the_operator_works_through_the_queue(
    neighbours: Node, one: Policy, people: People, verdicts: Verdicts
) -> None:
    async def reports(*words: str) -> tuple[int, str]:
        return await ringline(neighbours, one, *words, app=records_cli.app)

    bob, eve = await people.new("bob"), await people.new("eve")
    await one.allow(bob, EVERYONE)
    async with records_of(one) as records:
        report_id = await records.report(bob, eve, text="[red]he calls\x1b[2J every night")
    _, output = await reports("list")
    assert report_id in output and "@eve @bob spam open 0 1" in output
    assert "every night" not in output
    status, output = await reports("show", report_id, "--why", "the queue", "--as", "kim")
    assert status == 0 and "[red]he calls\N{REPLACEMENT CHARACTER}[2J every night" in output
    assert "state taken, kim" in (await reports("take", report_id, "--as", "kim"))[1]
    _, output = await reports(
        "close", report_id, "--action", "no-calls", "--days", "7", "--note", "spam", "--as", "kim"
    )
    assert "what followed no-calls note spam" in output
    assert await outcome(verdicts, attempt(eve, "@bob")) == "suspended"
    assert "@eve no-calls" in (await reports("sanctions"))[1]
    assert (await reports("lift", "@eve", "--why", "appeal"))[1] == "1 lifted"
    assert await outcome(verdicts, attempt(eve, "@bob")) == "admitted"
    assert report_id in (await reports("list", "--closed", "--about", "@eve"))[1]
    assert (await reports("close", report_id, "--action", "none", "--note", "again"))[0] == 1
