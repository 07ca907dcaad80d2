"""`ringline reports …`, `ringline policy trace` and `ringline policy audit`: what people report, what became
of a call and why; every look and every act is in the audit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ringline.refusal import Refusal
from ringline.v1 import policy_pb2, records_pb2
from services.policy.asking import SECONDS, ask, names_of, operator, user_id_of

MOST = 200

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What people report, and what follows from it."
)

As = typer.Option("", "--as", help="Your name in the audit; else that of your account here.")
Why = typer.Option(..., "--why", help="Why you look, such as the number of a ticket; kept in the audit.")
Note = typer.Option(..., "--note", help="What you found; kept with the report and in the audit.")


class Action(StrEnum):
    """What follows from a report, as typed."""

    NONE = "none"
    NO_STRANGERS = "no-strangers"
    NO_CALLS = "no-calls"


SANCTIONS = {
    Action.NONE: records_pb2.SANCTION_UNSPECIFIED,
    Action.NO_STRANGERS: records_pb2.SANCTION_NO_STRANGERS,
    Action.NO_CALLS: records_pb2.SANCTION_NO_CALLS,
}
WORDS = {sanction: action.value for action, sanction in SANCTIONS.items()}


def trace(call_id: str, why: str = Why, name: str = As) -> None:
    """Show every verdict on a call, and every rule that was looked at."""
    request = records_pb2.TraceRequest(call_id=call_id, operator=operator(name, why))
    verdicts = ask(lambda records: records.Trace(request, timeout=SECONDS)).verdicts
    if not verdicts:
        typer.echo("No verdict on this call is kept.", err=True)
        raise typer.Exit(1)
    names = names_of({user for kept in verdicts for user in (kept.caller_id, kept.callee_id)})
    for kept in verdicts:
        _print_verdict(kept, names)


def audit(limit: int = typer.Option(50, min=1, max=MOST, help="At most so many.")) -> None:
    """Show what was looked at and done, by whom and why, newest first."""
    request = records_pb2.ListAuditRequest(limit=limit)
    found = ask(lambda records: records.ListAudit(request, timeout=SECONDS))
    table = Table("when", "who", "what", "about", "why", box=None)
    for entry in found.entries:
        table.add_row(
            *_texts(_time(entry.at_ms), entry.operator.name, entry.what, entry.about, entry.operator.why)
        )
    Console().print(table)


@app.command("list")
def list_(
    username: str = typer.Option("", "--about", help="About this user only."),
    closed: bool = typer.Option(False, "--closed", help="Those that are closed."),
    after: str = typer.Option("", help="Go on after this report."),
) -> None:
    """Show the queue, the oldest first: without words and evidence."""
    state = records_pb2.REPORT_STATE_CLOSED if closed else records_pb2.REPORT_STATE_UNSPECIFIED
    reported_id = user_id_of(username) if username else ""
    request = records_pb2.ListReportsRequest(state=state, reported_id=reported_id, after=after, limit=MOST)
    found = ask(lambda records: records.ListReports(request, timeout=SECONDS))
    names = names_of({user for head in found.reports for user in (head.reporter_id, head.reported_id)})
    table = Table("report", "when", "about", "by", "category", "state", "evidence", "reporters", box=None)
    for head in found.reports:
        table.add_row(
            *_texts(
                head.report_id, _time(head.at_ms), names[head.reported_id], names[head.reporter_id],
                _category(head), _state(head), str(head.evidence), str(head.reporters),
            )
        )  # fmt: skip
    Console().print(table)
    if found.next:
        typer.echo(f"There are more: --after {found.next}")


@app.command()
def show(report_id: str, why: str = Why, name: str = As) -> None:
    """Show a report with its words and evidence. The look is in the audit."""
    request = records_pb2.ShowReportRequest(report_id=report_id, operator=operator(name, why))
    found = ask(lambda records: records.ShowReport(request, timeout=SECONDS))
    _print_head(found.report)
    table = Table("evidence", "when", "by", "verified", "words", box=None)
    for item in found.evidence:
        by = ("reported" if item.by_reported else "reporter") if item.verified else ""
        when = _time(item.at_ms) if item.verified else ""
        table.add_row(*_texts(item.item_id, when, by, "yes" if item.verified else "no", item.text))
    Console().print("", *_texts(found.text or "(no words)"), "", table)


@app.command()
def take(
    report_id: str, why: str = typer.Option("taken", "--why", help="Kept in the audit."), name: str = As
) -> None:
    """Say that you work on a report."""
    request = records_pb2.TakeReportRequest(report_id=report_id, operator=operator(name, why))
    _print_head(ask(lambda records: records.TakeReport(request, timeout=SECONDS)).report)


@app.command()
def close(
    report_id: str,
    action: Action = typer.Option(..., help="What follows for the reported person."),  # noqa: B008
    days: int = typer.Option(0, min=0, help="For how many days."),
    note: str = Note,
    name: str = As,
) -> None:
    """Close a report. "no-strangers": he may not ring who does not know him; "no-calls": he may not call."""
    request = records_pb2.CloseReportRequest(
        report_id=report_id, operator=operator(name, note), sanction=SANCTIONS[action], days=days
    )
    _print_head(ask(lambda records: records.CloseReport(request, timeout=SECONDS)).report)


@app.command()
def sanctions(username: str = typer.Argument("")) -> None:
    """Show what people may not do for now, or one of them."""
    request = records_pb2.ListSanctionsRequest(user_id=user_id_of(username) if username else "")
    found = ask(lambda records: records.ListSanctions(request, timeout=SECONDS)).sanctions
    names = names_of({one.user_id for one in found})
    table = Table("user", "may not", "until", "report", box=None)
    for one in found:
        table.add_row(*_texts(names[one.user_id], WORDS[one.sanction], _time(one.until_ms), one.report_id))
    Console().print(table)


@app.command()
def lift(username: str, why: str = Why, name: str = As) -> None:
    """Lift all sanctions of a user before their time."""
    request = records_pb2.LiftSanctionsRequest(user_id=user_id_of(username), operator=operator(name, why))
    typer.echo(f"{ask(lambda records: records.LiftSanctions(request, timeout=SECONDS)).lifted} lifted")


def _print_head(head: records_pb2.ReportHead) -> None:
    names = names_of({head.reporter_id, head.reported_id})
    facts = Table(box=None, show_header=False)
    for title, value in (
        ("report", head.report_id),
        ("when", _time(head.at_ms)),
        ("about", names[head.reported_id]),
        ("by", names[head.reporter_id]),
        ("category", _category(head)),
        ("state", _state(head)),
        ("reporters of this person", str(head.reporters)),
        ("what followed", WORDS[head.sanction] if head.state == records_pb2.REPORT_STATE_CLOSED else ""),
        ("note", head.note),
    ):
        facts.add_row(*_texts(title, value))
    Console().print(facts)


def _print_verdict(kept: records_pb2.KeptVerdict, names: dict[str, str]) -> None:
    verdict = kept.verdict
    outcome = policy_pb2.Outcome.Name(verdict.outcome).removeprefix("OUTCOME_").lower()
    if verdict.HasField("refused"):
        outcome += f" ({Refusal.from_proto(verdict.refused).name})"
    kinds = " and ".join(word for word in ("audio", "video") if getattr(kept.kinds, word))
    facts = Table(box=None, show_header=False)
    for title, value in (
        ("when", _time(kept.at_ms)),
        ("what", policy_pb2.Act.Name(kept.act).removeprefix("ACT_").lower().replace("_", " ")),
        ("caller", names.get(kept.caller_id, "")),
        ("callee", names.get(kept.callee_id, "nobody")),
        ("kinds", kinds or "nothing"),
        ("outcome", outcome),
        ("rules", f"change {verdict.rules_version}"),
        ("entitlements", f"version {verdict.entitlements_version}"),
    ):
        facts.add_row(*_texts(title, value))
    steps = Table("rule", "held", "what follows", box=None)
    for step in verdict.trace:
        steps.add_row(*_texts(step.rule, "yes" if step.held else "no", step.effect if step.held else ""))
    Console().print(facts, "", steps)


def _texts(*words: str) -> list[Text]:
    """As they are: what people wrote is no markup, and moves no cursor."""
    return [Text("".join(one if one.isprintable() or one == "\n" else "�" for one in word)) for word in words]


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _category(head: records_pb2.ReportHead) -> str:
    return records_pb2.ReportCategory.Name(head.category).removeprefix("REPORT_CATEGORY_").lower()


def _state(head: records_pb2.ReportHead) -> str:
    state = records_pb2.ReportState.Name(head.state).removeprefix("REPORT_STATE_").lower()
    return f"{state}, {head.taken_by}" if head.taken_by else state
