"""`make test`: every part of the tests, one after another, each with its own servers, and what each took.

A part is green only when its tests ran, none was skipped, and no process of it is left. `make test ONLY="unit
house"` runs some parts and says so.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PATIENCE = 4.0
"""A part is ended, and red, after this many times its budget; over its budget it is only marked."""
MARK = "RINGLINE_TEST_RUN"
KEPT_BYTES = 2_000_000
FAILED_LINES = 8
TAIL_BYTES = 3000
"""What failed first in a red part, and its end, are printed again below the table."""
ROOTS = "/usr/sbin:/sbin"
"""Where root's programs are, which the PATH of others does not name."""


@dataclass(frozen=True)
class Part:
    """One line of the table. `budget` in seconds."""

    name: str
    budget: int
    command: tuple[str, ...]
    folder: str = "."
    needs_root: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a part: `why` is empty when it is green."""

    part: Part
    seconds: float
    why: str
    digest: str

    def row(self) -> str:
        """The line of the table."""
        over = "  over its budget" if self.seconds > self.part.budget else ""
        return f"{self.part.name:9}{self.seconds:7.1f} s of {self.part.budget:4} s   {self.why or 'ok'}{over}"


def pytest(folder: str, *options: str) -> tuple[str, ...]:
    """The command that runs one folder of tests."""
    return (str(BIN / "python"), "-B", "-m", "pytest", "-q", "--durations=3", f"tests/{folder}", *options)


PARTS = (
    Part("check", 60, ("tools/check",)),
    Part("house", 30, pytest("house")),
    Part("unit", 60, pytest("unit")),
    Part("model", 60, pytest("model", "-n", "2")),
    Part("web", 60, (str(BIN / "npm"), "test", "--silent"), "web"),
    Part("service", 180, pytest("service", "-n", "2", "--dist", "loadfile")),  # they wait more than they work
    Part("properties", 240, pytest("properties")),
    Part("suite", 360, pytest("suite", "-n", "2")),  # they wait more than they work
    Part("hostile", 90, pytest("hostile")),
    Part("chaos", 180, (str(BIN / "python"), "-B", "-m", "tests.chaos", "--quick"), needs_root=True),
    # All pods run from the image, those of the trial and then those of production; beside them goes the rest.
    Part("deploy", 420, pytest("deploy", "-rP", "-n", "2"), needs_root=True),
    Part("browser", 360, pytest("browser", "--ignore=tests/browser/apart")),
    Part("apart", 150, pytest("browser/apart"), needs_root=True),  # networks of their own, and a capture
)


def run(part: Part) -> Outcome:
    """Runs one part to its end and looks for what it left."""
    print(f"\n=== {part.name}", flush=True)
    run_id = secrets.token_hex(8)
    environment = dict(os.environ, PATH=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}", **{MARK: run_id})
    command = part.command
    if part.needs_root and os.geteuid() != 0:
        path = f"{environment['PATH']}{os.pathsep}{ROOTS}"
        command = ("sudo", "-n", "env", f"PATH={path}", f"{MARK}={run_id}", *command)
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT / part.folder,
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    printed = Printed(process)
    try:
        code = process.wait(part.budget * PATIENCE)
        why = "" if code == 0 else f"FAILED ({code})"
    except subprocess.TimeoutExpired:
        why = "FAILED (did not end)"
    finally:
        left = leftovers(run_id)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    if left and not why:
        why = f"FAILED (left {len(left)} processes running)"
    return Outcome(part, time.monotonic() - started, why, printed.digest())


class Printed:
    """Passes on what a process prints, as it comes, and keeps the last KEPT_BYTES of it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._kept = b""
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def digest(self) -> str:
        """The first lines that say what failed, and the last TAIL_BYTES."""
        self._thread.join(1.0)  # whoever still held the pipe is a leftover, and was killed
        text = self._kept.decode(errors="replace")
        failed = [line[:400] for line in text.splitlines() if line.startswith("FAILED ")][:FAILED_LINES]
        return "\n".join([*failed, "[…]", text[-TAIL_BYTES:].partition("\n")[2]])

    def _copy(self) -> None:
        assert self._process.stdout is not None
        while some := os.read(self._process.stdout.fileno(), 65536):
            sys.stdout.buffer.write(some)
            sys.stdout.buffer.flush()
            self._kept = (self._kept + some)[-KEPT_BYTES:]


def leftovers(run_id: str) -> dict[int, str]:
    """What was started under this mark and still runs: command lines by process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={run_id}".encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # gone meanwhile, or somebody else's
    for pid, command in found.items():
        print(f"still running: {pid} {command[:120]}")
    return found


def may_be_root() -> bool:
    """Whether this is root, or sudo asks no password."""
    if os.geteuid() == 0:
        return True
    return bool(shutil.which("sudo")) and subprocess.run(["sudo", "-n", "true"], check=False).returncode == 0


def main(names: Sequence[str]) -> int:
    """Runs the named parts, or all; 0 only when all of them are green."""
    unknown = set(names) - {part.name for part in PARTS}
    if unknown:
        print(f"no such part: {', '.join(sorted(unknown))}; there are: {' '.join(p.name for p in PARTS)}")
        return 2
    if not may_be_root() and any(part.needs_root for part in PARTS if not names or part.name in names):
        print(
            "the parts `apart`, `chaos` and `deploy` make networks, a small disk and containers of their own,"
            " which needs root: run this as root, or allow sudo -n"
        )
        return 1
    outcomes = [run(part) for part in PARTS if not names or part.name in names]
    print("\n" + "\n".join(outcome.row() for outcome in outcomes))
    print(f"{'together':11}{sum(outcome.seconds for outcome in outcomes):7.1f} s")
    for outcome in outcomes:
        if outcome.why:
            print(f"\n=== {outcome.part.name}, which is red\n{outcome.digest}")
    if names:
        print(f"only {' '.join(names)}: this was not the whole of `make test`")
    return 1 if any(outcome.why for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
