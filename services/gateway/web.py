"""The web client: the built files, the page for every address of the application, and the headers that guard
it.
"""

import re
from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

INDEX = "index.html"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?")
_HASHED = re.compile(r"-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$")

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(self), microphone=(self), display-capture=(self), autoplay=(self), geolocation=(), "
        b"payment=(), usb=()",
    ),
    (b"x-frame-options", b"DENY"),
)
HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")

API_POLICY = b"default-src 'none'; frame-ancestors 'none'"


def page_policy(host: str) -> bytes:
    """The Content-Security-Policy of the web client served at `host`.

    The sockets are named in full beside 'self': not every browser counts wss: of the same host as 'self'.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
        f"img-src 'self' data: blob:; media-src 'self' blob: data:; connect-src 'self'{sockets}; "
        "worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ).encode("ascii")


class WebClient:
    """An ASGI application for the files below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        files = (path for path in self._root.rglob("*") if path.is_file())
        self._files = {"/" + path.relative_to(self._root).as_posix(): path for path in files}
        if f"/{INDEX}" not in self._files:
            raise ValueError("the folder of the web client has no index.html")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a known file; any other address without a file's ending is the application's own."""
        path = scope["path"]
        file = self._files.get(path)
        if file is None and "." not in path.rpartition("/")[2].lstrip("@"):
            file = self._files[f"/{INDEX}"]
        elif file is None and path.startswith("/@"):
            file = self._files[f"/{INDEX}"]
        if file is None or scope["method"] not in ("GET", "HEAD"):
            status = 404 if file is None else 405
            # A gateway of another release has it, and this one soon.
            refused = Response("Not found", status, {"Cache-Control": "no-store"}, "text/plain")
            await refused(scope, receive, send)
            return
        caching = FOR_EVER if _HASHED.search(path) else ASK_AGAIN
        await FileResponse(file, headers={"Cache-Control": caching})(scope, receive, send)
