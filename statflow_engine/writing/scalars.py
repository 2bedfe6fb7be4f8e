"""Single points that are acknowledged before their commit: the cheapest way in, one look-up and one append each."""

import threading
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter

import numpy as np

from statflow_engine.kinds import SERIES_PER_GROUP, Kind
from statflow_engine.pure.batches import MAGNITUDE_MAX, Batch, Columns
from statflow_engine.pure.known_names import KnownNames
from statflow_engine.pure.rings import EARLY_S
from statflow_engine.pure.schema import Schema
from statflow_engine.writing.acceptance import Pending

# Namespace, name, id, epoch for which the id is true, timestamp, value.
_Point = tuple[str, str, int, int, int, float]


class Scalars:
    """Points of known series that wait for the interval's commit."""

    def __init__(self, known: KnownNames, schema: Schema, clock: Callable[[], float], earliest_now_s: int) -> None:
        """``earliest_now_s``: before it the clock is wrong, and nothing is taken."""
        self._known = known
        self._clock = clock
        self._earliest_now_s = earliest_now_s
        self._retention_s = schema.finest.retention_s - schema.finest.resolution_s
        self._points: list[_Point] = []
        self._draining = threading.Lock()
        self._is_closed = False

    def close(self) -> None:
        """Take no more: what `add` said yes to is in the next batches that are drained, and nothing slips in later."""
        self._is_closed = True

    def add(self, namespace: str, name: str, kind: Kind, value: float, timestamp_s: int | None) -> bool:
        """Take a point, if nothing about it needs a second look; False: it goes the way of batches, which refuse."""
        known = self._known.newest
        ids = known.ids.get(namespace)
        id_ = None if ids is None else ids.get(name)
        if id_ is None or id_ // SERIES_PER_GROUP % 2 != kind:
            return False
        if (value.__class__ is not float and value.__class__ is not int) or not abs(value) <= MAGNITUDE_MAX:
            return False
        now_s = int(self._clock())
        if timestamp_s is None:
            timestamp_s = now_s
        elif timestamp_s.__class__ is not int or not now_s - self._retention_s <= timestamp_s <= now_s + EARLY_S:
            return False
        if now_s < self._earliest_now_s or timestamp_s < 1:
            return False
        point = (namespace, name, id_, known.epoch, timestamp_s, value)
        self._points.append(point)
        # What came in before it was closed is drained after that. Where it was closed meanwhile, nobody knows yet.
        return not self._is_closed or not self._taken_back(point)

    def _taken_back(self, point: _Point) -> bool:
        """Whether a point was still here, and is not any more."""
        with self._draining:
            for at, each in enumerate(self._points):
                if each is point:
                    del self._points[at]
                    return True
        return False

    def __len__(self) -> int:
        return len(self._points)

    def drained(self) -> list[Pending]:
        """All waiting points, a batch a namespace. Called by one thread at a time."""
        with self._draining:
            count = len(self._points)
            points = self._points[:count]
            # Others may append at the same time; what they append stays.
            del self._points[:count]
        received_s = int(self._clock())
        by_namespace = itemgetter(0)
        if len(set(map(by_namespace, points))) > 1:
            points.sort(key=by_namespace)
        grouped = groupby(points, key=by_namespace)
        return [self._pending(namespace, list(members), received_s) for namespace, members in grouped]

    @staticmethod
    def _pending(namespace: str, points: list[_Point], received_s: int) -> Pending:
        _, names, series_ids, epochs, timestamps_s, values = zip(*points, strict=True)
        ids = np.array(series_ids, np.int64)
        columns = Columns(
            names,
            None,
            (ids // SERIES_PER_GROUP % 2).astype(np.int8),
            np.array(timestamps_s, np.int64),
            np.array(values, np.float64),
            min(received_s, max(timestamps_s)),
        )
        pending = Pending(Batch(names, columns.kinds, columns.timestamps_s, columns.values, namespace), columns)
        # Ids of different epochs are looked up again by name.
        pending.ids, pending.ids_epoch = ids, epochs[0] if min(epochs) == max(epochs) else -1
        pending.answered = True
        return pending
