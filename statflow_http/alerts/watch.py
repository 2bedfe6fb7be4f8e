"""The watch: one process of those that serve a folder looks at all alerts, and sends what there is to send.

Who that is, is decided by a lock on a file, which the system takes back the moment its holder dies, whatever killed it:
no heartbeat is needed, which would be a write to the disk every second on a server where nothing happens. The one who
has the lock writes its name into the documents, and every transaction that notes something looks whether it is still
there: a process that was stopped and goes on, or lost the lock in some other way, notes nothing any more.
"""

import fcntl
import logging
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from statflow_engine import StatFlowError
from statflow_http.alerts.anomalies import Anomalies
from statflow_http.alerts.delivery import Deliverer
from statflow_http.alerts.evaluation import Evaluator, Lease, LostLeaseError
from statflow_http.alerts.mail_settings import MailStore
from statflow_http.alerts.news import News
from statflow_http.alerts.notices import Outcome
from statflow_http.outbound import Guard
from statflow_http.process import ProcessThread

if TYPE_CHECKING:
    from statflow_http.services import Services

LOCK_NAME = "alerts.lock"
# How long nobody may look after the one who did was killed.
POLL_S = 1.0

# What a try that left a notice in such a way is counted as.
TRIES = {Outcome.DELIVERED: "delivered", Outcome.WAITING: "retried"}

log = logging.getLogger("statflow_http")


class Watch:
    """Looks at alerts in a thread of this process, while no other process does.

    Args:
        services: of the server.
        clock: by which deliveries are timed; what is found is timed by the engine's.
    """

    def __init__(self, services: "Services", clock: Callable[[], float] = time.time) -> None:
        self._services = services
        self._clock = clock
        self._thread = ProcessThread("statflow-alerts", self._run)
        self._is_watching = False

    @property
    def is_watching(self) -> bool:
        """Whether this process is the one that looks."""
        return self._is_watching

    def start(self) -> None:
        """Begin to watch, or to wait for whoever does to be gone; once a process, after any fork."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and let another process watch."""
        self._thread.stop()

    def _run(self) -> None:
        while not self._thread.is_stopping.is_set():
            try:
                with _locked(Path(self._services.engine.path) / LOCK_NAME) as file:
                    if file is not None:
                        self._watch()
            except LostLeaseError as error:
                log.warning("alerts: %s", error)
            except StatFlowError as error:
                log.warning("alerts wait: %s", error)
            except Exception:
                log.exception("watching alerts failed")
            self._thread.is_stopping.wait(POLL_S)

    def _watch(self) -> None:
        """Look, at once and then every interval, until this process stops."""
        services, owner = self._services, secrets.token_hex(8)
        with services.documents.change() as change:
            change.put("alert_server", "lease", Lease(owner, services.now_s()))
        mail_store = MailStore(services.documents, services.options.alerts)
        deliverer = Deliverer(
            services.engine,
            services.documents,
            mail_store,
            Guard(allow_private=services.options.allow_private),
            clock=self._clock,
            on_tried=lambda kind, outcome: services.metrics.tried(kind, TRIES.get(outcome, "failed")),
        )
        self._is_watching = True
        deliverer.start()
        try:
            self._look_on(owner, mail_store, deliverer)
        finally:
            self._is_watching = False
            deliverer.stop()

    def _look_on(self, owner: str, mail_store: MailStore, deliverer: Deliverer) -> None:
        services = self._services

        def can_mail() -> bool:
            return mail_store.get().can_send

        evaluator = Evaluator(
            services.engine, services.documents, owner=owner, can_mail=can_mail, is_stopping=self._thread.is_stopping
        )
        news = News(services.engine, services.documents, mail_store, owner=owner)
        anomalies = Anomalies(services.engine, services.documents, owner=owner, can_mail=can_mail)
        interval_s = services.options.alerts.interval_s
        due = time.monotonic()
        while not self._thread.is_stopping.is_set():
            began = time.monotonic()
            try:
                report = evaluator.run(services.now_s())
                services.metrics.looked(report.rules, time.monotonic() - began, began - due, self._clock())
                news.run(services.now_s())
                anomalies.run(services.now_s())
                deliverer.wake()
            except LostLeaseError:
                raise
            except StatFlowError as error:
                log.warning("alerts wait: %s", error)
            # After a look that took longer than the interval the next one begins at once, and none is made up for.
            due = max(due + interval_s, time.monotonic())
            self._thread.is_stopping.wait(max(due - time.monotonic(), 0.0))


class _locked:
    """The file, locked while the block runs; None when another process has it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> IO[bytes] | None:
        self._file = self._path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            self._file = None
        return self._file

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
