"""Batches in rows: a list of items, each with a stat and perhaps a number and a time, becomes columns. Pure."""

from collections.abc import Sequence

from statflow_http.errors import RequestError
from statflow_http.wire.columns import assemble, expanded, refuse_over
from statflow_http.wire.drafts import Clock, Draft
from statflow_http.wire.messages import Item
from statflow_http.wire.names import written
from statflow_http.wire.numbers import Form, kind_and_number, timestamp_s


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
    places: dict[str, int] = {}
    index: list[int] = []
    kinds: list[int] = []
    numbers: list[float] = []
    times: list[int | None] = []
    for item in items:
        stat, count, value, t = item.stat, item.count, item.value, item.t
        try:
            index.append(places.setdefault(stat or written(stat), len(places)))
            if value is None and count.__class__ is float:  # nearly every item of nearly every batch
                kind, number = 0, count
            else:
                kind, number = kind_and_number(count, value, Form.ANY)
            kinds.append(kind)
            numbers.append(number)
            times.append(None if t is None else timestamp_s(t))
        except RequestError as error:
            raise RequestError(f"{list_name}[{len(times)}]: {error}") from None
    label = list_name + "[{}]"
    expansion = expanded(list(places), index, join, lambda position: label.format(index.index(position)))
    refuse_over(len(expansion.index), points_max)
    return assemble(expansion, kinds, _filled(times, now_s), numbers, label)


def _filled(times: list[int | None], now_s: Clock) -> list[int] | None:
    """One time an item, now where it has none; None when no item has one."""
    if times.count(None) == len(times):
        return None
    now = now_s()
    return [now if time_s is None else time_s for time_s in times]
