"""The wall clocks of our processes, each of which can be stepped: by libfaketime, which stands between a
process and the system's clock. The monotonic clock, by which the loops keep their deadlines, goes on as
ever, as it does when a machine's clock is set. Postgres keeps the machine's clock, the truth for a call.
"""

from pathlib import Path

LIBRARIES = ("x86_64-linux-gnu", "aarch64-linux-gnu")
FINE = "+0s"


def library() -> Path | None:
    """Debian's libfaketime, if it is installed."""
    found = (Path("/usr/lib") / name / "faketime" / "libfaketimeMT.so.1" for name in LIBRARIES)
    return next((path for path in found if path.exists()), None)


class Clocks:
    """The clock of each process by its name; a file says by how much it is off."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._library = library()

    @property
    def can_be_set(self) -> bool:
        """Whether libfaketime is there."""
        return self._library is not None

    def environment(self, name: str) -> dict[str, str]:
        """With what a process is started whose clock may be set."""
        if self._library is None:
            return {}
        self._folder.mkdir(parents=True, exist_ok=True)
        self.step(name, 0)
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._folder / name),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, name: str, seconds: float) -> None:
        """Sets a clock by so much away from the machine's; it is noticed within a second."""
        beside = self._folder / f"{name}.new"
        beside.write_text(f"{seconds:+g}s\n" if seconds else FINE + "\n")
        beside.replace(self._folder / name)
