"""The servers of a process: gRPC for the other services, with certificates where there are any, and, for
probes, health alone on a port of its own, because a kubelet has no certificate.
"""

from collections.abc import Iterable

from google.protobuf import descriptor_pool
from grpc import aio
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ringline.config import NodeSettings
from ringline.health import Health
from ringline.identity import Identity
from ringline.wire import Gatekeeper, server_options


class Server:
    """What listens. Servicers are added to `services`, before `start`."""

    def __init__(self, settings: NodeSettings, identity: Identity | None) -> None:
        self.health = Health()
        self.services = aio.server(
            interceptors=[Gatekeeper(needs_certificate=identity is not None)],
            options=server_options(settings.connection_age_seconds),
        )
        address = f"{settings.listen_host}:{settings.listen_port}"
        if identity is None:
            self.port = self.services.add_insecure_port(address)
        else:
            self.port = self.services.add_secure_port(address, identity.server_credentials())
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.services)
        self.probe_port = 0
        self._probes: aio.Server | None = None
        if settings.probe_port >= 0:
            self._probes = aio.server(options=server_options(settings.connection_age_seconds))
            self.probe_port = self._probes.add_insecure_port(f"{settings.listen_host}:{settings.probe_port}")
            health_pb2_grpc.add_HealthServicer_to_server(self.health, self._probes)

    async def start(self, served: Iterable[str]) -> None:
        """Begins to listen. Raises KeyError where one of the `served` is not in the contract."""
        names = [f"ringline.v1.{service.capitalize()}" for service in served]
        for name in names:
            descriptor_pool.Default().FindServiceByName(name)
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], self.services)
        await self.services.start()
        if self._probes is not None:
            await self._probes.start()

    async def set_health(self, names: Iterable[str], is_serving: bool) -> None:
        """What health says of these names."""
        await self.health.say(names, is_serving)

    async def stop(self, grace: float | None) -> None:
        """Stops; what was begun has `grace` seconds. Probes are answered until then."""
        await self.services.stop(grace)
        if self._probes is not None:
            await self._probes.stop(None)
