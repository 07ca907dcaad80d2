"""The tables of docs/security.md: who may call what, and who may say and hear what on the bus."""

import importlib
import pkgutil
from collections import defaultdict

import ringline.v1
from ringline.permissions import grants
from ringline.v1 import annotations_pb2

METHODS = ("<!-- methods -->", "<!-- /methods -->")
SUBJECTS = ("<!-- subjects -->", "<!-- /subjects -->")


def page(text: str) -> str:
    """The page, with its tables as they are today."""
    for (start, end), rows in ((METHODS, _methods()), (SUBJECTS, _subjects())):
        text = text.partition(start)[0] + "\n".join([start, *rows, end]) + text.partition(end)[2]
    return text


def _methods() -> list[str]:
    rows = ["| service | who calls | methods |", "|---|---|---|"]
    for module in sorted(one.name for one in pkgutil.iter_modules(ringline.v1.__path__)):
        if not module.endswith("_pb2"):
            continue
        file = importlib.import_module(f"ringline.v1.{module}").DESCRIPTOR
        for service in file.services_by_name.values():
            by_callers: defaultdict[str, list[str]] = defaultdict(list)
            for method in service.methods:
                only = list(method.GetOptions().Extensions[annotations_pb2.only])
                callers = only or list(service.GetOptions().Extensions[annotations_pb2.callers])
                by_callers[", ".join(sorted(callers))].append(method.name)
            rows += [
                f"| {service.name} | {callers} | {', '.join(methods)} |"
                for callers, methods in sorted(by_callers.items())
            ]
    return rows


def _subjects() -> list[str]:
    rows = ["| user | says | but not | hears |", "|---|---|---|---|"]
    for user, grant in grants().items():
        lists = (grant.publish, grant.denied if grant.publish else (), grant.subscribe)
        cells = ["<br>".join(f"`{subject}`" for subject in subjects) or "nothing" for subjects in lists]
        rows.append(f"| {user} | {' | '.join(cells)} |")
    return rows
