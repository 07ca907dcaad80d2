"""What processes used, from /proc (Linux): CPU time and memory of whole process trees, by name."""

import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

WEIGHT = "-15"
LEAST_WEIGHT = 19
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What one room (a service, Postgres, NATS) used so far: CPU seconds, those in the kernel, KiB of PSS."""

    cpu_s: float
    kernel_s: float
    pss_kib: int


def usage(roots: Mapping[str, Iterable[int]], memory: bool = False) -> dict[str, Usage]:
    """By room: its roots and everything that descends from them, reaped children included."""
    children = _children()
    found = {}
    for room, pids in roots.items():
        tree = _tree(pids, children)
        times = [_times(pid) for pid in tree]
        found[room] = Usage(
            sum(map(sum, times)), sum(one[1] for one in times), sum(map(_pss, tree)) if memory else 0
        )
    return found


def spent(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """Seconds of CPU by room between two looks."""
    return {room: after[room].cpu_s - before[room].cpu_s for room in after}


def busy() -> float:
    """Seconds of CPU that all processes of this machine used since it was started, over all cores."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _waits, irq, soft = (int(value) for value in fields[:7])
    return (user + nice + system + irq + soft) / TICKS


def calibrate(core: int) -> float:
    """CPU milliseconds that a fixed piece of work costs on a core now: where neighbours disturb, it rises,
    and so does every other figure of CPU time.
    """
    document = {"a": ["x" * 20] * 50, "b": list(range(200))}
    own = os.sched_getaffinity(0)
    pin(core)
    began = time.thread_time()
    for _ in range(1500):
        json.loads(json.dumps(document))
    spent_s = time.thread_time() - began
    os.sched_setaffinity(0, own)
    return spent_s * 1000


def pin(core: int) -> None:
    """Binds this process, and what it starts from now on, to one core, where there are two."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


def prefer(roots: Mapping[str, Iterable[int]]) -> None:
    """Raises the scheduling weight of this process and of the trees, so that neighbours on a shared machine
    come between them less often. Needs root; without it nothing happens.
    """
    children = _children()
    for pids in (*roots.values(), [os.getpid()]):
        for pid in _tree(pids, children):
            with suppress(OSError):
                Path(f"/proc/{pid}/autogroup").write_text(WEIGHT)


def stand_back() -> None:
    """The lowest weight there is for this process, and for its session where sessions share the processor
    (autogroups): it runs where nobody else wants to.
    """
    os.nice(LEAST_WEIGHT)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(LEAST_WEIGHT))


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    return children


def _tree(roots: Iterable[int], children: Mapping[int, list[int]]) -> list[int]:
    found: list[int] = []
    ahead = list(roots)
    while ahead:
        pid = ahead.pop()
        found.append(pid)
        ahead += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, …; empty where the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def _times(pid: int) -> tuple[float, float]:
    """Seconds in user mode and in the kernel, reaped children included."""
    own = [int(value) / TICKS for value in _stat(pid)[11:15]] or [0.0] * 4
    return own[0] + own[2], own[1] + own[3]


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
