"""The other side of an HTTP connection as a reader: slow is welcome, not to read at all is not."""

import asyncio
import fcntl
import struct
import termios

LEAST_READ = 4_096
"""Bytes that must be read between two looks, where something waits to be read."""


class Reader:
    """What is written to a connection, and whether it is read.

    It is all that an answer sees of its transport: where that is closed nothing is written, because uvloop's
    own raises then, and a client that hangs up in the wrong moment would be a fault.
    """

    def __init__(self, transport: asyncio.Transport, seconds: float) -> None:
        self.close = transport.close
        self.is_closing = transport.is_closing
        self._transport = transport
        self._seconds = seconds
        self._written = 0
        self._read_before = 0
        self._look: asyncio.TimerHandle | None = None

    def write(self, data: bytes) -> None:
        """Writes."""
        if not self._transport.is_closing():
            self._written += len(data)
            self._transport.write(data)

    def watch(self) -> None:
        """Looks from now on every so many seconds whether what waits is being read, and cuts the connection
        where it is not.
        """
        if self._look is None and self._transport.get_write_buffer_size():
            self._read_before = self._read()
            self._look = asyncio.get_running_loop().call_later(self._seconds, self._cut_if_not_read)

    def forget(self) -> None:
        """Looks no more."""
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _cut_if_not_read(self) -> None:
        self._look = None
        waits = bool(self._transport.get_write_buffer_size())
        if waits and self._read() - self._read_before < LEAST_READ:
            self._transport.abort()
        else:
            self.watch()

    def _read(self) -> int:
        """How much the other side has read of what was written, in bytes."""
        return self._written - self._transport.get_write_buffer_size() - self._in_kernel()

    def _in_kernel(self) -> int:
        """What the kernel keeps of it: it takes and gives in pieces of tens of thousands."""
        connection = self._transport.get_extra_info("socket")
        try:
            answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
        except (OSError, AttributeError):
            return 0  # it is gone, or no socket
        return int(struct.unpack("i", answer)[0])
