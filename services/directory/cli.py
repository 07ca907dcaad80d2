"""`ringline user …`: what the operator does with accounts, over the directory's own gRPC methods."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from ringline.addresses import split_addresses
from ringline.config import NodeSettings
from ringline.identity import Identity
from ringline.refusal import Refusal
from ringline.v1 import accounts_pb2, directory_pb2
from ringline.v1.accounts_pb2 import Account
from ringline.v1.directory_pb2_grpc import DirectoryStub
from ringline.wire import open_channel

if TYPE_CHECKING:
    from ringline.v1.directory_pb2_grpc import DirectoryAsyncStub

T = TypeVar("T")
SECONDS = 5.0

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Show users, and set what you say of them."
)


@app.command()
def show(username: str) -> None:
    """Show an account."""
    _print(_ask(lambda directory: _account(directory, username)))


@app.command()
def tier(username: str, tier: str) -> None:
    """Set what a user is entitled to, such as "plus"."""
    _print(_ask(lambda directory: _set_standing(directory, username, tier=tier)))


@app.command()
def verify(username: str) -> None:
    """Give a user the verified mark."""
    _print(_ask(lambda directory: _set_standing(directory, username, verified=True)))


@app.command()
def unverify(username: str) -> None:
    """Take the verified mark away."""
    _print(_ask(lambda directory: _set_standing(directory, username, verified=False)))


@app.command()
def add(username: str, password: str = typer.Option(..., prompt=True, hide_input=True)) -> None:
    """Make an account; asks for the password, and prints the recovery codes once."""
    request = accounts_pb2.SignUpRequest(username=username, password=password)
    made = _ask(lambda directory: directory.SignUp(request, timeout=SECONDS))
    _print(made.account)
    for code in made.recovery_codes:
        typer.echo(code)


async def _account(directory: DirectoryAsyncStub, username: str) -> Account:
    found = await directory.Resolve(directory_pb2.ResolveRequest(username=username), timeout=SECONDS)
    request = directory_pb2.GetAccountRequest(user_id=found.profile.user_id)
    return (await directory.GetAccount(request, timeout=SECONDS)).account


async def _set_standing(
    directory: DirectoryAsyncStub, username: str, tier: str | None = None, verified: bool | None = None
) -> Account:
    found = await directory.Resolve(directory_pb2.ResolveRequest(username=username), timeout=SECONDS)
    request = directory_pb2.SetStandingRequest(user_id=found.profile.user_id, tier=tier, verified=verified)
    return (await directory.SetStanding(request, timeout=SECONDS)).account


def _ask(question: Callable[[DirectoryAsyncStub], Awaitable[T]]) -> T:
    """The directory's answer, asked as the operator. A refusal is said in its own words, with status 1."""

    async def ask() -> T:
        settings = NodeSettings()
        addresses = split_addresses(settings.address.get("directory", ""))
        if not addresses:
            raise typer.BadParameter("Say where the directory is: RINGLINE_ADDRESS_DIRECTORY=host:port")
        identity = Identity.of(settings.tls_dir)
        async with open_channel(addresses, "operator", "directory", identity) as channel:
            return await question(DirectoryStub(channel))

    try:
        return asyncio.run(ask())
    except Refusal as refusal:
        typer.echo(refusal.sentence, err=True)
        raise typer.Exit(1) from None


def _print(account: Account) -> None:
    table = Table(box=None, show_header=False)
    for word, value in (
        ("username", f"@{account.profile.username}"),
        ("name", account.profile.display_name or "-"),
        ("user", account.profile.user_id),
        ("tier", account.tier),
        ("verified", "yes" if account.profile.verified else "no"),
        ("searchable", "yes" if account.searchable else "no"),
    ):
        table.add_row(word, value)
    Console().print(table)
