"""What a caller hands in, validated into columns: `Batch`, and `Points` of names that may not have ids yet. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from statflow_engine.errors import PointError
from statflow_engine.kinds import Kind
from statflow_engine.pure.cells import Floats, Ints
from statflow_engine.pure.rings import EARLY_S
from statflow_engine.pure.schema import Schema

# Sums of so many such numbers stay finite.
MAGNITUDE_MAX = 1e200

# Seconds since 1970 have 10 digits until 2286; more than this is milliseconds or finer.
MILLISECONDS_LIKELY = 10**11

IDEMPOTENCY_KEY_LENGTH_MAX = 255

# "Whatever the series is; a counter when it is new."
ANY_KIND = -1

Names = Sequence[str] | tuple[Sequence[str], ArrayLike]


@dataclass(frozen=True, slots=True)
class Batch:
    """Points that are stored all or none.

    Attributes:
        names: one a point; or (names, index array), where the index says which name each point has.
        kinds: one `Kind` for all, or one a point; -1: whatever the series is, a counter when it is new.
        timestamps_s: whole Unix seconds, one a point; None: now for all.
        values: numbers, one a point: finite, of a magnitude of at most 1e200.
        namespace: whose series these are.
        idempotency: a key under which a repeated batch is stored once within 24 h; at most 255 characters.
        fingerprint: bytes that tell this request from others under its key; None: made of the points.
        meters: (name, limit or None), each counts the points; over a limit the batch is refused.
        series_limit: how many series the namespace may have; more would refuse the batch.
    """

    names: Names
    kinds: "Kind | int | ArrayLike"
    timestamps_s: ArrayLike | None
    values: ArrayLike
    namespace: str = ""
    idempotency: str | None = None
    fingerprint: bytes | None = None
    meters: Sequence[tuple[str, int | None]] = field(default=())
    series_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """A batch's points, validated but for their names.

    Attributes:
        names: as given, one a point when ``index`` is None.
        index: int64, which name each point has; None: each its own.
        kinds: an int for all or int8, one a point; -1: any.
        timestamps_s, values: int64 and float64, one a point.
        received_s: when they came in.
    """

    names: Sequence[str]
    index: Ints | None
    kinds: "int | NDArray[np.int8]"
    timestamps_s: Ints
    values: Floats
    received_s: int

    def __len__(self) -> int:
        return len(self.values)

    def copied(self) -> Self:
        """The same columns, safe from what the caller does to its lists and arrays before the commit."""
        return replace(
            self,
            names=list(self.names),
            index=None if self.index is None else self.index.copy(),
            kinds=self.kinds if isinstance(self.kinds, int) else self.kinds.copy(),
            timestamps_s=self.timestamps_s.copy(),
            values=self.values.copy(),
        )

    def first_point_of(self, name_index: int) -> int:
        """The index of the first point of a name; the name's own when no point has it."""
        if self.index is None:
            return name_index
        points = np.flatnonzero(self.index == name_index)
        return int(points[0]) if len(points) else name_index

    def kind_at(self, point: int) -> int:
        """The kind that a point was sent as; -1: any."""
        return self.kinds if isinstance(self.kinds, int) else int(self.kinds[point])


@dataclass(frozen=True, slots=True)
class CellBatch:
    """Points that were counted elsewhere and are stored all or none: an export of another store, a histogram.

    Attributes:
        names, kinds: as of a `Batch`, one a row.
        timestamps_s: whole Unix seconds, one a row: where the period begins in which the points were counted.
        counts: whole numbers from 1 to 2**53, one a row: how many points it stands for.
        sums: numbers, one a row, finite, of a magnitude of at most 1e200 a point.
        mins, maxs: numbers, one a row, finite, of a magnitude of at most 1e200, no min above its max. Of counters they
            mean nothing; None where all rows are counters'.
        namespace, series_limit: as of a `Batch`.
        meters: (name, limit or None), each counts the rows.
    """

    names: Names
    kinds: "Kind | int | ArrayLike"
    timestamps_s: ArrayLike
    counts: ArrayLike
    sums: ArrayLike
    mins: ArrayLike | None = None
    maxs: ArrayLike | None = None
    namespace: str = ""
    meters: Sequence[tuple[str, int | None]] = field(default=())
    series_limit: int | None = None

    def of_points(self) -> Batch:
        """The batch of points that has these names, kinds and times, and nothing for values."""
        values = np.zeros(len(_column(self.sums, "iuf", "sums must be numbers")))
        return Batch(
            self.names,
            self.kinds,
            self.timestamps_s,
            values,
            self.namespace,
            meters=self.meters,
            series_limit=self.series_limit,
        )


