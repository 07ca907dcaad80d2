"""What a process says of its health: whether it lives, is ready, and serves each of its services."""

from collections.abc import Iterable
from typing import Any

from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health_aio


class Health(health_aio.HealthServicer):  # type: ignore[misc]  # the library has no types
    """gRPC's health service, which knows who listens. Who asks a service watches it (wire.py); where nobody
    does, nobody has to be told that it is on its way out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.watched: list[str] = []
        """The names that are watched, each as often as it is."""

    async def say(self, names: Iterable[str], is_serving: bool) -> None:
        """Says the same of several names: "" is the whole process."""
        status = health_pb2.HealthCheckResponse
        for name in names:
            await self.set(name, status.SERVING if is_serving else status.NOT_SERVING)

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """Says what is so, and then each change, until who watches leaves."""
        self.watched.append(request.service)
        try:
            await super().Watch(request, context)
        finally:
            self.watched.remove(request.service)
