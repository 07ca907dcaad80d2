"""How the commands of the operator ask policy and directory: over gRPC, in the operator's name."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from ringline.addresses import split_addresses
from ringline.config import NodeSettings
from ringline.identity import Identity
from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, records_pb2
from ringline.v1.directory_pb2_grpc import DirectoryStub
from ringline.v1.policy_pb2_grpc import PolicyStub
from ringline.v1.records_pb2_grpc import RecordsStub
from ringline.wire import Channel, open_channel

if TYPE_CHECKING:
    from ringline.v1.policy_pb2_grpc import PolicyAsyncStub
    from ringline.v1.records_pb2_grpc import RecordsAsyncStub

T = TypeVar("T")
SECONDS = 5.0


def reach(service: str) -> Channel:
    """A channel to a service. Ends the program where nobody said where it is."""
    settings = NodeSettings()
    addresses = split_addresses(settings.address.get(service, ""))
    if not addresses:
        raise typer.BadParameter(f"Say where {service} is: RINGLINE_ADDRESS_{service.upper()}=host:port")
    return open_channel(addresses, "operator", service, Identity.of(settings.tls_dir))


async def said(answer: Awaitable[T]) -> T:
    """The answer; a refusal is said in its own words, and ends the program with status 1."""
    try:
        return await answer
    except Refusal as refusal:
        typer.echo(refusal.sentence, err=True)
        raise typer.Exit(1) from None


async def with_policy(question: Callable[[PolicyAsyncStub], Awaitable[T]]) -> T:
    """The answer of policy. Raises Refusal."""
    async with reach("policy") as to_policy:
        return await question(PolicyStub(to_policy))


def ask(question: Callable[[RecordsAsyncStub], Awaitable[T]]) -> T:
    """Asks the records, and answers when they do."""

    async def asked() -> T:
        async with reach("policy") as to_policy:
            return await said(question(RecordsStub(to_policy)))

    return asyncio.run(asked())


def operator(name: str, why: str) -> records_pb2.Operator:
    """Who acts, by the name he gives or else that of his account on this machine, and why."""
    return records_pb2.Operator(name=name or getpass.getuser(), why=why)


def names_of(user_ids: set[str]) -> dict[str, str]:
    """How these users are called now; by id where directory is not there or does not know them."""

    async def asked() -> dict[str, str]:
        found = {}
        async with reach("directory") as to_directory:
            stub = DirectoryStub(to_directory)
            for user_id in sorted(user_ids - {""}):
                request = directory_pb2.GetAccountRequest(user_id=user_id)
                try:
                    account = (await stub.GetAccount(request, timeout=SECONDS)).account
                    found[user_id] = f"@{account.profile.username}"
                except Refusal:
                    found[user_id] = user_id
        return found

    return asyncio.run(asked())


def user_id_of(username: str) -> str:
    """The id of a user. Ends the program where there is no such one."""

    async def asked() -> str:
        async with reach("directory") as to_directory:
            request = directory_pb2.ResolveRequest(username=username)
            answer = await said(DirectoryStub(to_directory).Resolve(request, timeout=SECONDS))
            return answer.profile.user_id

    return asyncio.run(asked())
