"""`statflow serve`: gunicorn with our settings. The store is opened in each worker, after the fork, and never here.

The workers are our own (`statflow_http.worker`). gunicorn's threads serve the same app, more slowly, and need a
buffering proxy in front where clients may be slow on purpose.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import click
from gunicorn.app.base import BaseApplication
from gunicorn.errors import HaltServer

import statflow_engine
from statflow_engine import Engine
from statflow_http.accounts.accounts import OWNER_ID, Accounts
from statflow_http.accounts.keys import Keys
from statflow_http.accounts.people import People
from statflow_http.accounts.sessions import Sessions
from statflow_http.alerts.options import AlertOptions
from statflow_http.app import App, create_app
from statflow_http.documents import Documents
from statflow_http.logs import ACCESS_FORMAT, JsonLogger, Logger
from statflow_http.metrics import Metrics
from statflow_http.services import ACCOUNTS_FOLDER
from statflow_http.worker import LoopWorker

# One worker keeps about one core busy. A second one makes a long answer of one no pause of the other, and a crash no
# outage; more than two share one write lock and gain little before the cores are many.
WORKERS_MAX_DEFAULT = 2

# Threads of a worker. Of our own: so many slow requests run at a time. Of gunicorn's: so many requests share one commit
# at most, and so many slow clients block it.
THREADS = {"loop": 8, "gthread": 16}
# Longer than the minute in which clients report, so that they keep their connection.
KEEPALIVE_S = 75
DRAIN_S = 10
# gunicorn's own code for a worker that cannot start: the master stops instead of trying for ever.
BOOT_FAILED = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """What `statflow serve` was told."""

    data: Path
    host: str
    port: int
    workers: int
    durability: Literal["fsync", "interval"]
    interval_s: float = 1.0
    schema: str | None = None
    no_content: bool = False
    signup: bool = False
    allow_private: bool = False
    alerts: AlertOptions = field(default_factory=AlertOptions)
    access_log: str | None = None
    worker: Literal["loop", "gthread"] = "loop"
    metrics: str = "local"
    log_format: Literal["text", "json"] = "text"


def workers_default() -> int:
    """How many workers serve when nobody said."""
    return min(WORKERS_MAX_DEFAULT, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What the first start on a folder makes for its owner: an API key, and the path of a page that signs in, once."""

    key: str
    login_path: str


def prepare(data: Path) -> FirstStart | None:
    """Make the data folder, the owner's account and a first key, where there are none yet.

    Returns:
        What was made; None when all was there.

    Raises:
        StoreError: the folder cannot be made or opened.
    """
    now_s = int(time.time())
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise statflow_engine.StoreError(f"cannot make {data}: {error}") from error
    documents = Documents(data / ACCOUNTS_FOLDER)
    try:
        is_new = Accounts(documents).ensure_owner(now_s)
        owner = People(documents).ensure_owner(now_s)
        if not is_new:
            return None
        key = Keys(documents).create(OWNER_ID, now_s, label="first key")
        return FirstStart(key, Sessions(documents).new_link(owner, now_s))
    finally:
        # Before any worker is forked: an environment does not survive that.
        documents.close()


def serve(settings: Settings) -> None:
    """Serve until a signal stops it; leaves the process when it does.

    Raises:
        StoreError: the data folder cannot be made or opened.
    """
    first = prepare(settings.data)
    click.echo(f"StatFlow keeps its data in {settings.data}")
    if first is not None:
        click.echo(f"API key: {first.key}")
    Server(settings, lambda address: welcome(address, first)).run()


def welcome(address: str, first: FirstStart | None) -> None:
    """Say where the server listens, and after the first start how to sign in and how to send a point."""
    click.echo(f"Listening on {address}")
    if first is not None:
        click.echo(
            f"Sign in (once, within a day): {address}{first.login_path}\n"
            "Send a first point:\n"
            f"  curl -X POST {address}/v1/stat -H 'Authorization: Bearer {first.key}' \\\n"
            '    -H \'Content-Type: application/json\' -d \'{"stat": "my_first_metric", "count": 1}\''
        )


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's application, configured by code and by nothing else."""

    def __init__(self, settings: Settings, on_listening: Callable[[str], None]) -> None:
        self._settings = settings
        self._on_listening = on_listening
        self._opened: tuple[int, App, Engine] | None = None
        # Here, in the master, so that its workers share it.
        self._metrics = Metrics()
        super().__init__(prog="statflow")

    def run(self) -> None:
        """Serve until a signal; leaves the process."""
        try:
            super().run()
        except HaltServer as halt:
            # The master is stopping because a worker cannot start, and finds while it does that another one cannot.
            sys.exit(halt.exit_status)

    def load_config(self) -> None:
        """gunicorn's settings."""
        settings = self._settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        configured = {
            "bind": f"{host}:{settings.port}",
            "workers": settings.workers,
            "worker_class": LoopWorker if settings.worker == "loop" else "gthread",
            "threads": THREADS[settings.worker],
            "keepalive": KEEPALIVE_S,
            "graceful_timeout": DRAIN_S,
            # A socket by which another program could steer the server is one more door.
            "control_socket_disable": True,
            "logger_class": JsonLogger if settings.log_format == "json" else Logger,
            "loglevel": "warning",
            "accesslog": settings.access_log,
            "access_log_format": ACCESS_FORMAT,
            "post_worker_init": self._worker_started,
            "worker_exit": self._worker_stopped,
        }
        for name, value in configured.items():
            self.cfg.set(name, value)

    def load(self) -> App:
        """The app of one worker; gunicorn calls it after the fork."""
        settings = self._settings
        try:
            engine = statflow_engine.open(
                settings.data,
                schema=settings.schema,
                durability=settings.durability,
                interval_s=settings.interval_s,
                background=True,
            )
        except statflow_engine.StatFlowError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(BOOT_FAILED)
        app = create_app(
            engine,
            no_content=settings.no_content,
            metrics_for=settings.metrics,
            metrics=self._metrics,
            signup=settings.signup,
            workers=settings.workers,
            allow_private=settings.allow_private,
            alerts=settings.alerts,
        )
        self._opened = (os.getpid(), app, engine)
        return app

    def _worker_started(self, worker: Any) -> None:
        self._metrics.start()
        if self._opened is not None:
            self._opened[1].services.imports.start()
            self._opened[1].services.alerts.start()
        # Workers are counted from 1 and never again: the message comes once, and when requests are answered.
        if worker.age == 1:
            host, port = worker.sockets[0].getsockname()[:2]
            self._on_listening(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    def _worker_stopped(self, server: Any, worker: Any) -> None:
        if self._opened is not None and self._opened[0] == os.getpid():
            _, app, engine = self._opened
            app.close()
            engine.close()
