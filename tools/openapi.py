"""Writes docs/openapi.json from the gateway's code: `python -m tools.openapi`. A test holds it fresh."""

import json
from pathlib import Path

from services.gateway.http import document

PATH = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def text() -> str:
    """The document as it is kept: sorted and indented, so that a change shows in a diff."""
    return json.dumps(document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text())
