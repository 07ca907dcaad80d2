"""Rules for upgrades: processes of the previous release and of this one understand each other."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto

from ringline.v1 import annotations_pb2
from tests.house.sources import ROOT
from tests.suite.previous import previous_release

RULES = '{"version":"v2","breaking":{"use":["WIRE_JSON"]}}'
"""No number, type or name of a field changes, and what is removed is reserved."""


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The contract of the previous release and today's, compiled."""
    folder = tmp_path_factory.mktemp("contracts")
    before = previous_release(folder / "tree").tree
    return compiled(before / "protos", folder / "then"), compiled(ROOT / "protos", folder / "now")


def compiled(protos: Path, name: Path) -> Path:
    """An image of all files, for buf and for protobuf."""
    image = name.with_suffix(".binpb")
    files = [str(path.relative_to(protos)) for path in sorted(protos.rglob("*.proto"))]
    command = [sys.executable, "-m", "grpc_tools.protoc", "--include_imports", f"-I{protos}"]
    subprocess.run([*command, f"--descriptor_set_out={image}", *files], check=True)
    return image


def test_no_message_of_the_previous_release_means_something_else_now(contracts: tuple[Path, Path]) -> None:
    then, now = contracts
    buf = str(Path(sys.executable).with_name("buf"))
    command = [buf, "breaking", str(now), "--against", str(then), "--config", RULES]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def test_whoever_might_call_a_method_still_may(contracts: tuple[Path, Path]) -> None:
    """A process of the previous release calls what it always called."""
    then, now = (callers(image) for image in contracts)
    lost = {name: allowed - now.get(name, set()) for name, allowed in then.items()}
    assert not {name: who for name, who in lost.items() if who}


def callers(image: Path) -> dict[str, set[str]]:
    """Who may call each method of ours."""
    return {
        f"{service.name}.{method.name}": allowed(service, method)
        for file in FileDescriptorSet.FromString(image.read_bytes()).file
        for service in file.service
        for method in service.method
    }


def allowed(service: ServiceDescriptorProto, method: MethodDescriptorProto) -> set[str]:
    """As the interceptor reads it: a method's own list, or that of its service."""
    only = method.options.Extensions[annotations_pb2.only]
    return set(only) or set(service.options.Extensions[annotations_pb2.callers])
