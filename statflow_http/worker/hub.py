"""What the connections of one worker share: the app, the turns, the threads, the limits, the logs.

It also looks at the clock for all of them, twice a second.
"""

import time
import weakref
from asyncio import AbstractEventLoop, BaseTransport
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from statflow_http.metrics import Metrics
from statflow_http.metrics.metrics import COUNTED
from statflow_http.wire.bodies import SINGLE_BYTES_MAX, bytes_max, is_upload
from statflow_http.worker.environs import Proxies, environ_of_peer, environ_of_worker
from statflow_http.worker.limits import BODIES_BYTES_MAX, UPLOADS_MAX, Patience
from statflow_http.worker.pool import Pool
from statflow_http.worker.requests import Environ, RefusedError, RequestReader
from statflow_http.worker.running import App
from statflow_http.worker.turns import Turns
from statflow_http.worker.uploads import Upload

if TYPE_CHECKING:
    from statflow_http.worker.connection import Connection


class Hub:
    """Holds a worker's connections.

    Args:
        loop: the worker's.
        app: the WSGI app.
        cfg: gunicorn's settings.
        log: gunicorn's logger.
        on_request: called after each request that was answered.
        patience: how long to wait for what.
        on_count: called with the number of connections, when it changes and now and then.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        app: App,
        cfg: Any,
        log: Any,
        on_request: Callable[[], None],
        patience: Patience,
        on_count: Callable[[int], None],
    ) -> None:
        self.loop = loop
        self.app = app
        found = getattr(app, "metrics", None)
        # Our own app leaves the counting to us, who also see what never reaches it; another one counts nothing.
        self.metrics = found if isinstance(found, Metrics) else Metrics()
        self.turns = Turns(loop, patience.commit_s, self.metrics)
        self.pool = Pool(loop, app, cfg.threads, patience.write_s)
        self.patience = patience
        self.is_draining = False
        self.logs_access: bool = log.access_log_enabled
        self.on_request = on_request
        self._on_count = on_count
        self._log = log
        # A set in the order of arrival: the clock of the loop counts milliseconds, in which many arrive.
        self._connections: dict[Connection, None] = {}
        self._connections_max: int = cfg.worker_connections
        self._bodies_size = 0
        self._uploads: weakref.WeakSet[Upload] = weakref.WeakSet()
        self._environ = environ_of_worker(cfg) | {COUNTED: self.metrics is found}
        self._proxies = Proxies(cfg)

    # -- connections --

    def reader(self, transport: BaseTransport) -> RequestReader:
        """The reader of a new connection."""
        environ = self._environ | environ_of_peer(transport)
        return RequestReader(environ, self._bytes_max, self._proxies.schemes(environ), self._upload_of)

    def entered(self, connection: "Connection") -> None:
        """A client has connected. One that keeps us waiting leaves when there are too many."""
        self._connections[connection] = None
        self._tell_count()
        if len(self._connections) > self._connections_max:
            waiting = [each for each in self._connections if each.is_waiting and each is not connection]
            (min(waiting, key=lambda each: each.since) if waiting else connection).drop()

    def left(self, connection: "Connection") -> None:
        """Nothing of a connection is left."""
        self._connections.pop(connection, None)
        self._tell_count()

    def _tell_count(self) -> None:
        self._on_count(len(self._connections))
        self.metrics.connected(len(self._connections))

    @property
    def connection_count(self) -> int:
        """Connections that are open, or still have something to store."""
        return len(self._connections)

    def sweep(self) -> None:
        """End what has taken too long."""
        now = self.loop.time()
        self._tell_count()
        self.turns.check(now)
        for connection in list(self._connections):
            if connection.deadline <= now:
                connection.expire(now)

    def drain(self) -> None:
        """From now on each answer is its connection's last; those that wait for nothing are about to close."""
        self.is_draining = True
        ends = self.loop.time() + self.patience.drain_idle_s
        for connection in self._connections:
            connection.hurry(ends)

    def stop(self) -> None:
        """Cut off whoever is still there, and end the threads."""
        for connection in list(self._connections):
            connection.abort()
        self.pool.stop()
        self.turns.stop()

    # -- bodies --

    def _bytes_max(self, environ: Environ) -> int:
        """How long a body may be: an upload only where the app says that its sender may, before any of it is read."""
        if not is_upload(environ):
            return bytes_max(environ)
        accepts = getattr(self.app, "accepts_upload", None)
        if accepts is None or not accepts(environ):
            return SINGLE_BYTES_MAX
        if self.upload_count >= UPLOADS_MAX:
            raise RefusedError(503, "too many uploads at once, try again later", (("Retry-After", "30"),))
        return bytes_max(environ)

    @property
    def upload_count(self) -> int:
        """Uploads that arrive, or are being read by the app."""
        return sum(not upload.is_closed for upload in self._uploads)

    def _upload_of(self, environ: Environ) -> Upload | None:
        """What takes the body of a request to a disk; None for what is no upload."""
        folder = getattr(self.app, "upload_folder", None)
        if folder is None or not is_upload(environ):
            return None
        try:
            upload = Upload(folder, self.pool.writer, self.loop)
        except OSError as error:
            raise RefusedError(503, "the upload cannot be stored now, try again later") from error
        self._uploads.add(upload)
        return upload

    def hold(self, size: int) -> bool:
        """Note that so many more bytes of a large body are held; False: they are too many."""
        self._bodies_size += size
        return self._bodies_size <= BODIES_BYTES_MAX

    def release(self, size: int) -> None:
        """They are not held any more."""
        self._bodies_size -= size

    # -- log --

    def log_answer(self, environ: Environ, status: str, sent: int, started: float) -> None:
        """A line of the access log; ``sent`` are bytes of the body."""
        took = timedelta(seconds=time.monotonic() - started)
        self._log.access(Logged(status, sent), environ, environ, took)


class Logged:
    """An answer as gunicorn's logger wants it."""

    def __init__(self, status: str, sent: int) -> None:
        self.status = status
        self.sent = sent
        self.headers: list[tuple[str, str]] = []
