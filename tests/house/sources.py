"""The files of this repository as the rules of the house see them: tracked, or about to be."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GENERATED = re.compile(r"^ringline/v1/|/gen/|^web/package-lock\.json$|^requirements/.*\.txt$|^LICENSE$")
BINARY = {".png", ".jpg", ".webp", ".ico", ".woff2", ".wav", ".mp3", ".ogg", ".ivf", ".y4m"}


@cache
def all_files() -> tuple[Path, ...]:
    """Every file of the repository, relative to its root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()))


def written(*suffixes: str, below: str = "") -> list[Path]:
    """The files that people write, with one of these suffixes, below a folder ("services/")."""
    return [
        path
        for path in all_files()
        if not GENERATED.search(str(path)) and path.suffix in suffixes and str(path).startswith(below)
    ]


def text_files() -> list[Path]:
    """Everything that is text, generated or not."""
    return [path for path in all_files() if path.suffix not in BINARY]


def read(path: Path) -> str:
    """The text of a file of the repository."""
    return (ROOT / path).read_text()


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(read(path), str(path))


def lines(path: Path, pattern: str, flags: int = 0) -> Iterator[str]:
    """Where the pattern is found, as "path:line: text"."""
    search = re.compile(pattern, flags).search
    for number, line in enumerate(read(path).splitlines(), 1):
        if search(line):
            yield f"{path}:{number}: {line.strip()[:120]}"


def found(paths: list[Path], pattern: str, flags: int = 0) -> list[str]:
    """Where the pattern is found in any of the files."""
    return [hit for path in paths for hit in lines(path, pattern, flags)]


def services() -> list[str]:
    """The names of the services: the folders with a build."""
    return sorted(
        path.parent.name for path in written(".py", below="services/") if path.match("services/*/__init__.py")
    )
