"""Batches in rows: a list of items, each with a stat and perhaps a number and a time, becomes columns. Pure.

Nearly every batch is plain: all of its items have a stat, one number or none, and times that are times. Such a batch
is taken as whole arrays, three times faster; any other one item by item, which finds what is wrong with which.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Kind
from statflow_http.errors import RequestError
from statflow_http.wire.columns import assemble, expanded, refuse_over
from statflow_http.wire.drafts import Clock, Draft
from statflow_http.wire.messages import Item
from statflow_http.wire.names import written
from statflow_http.wire.numbers import TIME_MAX_S, Form, RawNumber, kind_and_number, timestamp_s

# A batch's items as columns: the different stats, which of them each item has, kinds, times or None, numbers.
Columns = tuple[
    list[str], NDArray[np.int64], NDArray[np.int8], NDArray[np.int64] | None, NDArray[np.float64]
]  # fmt: skip

NUMBER_OR_ABSENT = frozenset({float, type(None)})


def batch(items: Sequence[Item], list_name: str, *, join: str, now_s: Clock, points_max: int) -> Draft:
    """The draft of a list of items.

    Args:
        items: as decoded.
        list_name: what the client calls the list, "data" or "stats".
        join: the account's way of joining prefix and part.
        now_s: the engine's clock; asked once, and only when some items have a time and others not.
        points_max: how many points one request may carry, after the tilde.

    Raises:
        TooLargeError: more points than that.
        RequestError: an item makes no point; the text names it.
    """
    refuse_over(len(items), points_max)
    stats, index, kinds, times_s, numbers = _plain(items, now_s) or _one_by_one(items, list_name, now_s)
    label = list_name + "[{}]"
    expansion = expanded(stats, index, join, lambda position: label.format(int(np.argmax(index == position))))
    refuse_over(len(expansion.index), points_max)
    return assemble(expansion, kinds, times_s, numbers, label)


def _plain(items: Sequence[Item], now_s: Clock) -> Columns | None:
    """The columns of items with which nothing is wrong or unusual; None when anything may be."""
    stats = [item.stat for item in items]
    counts = _numbers([item.count for item in items])
    values = _numbers([item.value for item in items])
    times = _numbers([item.t for item in items])
    if counts is None or values is None or times is None:
        return None
    named = list(filter(None, stats))
    is_count, is_value, is_timed = ~np.isnan(counts), ~np.isnan(values), ~np.isnan(times)
    if len(named) < len(items) or (is_count & is_value).any():
        return None
    if not (((times >= 1) & (times < TIME_MAX_S)) | ~is_timed).all():
        return None
    places, index = _places(named)
    kinds = np.where(is_value, np.int8(Kind.VALUE), np.int8(Kind.COUNTER))
    numbers = np.where(is_value, values, np.where(is_count, counts, 1.0))
    times_s = np.floor(np.where(is_timed, times, now_s())).astype(np.int64) if is_timed.any() else None
    return places, index, kinds, times_s, numbers


def _places(stats: list[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The different stats, in the order in which they come, and which of them each item has."""
    different = list(dict.fromkeys(stats))
    if len(different) == len(stats):
        return stats, np.arange(len(stats))
    places = dict(zip(different, range(len(different)), strict=True))
    return different, np.fromiter(map(places.__getitem__, stats), np.int64, len(stats))


def _numbers(raw: list[RawNumber]) -> NDArray[np.float64] | None:
    """The numbers of a column, NaN where there is none; None when it has text, or NaN of its own."""
    absent = raw.count(None)
    if absent == len(raw):
        return np.full(len(raw), np.nan)
    if not NUMBER_OR_ABSENT.issuperset(map(type, raw)):
        return None
    numbers = np.fromiter(raw, np.float64, len(raw))  # None becomes NaN
    return numbers if int(np.count_nonzero(np.isnan(numbers))) == absent else None


def _one_by_one(items: Sequence[Item], list_name: str, now_s: Clock) -> Columns:
    """The columns of any items.

    Raises:
        RequestError: of the first that makes no point.
    """
    places: dict[str, int] = {}
    index: list[int] = []
    kinds: list[int] = []
    numbers: list[float] = []
    times: list[int | None] = []
    for item in items:
        try:
            index.append(places.setdefault(written(item.stat), len(places)))
            kind, number = kind_and_number(item.count, item.value, Form.ANY)
            kinds.append(kind)
            numbers.append(number)
            times.append(timestamp_s(item.t))
        except RequestError as error:
            raise RequestError(f"{list_name}[{len(times)}]: {error}") from None
    times_s = _filled(times, now_s)
    return (
        list(places),
        np.array(index, np.int64),
        np.array(kinds, np.int8),
        None if times_s is None else np.array(times_s, np.int64),
        np.array(numbers, np.float64),
    )


def _filled(times: list[int | None], now_s: Clock) -> list[int] | None:
    """One time an item, now where it has none; None when no item has one."""
    if times.count(None) == len(times):
        return None
    now = now_s()
    return [now if time_s is None else time_s for time_s in times]
