"""Stands in for `docker` and `kind` where docs/operations.md is carried out: what goes anywhere must have
been built. Run as `python -m tests.deploy.stand_in docker …`.
"""

import os
import sys
from pathlib import Path

FOLDER = "STAND_IN"
"""The variable with the folder of the state."""


def image(words: list[str], folder: Path) -> str:
    """`docker build`, `docker push`, `kind load`: what is wrong with it, "" where nothing is."""
    known = folder / "images"
    tags = known.read_text().split() if known.exists() else []
    if words[0] == "build":
        if not Path(words[words.index("--file") + 1]).is_file():
            return "there is no such Dockerfile"
        known.write_text("\n".join([*tags, words[words.index("--tag") + 1]]))
    elif words[-1] not in tags:
        return f"{words[-1]} was not built"
    return ""


if __name__ == "__main__":
    if problem := image(sys.argv[2:], Path(os.environ[FOLDER])):
        sys.exit(problem)