@dataclass(frozen=True, slots=True)
class Tallies:
    """The numbers of a `CellBatch`: int64 and float64, one a row; extremes are 0 for counters."""

    counts: Ints
    sums: Floats
    mins: Floats
    maxs: Floats


COUNT_MAX = 2**53


def validated_tallies(batch: CellBatch, columns: Columns) -> Tallies:
    """The numbers of a batch whose names, kinds and times are valid.

    Raises:
        PointError: lengths differ, or a number is refused; names the first such row.
    """
    row_count = len(columns)
    counts = _integers(batch.counts, "counts must be whole numbers")
    _refuse_length("counts", len(counts), row_count)
    _refuse_rows((counts < 1) | (counts > COUNT_MAX), "count must be 1 to 2**53")
    sums = _column(batch.sums, "iuf", "sums must be numbers").astype(np.float64, copy=False)
    _refuse_rows(~(np.abs(sums) <= counts * MAGNITUDE_MAX), "sum must be a finite number of at most 1e200 a point")
    kinds = np.broadcast_to(np.asarray(columns.kinds), row_count)
    is_value = kinds == Kind.VALUE
    _refuse_rows(kinds == ANY_KIND, "a cell must say its kind")
    mins, maxs = _extremes(batch.mins, "min", is_value), _extremes(batch.maxs, "max", is_value)
    _refuse_rows(mins > maxs, "min is above max")
    return Tallies(counts, sums, mins, maxs)


def _extremes(column: ArrayLike | None, word: str, is_value: NDArray[np.bool_]) -> Floats:
    if column is None:
        _refuse_rows(is_value, f"{word} of a value is missing")
        return np.zeros(len(is_value))
    numbers = _column(column, "iuf", f"{word}s must be numbers").astype(np.float64, copy=False)
    _refuse_length(f"{word}s", len(numbers), len(is_value))
    numbers = np.where(is_value, numbers, 0.0)
    _refuse_rows(~(np.abs(numbers) <= MAGNITUDE_MAX), f"{word} must be a finite number of at most 1e200")
    return numbers


def _refuse_rows(wrong: NDArray[np.bool_], reason: str) -> None:
    if bool(wrong.any()):
        raise PointError(reason, int(np.flatnonzero(wrong)[0]))


def validated(batch: Batch, schema: Schema, now_s: int, points_max: int) -> Columns:
    """The columns of a batch.

    Raises:
        PointError: lengths differ, or a timestamp, value or kind is refused; names the first such point.
    """
    values = _column(batch.values, "iuf", "values must be numbers").astype(np.float64, copy=False)
    names, index = _split_names(batch.names, len(values))
    if len(values) > points_max:
        raise PointError(f"{len(values)} points in a batch, at most {points_max} are taken")
    kinds = _kinds(batch.kinds, len(values))
    _refuse_values(values, kinds)
    timestamps_s = _timestamps(batch.timestamps_s, len(values), now_s)
    if batch.timestamps_s is not None:
        _refuse_timestamps(timestamps_s, schema, now_s)
    if batch.idempotency is not None and not 1 <= len(batch.idempotency) <= IDEMPOTENCY_KEY_LENGTH_MAX:
        raise PointError(f"an idempotency key has 1 to {IDEMPOTENCY_KEY_LENGTH_MAX} characters")
    return Columns(names, index, kinds, timestamps_s, values, now_s)


def lone_number(batch: Batch, schema: Schema, now_s: int) -> tuple[int, int, float] | None:
    """(kind, timestamp, value) of a batch of one plain number; None when it is anything else, or may be refused."""
    kind, timestamps_s, values = batch.kinds, batch.timestamps_s, batch.values
    if not isinstance(kind, int) or not isinstance(values, list) or len(values) != 1:
        return None
    value = values[0]
    if value.__class__ not in (float, int) or not abs(value) <= MAGNITUDE_MAX:
        return None
    if timestamps_s is None:
        return int(kind), now_s, value
    if not isinstance(timestamps_s, list) or len(timestamps_s) != 1:
        return None
    timestamp_s = timestamps_s[0]
    oldest_s = max(1, schema.coarsest.reach_s(now_s))
    if timestamp_s.__class__ is not int or not oldest_s <= timestamp_s <= now_s + EARLY_S:
        return None
    return int(kind), timestamp_s, value


