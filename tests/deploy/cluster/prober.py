"""The kubelet's probes, asked from the node's network: `python -m tests.deploy.cluster.prober`.

A line of JSON comes in for each probe (id, kind, host, port, and path or service, seconds), and one goes out
for each answer (id, and what was wrong: "" where nothing was).
"""

import asyncio
import json
import sys
from typing import Any

import grpc
import httpx
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))


async def _grpc(host: str, port: int, ask: dict[str, Any]) -> str:
    async with aio.insecure_channel(f"{host}:{port}", options=OPTIONS) as channel:
        request = health_pb2.HealthCheckRequest(service=ask["service"])
        answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=ask["seconds"])
    is_serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    return "" if is_serving else health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


async def _http(host: str, port: int, ask: dict[str, Any]) -> str:
    async with httpx.AsyncClient(trust_env=False, timeout=ask["seconds"]) as http:
        answer = await http.get(f"http://{host}:{port}{ask['path']}")
    return "" if 200 <= answer.status_code < 400 else f"{answer.status_code} {answer.text[:200]}"


async def _tcp(host: str, port: int, ask: dict[str, Any]) -> str:
    async with asyncio.timeout(ask["seconds"]):
        _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return ""


KINDS = {"grpc": _grpc, "httpGet": _http, "tcpSocket": _tcp}


async def _probe(ask: dict[str, Any]) -> None:
    try:
        async with asyncio.timeout(ask["seconds"]):
            wrong = await KINDS[ask["kind"]](ask["host"], ask["port"], ask)
    except (OSError, TimeoutError, httpx.HTTPError, grpc.RpcError) as error:
        wrong = f"{type(error).__name__} {error}"[:200]
    print(json.dumps({"id": ask["id"], "wrong": wrong}), flush=True)


async def main() -> None:
    """Until nobody asks any more."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks: set[asyncio.Task[None]] = set()
    while line := await lines.readline():
        task = asyncio.create_task(_probe(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    asyncio.run(main())
