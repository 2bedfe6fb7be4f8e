"""One client's connection: bytes come in, requests run one after the other, answers go out in order.

Time limits are moments that the hub's sweep compares with the clock, so that a request needs no timer of its own.
"""

import asyncio
from concurrent.futures import Future
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, cast

from statflow_http.worker.limits import BODY_BYTES_PER_S_MIN, LARGE_BODY_MIN, PIPELINE_MAX, READ_BYTES_MIN
from statflow_http.worker.requests import RefusedError, Request, Stage
from statflow_http.worker.responses import (
    CONTINUE,
    LAST_CHUNK,
    Response,
    chunk,
    encoded,
    error_response,
    stream_framing,
)
from statflow_http.worker.running import failed, is_quick, is_write, run
from statflow_http.worker.streams import Gate, Stream
from statflow_http.worker.turns import Waiting
from statflow_http.writes import DEFERRED

if TYPE_CHECKING:
    from statflow_http.worker.hub import Hub

# nginx's way to log that a client left before it was answered.
NOBODY = "499 Client Closed Request"
TOO_LATE = RefusedError(408, "the request took too long to arrive")
TOO_MUCH = RefusedError(503, "too many large requests at once, try again later")


class Connection(asyncio.Protocol):
    """A client.

    Invariants:
        * at most one request runs or waits for its commit; later ones wait in the reader, in order;
        * nothing here is called by another thread than the loop's.

    Attributes:
        deadline: on the loop's clock: when `expire` is to be called.
        since: when the wait for the client's bytes began.
    """

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._patience = hub.patience
        self._running: Request | None = None
        self._job: Future[None] | None = None
        self._stream: Stream | None = None
        self._started = 0.0
        self._stage = Stage.BETWEEN
        self._held = 0
        self._unread = 0
        self._is_full = False
        self._is_closing = False
        self._is_gone = False
        self._has_all = False
        self.since = hub.loop.time()
        self.deadline = self.since + self._patience.head_s

    # -- what the loop calls --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._reader = self._hub.reader(transport)
        self._hub.entered(self)

    def data_received(self, data: bytes) -> None:
        if self._is_closing:
            return
        reader = self._reader
        reader.feed(data)
        if reader.received > LARGE_BODY_MIN and not reader.is_over:
            self._hold(reader.held)
        if reader.upload is not None and reader.upload.is_crowded:
            reader.upload.on_written = self._read_on
            self._transport.pause_reading()
        if self._running is not None:
            if len(reader.requests) > PIPELINE_MAX:
                self._transport.pause_reading()
        elif reader.requests or reader.is_over:
            self._hub.turns.ready(self)
        else:
            self._wait(reader.stage)

    def eof_received(self) -> bool:
        """Whether the transport stays open: who has said all may still be owed an answer."""
        self._has_all = True
        self._reader.is_over = True
        return not self._is_closing and (self._running is not None or bool(self._reader.requests))

    def connection_lost(self, error: Exception | None) -> None:
        self._is_gone = True
        self.deadline = inf
        if self._stream is not None:
            self._stream.gate.break_off()
        self._reader.drop_upload()
        self._release()
        if self._is_closing:
            self._reader.requests.clear()
        if self._running is None:
            # What arrived whole counts, also of a client that does not wait for the answer.
            self._go_on()

    def pause_writing(self) -> None:
        self._is_full = True
        self._unread = self._transport.get_write_buffer_size()
        self.deadline = self._hub.loop.time() + self._patience.write_s
        if self._stream is not None:
            self._stream.gate.set_open(False)

    def resume_writing(self) -> None:
        self._is_full = False
        self.deadline = inf
        if self._stream is not None:
            self._stream.gate.set_open(True)
        if self._is_closing:
            self.deadline = self._hub.loop.time() + self._patience.linger_s
        elif self._running is None:
            self._go_on()

    # -- requests --

    def advance(self) -> None:
        """Run the next request that has come whole, or see to it that there will be one."""
        if self._running is not None or self._is_closing or (self._is_full and not self._is_gone):
            return
        if self._reader.requests:
            self._run(self._reader.requests.popleft())
        else:
            self._settle_down()

    def _run(self, request: Request) -> None:
        hub, environ = self._hub, request.environ
        self._running = request
        self.deadline = inf
        if hub.logs_access:
            self._started = monotonic()
        if hub.turns.is_stuck and is_write(environ):
            self.answer(request, busy(request))
        elif is_quick(environ):
            self.ran(request, run(hub.app, request))
        elif self._is_gone and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            self._answered(request, NOBODY, 0, keeps_alive=False)
        else:
            if self._held and not self._is_gone:
                self._transport.pause_reading()  # one large body at a time
            self.deadline = hub.loop.time() + self._patience.thread_s
            self._job = hub.pool.submit(self, request)

    def ran(self, request: Request, response: Response) -> None:
        """The app has run: answer, now or after the commit."""
        if request is not self._running:
            return  # given up
        self._job = None
        self.deadline = inf
        deferred = request.environ.get(DEFERRED)
        if deferred is None:
            self.answer(request, response)
        else:
            self._hub.turns.stage(Waiting(self, request, response, deferred))

    def answer(self, request: Request, response: Response) -> None:
        """Send an answer that holds, and go on to the next request."""
        if request is not self._running:
            return  # given up
        keeps_alive = self._keeps_alive(request)
        try:
            data = encoded(response, request, keeps_alive=keeps_alive)
        except ValueError as error:
            response = failed(request, error)
            data = encoded(response, request, keeps_alive=keeps_alive)
        if not self._is_gone:
            self._transport.write(data)
        self._answered(request, response.status, len(response.body), keeps_alive=keeps_alive)

    def _answered(self, request: Request, status: str, sent: int, *, keeps_alive: bool) -> None:
        hub = self._hub
        hub.metrics.answered(request.environ, int(status[:3]))
        if hub.logs_access:
            hub.log_answer(request.environ, status, sent, self._started)
        self._running = None
        if self._held:
            self._release()
        hub.on_request()
        if keeps_alive or self._is_gone:
            self._go_on()
        else:
            self._close()

    def _keeps_alive(self, request: Request) -> bool:
        reader = self._reader
        if reader.requests or reader.refusal is not None:
            return True
        return request.keeps_alive and not reader.is_over and not self._hub.is_draining

    def _go_on(self) -> None:
        if self._reader.requests:
            self._hub.turns.ready(self)
        else:
            self._settle_down()

    def _settle_down(self) -> None:
        """There is no whole request: refuse what came in its place, or close, or wait for more."""
        reader = self._reader
        if self._is_gone:
            self._hub.left(self)
        elif reader.refusal is not None:
            self._refuse(reader.refusal)
        elif reader.is_over:
            self._close()
        elif not self._is_full:
            self._transport.resume_reading()
            self.since = self._hub.loop.time()
            self._stage = Stage.BETWEEN
            self.deadline = self.since + self._patience.keepalive_s
            if reader.stage is not Stage.BETWEEN:
                self._wait(reader.stage)

    # -- streams --

    def begin_stream(self, request: Request, response: Response, gate: Gate) -> None:
        """The app answers piece by piece."""
        self._job = None
        self.deadline = inf
        try:
            framing = stream_framing(response, request, keeps_alive=self._keeps_alive(request))
        except ValueError as error:
            gate.break_off()
            self.answer(request, failed(request, error))
            return
        self._stream = Stream(request, response.status, gate, framing)
        gate.set_open(not self._is_full)
        if self._is_gone:
            gate.break_off()
        else:
            self._transport.write(framing.head)

    def stream(self, piece: bytes) -> None:
        """Send a piece of it."""
        stream = self._stream
        if stream is None or self._is_gone:
            return
        stream.gate.passed(len(piece))
        stream.sent += len(piece)
        if stream.framing.length is not None and stream.sent > stream.framing.length:
            self.abort()
        else:
            self._transport.write(chunk(piece) if stream.framing.is_chunked else piece)

    def end_stream(self) -> None:
        """It was the last one."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        framing = stream.framing
        if framing.length is not None and stream.sent < framing.length:
            self.abort()  # so that the client does not take it for whole
        elif framing.is_chunked and not self._is_gone:
            self._transport.write(LAST_CHUNK)
        self._answered(stream.request, stream.status, stream.sent, keeps_alive=not framing.closes)

    def broken_off(self, request: Request) -> None:
        """There will be no end of it."""
        stream, self._stream = self._stream, None
        if self._running is request:
            self.abort()
            self._answered(request, "500" if stream is None else stream.status, 0, keeps_alive=False)

    # -- limits --

    @property
    def is_waiting(self) -> bool:
        """Whether nothing is owed to the client."""
        return self._running is None and not self._reader.requests and not self._is_closing

    def _wait(self, stage: Stage) -> None:
        """Give the client time for what it has begun."""
        if stage is not self._stage:
            self._stage = stage
            self.since = self._hub.loop.time()
        if stage is Stage.HEAD:
            self.deadline = self.since + self._patience.head_s
        elif stage is Stage.BODY:
            self.deadline = self.since + self._patience.body_s + self._reader.received / BODY_BYTES_PER_S_MIN
            if self._reader.wants_continue:
                self._reader.wants_continue = False
                self._transport.write(CONTINUE)

    def hurry(self, ends: float) -> None:
        """The worker stops: an idle connection may send what it has, until then."""
        if self.is_waiting and self._reader.stage is Stage.BETWEEN:
            self.deadline = min(self.deadline, ends)

    def expire(self, now: float) -> None:
        """The deadline is over."""
        self.deadline = inf
        if self._is_full and not self._is_slow():
            self.deadline = now + self._patience.write_s
        elif self._is_full or self._is_closing:
            self.abort()
        elif self._running is not None:
            if self._job is not None and self._job.cancel():
                self.answer(self._running, busy(self._running))
        elif self._reader.stage is Stage.BETWEEN:
            self._close()
        else:
            self._reader.refuse(TOO_LATE)
            self._settle_down()

    def _is_slow(self) -> bool:
        """Whether the client reads what waits for it so slowly that it may as well not."""
        size = self._transport.get_write_buffer_size()
        taken, self._unread = self._unread - size, size
        return taken < READ_BYTES_MIN

    def drop(self) -> None:
        """Make room for another connection."""
        self._close()

    def abort(self) -> None:
        """Break off."""
        self._is_closing = True
        self._transport.abort()

    def give_up(self) -> None:
        """Break off after a mistake of ours; who runs for this connection finds it gone."""
        self._running = None
        self.abort()

    def _refuse(self, refusal: RefusedError) -> None:
        """Answer without the app, and close."""
        environ = self._reader.begun
        request = Request(environ, keeps_alive=False, is_old=False)
        response = error_response(refusal.status, str(refusal), environ, refusal.headers)
        self._hub.metrics.answered(environ, refusal.status)
        if self._hub.logs_access:
            self._started = monotonic()
            self._hub.log_answer(environ, response.status, len(response.body), self._started)
        self._transport.write(encoded(response, request, keeps_alive=False))
        self._close()

    def _close(self) -> None:
        """Say goodbye, and read what still comes: closing a socket that has unread bytes loses the answer."""
        if self._is_closing or self._is_gone:
            return
        self._is_closing = True
        patience = self._patience
        if self._reader.is_over and not self._has_all:
            self._transport.write_eof()
            self._transport.resume_reading()
            allowed_s = patience.write_s if self._is_full else patience.linger_s
        else:
            self._transport.close()
            allowed_s = patience.write_s
        self.deadline = self._hub.loop.time() + allowed_s

    # -- bodies --

    def _hold(self, size: int) -> None:
        """Count a large body among all that are held."""
        more, self._held = size - self._held, size
        if not self._hub.hold(more):
            self._reader.refuse(TOO_MUCH)

    def _read_on(self) -> None:
        """The disk has taken some of what waited for it."""
        upload = self._reader.upload
        if (upload is None or not upload.is_crowded) and not self._is_gone and self._running is None:
            self._transport.resume_reading()

    def _release(self) -> None:
        self._hub.release(self._held)
        self._held = 0


def busy(request: Request) -> Response:
    """No thread was free, or the store's lock is held by somebody."""
    return error_response(503, "the server is busy, try again later", request.environ)
