"""Accepting clients so that all workers get their share.

asyncio's own servers accept whatever waits in one go. Here a worker takes one client each time that its loop comes
round, and leaves it for a moment to others that have fewer.
"""

import logging
import socket
from asyncio import AbstractEventLoop, BaseTransport, Protocol, Task
from collections.abc import Callable

# Time enough for another worker to wake up and take a client; it is not noticed by who waits for a commit anyway.
OTHERS_S = 0.002
# After the system had no room for another client.
PAUSE_S = 0.5

log = logging.getLogger("statflow_http")


class Listener:
    """A listening socket that this worker shares with others.

    Args:
        loop: the worker's.
        sock: TCP or Unix; it stays the caller's.
        make: makes the protocol of a client.
        is_others_turn: whether another worker should have the next client.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        sock: socket.socket,
        make: Callable[[], Protocol],
        is_others_turn: Callable[[], bool],
    ) -> None:
        self._is_others_turn = is_others_turn
        self._loop = loop
        self._sock = sock
        self._make = make
        self._is_open = True
        self._arriving: set[Task[tuple[BaseTransport, Protocol]]] = set()
        sock.setblocking(False)
        loop.add_reader(sock, self._arrival)

    def close(self) -> None:
        """Accept no more."""
        self._is_open = False
        self._loop.remove_reader(self._sock)

    def _arrival(self) -> None:
        """Somebody waits."""
        if self._is_others_turn():
            self._loop.remove_reader(self._sock)
            self._loop.call_later(OTHERS_S, self._after_others)
        else:
            self._accept()

    def _after_others(self) -> None:
        """Whoever still waits then is ours."""
        if self._is_open:
            self._reopen()
            self._accept()

    def _accept(self) -> None:
        try:
            client, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was quicker, or the client has changed its mind
        except OSError as error:
            # Out of descriptors, most likely: the client waits in the queue, and the loop must not spin.
            log.error("cannot accept: %s", error)
            self._loop.remove_reader(self._sock)
            self._loop.call_later(PAUSE_S, self._reopen)
            return
        client.setblocking(False)
        arriving = self._loop.create_task(self._loop.connect_accepted_socket(self._make, client))
        self._arriving.add(arriving)
        arriving.add_done_callback(self._arrived)

    def _arrived(self, arriving: "Task[tuple[BaseTransport, Protocol]]") -> None:
        self._arriving.discard(arriving)
        if not arriving.cancelled() and (error := arriving.exception()) is not None:
            log.error("a client was lost while it arrived: %s", error)

    def _reopen(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._sock, self._arrival)
