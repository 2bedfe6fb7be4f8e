"""The list of an account's stats: searched, sorted, a page at a time. Knows no HTTP.

Names and kinds of all stats take 4 ms a thousand to read: they are kept until a stat comes or goes. Totals take 12 ms a
thousand, and change with every point: they are kept for ten seconds, whatever arrives. Both by each process, for the
namespaces that were looked at last. So the order in which stats stand may be ten seconds old; all that a page shows of
its fifty stats is read anew each time.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

import numpy as np

from statflow_engine import Engine, Series
from statflow_engine.reading.queries import matcher
from statflow_http.pages.listing_rows import SPANS, summed

T = TypeVar("T")

PAGE = 50
# Of more stats than this only the first are sorted; searching finds the others.
SORTED_MAX = 20_000
# How long an order stays, and how many namespaces are remembered: some MB each.
KEPT_S = 10
KEPT_MAX = 8


SORTS = ("name", "received", "total", "change")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be listed.

    Attributes:
        words: that occur in the name, or a glob; "" for all.
        kind: "counter", "value", or "" for both.
        sort: one of `SORTS`.
        descending: the largest, or the latest, first.
        span: a name of `SPANS`.
        page: from 1 on.
    """

    words: str = ""
    kind: str = ""
    sort: str = "name"
    descending: bool = False
    span: str = "week"
    page: int = 1


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the list.

    Attributes:
        series: of this page, at most 50.
        count: how many the wish finds.
        page, pages: this one, and how many there are, at least 1.
        is_cut: there are more stats than are sorted.
    """

    series: list[Series]
    count: int
    page: int
    pages: int
    is_cut: bool


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Stats in the order of their names. They are kept: when they received something is not to be believed.

    Attributes:
        series: at most `SORTED_MAX`.
        is_cut: there are more.
        words: that all of them have; "" for none.
    """

    series: list[Series]
    is_cut: bool
    words: str

    @classmethod
    def of(cls, engine: Engine, namespace: str, words: str) -> Self:
        """The first stats of a namespace that words find."""
        found = engine.series(namespace, pattern=words, limit=SORTED_MAX + 1)
        by_name = sorted(found[:SORTED_MAX], key=lambda series: (series.name.casefold(), series.id))
        return cls(by_name, len(found) > SORTED_MAX, words)


class Lists:
    """The lists of a process.

    Args:
        engine: gives the engine, once it is asked.
    """

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._names: Kept[Names] = Kept(math.inf)
        self._numbers: Kept[dict[int, float]] = Kept(KEPT_S)

    def page(self, namespace: str, wish: Wish) -> Listed:
        """A page of the stats that a wish finds; the last page where there are fewer."""
        whole = self._whole(namespace, wish.words)
        found = whole.series
        if wish.words:
            matches = matcher(wish.words)
            found = [each for each in found if matches(each.name)]
        if wish.kind:
            found = [each for each in found if str(each.kind) == wish.kind]
        found = self._sorted(namespace, whole, found, wish)
        pages = max(1, math.ceil(len(found) / PAGE))
        page = min(wish.page, pages)
        return Listed(found[(page - 1) * PAGE : page * PAGE], len(found), page, pages, whole.is_cut)

    def _whole(self, namespace: str, words: str) -> Names:
        """All stats of a namespace; where these are too many, those that words find."""
        engine = self._engine()
        version = engine.series_revision(namespace)
        every = self._names.get(namespace, version, engine.now_s(), lambda: Names.of(engine, namespace, ""))
        return Names.of(engine, namespace, words) if every.is_cut and words else every

    def _sorted(self, namespace: str, whole: Names, found: list[Series], wish: Wish) -> list[Series]:
        """In the wished order; what has no number comes last in either direction."""
        if wish.sort == "name":
            return found[::-1] if wish.descending else found
        engine = self._engine()
        # Of all of them, so that the next page, search and kind find them, too.
        numbers_ = self._numbers.get(
            " ".join((namespace, wish.sort, wish.span, whole.words)),
            engine.series_revision(namespace),
            engine.now_s(),
            lambda: sorting(engine, namespace, whole.series, wish),
        )
        keys = np.fromiter((numbers_.get(each.id, math.nan) for each in found), np.float64, len(found))
        # NaN is last in numpy's order.
        order = np.argsort(-keys if wish.descending else keys, kind="stable")
        return [found[index] for index in order.tolist()]


def sorting(engine: Engine, namespace: str, series: Sequence[Series], wish: Wish) -> dict[int, float]:
    """The numbers by which a wish has stats sorted, by their ids; NaN, or nothing, for none."""
    if wish.sort == "received":
        ids = sorted(each.id for each in series)
        received_s = engine.received_s(ids).tolist()
        return {id_: float(time_s or math.nan) for id_, time_s in zip(ids, received_s, strict=True)}
    found = summed(engine, namespace, series, SPANS[wish.span])
    if wish.sort == "total":
        return {id_: totals.total for id_, totals in found.items()}
    return {id_: change for id_, totals in found.items() if (change := totals.change) is not None}


class Kept(Generic[T]):
    """What was read lately, by a key: good for some seconds, and while its version is the same."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[int, Hashable, T]] = OrderedDict()

    def get(self, key: str, version: Hashable, now_s: int, read: Callable[[], T]) -> T:
        """What is kept, or else what ``read`` gives, which is then kept."""
        with self._lock:
            known = self._known.get(key)
        if known is not None and known[1] == version and 0 <= now_s - known[0] < self._seconds:
            return known[2]
        found = read()
        with self._lock:
            self._known[key] = now_s, version, found
            self._known.move_to_end(key)
            while len(self._known) > KEPT_MAX:
                self._known.popitem(last=False)
        return found
