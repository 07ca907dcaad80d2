"""Who may call what between services: every certificate, under every name, on every method of the contract.

Made of the protos: a method that is new is tried by itself.
"""

import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

import ringline.v1
from ringline.config import NodeSettings
from ringline.identity import Identity, options
from ringline.server import Server
from ringline.v1 import annotations_pb2
from ringline.wire import CALLER
from services.__main__ import SERVICES
from tests.certificates import Authority

IDENTITIES = (*SERVICES, "operator")
DENIED, OK = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.OK


def contract() -> Iterator[ServiceDescriptor]:
    """Every service of the contract."""
    for module in pkgutil.iter_modules(ringline.v1.__path__):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"ringline.v1.{module.name}").DESCRIPTOR
            yield from file.services_by_name.values()


METHODS = [method for service in contract() for method in service.methods]


def welcome(method: MethodDescriptor) -> set[str]:
    """Whom the protos let call a method."""
    only = set(method.GetOptions().Extensions[annotations_pb2.only])
    return only or set(method.containing_service.GetOptions().Extensions[annotations_pb2.callers])


def silent(service: ServiceDescriptor) -> tuple[Any, Any]:
    """A servicer that answers everything with nothing, and the generated code that adds it to a server."""
    stem = service.file.name.rpartition("/")[2].removesuffix(".proto")
    generated = importlib.import_module(f"ringline.v1.{stem}_pb2_grpc")

    def unary(method: MethodDescriptor) -> Any:
        async def answer(*_: Any) -> Any:
            return GetMessageClass(method.output_type)()

        return answer

    async def nothing(*_: Any) -> AsyncIterator[Any]:
        if False:
            yield

    methods = {one.name: nothing if one.server_streaming else unary(one) for one in service.methods}
    servicer = type("Silent", (getattr(generated, f"{service.name}Servicer"),), methods)()
    return servicer, getattr(generated, f"add_{service.name}Servicer_to_server")


@asynccontextmanager
async def everything(folder: Path) -> AsyncIterator[int]:
    """The port of a server of every service of the contract, as they listen between services."""
    settings = NodeSettings(environment="test", tls_dir=str(folder))
    server = Server(settings, Identity(folder))
    for service in contract():
        servicer, add = silent(service)
        add(servicer, server.services)
    await server.start([])
    yield server.port
    await server.stop(None)


async def outcome(channel: aio.Channel, method: MethodDescriptor, caller: str) -> grpc.StatusCode:
    """What comes of a call of `method` in the name of `caller`."""
    code: grpc.StatusCode
    path, metadata = f"/{method.containing_service.full_name}/{method.name}", ((CALLER, caller),)
    if method.client_streaming:
        stream: Any = channel.stream_stream(path)(metadata=metadata, timeout=10)
        await stream.done_writing()
        code = await stream.code()
        return code
    unary: Any = channel.unary_unary(path)
    code = await unary(b"", metadata=metadata, timeout=10).code()
    return code


async def test_every_method_is_called_by_those_whom_the_contract_names_and_nobody_else(
    tmp_path: Path,
) -> None:
    ours = Authority()
    wrong = []
    tried = 0
    async with everything(ours.furnish(tmp_path / "server", *SERVICES)) as port:
        for identity in IDENTITIES:
            credentials = Identity(ours.furnish(tmp_path / identity, identity)).channel_credentials()
            async with aio.secure_channel(
                f"ipv4:127.0.0.1:{port}", credentials, options=options("directory")
            ) as channel:
                for method in METHODS:
                    for name in (*IDENTITIES, ""):
                        due = OK if name == identity and identity in welcome(method) else DENIED
                        if (found := await outcome(channel, method, name)) is not due:
                            wrong.append(f"{identity} as {name!r} on {method.full_name}: {found}")
                        tried += 1
    assert not wrong
    assert tried == len(IDENTITIES) * (len(IDENTITIES) + 1) * len(METHODS) > 3_000


def test_nobody_may_call_what_its_charter_does_not_ask() -> None:
    """A caller that the protos name for a service asks it: else its name is there for nothing."""
    asks = {name: importlib.import_module(f"services.{name}").__doc__ or "" for name in SERVICES}
    for method in METHODS:
        for caller in welcome(method) - {"operator"}:
            owner = served_by(method.containing_service.name)
            asked = " ".join(asks[caller].split()).partition("Asks ")[2].partition(".")[0]
            assert owner in asked.split(", "), f"{caller} may call {method.full_name} and never asks {owner}"


def served_by(service: str) -> str:
    """Which of the processes answers a service of the contract."""
    (owner,) = [
        name
        for name in SERVICES
        if f"add_{service}Servicer_to_server" in Path(f"services/{name}/__init__.py").read_text()
    ]
    return owner
