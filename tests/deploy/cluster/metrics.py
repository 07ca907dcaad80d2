"""What a pod says of itself on /metrics, asked from within its own network: nobody else may."""

import asyncio
import socket

from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.cluster.pod import Running

PORT = 9090
_PATIENCE = 10.0


async def figure(running: Running, name: str, **labels: str) -> float:
    """The sum of the samples of that name with these labels; 0 where there is none."""
    text = await asyncio.to_thread(_read, running)
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def _read(running: Running) -> str:
    assert running.network is not None
    own = running.network.inside(lambda: socket.create_connection(("127.0.0.1", PORT), _PATIENCE))
    with own, own.makefile("rb") as answer:
        own.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        return answer.read().partition(b"\r\n\r\n")[2].decode()
