"""Batches in columns, for senders with millions of points: names once, then an index, a time and a number each. Pure.

    {"stats": [names], "stat": [index per point], "kind": ..., "t": [...], "v": [...]}

``kind`` is "counter" or "value" for all, or a list with one of them for each of ``stats``; without it a point has the
kind of its series, and a new one is a counter. Without ``stat`` point i belongs to name i. Without ``t`` all points are
of now. In msgpack, columns may be binary: ``stat`` unsigned 32-bit, ``t`` signed 64-bit whole seconds, ``v`` 64-bit
floats, all little-endian.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Kind
from statflow_http.errors import RequestError, TooLargeError
from statflow_http.wire.drafts import COLUMNS, Draft
from statflow_http.wire.messages import KINDS_WANTED, BatchMessage, PackedBatchMessage
from statflow_http.wire.names import BadNameError, Expansion, expand_all
from statflow_http.wire.numbers import KIND_OF_SERIES, TIME_MAX_S

KINDS: dict[str, int] = {"counter": Kind.COUNTER, "count": Kind.COUNTER, "value": Kind.VALUE}


def columns(message: BatchMessage | PackedBatchMessage, names: Sequence[str], *, join: str, points_max: int) -> Draft:
    """The draft of a message whose ``stats`` are names.

    Args:
        message: as decoded.
        names: its ``stats``, all text.
        join: the account's way of joining prefix and part.
        points_max: how many points one request may carry, after the tilde.

    Raises:
        TooLargeError: more points than that.
        RequestError: the columns do not fit together, or one of them holds what it may not.
    """
    if message.v is None:
        raise RequestError("v is missing: one number a point")
    values = _column(message.v, "v", "<f8").astype(np.float64, copy=False)
    refuse_over(len(values), points_max)
    index = np.arange(len(names)) if message.stat is None else _index(message.stat)
    times = None if message.t is None else _times(message.t)
    _refuse_lengths(stat=index, t=times, v=values)
    if message.stat is not None:
        _refuse_outside(index, len(names))
    kinds = _kinds(message.kind, len(names))
    expansion = expanded(names, index, join, "stats[{}]".format)
    refuse_over(len(expansion.index), points_max)
    return assemble(expansion, kinds if isinstance(kinds, int) else kinds[index], times, values, COLUMNS)


def _column(raw: Sequence[float] | bytes, name: str, dtype: str) -> NDArray[np.generic]:
    """A column as an array of the wire's type."""
    wire_type = np.dtype(dtype)
    if isinstance(raw, bytes):
        if len(raw) % wire_type.itemsize:
            raise RequestError(f"{name} must be whole numbers of {wire_type.itemsize} bytes each, met {len(raw)} bytes")
        return np.frombuffer(raw, wire_type)
    return np.array(raw, wire_type)


def _index(raw: Sequence[int] | bytes) -> NDArray[np.int64]:
    """Which of the names each point has; -1 stands for what no index can be."""
    if isinstance(raw, bytes):
        return _column(raw, "stat", "<u4").astype(np.int64)
    try:
        return np.array(raw, np.int64)
    except OverflowError:
        return np.array([each if 0 <= each < 2**32 else -1 for each in raw], np.int64)


def _refuse_outside(index: NDArray[np.int64], name_count: int) -> None:
    if not len(index) or 0 <= index.min() <= index.max() < name_count:
        return
    at = int(np.argmax((index < 0) | (index >= name_count)))
    wanted = f"0 to {name_count - 1}" if name_count else "which is empty"
    raise RequestError(f"stat[{at}] must be an index into stats, {wanted}")


def _times(raw: Sequence[float] | bytes) -> NDArray[np.int64]:
    if isinstance(raw, bytes):
        return _column(raw, "t", "<i8").astype(np.int64, copy=False)
    floats = np.array(raw, np.float64)
    bad = ~((floats >= 1) & (floats < TIME_MAX_S))
    if bad.any():
        raise RequestError(f"t[{int(np.argmax(bad))}] must be Unix seconds")
    return np.floor(floats).astype(np.int64)


def _refuse_lengths(**named: NDArray[np.generic] | None) -> None:
    lengths = {name: len(column) for name, column in named.items() if column is not None}
    if len(set(lengths.values())) > 1:
        raise RequestError(f"columns differ in length: {', '.join(f'{name} {n}' for name, n in lengths.items())}")


def _kinds(raw: str | Sequence[str] | None, name_count: int) -> int | NDArray[np.int8]:
    """The kind of all, or of each name."""
    if raw is None:
        return KIND_OF_SERIES
    words = [raw] if isinstance(raw, str) else raw
    if not set(words) <= KINDS.keys() or (words is raw and len(words) != name_count):
        raise RequestError(f"kind must be {KINDS_WANTED.description}")
    return KINDS[raw] if isinstance(raw, str) else np.array([KINDS[word] for word in words], np.int8)


def refuse_over(point_count: int, points_max: int) -> None:
    """Raise `TooLargeError` when a request carries more points than it may."""
    if point_count > points_max:
        raise TooLargeError(f"at most {points_max} points per request")


def expanded(
    texts: Sequence[str], index: Sequence[int] | NDArray[np.int64], join: str, place: Callable[[int], str]
) -> Expansion:
    """The names of a batch; ``place`` says how to call the text of an index when it is no name."""
    try:
        return expand_all(texts, np.asarray(index, np.int64), join)
    except BadNameError as error:
        raise RequestError(f"{place(error.position)}: {error}") from None


def assemble(
    expansion: Expansion,
    kinds: int | Sequence[int] | NDArray[np.int8],
    timestamps_s: Sequence[int] | NDArray[np.int64] | None,
    values: Sequence[float] | NDArray[np.float64],
    label: str,
) -> Draft:
    """The draft of columns with one row an item, repeated where the tilde made several points of an item."""
    kind_column = kinds if isinstance(kinds, int) else np.asarray(kinds, np.int8)
    time_column = None if timestamps_s is None else np.asarray(timestamps_s, np.int64)
    value_column = np.asarray(values, np.float64)
    item_count = len(value_column)
    items = expansion.items
    if items is not None:
        kind_column = kind_column if isinstance(kind_column, int) else kind_column[items]
        time_column = None if time_column is None else time_column[items]
        value_column = value_column[items]
    names = (expansion.names, expansion.index)
    return Draft(names, kind_column, time_column, value_column, item_count, label, items)
