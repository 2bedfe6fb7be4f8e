"""What moves: rows of numbers, what is told about their stats, and what went wrong on the way. Pure.

A *point* row is one number at one moment. A *cell* row is a period that was counted elsewhere: how many points, their
sum, the least and the greatest.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Kind

POINT = np.dtype([("t", "<i8"), ("sum", "<f8")])
CELL = np.dtype([("t", "<i8"), ("count", "<i8"), ("sum", "<f8"), ("min", "<f8"), ("max", "<f8")])
assert POINT.itemsize == 16
assert CELL.itemsize == 40

Rows = NDArray[np.void]

# What the engine takes at most: more would make sums infinite.
MAGNITUDE_MAX = 1e200
# Seconds since 1970 have 10 digits until 2286; more than this is milliseconds or finer.
MILLISECONDS_LIKELY = 10**11
NUMBER = re.compile(r"-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def ref_of_name(name: str) -> str:
    """What rows are filed under that have their stat's name."""
    return f"={name}"


def ref_of_id(stat_id: str) -> str:
    """What rows are filed under that have their stat's id where they come from."""
    return f"#{stat_id}"


def ref_of_file(stem: str) -> str:
    """What rows are filed under that have only the name of their file: it is an id, or else a name."""
    return f"?{stem}"


@dataclass(frozen=True, slots=True)
class Stat:
    """What a source tells of a stat beside its rows; None and "" where it does not.

    Attributes:
        ref: by what the rows of this source call it, see `ref_of_name` and the two beside it.
        created_s: Unix seconds.
        classic_key: the key by which old clients write to it.
        other_keys: more of them, where it has moved house before.
    """

    ref: str
    name: str = ""
    kind: Kind | None = None
    created_s: int | None = None
    public: bool | None = None
    unit: str | None = None
    classic_key: str = ""
    other_keys: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """All by which old clients write to it, the one that people are shown first."""
        return tuple(dict.fromkeys(key for key in (self.classic_key, *self.other_keys) if key))


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of one stat.

    Attributes:
        ref: as in `Stat`.
        rows: of dtype `POINT` or `CELL`, in any order, perhaps none.
        interval_s: of a dataset of StatHat's, whose rows are sums of periods; 0: each row is itself. Where two
            datasets of a stat overlap, the one of the smaller interval counts.
    """

    ref: str
    rows: Rows
    interval_s: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be brought.

    Attributes:
        reason: what was met, and what is wanted; the same text for the same mistake, so that they can be counted.
        place: the file and the line, or the stat.
        count: rows that are lost by it; 0 where none can be counted.
        is_cut: a file breaks off here: nobody knows what else was in it.
    """

    reason: str
    place: str = ""
    count: int = 1
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Extra:
    """Something of an account beside its stats: a rule, an annotation, a setting.

    Attributes:
        what: "alert", "annotation", "dashboard" or "settings".
        document: as the source tells it.
    """

    what: str
    document: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from, when that place can be asked again later.

    Attributes:
        id: of the account there.
        until_s: rows of periods before this moment are whole; later ones tell what there was of them.
    """

    id: str
    until_s: int


Item = Stat | Piece | Problem | Extra | Origin


def points(times_s: object, values: object) -> Rows:
    """Point rows of two columns of equal length."""
    times = np.asarray(times_s, np.int64)
    rows = np.empty(len(times), POINT)
    rows["t"], rows["sum"] = times, np.asarray(values, np.float64)
    return rows


def number(text: str) -> float | None:
    """A finite number as clients write it; None when the text is none."""
    text = text.strip()
    if not NUMBER.fullmatch(text):
        return None
    found = float(text)
    return found if abs(found) <= MAGNITUDE_MAX else None


def refused(rows: Rows) -> dict[str, NDArray[np.bool_]]:
    """Masks of the rows that no store would take, by the reason; a row is in at most one of them."""
    times, sums = rows["t"], rows["sum"]
    numbers = [sums] if rows.dtype == POINT else [sums, rows["min"], rows["max"]]
    infinite = ~np.logical_and.reduce([np.abs(column) <= MAGNITUDE_MAX for column in numbers])
    unlikely = ((times < 1) | (times >= MILLISECONDS_LIKELY)) & ~infinite
    masks = {"value must be a finite number": infinite, "t must be Unix seconds": unlikely}
    if rows.dtype == CELL:
        wrong = (rows["count"] < 1) | (rows["min"] > rows["max"])
        masks["a period needs a count of at least 1 and min <= max"] = wrong & ~infinite & ~unlikely
    return {reason: mask for reason, mask in masks.items() if bool(mask.any())}


def in_order(rows: Rows) -> Rows:
    """Rows by time; those of one moment stay in the order in which they came."""
    times = rows["t"]
    if len(rows) < 2 or bool((times[1:] >= times[:-1]).all()):
        return rows
    return rows[np.argsort(times, kind="stable")]


def merged(pieces: list[tuple[int, Rows]], dtype: "np.dtype[np.void]") -> Rows:
    """The rows of a stat, by time, from (interval, rows): of datasets that overlap, the finer one counts.

    Args:
        pieces: intervals in seconds, 0 for rows that stand for themselves; those are all kept.
        dtype: of all of them.
    """
    plain = [rows for interval_s, rows in pieces if interval_s == 0]
    layers = sorted((piece for piece in pieces if piece[0] > 0 and len(piece[1])), key=lambda piece: piece[0])
    covered: list[tuple[int, int]] = []
    for interval_s, rows in layers:
        keep = np.ones(len(rows), bool)
        for start_s, end_s in covered:
            keep &= (rows["t"] + interval_s <= start_s) | (rows["t"] >= end_s)
        plain.append(rows[keep])
        covered.append((int(rows["t"].min()), int(rows["t"].max()) + interval_s))
    if not plain:
        return np.zeros(0, dtype)
    return in_order(plain[0] if len(plain) == 1 else np.concatenate(plain))
