"""StatFlow's engine: counters and values in fixed-resolution rings, embedded in your program.

import statflow_engine

with statflow_engine.open("data") as engine:
    engine.count("page views")
    engine.value("response time", 42.5)
    window = engine.query("page views", step="1h")
"""

import time
from collections.abc import Callable
from pathlib import Path

from statflow_engine.engine import Durability, Engine
from statflow_engine.errors import (
    CorruptionError,
    FormatVersionError,
    IdempotencyError,
    JournalFullError,
    KindError,
    LimitError,
    NameTakenError,
    PointError,
    QueryError,
    SchemaError,
    StatFlowError,
    StoreClosedError,
    StoreError,
    StoreFullError,
    UnknownSeriesError,
)
from statflow_engine.insight import Anomalies, Forecast, anomalies, forecast
from statflow_engine.kinds import Kind
from statflow_engine.limits import Limits
from statflow_engine.pure.batches import ANY_KIND, Batch
from statflow_engine.pure.rings import Ring
from statflow_engine.pure.schema import SCHEMA_DEFAULT, Schema
from statflow_engine.pure.steps import format_time, parse_time
from statflow_engine.pure.windows import Window, combine
from statflow_engine.store.catalog import Series, TrashedSeries
from statflow_engine.upkeep import Status
from statflow_engine.writing.acceptance import Pending, Receipt

__all__ = [
    "ANY_KIND",
    "SCHEMA_DEFAULT",
    "Anomalies",
    "Batch",
    "CorruptionError",
    "Engine",
    "Forecast",
    "FormatVersionError",
    "IdempotencyError",
    "JournalFullError",
    "Kind",
    "KindError",
    "LimitError",
    "Limits",
    "NameTakenError",
    "Pending",
    "PointError",
    "QueryError",
    "Receipt",
    "Ring",
    "Schema",
    "SchemaError",
    "Series",
    "StatFlowError",
    "Status",
    "StoreClosedError",
    "StoreError",
    "StoreFullError",
    "TrashedSeries",
    "UnknownSeriesError",
    "Window",
    "anomalies",
    "combine",
    "forecast",
    "format_time",
    "open",
    "parse_time",
]


def open(
    path: str | Path,
    *,
    schema: str | Schema | None = None,
    durability: Durability = "fsync",
    interval_s: float = 1.0,
    clock: Callable[[], float] = time.time,
    background: bool = False,
    limits: Limits | None = None,
) -> Engine:
    """Open the store in a folder, or make one.

    Args:
        path: the folder, on a local file system.
        schema: rings, finest first; None: those of the store, for a new one `SCHEMA_DEFAULT`.
        durability: "fsync": what was acknowledged survives kill -9 and loss of power. "interval": it is
            acknowledged at once and committed, with fsync, every ``interval_s``; a crash loses at most that.
        interval_s: see durability.
        clock: gives Unix seconds; decides what is too old, too early, and what a query shows.
        background: fold in a thread of its own, for servers; else inside of writes when it is due.
        limits: sizes that bound memory and disk.

    Raises:
        SchemaError: the rings do not fit together, or the store has others.
        StoreError: the folder cannot hold a store, or the store is open in this process already.
        FormatVersionError: a newer version wrote the store.
    """
    return Engine(
        path,
        schema=schema,
        durability=durability,
        interval_s=interval_s,
        clock=clock,
        background=background,
        limits=limits,
    )
