"""`kubectl port-forward`: a port outside that leads to a pod's own loopback, past Services and policies."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.deploy.cluster.cluster import Cluster
from tests.deploy.cluster.objects import number_of, selecting

_SIZE = 65_536


@asynccontextmanager
async def forwarded(cluster: Cluster, service: str, port: int) -> AsyncIterator[str]:
    """Leads `port` of outside's localhost to one pod of a Service, for as long as that pod is there: the
    origin."""
    behind = cluster.objects.get("Service", "ringline", service)
    told = next(one for one in behind["spec"]["ports"] if one["port"] == port)
    [first, *_] = selecting(behind, [one.pod for one in cluster.running if one.pod.serves])
    network = next(one.network for one in cluster.running if one.pod is first)
    assert network is not None
    number = number_of(told["targetPort"], first.container)

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = await asyncio.to_thread(network.inside, lambda: socket.create_connection(("127.0.0.1", number)))
        inner_reader, inner_writer = await asyncio.open_connection(sock=own)
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    door = cluster.outside.inside(lambda: socket.create_server(("127.0.0.1", port)))
    server = await asyncio.start_server(lead, sock=door)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while some := await reader.read(_SIZE):
            writer.write(some)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
