"""Rules for the contract: it reads like a document, is fresh, and every service keeps to it."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, ServiceDescriptor

from ringline import permissions
from ringline.v1 import annotations_pb2
from tests.house.sources import ROOT, all_files, read, services, tree, written

PROTOS = written(".proto", below="protos/")
FILES: list[FileDescriptor] = [
    importlib.import_module(f"ringline.v1.{path.stem}_pb2").DESCRIPTOR for path in PROTOS
]
CALLERS = {"gateway", "directory", "presence", "policy", "signaling", "conversations", "operator"}


def test_generated_code_is_fresh(tmp_path: Path) -> None:
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    subprocess.run(["tools/protos", str(tmp_path)], cwd=ROOT, env=environment, check=True)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert made
    assert [str(path) for path, data in made.items() if (ROOT / path).read_bytes() != data] == []
    kept = {
        path
        for path in all_files()
        if re.match(r"ringline/v1/\w+_pb2|web/packages/client/src/gen/", str(path))
    }
    assert [str(path) for path in kept if path not in made] == []


def test_every_service_method_and_field_has_a_sentence() -> None:
    bare = [
        f"{path}:{number}: {line.strip()}"
        for path in PROTOS
        for number, line, before in _lines_with_the_one_before(path)
        if re.match(
            r"\s*(service|rpc|message|enum|oneof)\s+\w+.*[{;]|\s*(repeated |optional )?[\w.]+ \w+ = \d+", line
        )
        and not re.match(r"\s*//|\s*\[", before)
        and not line.strip().startswith("option")
    ]
    assert not bare


def test_every_service_says_who_may_call_it() -> None:
    for service in _services():
        allowed = set(service.GetOptions().Extensions[annotations_pb2.callers])
        assert allowed and allowed <= CALLERS, service.full_name
        for method in service.methods:
            only = set(method.GetOptions().Extensions[annotations_pb2.only])
            assert only <= allowed, f"{method.full_name} admits more than its service"


def test_fields_about_people_are_marked() -> None:
    """So that the logger prints them as "…"."""
    telling = re.compile(r"(^|_)(username|display_name|query|network|label|sdp)$")
    opening = re.compile(r"(^|_)(password|token|secret|credential|recovery_codes?|invite)$")
    bare = []
    for field in _fields():
        options = field.GetOptions()
        marked = options.Extensions[annotations_pb2.personal] or options.Extensions[annotations_pb2.secret]
        if (telling.search(field.name) or opening.search(field.name)) and not marked:
            bare.append(field.full_name)
    assert not bare


@pytest.mark.parametrize("service", services())
def test_charters_tell_the_truth(service: str) -> None:
    charter = _charter(service)
    assert charter, f"services/{service}/__init__.py does not open with its charter"
    assert charter["owns"] == _tables(service)
    assert charter["answers"] == {
        method.name for found in _services() if found.name in _served(service) for method in found.methods
    }
    assert charter["asks"] == _channels(service)
    known = {
        message.name for file in FILES if file.name.endswith("/events.proto") for message in _messages(file)
    }
    assert charter["says"] | charter["hears"] <= known


def test_every_event_is_said_by_one_service() -> None:
    """And said in the past tense."""
    (events,) = [file for file in FILES if file.name.endswith("/events.proto")]
    facts = {
        field.message_type.name
        for field in events.message_types_by_name["Event"].fields
        if field.message_type
    }
    said = [event for service in services() for event in _charter(service).get("says", set())]
    assert sorted(said) == sorted(facts)
    irregular = ("Rang", "Unheard", "Set")
    assert not [name for name in facts if not name.endswith(("ed", *irregular))]


def test_the_bus_grants_what_the_charters_say() -> None:
    """And no more: a service that says or hears something new says so in `ringline/permissions.py`, too."""

    def snake(names: set[str]) -> set[str]:
        return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in names}

    def calling(word: str) -> set[str]:
        return {
            name
            for name in services()
            if re.search(rf"\b{word}\(", _all(written(".py", below=f"services/{name}/")))
        }

    charters = {service: _charter(service) for service in services()}
    says = {name: snake(charter["says"]) for name, charter in charters.items() if charter["says"]}
    assert {name: set(facts) for name, facts in permissions.SAYS.items()} == says
    hears = {name: snake(charter["hears"]) for name, charter in charters.items() if charter["hears"]}
    assert {name: {fact} for name, fact in permissions.HEARS.items()} == hears
    assert set(permissions.SAYS_WAKES) == calling("publish_wake")
    assert set(permissions.HEARS_WAKES) == calling("subscribe_wakes")
    assert set(permissions.REPLAYS) == calling("replay")


def _charter(service: str) -> dict[str, set[str]]:
    """What the docstring says, by its words in lower case."""
    text = " ".join((ast.get_docstring(tree(Path(f"services/{service}/__init__.py"))) or "").split())
    word = "Owns|Answers|Hears|Says|Asks"
    found = re.findall(rf"\b({word})\s+(.*?)\.(?=\s+(?:{word})\s|\s|$)(?!\w)", text)
    nothing = {"nothing", "nobody", "no table", ""}
    return {
        verb.lower(): {name.strip().split(".")[-1] for name in names.split(",")} - nothing
        for verb, names in found
    }


def _tables(service: str) -> set[str]:
    paths = written(".py", ".sql", below=f"services/{service}/migrations/")
    made = re.findall(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)(?! PARTITION)", _all(paths))
    built = re.findall(r"create_table\(\s*\"(\w+)\"", _all(paths))
    outbox = (
        {"outbox"}
        if re.search(r"from ringline\.outbox import|from ringline import outbox", _all(paths))
        else set()
    )
    return set(made) | set(built) | outbox


def _channels(service: str) -> set[str]:
    source = _all(written(".py", below=f"services/{service}/"))
    return set(re.findall(r"\b(?:channel|asker|addresses)\(\s*\"(\w+)\"", source))


def _all(paths: list[Path]) -> str:
    return "\n".join(read(path) for path in paths)


def _served(service: str) -> set[str]:
    """The contract's services that this one serves: its own, and more where one file would be too long."""
    source = _all(written(".py", below=f"services/{service}/"))
    return set(re.findall(r"\badd_(\w+)Servicer_to_server", source))


def _services() -> Iterator[ServiceDescriptor]:
    for file in FILES:
        yield from file.services_by_name.values()


def _messages(file: FileDescriptor) -> Iterator[Descriptor]:
    yield from file.message_types_by_name.values()


def _fields() -> Iterator[FieldDescriptor]:
    for file in FILES:
        for message in file.message_types_by_name.values():
            yield from message.fields


def _lines_with_the_one_before(path: Path) -> Iterator[tuple[int, str, str]]:
    before = ""
    for number, line in enumerate(read(path).splitlines(), 1):
        yield number, line, before
        before = line
