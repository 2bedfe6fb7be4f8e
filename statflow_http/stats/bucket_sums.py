"""Anchored buckets out of a store whose rows are not: what a bucket of StatHat's holds, from the engine's rings.

The engine's rows begin at multiples of their step; StatHat's buckets begin wherever now happens to be, to the minute. A
bucket is exact when a ring's periods divide it: so the coarsest ring is read whose resolution divides both where the
buckets begin and how long they are, mostly the one of minutes. Further back than that one reaches, the next coarser one
is read, and there each of its periods counts whole in the bucket in which it begins. So the further past is told to the
hour or to the day, as it is kept; every point is counted in one bucket and in no other, also where two rings meet.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Engine, Kind, Ring, Schema, Series
from statflow_http.wire.timeframes import DAY_S, Buckets

# Points are at most a day early; the clock may go on a little while an answer is made.
EARLY_S = 2 * DAY_S
# Half of what the engine gives in one answer; with five series 80 MB of columns.
ROWS_PER_QUERY = 500_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """A half-open stretch of time that one ring answers for.

    Invariants:
        * start_s is a multiple of the resolution, and below end_s; so is end_s where a finer ring's stretch follows.
    """

    resolution_s: int
    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What arrived in each bucket.

    Attributes:
        kind: of the series.
        counts: int64[n]; 0 where nothing arrived.
        sums: float64[n].
    """

    kind: Kind
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]

    @property
    def numbers(self) -> NDArray[np.float64]:
        """float64[n]: a counter's sum, a value's mean; 0 where nothing arrived, as StatHat said it."""
        if self.kind is Kind.COUNTER:
            return self.sums
        return np.divide(self.sums, self.counts, out=np.zeros(len(self.sums)), where=self.counts > 0)


def bucket_sums(engine: Engine, series: Sequence[Series], buckets: Buckets) -> list[Sums]:
    """What arrived in each bucket, for each of several series of one namespace, in their order.

    Raises:
        UnknownSeriesError: one of them was deleted meanwhile.
    """
    found = {each.name: Sums(each.kind, np.zeros(buckets.count, np.int64), np.zeros(buckets.count)) for each in series}
    names, namespace = list(found), series[0].namespace
    for stretch in stretches(engine.schema, buckets, engine.now_s()):
        step = f"{stretch.resolution_s}s"
        for window in engine.query_many(names, stretch.start_s, stretch.end_s, step=step, namespace=namespace):
            numbers = buckets.numbers(window.times_s)
            np.add.at(found[window.name].counts, numbers, window.counts)
            np.add.at(found[window.name].sums, numbers, window.sums)
    return [found[each.name] for each in series]


def stretches(schema: Schema, buckets: Buckets, now_s: int) -> list[Stretch]:
    """Which ring answers for which part of the buckets, latest first; nothing for what no ring reaches."""
    whole = _stretches(_usable(schema, buckets), buckets, now_s)
    return [part for stretch in whole for part in _parts(stretch)]


def _usable(schema: Schema, buckets: Buckets) -> Sequence[Ring]:
    """The rings that may be read, finest first: from the coarsest that is exact on."""
    unit_s = math.gcd(buckets.first_s, buckets.interval_s)
    exact = [place for place, ring in enumerate(schema.rings) if unit_s % ring.resolution_s == 0]
    return schema.rings[exact[-1] if exact else 0 :]


def _stretches(rings: Sequence[Ring], buckets: Buckets, now_s: int) -> Iterator[Stretch]:
    end_s = min(buckets.end_s, now_s + EARLY_S)
    for ring, coarser in zip(rings, (*rings[1:], None), strict=True):
        # A period later than it reaches: the clock goes on between this and the query.
        held_s = ring.reach_s(now_s) + ring.resolution_s
        # Where two rings meet, a period of the coarser one ends.
        meeting_s = held_s if coarser is None else _raised(held_s, coarser.resolution_s)
        start_s = max(meeting_s, _raised(buckets.first_s, ring.resolution_s))
        if start_s < end_s:
            yield Stretch(ring.resolution_s, start_s, end_s)
            end_s = meeting_s


def _raised(time_s: int, unit_s: int) -> int:
    return -(-time_s // unit_s) * unit_s


def _parts(stretch: Stretch) -> Iterator[Stretch]:
    """The stretch in parts that are no larger than one query may be."""
    size_s = stretch.resolution_s * ROWS_PER_QUERY
    for start_s in range(stretch.start_s, stretch.end_s, size_s):
        yield Stretch(stretch.resolution_s, start_s, min(start_s + size_s, stretch.end_s))
