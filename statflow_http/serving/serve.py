"""`statflow serve`: gunicorn with our settings. Each worker opens the store for itself, after the fork.

Before that the master tries whether it opens and whether the port is free, so that what is wrong is said once, at once.

The workers are our own (`statflow_http.worker`). gunicorn's threads serve the same app, more slowly, and need a
buffering proxy in front where clients may be slow on purpose.
"""

import errno
import os
import socket
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
from statflow_engine import Engine, Limits, Schema, StatFlowError, StoreError
from statflow_http.alerts.options import AlertOptions
from statflow_http.app import App, create_app
from statflow_http.documents.store import ACCOUNTS_FOLDER, Documents
from statflow_http.metrics import Metrics
from statflow_http.services import Services
from statflow_http.serving import first_start, folders
from statflow_http.serving.logs import ACCESS_FORMAT, JsonLogger, Logger
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
# By these a service manager, or the server that this one replaces, hands sockets over: then no port is to be taken.
SOCKETS_HANDED = ("LISTEN_FDS", "GUNICORN_FD")
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
    ballast_bytes: int = 0


def workers_default() -> int:
    """How many workers serve when nobody said."""
    return min(WORKERS_MAX_DEFAULT, os.cpu_count() or 1)


class ServeError(StatFlowError):
    """The server cannot be started; the text says what to do."""


def refuse_taken(host: str, port: int) -> None:
    """Find out whether a server can listen there; gunicorn would try for five seconds.

    Raises:
        ServeError: it cannot.
    """
    if any(name in os.environ for name in SOCKETS_HANDED):
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as tried:
            # As gunicorn does: connections of a server that has just stopped are in nobody's way.
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
    except (OSError, UnicodeError) as error:
        raise ServeError(_why_not(host, port, error)) from error


def _why_not(host: str, port: int, error: OSError | UnicodeError) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"port {port} is in use: choose another with --port"
    if number in (errno.EACCES, errno.EPERM):
        return f"only root may listen on port {port}: choose one from 1024 on with --port"
    if number == errno.EADDRNOTAVAIL:
        return f"this machine does not have the address {host}: choose another with --host"
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"{host} is no address of this machine: choose another with --host"
    return f"cannot listen on {host}, port {port}: {error.strerror}"


def prepare(settings: Settings) -> None:
    """Make the data folder, the store in it and its owner, where there are none yet; so it is known that all opens.

    Raises:
        SchemaError: the rings form no schema, or the store has others.
        StoreError: the folder is no data folder, or cannot be made or opened.
    """
    if settings.schema is not None:
        # Before anything is made.
        Schema.parse(settings.schema)
    data = settings.data
    folders.made(data)
    limits = Limits(ballast_bytes=ballast_bytes(data, settings.ballast_bytes))
    statflow_engine.open(data, schema=settings.schema, limits=limits).close()
    documents = Documents(data / ACCOUNTS_FOLDER)
    try:
        first_start.ensure_owner(documents, int(time.time()))
    finally:
        # Before any worker is forked: an environment does not survive that.
        documents.close()


def ballast_bytes(data: Path, wanted: int) -> int:
    """The size of the ballast that may be laid: none where it would take the room that must stay free.

    Who has just deleted it because the disk was full must not find it laid again by the next start.
    """
    disk, limits = os.statvfs(data), Limits()
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    reserve = max(limits.disk_reserve_bytes, int(limits.disk_reserve_fraction * total))
    return wanted if free - wanted >= reserve else 0


def serve(settings: Settings) -> None:
    """Serve until a signal stops it; leaves the process when it does.

    Raises:
        ServeError: the port is in use, or the host is none of this machine's.
        SchemaError, StoreError: see `prepare`.
    """
    refuse_taken(settings.host, settings.port)
    prepare(settings)
    click.echo(f"StatFlow keeps its data in {settings.data}")
    Server(settings, lambda address, services: welcome(address, services, settings)).run()


def welcome(address: str, services: Services, settings: Settings) -> None:
    """Say where the server listens, and to an owner who has never been here how to sign in and how to send a point."""
    click.echo(f"Listening on {address}")
    place = first_start.Place(first_start.reachable(address), settings.alerts.public_url)
    documents, now_s = services.documents, services.now_s()
    try:
        first_start.note_place(documents, place)
        first = first_start.handed(documents, now_s)
        if first is not None:
            _hand(place, first)
            first_start.welcomed(documents, now_s)
        elif not first_start.has_been_here(documents, now_s):
            link = f'"statflow users login-link --owner --data {settings.data}"'
            click.echo(f"Nobody has signed in yet: {link} makes a link")
    except StoreError as error:
        # On a full disk the server runs all the same: it answers who reads.
        click.echo(f"Error: {error}", err=True)


def _hand(place: first_start.Place, first: first_start.FirstStart) -> None:
    click.echo(
        f"API key: {first.key}\n"
        f"Sign in (once, within a day): {place.url}{first.login_path}\n"
        "Send a first point:\n"
        f"  curl -X POST {place.address}/v1/stat -H 'Authorization: Bearer {first.key}' \\\n"
        '    -H \'Content-Type: application/json\' -d \'{"stat": "my_first_metric", "count": 1}\''
    )


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's application, configured by code and by nothing else."""

    def __init__(self, settings: Settings, on_listening: Callable[[str, Services], None]) -> None:
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
        assert self._opened is not None
        services = self._opened[1].services
        services.imports.start()
        services.alerts.start()
        # Workers are counted from 1 and never again: the message comes once, and when requests are answered.
        if worker.age == 1:
            self._on_listening(address_of(worker), services)

    def _worker_stopped(self, server: Any, worker: Any) -> None:
        if self._opened is not None and self._opened[0] == os.getpid():
            _, app, engine = self._opened
            app.close()
            engine.close()


def address_of(worker: Any) -> str:
    """Where a worker listens, for somebody to open."""
    host, port = worker.sockets[0].getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