def _split_names(names: Names, count: int) -> tuple[Sequence[str], Ints | None]:
    if isinstance(names, str):
        raise PointError("names must be a list of names, not one text")
    if isinstance(names, tuple) and len(names) == 2 and not isinstance(names[1], str):
        unique, index = names[0], _integers(names[1], "the index must be whole numbers")
        _refuse_length("index", len(index), count)
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < len(unique):
            raise PointError(f"the index must be 0 to {len(unique) - 1}, one of the {len(unique)} names")
        return unique, index
    _refuse_length("names", len(names), count)
    return names, None  # type: ignore[return-value]  # the pair was told from a tuple of names above


def _integers(numbers: ArrayLike, refusal: str) -> Ints:
    array = _column(numbers, "iu", refusal)
    if array.dtype == np.uint64 and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise PointError(refusal)
    return array.astype(np.int64, copy=False)


def _column(numbers: ArrayLike, dtype_kinds: str, refusal: str) -> NDArray[np.generic]:
    try:
        array = np.asarray(numbers)
    except (ValueError, OverflowError) as error:
        raise PointError(refusal) from error
    if array.size and array.dtype.kind not in dtype_kinds:
        raise PointError(refusal)
    if array.ndim != 1:
        raise PointError(f"{refusal}, in one dimension")
    if not (array.flags.c_contiguous and array.flags.aligned):
        # Such as a field of a structured array, which pcodec does not take.
        array = np.array(array)
    return array


def _refuse_length(what: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise PointError(f"{found} {what} for {wanted} values")


def _kinds(kinds: "Kind | int | ArrayLike", count: int) -> "int | NDArray[np.int8]":
    if isinstance(kinds, int):
        if kinds not in (Kind.COUNTER, Kind.VALUE, ANY_KIND):
            raise PointError(f"kind {kinds} does not exist")
        return int(kinds)
    array = _integers(kinds, "kinds must be Kinds")
    _refuse_length("kinds", len(array), count)
    wrong = (array < ANY_KIND) | (array > Kind.VALUE)
    if bool(wrong.any()):
        at = int(np.flatnonzero(wrong)[0])
        raise PointError(f"kind {array[at]} does not exist", at)
    return array.astype(np.int8)


def _timestamps(timestamps_s: ArrayLike | None, count: int, now_s: int) -> Ints:
    if timestamps_s is None:
        return np.full(count, now_s, np.int64)
    array = _integers(timestamps_s, "t must be Unix seconds")
    _refuse_length("timestamps", len(array), count)
    return array


def _refuse_values(values: Floats, kinds: "int | NDArray[np.int8]") -> None:
    magnitudes = np.abs(values)
    if len(values) == 0 or float(magnitudes.max()) <= MAGNITUDE_MAX:
        return  # A NaN makes the comparison false.
    at = int(np.flatnonzero(~(magnitudes <= MAGNITUDE_MAX))[0])
    kind = kinds if isinstance(kinds, int) else int(kinds[at])
    word = "value" if kind == Kind.VALUE else "count"
    finite = bool(np.isfinite(values[at]))
    raise PointError(f"{word} out of range" if finite else "value must be a finite number", at)


def _refuse_timestamps(timestamps_s: Ints, schema: Schema, now_s: int) -> None:
    oldest_s = max(1, schema.coarsest.reach_s(now_s))
    wrong = (timestamps_s < oldest_s) | (timestamps_s > now_s + EARLY_S)
    if not bool(wrong.any()):
        return
    at = int(np.flatnonzero(wrong)[0])
    timestamp_s = int(timestamps_s[at])
    if timestamp_s < 1 or timestamp_s >= MILLISECONDS_LIKELY:
        raise PointError("t must be Unix seconds", at)
    if timestamp_s > now_s:
        raise PointError("t is more than one day ahead", at)
    raise PointError(f"t is older than the retention ({schema.coarsest.retention_s // 86_400} days)", at)
