"""Stands in for `kubectl`, `docker` and `kind` where docs/operations.md is carried out without a cluster.

Each command is given to the real kubectl first, with an API server that is not there: it must get as far as
asking it. What it names must be among the objects that were applied before. Secrets are kept, and read back;
overlays are rendered; `exec` runs the command here, and the Job of migrations is run, too, when it is waited
for. Everything else has no effect. Run as `python -m tests.deploy.stand_in kubectl …`.
"""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

Thing = dict[str, Any]
"""One object, as parsed."""
FOLDER = "STAND_IN"
"""The variable with the folder of the state."""
NOBODY = ["--server=https://127.0.0.1:1", "--token=none", "--request-timeout=2s"]
VALUED = ("-n", "--namespace", "-f", "-k", "-o", "--output", "--selector", "--patch", "--field-selector")
KINDS = {
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "job": "Job",
    "service": "Service",
    "hpa": "HorizontalPodAutoscaler",
    "secret": "Secret",
    "namespace": "Namespace",
    "certificates": "Certificate",
    "issuers": "Issuer",
}
WITHOUT_OBJECTS = ("events", "node", "persistentvolumeclaims")
PODS = ("pod", "pods")
PER_POD = ("logs", "exec")


class Wrong(Exception):
    """What a reader of the page would stumble over."""


