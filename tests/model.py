"""The naive engine: a dict of lists. Slow, obvious, trusted.

An engine answers like a dict of points that forgets what its rings no longer reach. Folding, closing, sealing and
reopening are invisible. The model knows nothing of journals, tiles, strips or places, and shares no arithmetic with
the engine beyond the parsing of a schema.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from statflow_engine.errors import KindError, NameTakenError, PointError, QueryError, UnknownSeriesError
from statflow_engine.kinds import Kind
from statflow_engine.pure.rings import Ring
from statflow_engine.pure.schema import Schema

DAY_S = 86_400


@dataclass
class ModelPoint:
    """A point as it was received."""

    timestamp_s: int
    value: float
    received_s: int


@dataclass
class ModelSeries:
    """A series and all points that it ever received."""

    namespace: str
    name: str
    kind: Kind
    created_s: int
    points: list[ModelPoint] = field(default_factory=list)
    deleted_s: int | None = None


@dataclass
class ModelRow:
    """What a row of an answer in which something arrived should say.

    Attributes:
        certain: False where a later lap may have overwritten it: then a count may be anything from 0 to the count
            here. It can only be seen when the clock was put back.
        magnitude: the sum of the points' magnitudes, to which a sum is exact to 1e-12.
    """

    certain: bool
    values: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def sum(self) -> float:
        return math.fsum(self.values)

    @property
    def magnitude(self) -> float:
        return math.fsum(abs(value) for value in self.values)


def reach_s(ring: Ring, now_s: int) -> int:
    """The oldest second that a ring shows: of its slots, the newest is the period that runs."""
    running = now_s // ring.resolution_s
    oldest = running - (ring.slot_count - 1)
    return max(oldest, 0) * ring.resolution_s


class Model:
    """A dict of series, each a list of points."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.series: dict[tuple[str, str], ModelSeries] = {}
        self.trash: list[ModelSeries] = []
        # The latest time that any point has. It may have taken the place of points that lie further back than a ring's
        # retention and the day that a point may be early, but of no others.
        self.latest_point_s = 0

    def write(
        self,
        names: Sequence[str],
        kinds: Sequence[int],
        timestamps_s: Sequence[int] | None,
        values: Sequence[float],
        *,
        now_s: int,
        namespace: str = "",
    ) -> None:
        """Store all points or none.

        Raises:
            PointError: a point is too old, too early, or no number.
            KindError: a series is of the other kind.
        """
        times_s = [now_s] * len(names) if timestamps_s is None else list(timestamps_s)
        for index, (time_s, value) in enumerate(zip(times_s, values, strict=True)):
            self._refuse(index, time_s, value, now_s)
        fresh: dict[tuple[str, str], ModelSeries] = {}
        for index, (name, kind) in enumerate(zip(names, kinds, strict=True)):
            key = (namespace, name)
            series = self.series.get(key) or fresh.get(key)
            if series is None:
                fresh[key] = ModelSeries(namespace, name, Kind(max(kind, 0)), now_s)
            elif kind not in (-1, series.kind):
                raise KindError(name, series.kind, index)
        self.series.update(fresh)
        for name, time_s, value in zip(names, times_s, values, strict=True):
            self.series[namespace, name].points.append(ModelPoint(time_s, value, now_s))
        if names:
            self.latest_point_s = max(self.latest_point_s, *times_s)

    def _refuse(self, index: int, time_s: int, value: float, now_s: int) -> None:
        if not math.isfinite(value):
            raise PointError("value must be a finite number", index)
        if time_s > now_s + DAY_S:
            raise PointError("t is more than one day ahead", index)
        if time_s < min(reach_s(ring, now_s) for ring in self.schema.rings):
            raise PointError("t is older than the retention", index)

    def find(self, name: str, namespace: str = "") -> ModelSeries:
        """The living series of that name."""
        try:
            return self.series[namespace, name]
        except KeyError:
            raise UnknownSeriesError(name) from None

    def delete(self, name: str, *, now_s: int, namespace: str = "") -> ModelSeries:
        """Put a series into the trash."""
        series = self.find(name, namespace)
        del self.series[namespace, name]
        series.deleted_s = now_s
        self.trash.append(series)
        return series

    def restore(self, series: ModelSeries) -> None:
        """Take a series out of the trash, with all its points."""
        if series not in self.trash:
            raise UnknownSeriesError(series.name)
        if (series.namespace, series.name) in self.series:
            raise NameTakenError(series.name)
        self.trash.remove(series)
        series.deleted_s = None
        self.series[series.namespace, series.name] = series

    def purge(self, older_than_s: int, *, now_s: int) -> int:
        """Forget what was deleted at least so long ago; how many series those were."""
        gone = [series for series in self.trash if now_s - (series.deleted_s or 0) >= older_than_s]
        self.trash = [series for series in self.trash if series not in gone]
        return len(gone)

    def ring_for(self, step_s: int, start_s: int, now_s: int) -> Ring:
        """The coarsest ring that divides the step and reaches back to the row of the start."""
        fitting = [
            ring
            for ring in self.schema.rings
            if step_s % ring.resolution_s == 0 and reach_s(ring, now_s) <= start_s // step_s * step_s
        ]
        if not fitting:
            raise QueryError(f"no ring holds {step_s} s steps back to {start_s}")
        return max(fitting, key=lambda ring: ring.resolution_s)

    def query(
        self, name: str, start_s: int, end_s: int, step_s: int, *, now_s: int, namespace: str = ""
    ) -> tuple[range, dict[int, ModelRow]]:
        """When the rows of the range begin; and by that, those that are not empty.

        A point is in a ring that reached back to it when it was received.
        """
        series = self.find(name, namespace)
        ring = self.ring_for(step_s, start_s, now_s)
        certain_from_s = self.latest_point_s - ring.resolution_s * ring.slot_count - DAY_S
        starts_s = range(start_s // step_s * step_s, end_s if start_s < end_s else 0, step_s)
        rows: dict[int, ModelRow] = {}
        for point in series.points:
            row_start_s = point.timestamp_s // step_s * step_s
            if row_start_s in starts_s and point.timestamp_s >= reach_s(ring, point.received_s):
                rows.setdefault(row_start_s, ModelRow(row_start_s >= certain_from_s)).values.append(point.value)
        return starts_s, rows
