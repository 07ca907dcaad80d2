"""Memory limits: a control group for each container, where this machine lets us make one."""

from collections.abc import Sequence
from pathlib import Path

_ONE = Path("/sys/fs/cgroup/memory")
_TWO = Path("/sys/fs/cgroup")
_ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


class Limit:
    """At most so many bytes for what is started by `command`. `folder` is None where there are no groups."""

    def __init__(self, name: str, size: int) -> None:
        self.size = size
        self.folder: Path | None = None
        for parent, file in ((_ONE, "memory.limit_in_bytes"), (_TWO, "memory.max")):
            try:
                (parent / name).mkdir()
                (parent / name / file).write_text(str(size))
            except OSError:
                if (parent / name).exists():
                    (parent / name).rmdir()
                continue
            self.folder = parent / name
            return

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command, within the limit."""
        if self.folder is None:
            return list(argv)
        return ["sh", "-c", _ENTER, str(self.folder), *argv]

    def peak(self) -> int:
        """The most bytes that it had; 0 where that is not known."""
        for file in ("memory.max_usage_in_bytes", "memory.peak"):
            if self.folder is not None and (self.folder / file).exists():
                return int((self.folder / file).read_text())
        return 0

    def close(self) -> None:
        """Goes. What ran in it has ended."""
        if self.folder is not None:
            self.folder.rmdir()


def groups(prefix: str) -> list[Path]:
    """The groups that are there whose names begin so."""
    return [*_ONE.glob(f"{prefix}*"), *_TWO.glob(f"{prefix}*")]
