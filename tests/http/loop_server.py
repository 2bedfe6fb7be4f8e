"""Our worker's loop in a thread of the test, on a real socket, with any WSGI app and as little patience as wanted."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import uvloop
from gunicorn.config import Config

from statflow_http.worker.connection import Connection
from statflow_http.worker.hub import Hub
from statflow_http.worker.limits import Patience
from statflow_http.worker.listening import Listener

# For what comes about in milliseconds, on a machine that is busy with other things.
LIMIT_S = 30.0
# As patient as the worker is with nobody: what a test does not ask for must not happen to it because it was slow.
PATIENT = dict.fromkeys(("head_s", "body_s", "keepalive_s", "write_s", "commit_s", "thread_s"), 300.0)
SWEEP_S = 0.01


class RecordedLog:
    """gunicorn's access log, kept."""

    access_log_enabled = True

    def __init__(self):
        self.lines = []

    def access(self, answer, request, environ, took):
        self.lines.append((environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"), answer.status, answer.sent))


class LoopServer:
    """Serves an app; everything here but `start` and `stop` may be looked at by the test."""

    def __init__(self, app, patience, *, threads=2, connections_max=1_000):
        self._config = Config()
        self._config.set("threads", threads)
        self._config.set("worker_connections", connections_max)
        self._app = app
        self._patience = patience
        self.log = RecordedLog()
        self.answered = 0
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=500)
        self.port = self.socket.getsockname()[1]
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._is_ready.wait(LIMIT_S)

    def _run(self):
        self._loop = uvloop.new_event_loop()
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self):
        self.hub = Hub(self._loop, self._app, self._config, self.log, self._count, self._patience, lambda count: None)
        listener = Listener(self._loop, self.socket, lambda: Connection(self.hub), lambda: False)
        self._stopping = asyncio.Event()
        self._is_ready.set()
        while not self._stopping.is_set():
            self.hub.sweep()
            await asyncio.sleep(SWEEP_S)
        listener.close()
        self.socket.close()
        self.hub.stop()
        await asyncio.sleep(SWEEP_S)

    def _count(self):
        self.answered += 1

    def stop(self):
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()

    def drain(self):
        """As the worker does at SIGTERM; the test stops the server itself."""
        self._loop.call_soon_threadsafe(self.hub.drain)

    @property
    def connection_count(self):
        return self.hub.connection_count

    def stages(self):
        """What is being read on the connections."""
        return {connection._reader.stage for connection in list(self.hub._connections)}


@contextlib.contextmanager
def looping(app, *, threads=2, connections_max=1_000, **patience) -> Iterator[LoopServer]:
    """A server with this much patience, and with plenty where nothing is said."""
    server = LoopServer(app, Patience(**PATIENT | patience), threads=threads, connections_max=connections_max)
    try:
        yield server
    finally:
        server.stop()


class Client:
    """A socket that knows where an answer ends."""

    def __init__(self, port, timeout_s=LIMIT_S):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def answer(self, *, is_head=False):
        """(status, headers by lower-case name, body) of the next answer."""
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        status = int(lines[0].split()[1])
        return status, headers, b"" if is_head or status < 200 else self._body(headers)

    def _body(self, headers):
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(iter(self._chunk, b""))
        if "content-length" not in headers:
            return self.rest()
        return self._bytes(int(headers["content-length"]))

    def _chunk(self):
        while b"\r\n" not in self._received:
            self._more()
        size, _, self._received = self._received.partition(b"\r\n")
        return self._bytes(int(size, 16) + 2)[:-2]

    def _bytes(self, size):
        while len(self._received) < size:
            self._more()
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def _more(self):
        received = self.socket.recv(65_536)
        assert received, f"closed after {self._received!r}"
        self._received += received

    def rest(self):
        """What comes until the server closes; a reset counts as that."""
        try:
            while received := self.socket.recv(65_536):
                self._received += received
        except ConnectionResetError:
            pass
        rest, self._received = self._received, b""
        return rest


def until(condition, limit_s=LIMIT_S):
    """Wait for what another thread brings about."""
    ends = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.002)


def stalled(number, still_s=0.3):
    """What another thread counts, as soon as it has not gone on for a while: for what must not go on by itself."""
    before, since = number(), time.monotonic()
    ends = since + LIMIT_S
    while time.monotonic() < min(since + still_s, ends):
        time.sleep(0.01)
        if (now := number()) != before:
            before, since = now, time.monotonic()
    return before


def post(path, body=b"", *lines, version="1.1"):
    """The bytes of a POST."""
    head = "\r\n".join([f"POST {path} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *lines])
    return head.encode() + b"\r\n\r\n" + body


def get(path, *lines, method="GET", version="1.1"):
    """The bytes of a request without a body."""
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: x", *lines]).encode() + b"\r\n\r\n"
