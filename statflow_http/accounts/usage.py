"""What accounts used, and when keys were last used: noted in memory, and written once a minute off the path of writes.

The points of an account with a limit are counted exactly, by the engine, in the transaction that stores them. That
takes 18 us a point, which an account without one need not pay: its points are added up here in 0.1 us, and a worker
that is killed forgets those of its last minute. What was refused is counted here as well, for everybody.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from statflow_engine import StatFlowError
from statflow_http.accounts.plans import month_of
from statflow_http.documents.store import Documents

FLUSH_S = 60

log = logging.getLogger("statflow_http")


class MonthUsage(msgspec.Struct, frozen=True):
    """What an account used in a month, as far as the engine does not count it.

    Attributes:
        points: stored without a limit.
        refused: points that a limit kept out.
    """

    points: int = 0
    refused: int = 0


class KeyUse(msgspec.Struct, frozen=True):
    """When a key was last used, Unix seconds, to the minute."""

    used_s: int


@dataclass(slots=True)
class _Counted:
    """As `MonthUsage`, while it is counted."""

    points: int = 0
    refused: int = 0


class Tally:
    """What this process counted for an account since it last wrote it down, by the month in which it was.

    By the month, because it is written down up to a minute later, which may be in the next one.
    """

    __slots__ = ("_counted", "_current", "_end_s", "_lock", "_start_s")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: dict[str, _Counted] = {}
        self._current = _Counted()
        # From when until when it is what is counted now; no time at all, so that the first count looks.
        self._start_s = self._end_s = 0

    def add(self, points: int, now_s: int) -> None:
        """Count points that were stored now."""
        with self._lock:
            if not self._start_s <= now_s < self._end_s:
                self._turn_to(now_s)
            self._current.points += points

    def refuse(self, points: int, now_s: int) -> None:
        """Count points that a limit kept out now."""
        with self._lock:
            if not self._start_s <= now_s < self._end_s:
                self._turn_to(now_s)
            self._current.refused += points

    def _turn_to(self, now_s: int) -> None:
        month = month_of(now_s)
        self._start_s, self._end_s = month.start_s, month.end_s
        self._current = self._counted.setdefault(month.name, _Counted())

    def of_month(self, name: str) -> MonthUsage:
        """What was counted of a month and is not written down yet."""
        with self._lock:
            counted = self._counted.get(name, _Counted())
            return MonthUsage(counted.points, counted.refused)

    def take(self) -> dict[str, MonthUsage]:
        """What was counted, by month; it begins again at nothing."""
        with self._lock:
            taken, self._counted = self._counted, {}
            self._start_s = self._end_s = 0
        return {name: MonthUsage(counted.points, counted.refused) for name, counted in taken.items()}

    def give_back(self, name: str, taken: MonthUsage) -> None:
        """What could not be written waits for the next time."""
        with self._lock:
            counted = self._counted.setdefault(name, _Counted())
            counted.points += taken.points
            counted.refused += taken.refused


@dataclass(slots=True)
class Bucket:
    """How many requests an account may send now: fills up with time, to a second's worth."""

    requests: float
    filled_s: float


class Usage:
    """What is known of usage in this process, and in the documents.

    Attributes:
        seen: digests of the keys used since they were last written down.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._lock = threading.Lock()
        self._tallies: dict[str, Tally] = {}
        self._buckets: dict[str, Bucket] = {}
        self.seen: set[bytes] = set()

    def tally(self, account_id: str) -> Tally:
        """The one tally that this process has for an account."""
        return self._tallies.setdefault(account_id, Tally())

    def wait_s(self, account_id: str, requests_a_second: float) -> float:
        """Take a request out of an account's bucket.

        Returns:
            0.0 when there was one, else the seconds after which there will be.
        """
        now_s = time.monotonic()
        room = max(1.0, requests_a_second)
        with self._lock:
            bucket = self._buckets.setdefault(account_id, Bucket(room, now_s))
            bucket.requests = min(room, bucket.requests + (now_s - bucket.filled_s) * requests_a_second)
            bucket.filled_s = now_s
            if bucket.requests < 1.0:
                return (1.0 - bucket.requests) / requests_a_second
            bucket.requests -= 1.0
        return 0.0

    def epoch(self) -> int:
        """Of the documents: what was read of them is true while it stays the same."""
        return self._documents.epoch()

    def of_month(self, account_id: str, now_s: int) -> MonthUsage:
        """What an account used this month; what other processes counted within the last minute is not in it yet."""
        month = month_of(now_s).name
        with self._documents.snapshot() as snapshot:
            stored = snapshot.get("usage", f"{account_id}/{month}", MonthUsage) or MonthUsage()
        tally = self._tallies.get(account_id)
        return stored if tally is None else _sum(stored, tally.of_month(month))

    def flush(self, now_s: int) -> None:
        """Write down what was counted and seen; what cannot be written waits."""
        counted = [
            (account_id, month, taken)
            for account_id, tally in list(self._tallies.items())
            for month, taken in tally.take().items()
        ]
        # A request that adds to the old set meanwhile is not seen; the key's next one is.
        seen, self.seen = self.seen, set()
        if not counted and not seen:
            return
        try:
            self._write(counted, seen, now_s)
        except StatFlowError:
            log.exception("usage could not be written down, and waits for the next minute")
            for account_id, month, taken in counted:
                self._tallies[account_id].give_back(month, taken)

    def _write(self, counted: list[tuple[str, str, MonthUsage]], seen: set[bytes], now_s: int) -> None:
        with self._documents.change() as change:
            for account_id, month, taken in counted:
                key = f"{account_id}/{month}"
                stored = change.get("usage", key, MonthUsage) or MonthUsage()
                change.put("usage", key, _sum(stored, taken))
            for digest in list(seen):
                change.put("key_uses", digest.hex(), KeyUse(now_s // FLUSH_S * FLUSH_S))


def _sum(one: MonthUsage, other: MonthUsage) -> MonthUsage:
    return MonthUsage(one.points + other.points, one.refused + other.refused)


class Flusher:
    """A thread that writes usage down at each full minute.

    Args:
        usage: what to write.
        clock: gives Unix seconds.
    """

    def __init__(self, usage: Usage, clock: Callable[[], int]) -> None:
        self._usage = usage
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="statflow-usage", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(FLUSH_S - time.time() % FLUSH_S):
            self._flush()

    def stop(self) -> None:
        """End the thread, and write down what is left."""
        self._stopping.set()
        self._thread.join()
        self._flush()

    def _flush(self) -> None:
        try:
            self._usage.flush(self._clock())
        except Exception:
            # Whatever it is, it must neither end the thread nor keep the server from closing its store.
            log.exception("usage could not be written down")