class State:
    """What was applied, and which images there are."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "objects.json"
        self.things: list[Thing] = json.loads(self._file.read_text()) if self._file.exists() else []

    def save(self) -> None:
        """Keeps it for the next command."""
        self._file.write_text(json.dumps(self.things))

    def find(self, kind: str, namespace: str | None, name: str = "", selector: str = "") -> list[Thing]:
        """The objects of a kind, of a name or with labels; of all namespaces where it is None."""
        chosen = _labels(selector)
        return [
            one
            for one in self.things
            if one["kind"] == kind
            and namespace in (None, namespace_of(one) or namespace)
            and name in ("", name_of(one))
            and chosen.items() <= one["metadata"].get("labels", {}).items()
        ]

    def put(self, things: list[Thing]) -> None:
        """Takes objects over, in place of those of the same name."""
        new = {_key(one) for one in things}
        self.things = [one for one in self.things if _key(one) not in new] + things
        self.save()


def _labels(selector: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in selector.split(",") if part)


def name_of(thing: Thing) -> str:
    """Its name."""
    return str(thing["metadata"]["name"])


def namespace_of(thing: Thing) -> str:
    """Its namespace; "" where it has none."""
    return str(thing["metadata"].get("namespace", ""))


def _key(thing: Thing) -> tuple[str, str, str]:
    return thing["kind"], namespace_of(thing), name_of(thing)


class Command:
    """A kubectl command, taken apart."""

    def __init__(self, words: list[str]) -> None:
        own = words[: words.index("--")] if "--" in words else words
        self.inner = words[len(own) + 1 :]
        self.options: dict[str, str] = {}
        self.names: list[str] = []
        rest = iter(own)
        for word in rest:
            if word in VALUED:
                self.options[word] = next(rest)
            elif word.startswith("-"):
                key, _, value = word.partition("=")
                self.options[key] = value
            else:
                self.names.append(word)
        self.verb = self.names[0]
        given = self.options.get("-n", "default")
        self.namespace = None if "--all-namespaces" in self.options else given
        self.selector = self.options.get("--selector", "")


def kubectl(words: list[str], state: State) -> int:
    """Carries one out."""
    command = Command(words)
    sent = sys.stdin.read() if command.options.get("-f") == "-" else ""
    if command.verb == "kustomize":
        return subprocess.run([_program(), *words], check=False).returncode
    _is_understood(words, sent)
    if "-k" in command.options:
        return _apply(command, state)
    if command.verb in ("create", "replace"):
        return _write(command, state, json.loads(sent)["items"])
    return _rest(command, state)


def _program() -> str:
    return str(Path(sys.executable).with_name("kubectl"))


def _is_understood(words: list[str], sent: str) -> None:
    """The real one takes it, and fails only because nobody listens."""
    asked = [_program(), *NOBODY, *words]
    if "--" in words:
        asked = [_program(), *words[: words.index("--")], *NOBODY, *words[words.index("--") :]]
    told = subprocess.run(asked, input=sent, capture_output=True, text=True, check=False).stderr
    if "refused" not in told:
        raise Wrong(f"kubectl {' '.join(words)}: {told}")


def _apply(command: Command, state: State) -> int:
    text = subprocess.run(
        [_program(), "kustomize", command.options["-k"]], check=True, capture_output=True, text=True
    ).stdout
    things = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    if command.verb == "apply":
        chosen = _labels(command.selector).items()
        state.put([one for one in things if chosen <= one["metadata"].get("labels", {}).items()])
    return 0


def _write(command: Command, state: State, items: list[Thing]) -> int:
    for one in items:
        is_there = bool(state.find(one["kind"], namespace_of(one), name_of(one)))
        if is_there != (command.verb == "replace"):
            raise Wrong(f"{command.verb} {_key(one)}: it is{'' if is_there else ' not'} there")
        if not state.find("Namespace", None, namespace_of(one)):
            raise Wrong(f"there is no namespace {namespace_of(one)}")
        for key, value in one.pop("stringData", {}).items():
            one.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
    if not items:
        raise Wrong(f"{command.verb}: nothing")
    state.put(items)
    return 0


def _rest(command: Command, state: State) -> int:
    """All that names objects."""
    if command.namespace not in (None, "default") and not state.find("Namespace", None, command.namespace):
        raise Wrong(f"there is no namespace {command.namespace}")
    verb_words = 2 if command.verb == "rollout" else 1
    named = command.names[verb_words:]
    if command.verb == "label":
        return _label(named[-1])
    found = _named(command, state, named)
    if command.verb == "get" and found and found[0]["kind"] == "Secret":
        _print(command, found, is_one=len(named) > 1)
    if command.verb == "delete":
        gone = {_key(one) for one in found} | {("Namespace", "", name_of(one)) for one in found}
        spaces = {name_of(one) for one in found if one["kind"] == "Namespace"}
        state.things = [o for o in state.things if _key(o) not in gone and namespace_of(o) not in spaces]
        state.save()
    if command.verb == "patch":
        _patch(found, json.loads(command.options["--patch"]))
    if command.verb == "wait" and found[0]["kind"] == "Job":
        return _run(["ringline", "migrate"], state)
    return _run(command.inner, state) if command.verb == "exec" else 0


def _named(command: Command, state: State, named: list[str]) -> list[Thing]:
    """The objects that the words name; where there are none, the page is wrong."""
    if command.verb in PER_POD and command.selector:
        return _owners(command, state)
    if command.verb in PER_POD and "/" not in named[0]:
        return _owner_of(state, command, named[0])
    kind, _, name = named[0].partition("/")
    if kind in PODS:
        return _owners(command, state)
    if kind in WITHOUT_OBJECTS:
        return []
    if kind not in KINDS:
        raise Wrong(f"there is no kind {kind}")
    names = [name] if name else named[1:] or [""]
    found: list[Thing] = []
    for one in names:
        alike = state.find(KINDS[kind], command.namespace, one, command.selector)
        if KINDS[kind] == "Secret" and not alike:
            alike = [
                o for o in state.find("Certificate", command.namespace) if o["spec"]["secretName"] == one
            ]
        if not alike:
            raise Wrong(f"{' '.join(command.names)}: there is no {kind} {one}{command.selector}")
        found += alike
    return found


def _owners(command: Command, state: State) -> list[Thing]:
    """What makes the pods with these labels."""
    chosen = _labels(command.selector)
    found = [
        one
        for kind in ("Deployment", "StatefulSet", "Job")
        for one in state.find(kind, command.namespace)
        if chosen.items() <= one["spec"]["template"]["metadata"]["labels"].items()
    ]
    if not found:
        raise Wrong(f"no pods {command.selector} in {command.namespace}")
    return found


def _owner_of(state: State, command: Command, pod: str) -> list[Thing]:
    name, _, number = pod.rpartition("-")
    found = state.find("StatefulSet", command.namespace, name)
    if not found or int(number) >= found[0]["spec"]["replicas"]:
        raise Wrong(f"there is no pod {pod}")
    return found


def _label(label: str) -> int:
    relay = Path("deploy/k8s/components/coturn/coturn.yaml").read_text()
    if dict([label.split("=")]) not in [
        one["spec"]["template"]["spec"]["nodeSelector"]
        for one in yaml.safe_load_all(relay)
        if one["kind"] == "Deployment"
    ]:
        raise Wrong(f"no pod looks for a node with {label}")
    return 0


def _print(command: Command, found: list[Thing], is_one: bool) -> None:
    wanted = command.options.get("-o", "")
    if path := re.fullmatch(r"jsonpath=\{\.data\.(\w+)\}", wanted):
        print(found[0]["data"][path[1]], end="")
    elif wanted == "json":
        many = {"apiVersion": "v1", "kind": "List", "items": found}
        print(json.dumps(found[0] if is_one else many))


def _patch(found: list[Thing], patch: dict[str, Any]) -> None:
    for one in found:
        for key, value in patch["spec"].items():
            if type(one["spec"].get(key)) is not type(value):
                raise Wrong(f"{_key(one)} has no such {key}")
        spec = one["spec"] | patch["spec"]
        if spec["minReplicas"] > spec["maxReplicas"]:
            raise Wrong(f"{_key(one)}: more at least than at most")


def _run(inner: list[str], state: State) -> int:
    """What is run in a pod is run here, with the secrets as they are now; addresses are those of here."""
    write_secrets(state, Path(os.environ["RINGLINE_SECRETS_DIR"]))
    settings = state.find("ConfigMap", "ringline")
    told = next(one["data"] for one in settings if name_of(one).startswith("settings-"))
    if inner[0] == "printenv":
        print(told[inner[1]])
        return 0
    here = [re.sub(r"127\.0\.0\.1:8222", os.environ["BUS_MONITOR"], word) for word in inner]
    return subprocess.run(here, env=told | os.environ, check=False).returncode


def write_secrets(state: State, folder: Path) -> None:
    """All secrets, as files."""
    for one in state.find("Secret", "ringline"):
        for key, value in one["data"].items():
            (folder / key).write_bytes(base64.b64decode(value))


def image(words: list[str], folder: Path) -> int:
    """`docker build`, `docker push`, `kind load`: an image must have been built before it goes anywhere."""
    known = folder / "images"
    tags = known.read_text().split() if known.exists() else []
    if words[0] == "build":
        if not Path(words[words.index("--file") + 1]).is_file():
            raise Wrong("there is no such Dockerfile")
        known.write_text("\n".join([*tags, words[words.index("--tag") + 1]]))
    elif words[-1] not in tags:
        raise Wrong(f"{words[-1]} was not built")
    return 0


def main() -> int:
    """The command."""
    folder = Path(os.environ[FOLDER])
    program, *words = sys.argv[1:]
    try:
        return kubectl(words, State(folder)) if program == "kubectl" else image(words, folder)
    except Wrong as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
