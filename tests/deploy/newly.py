"""The secrets that new_secrets.py makes, as the manifests expect them."""

import importlib.util
from functools import cache
from types import ModuleType
from typing import Any

from tests.house.sources import ROOT

SCRIPT = ROOT / "deploy" / "k8s" / "components" / "secrets" / "new_secrets.py"


@cache
def script() -> ModuleType:
    """The script, which lies in no package."""
    spec = importlib.util.spec_from_file_location("new_secrets", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def made_secrets() -> list[dict[str, Any]]:
    """All of them, as it makes them for a production."""
    made: list[dict[str, Any]] = script().new_secrets("postgres:5432/ringline")
    return made
