"""What every command of `ringline policy …` does: it asks over gRPC, and says a refusal in its own words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from ringline.addresses import split_addresses
from ringline.config import NodeSettings
from ringline.refusal import Refusal
from ringline.v1.policy_pb2_grpc import PolicyStub
from ringline.wire import Channel, open_channel

if TYPE_CHECKING:
    from ringline.v1.policy_pb2_grpc import PolicyAsyncStub

T = TypeVar("T")
SECONDS = 5.0


async def with_policy(question: Callable[[PolicyAsyncStub], Awaitable[T]]) -> T:
    """The answer of policy. Raises Refusal."""
    async with operator_channel("policy") as channel:
        return await question(PolicyStub(channel))


def operator_channel(service: str) -> Channel:
    """A channel in the name of the operator. Raises BadParameter where nothing says where the service is."""
    addresses = split_addresses(NodeSettings().address.get(service, ""))
    if not addresses:
        raise typer.BadParameter(f"Say where {service} is: RINGLINE_ADDRESS_{service.upper()}=host:port")
    return open_channel(addresses, "operator")


async def said(answer: Awaitable[T]) -> T:
    """The answer; a refusal is said in its own words, and ends the program with status 1."""
    try:
        return await answer
    except Refusal as refusal:
        typer.echo(refusal.sentence, err=True)
        raise typer.Exit(1) from None
