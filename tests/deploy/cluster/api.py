"""The one door of the API server that a pod of ours uses: creating secrets, where a Role allows it."""

import json
import secrets
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.certificates import Authority
from tests.deploy.cluster.objects import Objects
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

    def may(self, token: str, verb: str, resource: str, namespace: str) -> bool:
        """Whether the Roles of that namespace let who has this token do that."""
        subject = self._tokens.get(token)
        for binding in self._objects.kind("RoleBinding"):
            bound = {(one.get("namespace"), one["name"]) for one in binding["subjects"]}
            if namespace_of(binding) == namespace and subject in bound:
                role = self._objects.get(binding["roleRef"]["kind"], namespace, binding["roleRef"]["name"])
                if any(resource in r["resources"] and verb in r["verbs"] for r in role["rules"]):
                    return True
        return False

    def create(self, token: str, namespace: str, thing: Thing) -> int:
        """The status of a request to create a Secret."""
        if not self.may(token, "create", "secrets", namespace):
            return 403
        if thing["kind"] != "Secret" or namespace_of(thing) != namespace or not name_of(thing):
            return 422
        try:
            self._objects.add(thing)
        except FileExistsError:
            return 409
        return 201

    def _requests(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Request(BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self) -> None:
                """A request to create something."""
                words = self.path.split("/")
                body = self.rfile.read(int(self.headers["Content-Length"]))
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                is_known = words[:4] == ["", "api", "v1", "namespaces"] and words[5:] == ["secrets"]
                status = api.create(token, words[4], json.loads(body)) if is_known else 403
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        return Request
