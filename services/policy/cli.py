"""`ringline policy …`: what would become of a call and why, and what tiers may do; over gRPC."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, policy_pb2, reasons_pb2, records_pb2, types_pb2
from ringline.v1.directory_pb2_grpc import DirectoryStub
from services.policy import cli_rules, records_cli
from services.policy.asking import SECONDS, operator, reach, said, with_policy

if TYPE_CHECKING:
    from ringline.v1.policy_pb2_grpc import PolicyAsyncStub

TRIES = 20

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Explain verdicts, and set what each tier may do."
)
app.add_typer(cli_rules.app, name="rules")
app.command()(cli_rules.switch)
app.command()(records_cli.trace)
app.command()(records_cli.audit)

Reason = typer.Option("", "--why", help="Why, for the audit.")


class Kind(StrEnum):
    """A kind of media, as typed."""

    AUDIO = "audio"
    VIDEO = "video"


@app.command()
def explain(
    caller: str,
    callee: str,
    kind: Kind = typer.Argument(Kind.AUDIO),  # noqa: B008
    why: str = records_cli.Why,
    name: str = records_cli.As,
) -> None:
    """Show what would become of a call from one user to another, every rule that was looked at, and the
    ring budgets that it would be counted in. The look is in the audit.
    """
    found = asyncio.run(said(_explain(caller, callee, kind, operator(name, why))))
    _print_verdict(found.verdict)
    _print_budgets(found.budgets)


@app.command()
def entitlements() -> None:
    """Show what each tier may do."""
    _print_entitlements(asyncio.run(said(with_policy(_entitlements))))


@app.command()
def entitle(
    tier: str,
    kinds: list[Kind] = typer.Argument(None),  # noqa: B008
    why: str = Reason,
    name: str = records_cli.As,
) -> None:
    """Say what a tier may do: place audio calls, send video, both, neither. "*" is every tier not listed."""
    row = policy_pb2.Entitlement(
        tier=tier, place_audio=Kind.AUDIO in (kinds or ()), place_video=Kind.VIDEO in (kinds or ())
    )
    _set(tier, row, operator(name, why))


@app.command()
def unlist(tier: str, why: str = Reason, name: str = records_cli.As) -> None:
    """Take a tier off the list. When the list is empty, every tier may do everything."""
    _set(tier, None, operator(name, why))


def _set(tier: str, row: policy_pb2.Entitlement | None, who: records_pb2.Operator) -> None:
    _print_entitlements(asyncio.run(said(with_policy(lambda policy: set_row(policy, tier, row, who)))))


async def _explain(
    caller: str, callee: str, kind: Kind, who: records_pb2.Operator
) -> policy_pb2.ExplainResponse:
    async with reach("directory") as channel:
        directory = DirectoryStub(channel)
        found = await directory.Resolve(directory_pb2.ResolveRequest(username=caller), timeout=SECONDS)
    attempt = policy_pb2.Attempt(
        act=policy_pb2.ACT_PLACE,
        caller_id=found.profile.user_id,
        callee_username=callee,
        kinds=types_pb2.Kinds(audio=True, video=kind is Kind.VIDEO),
    )
    request = policy_pb2.ExplainRequest(attempt=attempt, by=who.name, why=who.why)
    return await with_policy(lambda policy: _explained(policy, request))


async def _explained(
    policy: PolicyAsyncStub, request: policy_pb2.ExplainRequest
) -> policy_pb2.ExplainResponse:
    return await policy.Explain(request, timeout=SECONDS)


async def _entitlements(policy: PolicyAsyncStub) -> policy_pb2.GetEntitlementsResponse:
    return await policy.GetEntitlements(policy_pb2.GetEntitlementsRequest(), timeout=SECONDS)


async def set_row(
    policy: PolicyAsyncStub, tier: str, row: policy_pb2.Entitlement | None, who: records_pb2.Operator
) -> policy_pb2.GetEntitlementsResponse:
    """Says what one tier may do, or nothing about it; answers what holds then. Raises Refusal."""
    for tries_left in reversed(range(TRIES)):
        found = await _entitlements(policy)
        rows = [old for old in found.entitlements if old.tier != tier]
        request = policy_pb2.SetEntitlementsRequest(
            entitlements=[*rows, row] if row else rows, by=who.name, why=who.why, made_of=found.version
        )
        try:
            await policy.SetEntitlements(request, timeout=SECONDS)
            break
        except Refusal as refusal:  # of two who say something at once, neither undoes what the other said
            if refusal.reason != reasons_pb2.REASON_STALE or not tries_left:
                raise
    return await _entitlements(policy)


def _print_verdict(verdict: policy_pb2.Verdict) -> None:
    outcome = policy_pb2.Outcome.Name(verdict.outcome).removeprefix("OUTCOME_").lower()
    if verdict.HasField("refused"):
        refusal = Refusal.from_proto(verdict.refused)
        outcome += f" ({refusal.name}{': ' if refusal.missing else ''}{refusal.missing})"
    facts = Table(box=None, show_header=False)
    facts.add_row("outcome", outcome)
    facts.add_row("caller may send", _kinds(verdict.caller_may_send))
    facts.add_row("callee may send", _kinds(verdict.callee_may_send))
    facts.add_row("caller sees ringing, busy, declined", _yes(verdict.device_truth))
    facts.add_row("relay only", _yes(verdict.relay_only))
    trace = Table("rule", "held", "what follows", box=None)
    for step in verdict.trace:
        trace.add_row(step.rule, _yes(step.held), step.effect if step.held else "")
    Console().print(facts, "", trace)


def _print_budgets(budgets: Iterable[policy_pb2.RingBudget]) -> None:
    table = Table("ring budget", "spent", "of", "free", box=None)
    for one in budgets:
        free = f"in {math.ceil(one.free_in_ms / 1000):,} s" if one.free_in_ms else "now"
        table.add_row(one.name, str(one.spent), str(one.limit), free)
    if table.row_count:
        Console().print("", table)


def _print_entitlements(found: policy_pb2.GetEntitlementsResponse) -> None:
    table = Table("tier", "may place audio", "may send video", box=None)
    for row in found.entitlements:
        table.add_row(row.tier, _yes(row.place_audio), _yes(row.place_video))
    if not found.entitlements:
        table.add_row("every tier", "yes", "yes")
    Console().print(f"version {found.version}", table)


def _kinds(kinds: types_pb2.Kinds) -> str:
    return " and ".join(word for word in ("audio", "video") if getattr(kinds, word)) or "nothing"


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
