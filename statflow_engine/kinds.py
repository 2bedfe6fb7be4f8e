"""The two kinds of series and how an id tells its kind, group and column. Pure.

An id is given once and never again. Ids of one kind follow each other in groups of 64;
groups of counters have even numbers and groups of values odd ones, so that a single
number orders series by group and tells what they are.
"""

import enum

SERIES_PER_GROUP = 64


class Kind(enum.IntEnum):
    """What a series holds: a counter's points add up, a value's points are measured."""

    COUNTER = 0
    VALUE = 1

    def __str__(self) -> str:
        return self.name.lower()


# Calling the enumeration costs ten times as much.
_KINDS = (Kind.COUNTER, Kind.VALUE)


def series_id(kind: Kind, ordinal: int) -> int:
    """The id of the ``ordinal``-th series of a kind, counted from 0 over all namespaces."""
    block, column = divmod(ordinal, SERIES_PER_GROUP)
    return (block * 2 + kind) * SERIES_PER_GROUP + column


def ordinal_of(id_: int) -> int:
    """The inverse of `series_id`, within the id's kind."""
    return group_of(id_) // 2 * SERIES_PER_GROUP + column_of(id_)


def group_of(id_: int) -> int:
    """The number of the group that a series lies in."""
    return id_ // SERIES_PER_GROUP


def column_of(id_: int) -> int:
    """The column, 0 to 63, that a series has in its group."""
    return id_ % SERIES_PER_GROUP


def kind_of(id_: int) -> Kind:
    """The kind of a series, read from its id."""
    return kind_of_group(group_of(id_))


def kind_of_group(group: int) -> Kind:
    """The one kind that all series of a group have."""
    return _KINDS[group % 2]
