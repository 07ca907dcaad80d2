"""The composition root: `ringline directory|presence|policy|signaling|conversations|gateway|all|dev|…`.

Every service is imported only when it is to live in this process.
"""

import asyncio
import importlib
import importlib.util
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
import uvloop

from ringline.config import NodeSettings
from ringline.node import Node

SERVICES = ("directory", "presence", "policy", "signaling", "conversations", "gateway")
"""In the order in which they are built where several live in one process: whoever is asked comes first."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Audio and video calls by @username.",
    pretty_exceptions_enable=False,  # in a log, why a process does not start is one line, as wide as it is
)


async def build_all(node: Node, services: Sequence[str]) -> None:
    """Builds `services` in this process, in building order."""
    # All of them first: an import stops the loop, for seconds where nothing is compiled yet, and what the
    # first services have begun would miss its deadlines.
    modules = {service: importlib.import_module(f"services.{service}") for service in services}
    newest = newest_migrations(services)
    for service, module in modules.items():
        if service in newest:
            await (await node.of(service).database(service)).until_migrated(newest[service])
        await node.build(service, module.build)


async def serve(settings: NodeSettings, services: Sequence[str]) -> None:
    """Runs `services` in this process until it is told to stop."""
    async with Node(settings, services) as node:
        await node.prepare(build_all(node, services))
        await node.run()


def run(services: Sequence[str]) -> None:
    """Runs `services` with the settings of the environment."""
    uvloop.run(serve(NodeSettings(), services))


def present() -> list[str]:
    """The services that are installed, in building order."""
    return [name for name in SERVICES if importlib.util.find_spec(f"services.{name}") is not None]


def migrations(services: Sequence[str]) -> dict[str, str]:
    """Where the migrations of `services` are, for those that have a schema. Imports none of them."""
    folder = Path(__file__).parent
    return {
        name: f"services.{name}:migrations"
        for name in services
        if (folder / name / "migrations" / "env.py").exists()
    }


def newest_migrations(services: Sequence[str]) -> dict[str, str]:
    """The number of the newest migration of each of `services` that has a schema: the files begin with it."""
    folder = Path(__file__).parent
    return {
        name: max(path.name.partition("_")[0] for path in (folder / name).glob("migrations/versions/*_*.py"))
        for name in migrations(services)
    }


def _add_service(name: str) -> None:
    @app.command(name, help=f"Run the service {name} in this process.")
    def command() -> None:
        run([name])


for _name in SERVICES:
    if _name != "policy":
        _add_service(_name)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def policy(context: typer.Context) -> None:
    """Run the service policy in this process, or ask it (see: ringline policy --help)."""
    if context.args:
        importlib.import_module("services.policy.cli").app(context.args, prog_name="ringline policy")
    else:
        run(["policy"])


@app.command("all")
def run_all() -> None:
    """Run every service in this process."""
    run(present())


@app.command()
def migrate(services: list[str] = typer.Argument(None, help="Only these services.")) -> None:  # noqa: B008
    """Create roles and schemas, and bring them up to date. Needs RINGLINE_DATABASE_OWNER_URL."""
    from ringline.migrate import migrate as migrate_services

    asyncio.run(migrate_services(NodeSettings(), migrations(services or present())))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def dev(context: typer.Context) -> None:
    """Run everything on this machine, with its own database and bus."""
    importlib.import_module("services.dev").main(context.args)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def user(context: typer.Context) -> None:
    """Show users, add them, and set their tier and verified mark."""
    importlib.import_module("services.directory.cli").app(context.args, prog_name="ringline user")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def reports(context: typer.Context) -> None:
    """Show what people report, and close it with what follows from it."""
    importlib.import_module("services.policy.records_cli").app(context.args, prog_name="ringline reports")


@app.command("rebuild-history")
def rebuild_history() -> None:
    """Write the entries of past calls that are missing, from the event log and from signaling."""
    importlib.import_module("services.conversations.cli").main()


@app.command()
def restored(
    without_log: bool = typer.Option(False, help="The event log was lost as well: no call goes on."),
) -> None:
    """After a backup was restored, before anything serves: void what is not true any more, and say so."""
    from ringline.refusal import Refusal

    settings = NodeSettings()
    try:
        lines = asyncio.run(importlib.import_module("services.presence.cli").restored(settings))
        calls = asyncio.run(
            importlib.import_module("services.signaling.cli").restored(settings, not without_log)
        )
    except Refusal as refusal:
        typer.echo(f"Refused: {refusal.sentence}", err=True)
        raise typer.Exit(1) from None
    typer.echo(
        f"Incarnation {calls.incarnation}. Of the live calls of the backup {calls.kept} may go on and"
        f" {calls.ended} are over; {calls.unknown} that came after it got an end."
        f" {lines} lines are forgotten."
    )


def main() -> None:
    """The console script."""
    # The first process of a container hears only signals that it asked for. Services ask again, and drain.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    app()


if __name__ == "__main__":
    main()
