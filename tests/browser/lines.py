"""The lines of a page, read from its sockets: which of them are welcomed, and with what."""

import time

from playwright.async_api import Page, WebSocket

from ringline.v1 import client_pb2
from tests.browser.person import until


class Lines:
    """Everything that a page was welcomed with since this was made."""

    def __init__(self, page: Page) -> None:
        self.welcomes: list[client_pb2.Welcome] = []
        self.moments: list[float] = []
        """When each came, in Unix seconds."""
        page.on("websocket", self._listen)

    async def next_after(self, known: int, within: float) -> client_pb2.Welcome:
        """The welcome after so many. Raises AssertionError where there is none within so many seconds."""

        async def count() -> int:
            return len(self.welcomes)

        await until(count, lambda now: now > known, within)
        return self.welcomes[known]

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._hear)

    def _hear(self, payload: bytes | str) -> None:
        frame = client_pb2.ServerFrame.FromString(payload if isinstance(payload, bytes) else payload.encode())
        if frame.WhichOneof("body") == "welcome":
            self.welcomes.append(frame.welcome)
            self.moments.append(time.time())
