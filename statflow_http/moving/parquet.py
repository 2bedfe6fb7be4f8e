"""An export as a Parquet file, by pyarrow, which only who asks for one needs: ``pip install 'statflow[arrow]'``."""

from pathlib import Path
from typing import Any

from statflow_engine import Kind
from statflow_http.errors import RequestError
from statflow_http.moving.exports import Exporter
from statflow_http.moving.rows import Rows


def write_parquet(exporter: Exporter, path: Path) -> int:
    """Write the rows of an export; how many there are. Columns as in CSV, times as UTC timestamps of a second.

    Raises:
        RequestError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise RequestError("parquet needs pyarrow: pip install 'statflow[arrow]'") from None
    schema = pyarrow.schema(
        [
            ("stat", pyarrow.dictionary(pyarrow.int32(), pyarrow.string())),
            ("kind", pyarrow.dictionary(pyarrow.int32(), pyarrow.string())),
            ("timestamp", pyarrow.timestamp("s", tz="UTC")),
            ("count", pyarrow.int64()),
            ("sum", pyarrow.float64()),
            ("min", pyarrow.float64()),
            ("max", pyarrow.float64()),
        ]
    )
    written = 0
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for series in exporter.series():
            for rows in exporter.rows(series):
                table = _table(pyarrow, schema, series.name, series.kind, rows)
                writer.write_table(table)
                written += len(rows)
    return written


def _table(pyarrow: Any, schema: Any, name: str, kind: Kind, rows: Rows) -> Any:
    def alike(text: str) -> Any:
        indices = pyarrow.array([0] * len(rows), pyarrow.int32())
        return pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array([text]))

    measured = kind is Kind.VALUE
    nothing = pyarrow.nulls(len(rows), pyarrow.float64())
    columns = [
        alike(name),
        alike(str(kind)),
        pyarrow.array(rows["t"], pyarrow.int64()).cast(schema.field("timestamp").type),
        pyarrow.array(rows["count"]),
        pyarrow.array(rows["sum"]),
        pyarrow.array(rows["min"]) if measured else nothing,
        pyarrow.array(rows["max"]) if measured else nothing,
    ]
    return pyarrow.table(columns, schema=schema)
