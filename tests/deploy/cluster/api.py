"""The one door of the API server that a pod of ours uses: Secrets, as a Role lets it."""

import base64
import itertools
import json
import secrets
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.certificates import Authority
from tests.deploy.cluster.objects import NotThere, Objects
from tests.deploy.manifests import Thing, name_of, namespace_of

NAME = "kubernetes.default.svc"
PORT = 6443


class Api:
    """An API server with a certificate, on a socket that listens; tokens tell the service accounts apart."""

    def __init__(self, listener: socket.socket, address: str, objects: Objects, folder: Path) -> None:
        authority = Authority("the cluster")  # as bare as those of some clusters: no key identifiers
        self.trust = authority.pem
        self._objects = objects
        self._tokens: dict[str, tuple[str, str]] = {}
        self._versions = itertools.count(1)
        paper, key = authority.issue([NAME], addresses=[address])
        (folder / "api.pem").write_bytes(paper + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "api.pem")
        self._server = ThreadingHTTPServer(("", 0), self._requests(), bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = context.wrap_socket(listener, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, name="api", args=(0.1,))

    def __enter__(self) -> "Api":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def token(self, namespace: str, account: str) -> str:
        """A token for a service account."""
        token = secrets.token_urlsafe(24)
        self._tokens[token] = (namespace, account)
        return token

    def may(self, token: str, verb: str, resource: str, namespace: str, name: str = "") -> bool:
        """Whether the Roles of that namespace let who has this token do that."""
        subject = self._tokens.get(token)
        for binding in self._objects.kind("RoleBinding"):
            bound = {(one.get("namespace"), one["name"]) for one in binding["subjects"]}
            if namespace_of(binding) == namespace and subject in bound:
                role = self._objects.get(binding["roleRef"]["kind"], namespace, binding["roleRef"]["name"])
                for rule in role["rules"]:
                    is_named = name in rule.get("resourceNames", [name])
                    if is_named and resource in rule["resources"] and verb in rule["verbs"]:
                        return True
        return False

    def answer(self, verb: str, token: str, namespace: str, name: str, sent: Thing) -> tuple[int, Thing]:
        """Status and body of a request that is about Secrets; `name` is "" where one is to be created."""
        if not self.may(token, verb, "secrets", namespace, name):
            return 403, {}
        try:
            if verb == "create":
                return self._create(namespace, sent)
            found = self._objects.get("Secret", namespace, name)
        except FileExistsError:
            return 409, {}
        except NotThere:
            return 404, {}
        return self._patch(found, sent) if verb == "patch" else (200, found)

    def _create(self, namespace: str, thing: Thing) -> tuple[int, Thing]:
        if thing["kind"] != "Secret" or namespace_of(thing) != namespace or not name_of(thing):
            return 422, {}
        self._objects.add(thing)
        return 201, self._take_in(thing, thing.pop("stringData", {}))

    def _patch(self, found: Thing, patch: Thing) -> tuple[int, Thing]:
        """A merge patch, which holds for one version where it names that."""
        version = patch.get("metadata", {}).get("resourceVersion")
        if version not in (None, found["metadata"]["resourceVersion"]):
            return 409, {}
        if not patch.keys() <= {"metadata", "stringData"}:
            return 422, {}
        return 200, self._take_in(found, patch.get("stringData", {}))

    def _take_in(self, thing: Thing, values: dict[str, str]) -> Thing:
        coded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        thing["data"] = thing.get("data", {}) | coded
        thing["metadata"]["resourceVersion"] = str(next(self._versions))
        return thing

    def _requests(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Request(BaseHTTPRequestHandler):
            """One request."""

            def do_GET(self) -> None:
                """A request for one."""
                self._serve("get", {})

            def do_POST(self) -> None:
                """A request to create one."""
                self._serve("create", self._body("application/json"))

            def do_PATCH(self) -> None:
                """A request to change one."""
                self._serve("patch", self._body("application/merge-patch+json"))

            def _body(self, sort: str) -> Thing:
                sent: Thing = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                return sent if self.headers["Content-Type"] == sort else {"kind": "of another sort"}

            def _serve(self, verb: str, sent: Thing) -> None:
                words = self.path.split("/")
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                status, told = 403, Thing()
                if words[:4] == ["", "api", "v1", "namespaces"] and words[5:6] == ["secrets"]:
                    status, told = api.answer(verb, token, words[4], "/".join(words[6:]), sent)
                body = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        return Request
