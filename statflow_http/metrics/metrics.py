"""Counting: what happens in this process is added to its row, and read as the sum of all rows."""

import logging
import weakref
from typing import Any

from statflow_engine import CorruptionError
from statflow_http.metrics import slots
from statflow_http.metrics.board import Board, Row

# Where a request's environ says how many points it has stored, and that the server counts its answer.
POINTS = "statflow.points"
COUNTED = "statflow.counted"

NS_PER_S = 1_000_000_000

_living: "weakref.WeakSet[Metrics]" = weakref.WeakSet()


class Metrics:
    """What a server counts about itself.

    Made before the workers are forked, it is one for all of them; made later, it is the worker's own.
    """

    def __init__(self) -> None:
        self.board = Board()
        self._row: Row | None = None
        _living.add(self)

    def start(self) -> None:
        """Note that a process has begun to serve; its predecessor's connections are gone."""
        row = self.board.row()
        row.add(slots.WORKER_STARTS)
        row.slots[slots.CONNECTIONS] = 0

    def answered(self, environ: dict[str, Any], status: int) -> None:
        """Count an answer, and the points that its request has stored."""
        row = self.board.row()
        counters = row.slots
        surface = slots.surface(environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", ""))
        points = environ.get(POINTS)
        with row.lock:
            counters[slots.REQUESTS + surface * 5 + status // 100 - 1] += 1
            if points is not None:
                counters[slots.POINTS + surface] += points
            if status >= 400:
                counters[slots.REFUSALS + slots.reason(status)] += 1

    def pixel_rejected(self, status: int) -> None:
        """Count what a picture did not count, by the status that it hides."""
        self.board.row().add(slots.PIXEL_REJECTIONS + slots.reason(status))

    def committed(self, seconds: float, request_count: int) -> None:
        """Count a commit: how long it took, and for how many requests."""
        row = self.board.row()
        row.add(slots.COMMIT_S.bucket(seconds))
        row.add(slots.COMMIT_S.sum_slot, int(seconds * NS_PER_S))
        row.add(slots.COMMIT_REQUESTS.bucket(request_count))
        row.add(slots.COMMIT_REQUESTS.sum_slot, request_count)

    def connected(self, client_count: int) -> None:
        """Say how many clients this process has."""
        self.board.row().slots[slots.CONNECTIONS] = client_count

    def looked(self, rule_count: int, seconds: float, lag_s: float, now_s: float) -> None:
        """Count a look at all alert rules: how long it took, and how much later than planned it began."""
        row = self.board.row()
        row.add(slots.ALERT_LOOKS)
        row.add(slots.ALERT_RULES, rule_count)
        row.add(slots.ALERT_NS, int(seconds * NS_PER_S))
        row.slots[slots.ALERT_LAG_MS] = max(int(lag_s * 1_000), 0)
        row.slots[slots.ALERT_SEEN_S] = int(now_s)

    def tried(self, kind: str, outcome: str) -> None:
        """Count a try to deliver a notice; the words are those of `slots.NOTICE_KINDS` and `slots.NOTICE_OUTCOMES`."""
        place = slots.NOTICE_KINDS.index(kind) * len(slots.NOTICE_OUTCOMES) + slots.NOTICE_OUTCOMES.index(outcome)
        self.board.row().add(slots.NOTICES + place)

    def alert_seen(self) -> tuple[int, int] | None:
        """(Unix seconds, lag in milliseconds) of the last look at all rules by a process that lives; None: none was."""
        seen = zip(self.board.living(slots.ALERT_SEEN_S), self.board.living(slots.ALERT_LAG_MS), strict=False)
        latest = max(seen, default=(0, 0))
        return latest if latest[0] else None

    def damaged(self) -> None:
        """Count stored bytes that break the format."""
        self.board.row().add(slots.CHECKSUM_ERRORS)

    def pixel_rejections(self) -> dict[str, int]:
        """How often a picture did not count, by reason; of all processes."""
        totals = self.board.totals()[slots.PIXEL_REJECTIONS :].tolist()
        return {word: count for word, count in zip(slots.REASON_WORDS, totals, strict=False) if count}


class _Damages(logging.Filter):
    """Sees what is logged: damage is found by reads, by writes and by the thread that folds, and always logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], CorruptionError):
            for metrics in list(_living):
                metrics.damaged()
        return True


for _name in ("statflow_engine", "statflow_http"):
    logging.getLogger(_name).addFilter(_Damages())
