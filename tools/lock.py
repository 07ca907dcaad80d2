"""Write the hashed locks in requirements/ from pyproject.toml; `--check` only says whether they are fresh.

A lock holds names, versions and hashes and no download address: see docs/decisions/0001-locks.md.
"""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
OPTIONS = [
    "--quiet",
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-header",
    "--no-annotate",
]
LOCKS = {
    "bootstrap.txt": ["requirements/bootstrap.in"],
    "runtime.txt": ["pyproject.toml"],
    "dev.txt": ["--extra=dev", "--constraint=requirements/runtime.txt", "pyproject.toml"],
    "image.txt": ["--constraint=requirements/dev.txt", "requirements/image.in"],
}


def source_digest() -> str:
    """The digest, as hex, of everything in pyproject.toml that decides what is locked."""
    text = (ROOT / "pyproject.toml").read_text()
    tables = re.findall(
        r"^(?:dependencies|requires-python|\[project\.optional-dependencies\])[^\n]*(?:\n(?!\[)[^\n]*)*",
        text,
        flags=re.MULTILINE,
    )
    words = "\n".join(tables) + "".join((FOLDER / name).read_text() for name in ("bootstrap.in", "image.in"))
    return hashlib.sha256(words.encode()).hexdigest()


def fresh() -> bool:
    """Whether the locks were written from today's pyproject.toml. Asks no network."""
    stamp = FOLDER / "source.sha256"
    return stamp.exists() and stamp.read_text().strip() == source_digest()


def main() -> int:
    if "--check" in sys.argv:
        if fresh():
            return 0
        print("requirements/*.txt are older than pyproject.toml: run `make lock`", file=sys.stderr)
        return 1
    uv = Path(sys.executable).with_name("uv")
    for name, sources in LOCKS.items():
        target = f"requirements/{name}"
        command = [str(uv), "pip", "compile", *OPTIONS, *sources, f"--output-file={target}"]
        subprocess.run(command, cwd=ROOT, check=True)
    (FOLDER / "source.sha256").write_text(source_digest() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
