"""The demo's server: as any other, on a folder that is removed at the end, with a door for its one visitor."""

import os
import shutil
import signal
import tempfile
import time
import webbrowser
from pathlib import Path
from typing import Any

import click
import falcon

from statflow_http.app import App
from statflow_http.demo.feeding import Feed
from statflow_http.demo.filling import Filled, fill
from statflow_http.demo.shapes import DAYS, STORIES
from statflow_http.errors import NotFoundError
from statflow_http.pages import rendering, visitors
from statflow_http.pages.site import Page, Site
from statflow_http.services import Services
from statflow_http.serving.serve import Server, Settings, refuse_taken

PREFIX = "statflow-demo-"
BAND = "This is a demo: it is deleted when you stop it."


class Door(Page):
    """``/demo/TOKEN``: signs in, once, without asking; nobody but who started the demo has the link."""

    def __init__(self, site: Site, board_path: str) -> None:
        super().__init__(site)
        self._board_path = board_path

    def on_get(self, req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """Go on to the dashboard."""
        visitor = self.site.visitor(req)
        if not visitor.is_signed_in:
            try:
                signed_in = self.services.sessions.use_link(token, self.services.now_s())
            except NotFoundError:
                raise NotFoundError("this link was used in another browser: start the demo again") from None
            visitors.begin_session(resp, visitor, signed_in.token)
        self.site.redirect(resp, visitor, self._board_path)


class DemoServer(Server):
    """A server with one worker, a feed, and a door."""

    def __init__(self, settings: Settings, filled: Filled, *, opens: bool, took_s: float) -> None:
        self._filled = filled
        self._opens = opens
        self._took_s = took_s
        self._feed: Feed | None = None
        super().__init__(settings, self._welcome)

    def load(self) -> App:
        """The app of the worker, with what a demo has beside."""
        app = super().load()
        rendering.environment().globals["band"] = BAND
        app.add_route("/demo/{token}", Door(Site(app.services), self._filled.board_path))
        self._feed = Feed(app.services.engine, self._filled.world)
        return app

    def _worker_started(self, worker: Any) -> None:
        super()._worker_started(worker)
        if self._feed is not None:
            self._feed.start()

    def _worker_stopped(self, server: Any, worker: Any) -> None:
        if self._feed is not None and self._opened is not None and self._opened[0] == os.getpid():
            self._feed.stop()
        super()._worker_stopped(server, worker)

    def _welcome(self, address: str, services: Services) -> None:
        link = f"{address}/demo/{self._filled.token}"
        click.echo(
            f"A bookshop: {len(STORIES)} stats, {DAYS} days, made in {self._took_s:.1f} s. "
            "A point arrives every second; one alert is open.\n\n"
            f"Open it (signs you in, once): {link}\n\n"
            "Send something yourself:\n"
            f"  curl {address}/v1/stat -H 'Authorization: Bearer {self._filled.key}' \\\n"
            '    -H \'Content-Type: application/json\' -d \'{"stat": "page views", "count": 100}\'\n\n'
            "Ctrl-C ends it, and deletes everything."
        )
        if self._opens:
            webbrowser.open(link)


def demo(host: str, port: int, *, opens: bool) -> None:
    """Serve until a signal, then remove everything.

    Raises:
        ServeError: the port is in use, or the host is none of this machine's.
        StoreError: there is no room for it.
    """
    refuse_taken(host, port)
    # A stop while the history is being written must find its way to the removal, too.
    signal.signal(signal.SIGTERM, _interrupt)
    folder, owner = Path(tempfile.mkdtemp(prefix=PREFIX)), os.getpid()
    try:
        started = time.monotonic()
        filled = fill(folder)
        settings = Settings(folder, host, port, workers=1, durability="interval")
        DemoServer(settings, filled, opens=opens, took_s=time.monotonic() - started).run()
    finally:
        # The worker leaves through here as well: the folder is its parent's to remove.
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)
            click.echo("The demo is gone.")


def _interrupt(signal_number: int, frame: object) -> None:
    raise KeyboardInterrupt
