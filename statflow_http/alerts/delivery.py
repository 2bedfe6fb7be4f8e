"""Delivering what is in the outbox: a queue a receiver, a few threads, and patience.

A receiver is brought one notice at a time, so that they arrive in order and a slow one is not overrun. One that does
not answer waits longer and longer, and with it all of its own notices, and nobody else's: who failed last is served by
threads of their own, which those that work never wait for.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import msgspec

from statflow_engine import Engine, StatFlowError
from statflow_http.alerts.accounts import AlertAccounts, AlertWish
from statflow_http.alerts.letters import Letters
from statflow_http.alerts.mail_settings import MailStore
from statflow_http.alerts.notices import TRIES_MAX, Notice, Outbox, Outcome, Try
from statflow_http.alerts.receivers import IMPLICIT_ID, Receiver, ReceiverKind, Receivers, implicit
from statflow_http.alerts.sending import TIMEOUT_S, TRY_S, Sent, send_apprise, send_mail, send_webhook
from statflow_http.documents.store import Documents
from statflow_http.errors import NotFoundError
from statflow_http.outbound import Guard, Outbound

# Seconds after each try that failed until the next one; the last again and again.
BACKOFF_S = (5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0)
# A notice that nobody took in so long is given up.
GIVE_UP_S = 86_400
THREADS, THREADS_AILING = 4, 2
POLL_S = 0.5
# How long what is being sent is waited for at the end: longer than a receiver may take.
STOP_S = 12.0
# Looked through at least so often, whatever the clock does.
RESCAN_S = 60.0

log = logging.getLogger("statflow_http")


@dataclass(slots=True)
class Health:
    """How a receiver was lately, as this process has seen it.

    Attributes:
        failures: tries in a row that it did not answer.
        ready_s: nothing is tried before.
    """

    failures: int = 0
    ready_s: float = 0.0


class Deliverer:
    """Brings what is in the outbox to its receivers, in threads, while it runs.

    Args:
        engine, documents: of the server.
        mail_store: by which server mails go.
        guard: which addresses webhooks may have.
        clock: Unix seconds.
        on_tried: called with the kind of receiver and what came of a try.
        backoff_s: seconds after each failure.
        try_s: seconds of a whole try by HTTP.
    """

    def __init__(
        self,
        engine: Engine,
        documents: Documents,
        mail_store: MailStore,
        guard: Guard,
        *,
        clock: Callable[[], float] = time.time,
        on_tried: Callable[[ReceiverKind, Outcome], None] = lambda kind, outcome: None,
        backoff_s: Sequence[float] = BACKOFF_S,
        try_s: float = TRY_S,
    ) -> None:
        self._documents = documents
        self._mail_store = mail_store
        self._letters = Letters(engine, documents)
        self._outbox = Outbox(documents)
        self._receivers = Receivers(documents)
        self._outbound = Outbound(guard, connect_s=TIMEOUT_S, read_s=TIMEOUT_S)
        self._try_s = try_s
        self._clock = clock
        self._on_tried = on_tried
        self._backoff_s = backoff_s
        self._quick = ThreadPoolExecutor(THREADS, thread_name_prefix="statflow-notices")
        self._ailing = ThreadPoolExecutor(THREADS_AILING, thread_name_prefix="statflow-notices-ailing")
        self._health: dict[str, Health] = {}
        self._busy: set[str] = set()
        self._futures: set[Future[None]] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._is_freed = threading.Event()
        self._is_stopping = threading.Event()
        self._seen_epoch = -1
        self._next_s = 0.0
        self._thread = threading.Thread(target=self._run, name="statflow-outbox", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look into the outbox now: something was put there."""
        self._wake.set()

    def stop(self) -> None:
        """Begin nothing more; what is being sent is waited for, as long as a receiver may take."""
        self._is_stopping.set()
        self._wake.set()
        self._thread.join()
        for pool in (self._quick, self._ailing):
            pool.shutdown(wait=False, cancel_futures=True)
        wait(self._futures, timeout=STOP_S)
        self._outbound.close()

    def _run(self) -> None:
        while not self._is_stopping.is_set():
            try:
                self.look()
            except Exception:
                log.exception("looking into the outbox failed")
            self._wake.wait(POLL_S)
            self._wake.clear()

    def look(self) -> int:
        """Hand to the threads what may be tried now; how many notices that are."""
        now_s = self._clock()
        if self._documents.epoch() == self._seen_epoch and now_s < self._next_s and not self._is_freed.is_set():
            return 0
        # Before reading: a receiver that becomes free while this looks is looked at again.
        self._is_freed.clear()
        self._next_s = now_s + RESCAN_S
        self._outbox.release(int(now_s))
        # The epoch of what was read: the other one may be ahead of it for a moment.
        with self._documents.snapshot() as snapshot:
            epoch, waiting = snapshot.epoch, snapshot.all("notice_queue", Notice)
        begun = sum(self._begin(notice, now_s) for notice in waiting)
        self._seen_epoch = epoch
        return begun

    def _begin(self, notice: Notice, now_s: float) -> bool:
        """Try a notice, unless its receiver is busy or it is too early."""
        with self._lock:
            health = self._health.setdefault(notice.receiver_key, Health())
            if notice.receiver_key in self._busy:
                return False
            due_s = max(notice.due_s, health.ready_s)
            if due_s > now_s:
                self._next_s = min(self._next_s, due_s)
                return False
            self._busy.add(notice.receiver_key)
            pool = self._ailing if health.failures else self._quick
            going_on = {future for future in self._futures if not future.done()}
            self._futures = going_on | {pool.submit(self._work, notice)}
        return True

    def _work(self, notice: Notice) -> None:
        try:
            self._try(notice)
        except Exception:
            # The store cannot serve now: the notice is where it was, and is tried again before long.
            log.exception("delivering %s failed", notice.id)
            self._health[notice.receiver_key].ready_s = self._clock() + self._backoff_s[0]
        finally:
            with self._lock:
                self._busy.discard(notice.receiver_key)
            self._is_freed.set()
            self._wake.set()

    def _try(self, notice: Notice) -> None:
        receiver = self._receiver(notice)
        began_s, began = self._clock(), time.perf_counter()
        if receiver is None:
            self._outbox.finish(notice, Outcome.DROPPED, int(began_s))
            return
        sent = self._sent(receiver, notice, int(began_s))
        tried = Try(int(began_s), int((time.perf_counter() - began) * 1_000), sent.status or None, sent.text)
        notice = msgspec.structs.replace(
            notice, try_count=notice.try_count + 1, tries=(*notice.tries, tried)[-TRIES_MAX:], is_held=False
        )
        self._on_tried(receiver.kind, self._note(receiver, notice, sent))

    def _receiver(self, notice: Notice) -> Receiver | None:
        """Whom a notice is for; None when they are gone, or turned off meanwhile."""
        if notice.receiver_id == IMPLICIT_ID:
            with self._documents.snapshot() as snapshot:
                return implicit(snapshot, notice.account_id)
        try:
            found = self._receivers.get(notice.account_id, notice.receiver_id)
        except NotFoundError:
            return None
        return found if found.is_on or not notice.events else None

    def _sent(self, receiver: Receiver, notice: Notice, now_s: int) -> Sent:
        try:
            if receiver.kind is ReceiverKind.WEBHOOK:
                return send_webhook(self._outbound, receiver, notice, now_s, total_s=self._try_s)
            if receiver.kind is ReceiverKind.APPRISE:
                return send_apprise(receiver.target, notice)
            settings = self._mail_store.get()
            message = self._letters.mail(notice, receiver, settings, now_s)
            return send_mail(settings, message, receiver.target)
        except StatFlowError as error:
            return Sent(False, str(error))
        except Exception:
            # A mistake of ours with this notice: its receiver's other notices need not wait for it.
            log.exception("delivering %s failed", notice.id)
            return Sent(False, "internal error", status=0)

    def _note(self, receiver: Receiver, notice: Notice, sent: Sent) -> Outcome:
        """Write down what came of a try, and decide what is next."""
        now_s = self._clock()
        health = self._health[notice.receiver_key]
        health.failures = health.failures + 1 if sent.is_dead else 0
        health.ready_s = now_s + self._pause_s(health.failures) if sent.is_dead else 0.0
        if sent.is_delivered:
            self._outbox.finish(notice, Outcome.DELIVERED, int(now_s))
            return Outcome.DELIVERED
        if sent.is_gone:
            self._receivers.turn_off(receiver.account_id, receiver.id, "it answered 410: it wants nothing more")
        if sent.is_gone or sent.is_hopeless or now_s - notice.created_s >= GIVE_UP_S:
            self._outbox.finish(notice, Outcome.FAILED, int(now_s))
            return Outcome.FAILED
        self._outbox.postpone(msgspec.structs.replace(notice, due_s=now_s + self._pause_s(notice.try_count)))
        return Outcome.WAITING

    def _pause_s(self, failures: int) -> float:
        return self._backoff_s[min(max(failures, 1), len(self._backoff_s)) - 1]


def unsubscribe(documents: Documents, account_id: str, receiver_id: str) -> None:
    """Turn a receiver of mails off, whoever asks with a signed link; nothing happens when it is gone."""
    if receiver_id == IMPLICIT_ID:
        AlertAccounts(documents).change(account_id, AlertWish(owner_mails=False))
    else:
        Receivers(documents).turn_off(account_id, receiver_id, "turned off by a link in a mail")
