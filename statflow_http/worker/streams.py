"""Answers that are sent while they are made. Their thread waits for the reader, and nobody else does."""

import threading

from statflow_http.worker.limits import STREAM_BYTES_MAX
from statflow_http.worker.requests import Request
from statflow_http.worker.responses import Framing


class BrokenStreamError(Exception):
    """The reader of a stream is gone, or reads nothing."""


class Gate:
    """Where a stream's thread waits until its reader has room.

    Args:
        write_s: how long it waits.
    """

    def __init__(self, write_s: float) -> None:
        self._write_s = write_s
        self._changed = threading.Condition()
        self._size = 0
        self._is_open = True
        self._is_broken = False

    def enter(self, size: int) -> None:
        """Called by the thread before it hands over a piece.

        Raises:
            BrokenStreamError: nobody reads it any more.
        """
        with self._changed:
            has_room = self._changed.wait_for(self._has_room, self._write_s)
            if self._is_broken or not has_room:
                raise BrokenStreamError
            self._size += size

    def _has_room(self) -> bool:
        return self._is_broken or (self._is_open and self._size < STREAM_BYTES_MAX)

    def passed(self, size: int) -> None:
        """Called by the loop: a piece is in the connection's buffer."""
        with self._changed:
            self._size -= size
            self._changed.notify_all()

    def set_open(self, is_open: bool) -> None:
        """Called by the loop: whether the connection's buffer has room."""
        with self._changed:
            self._is_open = is_open
            self._changed.notify_all()

    def break_off(self) -> None:
        """Called by the loop: the connection is gone."""
        with self._changed:
            self._is_broken = True
            self._changed.notify_all()


class Stream:
    """An answer under way.

    Attributes:
        sent: bytes of the body so far.
    """

    __slots__ = ("framing", "gate", "request", "sent", "status")

    def __init__(self, request: Request, status: str, gate: Gate, framing: Framing) -> None:
        self.request = request
        self.status = status
        self.gate = gate
        self.framing = framing
        self.sent = 0
