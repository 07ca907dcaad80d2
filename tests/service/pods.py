"""Several processes' worth of one service: nodes that share nothing but database and bus."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from ringline.config import NodeSettings
from ringline.node import Build, Node
from ringline.wire import Channel, open_channel


@asynccontextmanager
async def pods(
    settings: NodeSettings, service: str, build: Build, count: int = 2
) -> AsyncIterator[list[Node]]:
    """`count` ready nodes, each with its own server and its own connections."""
    async with AsyncExitStack() as stack:
        nodes = []
        for _ in range(count):
            node = await stack.enter_async_context(Node(settings, [service]))
            await node.build(service, build)
            await node.start()
            await node.started()
            nodes.append(node)
        yield nodes


@asynccontextmanager
async def channel_to(node: Node, caller: str) -> AsyncIterator[Channel]:
    """A channel to one node, in the name of `caller`."""
    async with open_channel([f"127.0.0.1:{node.port}"], caller) as channel:
        yield channel


@asynccontextmanager
async def owner(settings: NodeSettings) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The database as its owner sees it: to look, and to let time pass."""
    connection = await asyncpg.connect(settings.database_owner_url.get_secret_value())
    try:
        yield connection
    finally:
        await connection.close()
