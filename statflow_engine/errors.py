"""Every error that the engine raises on purpose, branched by what the caller can do about it."""

from statflow_engine.kinds import Kind


class StatFlowError(Exception):
    """The root of all errors that StatFlow raises on purpose."""


class SchemaError(StatFlowError, ValueError):
    """These rings form no schema, or not the schema of this store."""


class PointError(StatFlowError, ValueError):
    """A point was refused; nothing of its batch is stored.

    Attributes:
        reason: what was met and what is wanted, without the item.
        index: the refused point's index in the batch; None when the batch as a whole is meant.
    """

    def __init__(self, reason: str, index: int | None = None) -> None:
        super().__init__(reason if index is None else f"point {index}: {reason}")
        self.reason = reason
        self.index = index


class QueryError(StatFlowError, ValueError):
    """The question cannot be answered: no ring has this step from this start, min of a counter."""


class UnknownSeriesError(StatFlowError, LookupError):
    """No series, or no deleted series, is known by this name or id."""


class KindError(StatFlowError):
    """A series of one kind was sent a point of the other; nothing of the batch is stored.

    Attributes:
        name: the series' name.
        kind: the kind that the series has.
        index: the point's index in the batch.
    """

    def __init__(self, name: str, kind: Kind, index: int | None = None) -> None:
        super().__init__(f'"{name}" is a {kind}: send {"count" if kind is Kind.COUNTER else "value"}')
        self.name = name
        self.kind = kind
        self.index = index


class LimitError(StatFlowError):
    """A meter or the series limit is exceeded; nothing of the batch is stored.

    Attributes:
        limit_name: the meter's name, or "series".
        limit: how many it allows.
        index: the first point over the limit, where one can be named.
    """

    def __init__(self, limit_name: str, limit: int, index: int | None = None) -> None:
        super().__init__(f"limit of {limit} exceeded: {limit_name}")
        self.limit_name = limit_name
        self.limit = limit
        self.index = index


class NameTakenError(StatFlowError):
    """A series cannot be restored, because another one has its name by now."""


class IdempotencyError(StatFlowError):
    """The idempotency key was used for another request."""


class StoreError(StatFlowError):
    """The store cannot serve now; trying again later may help."""


class StoreFullError(StoreError):
    """The map, the disk or the journal is nearly full; the text says what to free or to wait for."""


class JournalFullError(StoreFullError):
    """More points wait to be folded than may; nothing of the batch is stored.

    Waiting helps: the fold makes room within a second or two, in a thread of its own with ``background=True`` or in
    another process; where neither folds, `Engine.fold` does at once. A batch that alone is larger than
    ``Limits.journal_rows_hard`` never fits: send it in parts.
    """


class StoreClosedError(StoreError):
    """The engine was used after close(), or in a process that did not open it."""


class CorruptionError(StatFlowError):
    """Stored bytes break the format.

    Attributes:
        where: the stored thing, as text.
        offset: the byte in it where reading stopped.
        reason: what was found and what was wanted.
    """

    def __init__(self, where: object, offset: int, reason: str) -> None:
        super().__init__(f"{where}, byte {offset}: {reason}")
        self.where = str(where)
        self.offset = offset
        self.reason = reason


class FormatVersionError(StoreError):
    """A newer version of StatFlow wrote this store."""
