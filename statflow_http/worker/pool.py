"""A few threads for what is slow: reads, lists, exports, large bodies.

A thread runs the app and hands what it says to the loop, piece by piece where it is a stream. Only the loop touches
connections.
"""

from asyncio import AbstractEventLoop
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

from statflow_http.front.request_ids import context
from statflow_http.worker.requests import Request
from statflow_http.worker.responses import Response
from statflow_http.worker.running import App, close, failed, log
from statflow_http.worker.streams import BrokenStreamError, Gate
from statflow_http.worker.uploads import close_input
from statflow_http.writes import DEFERRED

if TYPE_CHECKING:
    from statflow_http.worker.connection import Connection


class Pool:
    """Runs the app in threads.

    Args:
        loop: what they hand answers to.
        app: the WSGI app.
        thread_count: how many slow requests run at a time.
        write_s: how long a stream waits for a reader who reads nothing.
    """

    def __init__(self, loop: AbstractEventLoop, app: App, thread_count: int, write_s: float) -> None:
        self._write_s = write_s
        self._loop = loop
        self._app = app
        self._executor = ThreadPoolExecutor(thread_count, thread_name_prefix="statflow-slow")
        #: For uploads on their way to a disk; one thread, so that what is written first is first.
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="statflow-uploads")

    def submit(self, connection: "Connection", request: Request) -> "Future[None]":
        """Run a request; the connection gets the answer."""
        return self._executor.submit(self._run, connection, request)

    def stop(self) -> None:
        """Begin no more requests; those that run go on."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self.writer.shutdown(wait=False, cancel_futures=True)

    def _run(self, connection: "Connection", request: Request) -> None:
        response = Response()
        try:
            chunks = self._app(request.environ, response.start)
            try:
                if isinstance(chunks, list | tuple) or DEFERRED in request.environ:
                    response.finish(chunks)
                else:
                    self._stream(connection, request, response, chunks)
            finally:
                close(chunks)
        except BrokenStreamError:
            self._call(connection.broken_off, request)
            return
        except Exception as error:
            if response.is_sent:
                told = context(request.environ)
                log.error("%(path)s failed half-way (request %(request_id)s)", told, exc_info=error, extra=told)
                self._call(connection.broken_off, request)
                return
            response = failed(request, error)
        finally:
            close_input(request.environ)
        if not response.is_sent:
            self._call(connection.ran, request, response)

    def _stream(self, connection: "Connection", request: Request, response: Response, chunks: Iterable[bytes]) -> None:
        """Hand over a stream while it is made; one that turns out to be a single piece is an answer like others."""
        pieces = (piece for piece in chain(response.taken_written(), chunks) if piece)
        beginning = list(_taken(pieces, 2))
        if len(beginning) < 2 or request.is_head:
            response.body = b"".join(beginning)
            return
        gate = Gate(self._write_s)
        response.is_sent = True
        self._call(connection.begin_stream, request, response, gate)
        for piece in chain(beginning, pieces):
            gate.enter(len(piece))
            self._call(connection.stream, piece)
        self._call(connection.end_stream)

    def _call(self, method: object, *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(method, *arguments)  # type: ignore[arg-type]
        except RuntimeError:
            raise BrokenStreamError from None  # the loop is closed


def _taken(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    for _, piece in zip(range(count), pieces, strict=False):
        yield piece
