"""Drafts: the points of one request, checked as far as the wire can check them, on their way to the engine. Pure.

What the engine has to check itself (finite, in range, not too old, the right kind) is left to it; a draft knows how to
say in the sender's words which item was meant.
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from statflow_engine import Batch, KindError, PointError, StatFlowError
from statflow_http.errors import RequestError
from statflow_http.wire.names import clean, expand, written
from statflow_http.wire.numbers import Form, RawNumber, kind_and_number, timestamp_s

# How the items of a batch in columns are called: `Draft.label`.
COLUMNS = "v[{}]"

# The engine's, in whole seconds.
Clock = Callable[[], int]


class Idempotency(msgspec.Struct, frozen=True):
    """What makes a retry recognisable: the client's key, and a digest of what was asked."""

    key: str
    fingerprint: bytes


# One is made for every request, and a struct of msgspec in a tenth of the time that a frozen dataclass takes.
class Draft(msgspec.Struct, frozen=True):
    """The points of one request.

    Attributes:
        names: one a point, or the different ones with an index array.
        kinds: one for all, or one a point; -1 is "that of the series".
        timestamps_s: one a point; None is now for all.
        values: one a point.
        item_count: how many items the client sent; the answer's ``multiple``.
        label: how an item is called in errors, such as "data[{}]"; "" for a request with a single item.
        items: which item each point came from; None when point i came from item i.
        other_path: where points of the other kind go, where the path decides the kind; "" where it does not.
    """

    names: Sequence[str] | tuple[Sequence[str], NDArray[np.int64]]
    kinds: int | Sequence[int] | NDArray[np.int8]
    timestamps_s: Sequence[int] | NDArray[np.int64] | None
    values: Sequence[float] | NDArray[np.float64]
    item_count: int = 1
    label: str = ""
    items: NDArray[np.int64] | None = None
    other_path: str = ""

    def batch(
        self,
        namespace: str,
        idempotency: Idempotency | None,
        meters: Sequence[tuple[str, int | None]] = (),
        series_limit: int | None = None,
    ) -> Batch:
        """The draft as the engine takes it; the last two are of an account with limits."""
        return Batch(
            self.names,
            self.kinds,
            self.timestamps_s,
            self.values,
            namespace=namespace,
            idempotency=None if idempotency is None else idempotency.key,
            fingerprint=None if idempotency is None else idempotency.fingerprint,
            meters=meters,
            series_limit=series_limit,
        )

    def located(self, error: StatFlowError) -> StatFlowError:
        """The engine's error about one of the points, in the sender's words: ``data[17]: ...``."""
        if isinstance(error, PointError):
            return RequestError(self._placed(error.index, error.reason))
        if isinstance(error, KindError) and (self.label or self.other_path):
            remedy = f" to {self.other_path}" if self.other_path else ""
            return _Reworded(self._placed(error.index, f"{error}{remedy}"), error)
        return error

    def _placed(self, point: int | None, reason: str) -> str:
        """A reason after the item that it is about; in columns each field has its own: ``t[17] is ...``."""
        if point is None or not self.label:
            return reason
        item = point if self.items is None else int(self.items[point])
        field, _, rest = reason.partition(" ")
        if self.label == COLUMNS and field in COLUMN_OF:
            return f"{COLUMN_OF[field]}[{item}] {rest}"
        return f"{self.label.format(item)}: {reason}"


# In which column a field of a point is that the engine's reasons begin with.
COLUMN_OF = {"t": "t", "count": "v", "value": "v"}


class _Reworded(KindError):
    """A `KindError` with a text of its own: with the item, or with the path to send to."""

    def __init__(self, text: str, error: KindError) -> None:
        super().__init__(error.name, error.kind, error.index)
        self._text = text

    def __str__(self) -> str:
        return self._text


def single(
    stat: str | None,
    count: RawNumber,
    value: RawNumber,
    t: RawNumber,
    *,
    form: Form,
    join: str,
    other_path: str = "",
) -> Draft:
    """The draft of a request with one stat, which may stand for several by its tilde.

    ``other_path`` is as in `Draft`.

    Raises:
        RequestError: what was sent makes no point.
    """
    return _points(expand(written(stat), join), count, value, t, form, other_path)


def single_named(
    name: str, count: RawNumber, value: RawNumber, t: RawNumber, *, form: Form, other_path: str = ""
) -> Draft:
    """The same for a name that is meant literally, tilde and all: a classic key.

    Raises:
        RequestError: what was sent makes no point.
    """
    return _points([clean(name)], count, value, t, form, other_path)


def _points(names: list[str], count: RawNumber, value: RawNumber, t: RawNumber, form: Form, other_path: str) -> Draft:
    kind, number = kind_and_number(count, value, form)
    time_s = timestamp_s(t)
    point_count = len(names)
    times_s = None if time_s is None else [time_s] * point_count
    return Draft(names, kind, times_s, [number] * point_count, other_path=other_path)
