"""`ringline policy rules …` and `ringline policy switch`: rule sets, their shadow, and switches."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from ringline.v1 import operator_pb2
from ringline.v1.operator_pb2 import Feature, RulePlace
from services.policy.asking import SECONDS, said, with_policy

if TYPE_CHECKING:
    from ringline.v1.policy_pb2_grpc import PolicyAsyncStub

T = TypeVar("T")
LIVE, SHADOW = RulePlace.RULE_PLACE_LIVE, RulePlace.RULE_PLACE_SHADOW

app = typer.Typer(no_args_is_help=True, help="Put, compare, promote and roll back rule sets.")

Comment = typer.Option("", "--comment", help="Why, for the history.")
By = typer.Option("", "--by", help="Who, for the history; who is signed in at this machine otherwise.")


class Switchable(StrEnum):
    """A feature, as typed."""

    VIDEO = "video"
    STRANGERS = "strangers"
    SEARCH = "search"
    SIGN_UP = "sign-up"


class Setting(StrEnum):
    """What a switch is set to, as typed."""

    ON = "on"
    OFF = "off"


@app.command()
def put(
    file: str,
    shadow: bool = typer.Option(False, help="Beside the live rules: compared and never obeyed."),
    comment: str = Comment,
    by: str = By,
) -> None:
    """Put a rule set from a file ("-": the input). One that does not hold is refused; the old one stays."""
    text = sys.stdin.read() if file == "-" else _read(Path(file))
    request = operator_pb2.PutRulesRequest(
        text=text, place=SHADOW if shadow else LIVE, by=_by(by), comment=comment
    )
    answer = _asked(lambda policy: policy.PutRules(request, timeout=SECONDS))
    typer.echo(f"Version {answer.version} {'stands in the shadow' if shadow else 'is in force'}.")


@app.command()
def use(version: int = typer.Argument(min=0), comment: str = Comment, by: str = By) -> None:
    """Put a version in force: promote it, or roll back to it. With 0 the list of tiers holds."""
    _use(version, LIVE, comment, by)
    typer.echo(f"Version {version} is in force." if version else "No rules are in force.")


@app.command()
def drop(comment: str = Comment, by: str = By) -> None:
    """Take the rule set out of the shadow."""
    _use(0, SHADOW, comment, by)
    typer.echo("No rules stand in the shadow.")


@app.command()
def show(version: int = typer.Argument(0, min=0, help="0: the one in force.")) -> None:
    """Show what is in force, and the text of a version."""
    request = operator_pb2.GetRulesRequest(version=version)
    answer = _asked(lambda policy: policy.GetRules(request, timeout=SECONDS))
    off = ", ".join(_feature(one) for one in answer.off) or "nothing"
    live, shadow = answer.live or "no rules", answer.shadow or "none"
    typer.echo(f"# in force: {live}; in the shadow: {shadow}; switched off: {off}")
    typer.echo(answer.text)


@app.command()
def history(limit: int = typer.Option(50, min=1, max=500)) -> None:
    """Show who changed what, when and why; newest first."""
    request = operator_pb2.ListRuleChangesRequest(limit=limit)
    answer = _asked(lambda policy: policy.ListRuleChanges(request, timeout=SECONDS))
    table = Table("change", "when (UTC)", "who", "what", "live", "shadow", "off", "why", box=None)
    for one in answer.changes:
        table.add_row(
            str(one.revision),
            f"{datetime.fromtimestamp(one.at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}",
            one.by,
            one.what,
            str(one.live or "-"),
            str(one.shadow or "-"),
            " ".join(_feature(feature) for feature in one.off) or "-",
            one.comment,
        )
    Console(markup=False).print(table)


@app.command()
def shadow(
    version: int = typer.Argument(0, min=0, help="0: the one in the shadow now."),
    why: str = typer.Option("", "--comment", help="Why you look, for the audit."),
    by: str = By,
) -> None:
    """Show what a rule set in the shadow said otherwise than the live one, with some of the attempts.

    The look is in the audit.
    """
    request = operator_pb2.GetShadowReportRequest(version=version, by=_by(by), why=why)
    answer = _asked(lambda policy: policy.GetShadowReport(request, timeout=SECONDS))
    typer.echo(f"version {answer.version}: {answer.compared} attempts compared, {answer.failed} failed")
    table = Table("what", "it would", "attempts", box=None)
    for one in answer.differences:
        table.add_row(one.kind, _would(one.allows), str(one.count))
    samples = Table("when (UTC)", "caller", "callee", "what", "it would", box=None)
    for sample in answer.samples:
        when = f"{datetime.fromtimestamp(sample.at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
        samples.add_row(when, sample.caller_id, sample.callee_id, sample.kind, _would(sample.allows))
    Console().print(table, "", samples)


def switch(
    feature: Switchable,
    setting: Setting,
    reason: str = typer.Option("", help="Why, for the history."),
    by: str = By,
) -> None:
    """Switch a feature off for everybody, or on again."""
    request = operator_pb2.SetSwitchRequest(
        feature=Feature.Value(f"FEATURE_{feature.name}"),
        off=setting is Setting.OFF,
        by=_by(by),
        comment=reason,
    )
    _asked(lambda policy: policy.SetSwitch(request, timeout=SECONDS))
    typer.echo(f"{feature} is {setting}.")


def _use(version: int, place: RulePlace.ValueType, comment: str, by: str) -> None:
    request = operator_pb2.UseRulesRequest(version=version, place=place, by=_by(by), comment=comment)
    _asked(lambda policy: policy.UseRules(request, timeout=SECONDS))


def _asked(question: Callable[[PolicyAsyncStub], Awaitable[T]]) -> T:
    return asyncio.run(said(with_policy(question)))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter("There is no such file, or it is no text.") from None


def _by(by: str) -> str:
    return by or getpass.getuser()


def _feature(feature: Feature.ValueType) -> str:
    return Feature.Name(feature).removeprefix("FEATURE_").lower().replace("_", "-")


def _would(allows: bool) -> str:
    return "allow" if allows else "refuse"
