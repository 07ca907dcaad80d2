"""The names of the cluster (DNS): each is looked up in what the cluster knows at that moment."""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

DOMAIN = "svc.cluster.local"
_A, _IN = 1, 1
_RESPONSE = 0x8580  # an authoritative answer to a question that wanted recursion
_NO_SUCH_NAME = 3
TURN_SECONDS = 0.2

LookUp = Callable[[str], list[str] | None]
"""The addresses of a name in lower case without its last dot; None where there is no such name."""


def answer(question: bytes, look_up: LookUp) -> bytes:
    """The reply to one question (RFC 1035), of one name, about IPv4 addresses."""
    labels, at = [], 12
    while size := question[at]:
        labels.append(question[at + 1 : at + 1 + size].decode("ascii", "replace").lower())
        at += size + 1
    (kind, _) = struct.unpack_from("!HH", question, at + 1)
    found = look_up(".".join(labels))
    flags = _RESPONSE | (_NO_SUCH_NAME if found is None else 0)
    told = [] if kind != _A else found or []
    head = question[:2] + struct.pack("!HHHHH", flags, 1, len(told), 0, 0)
    pointer = 0xC000 | 12  # to the name in the question
    rows = [struct.pack("!HHHIH", pointer, _A, _IN, 1, 4) + socket.inet_aton(one) for one in told]
    return head + question[12 : at + 5] + b"".join(rows)


class Names:
    """A DNS server on a socket, in a thread of its own."""

    def __init__(self, listener: socket.socket, look_up: LookUp) -> None:
        self._socket = listener
        self._socket.settimeout(TURN_SECONDS)
        self._look_up = look_up
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="names", daemon=True)

    def __enter__(self) -> "Names":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError, OSError):  # who asked may be gone
                question, who = self._socket.recvfrom(512)
                self._socket.sendto(answer(question, self._look_up), who)
