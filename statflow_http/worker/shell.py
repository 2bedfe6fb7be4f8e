"""What gunicorn sees: a worker class. Settings, signals, reload and logs are gunicorn's."""

import asyncio
import os
import signal
import sys
from typing import Any

import uvloop
from gunicorn.workers.base import Worker

from statflow_http.worker.connection import Connection
from statflow_http.worker.hub import Hub
from statflow_http.worker.limits import DRAIN_RESERVE_S, SWEEP_S, Patience
from statflow_http.worker.listening import Listener
from statflow_http.worker.sharing import Share


class LoopWorker(Worker):  # type: ignore[misc]  # gunicorn ships no types
    """A worker process with one event loop.

    It speaks HTTP/1.0 and 1.1 without TLS, which is a proxy's. ``threads`` are for slow requests.
    """

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Called by the master before it forks.

        Raises:
            SystemExit: TLS is asked for, which would be spoken in clear.
        """
        if cfg.is_ssl:
            log.critical("this worker speaks no TLS: put a proxy in front, or use gthread")
            sys.exit(1)

    def init_process(self) -> None:
        """After the fork; does not return before the end."""
        # Before the app is loaded, so that what it finds is the loop of this process.
        self._loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self._loop)
        super().init_process()

    def init_signals(self) -> None:
        """Signals become events of the loop; but that the master has given us up must work when the loop hangs."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGABRT, self.handle_abort)
        self._stopping = asyncio.Event()
        self._is_quick = False
        for number, handler in (
            (signal.SIGTERM, self._stop_gracefully),
            (signal.SIGQUIT, self._stop_quickly),
            (signal.SIGINT, self._stop_quickly),
            (signal.SIGUSR1, self.log.reopen_files),
            (signal.SIGWINCH, lambda: None),
        ):
            self._loop.add_signal_handler(number, handler)

    def _stop_gracefully(self) -> None:
        self.alive = False
        self._stopping.set()

    def _stop_quickly(self) -> None:
        self._is_quick = True
        if self.alive:
            self.cfg.worker_int(self)
        self._stop_gracefully()

    def _on_request(self) -> None:
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self._stop_gracefully()

    def _on_count(self, client_count: int) -> None:
        if self.alive:
            self._share.tell(client_count)
        else:
            self._share.leave()

    def run(self) -> None:
        """Serve until a signal, or until there is no master any more."""
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        share = self._share = Share(self.age)
        patience = Patience(keepalive_s=self.cfg.keepalive)
        hub = Hub(self._loop, self.wsgi, self.cfg, self.log, self._on_request, patience, self._on_count)
        listeners = [
            Listener(self._loop, listening.sock, lambda: Connection(hub), share.is_others_turn)
            for listening in self.sockets
        ]
        while self.alive and self.ppid == os.getppid():
            await self._look_after(hub, self._stopping)
        for listener in listeners:
            listener.close()
        await self._drain(hub)
        hub.stop()

    async def _look_after(self, hub: Hub, until: asyncio.Event) -> None:
        """Tell the master that we live; end what takes too long; wait a little."""
        self.notify()
        hub.sweep()
        try:
            await asyncio.wait_for(until.wait(), SWEEP_S)
        except TimeoutError:
            pass

    async def _drain(self, hub: Hub) -> None:
        """Answer what was asked, and what may be on its way, for as long as the master waits."""
        ends = self._loop.time() + max(0.0, self.cfg.graceful_timeout - DRAIN_RESERVE_S)
        hub.drain()
        while hub.connection_count and self._loop.time() < ends and not self._is_quick:
            self.notify()
            hub.sweep()
            await asyncio.sleep(0.02)
