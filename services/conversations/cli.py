"""`ringline rebuild-history`: the entries of calls once more, from the event log and from signaling."""

import asyncio

import typer
from rich.console import Console

from ringline.config import NodeSettings
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1.signaling_pb2_grpc import SignalingStub
from services.conversations.projection import rebuild
from services.conversations.store import Store


def main() -> None:
    """Rebuilds, and says how much was missing. May be run at any time and as often as one likes."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        found = asyncio.run(run(NodeSettings()))
    except Refusal as refusal:
        console.print(f"Refused: {refusal.sentence}")
        raise typer.Exit(1) from None
    console.print(f"{found} entries of calls were missing, and are there now.")


async def run(settings: NodeSettings) -> int:
    """Rebuilds with these settings; answers how many entries were missing. Raises Refusal."""
    own = settings.model_copy(update={"listen_port": 0, "metrics_port": -1, "probe_port": -1})
    async with Node(own) as process:
        node = process.of("conversations")
        store = Store(await node.database("conversations"))
        return await rebuild(store, await node.log(), SignalingStub(node.channel("signaling")))
