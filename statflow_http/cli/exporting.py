"""``statflow export`` of a data folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from statflow_engine import Series
from statflow_http.cli import outputs, progress
from statflow_http.cli.local import users_words
from statflow_http.moving.exports import Exporter, Wanted, stream
from statflow_http.moving.imports import Store
from statflow_http.moving.wording import counted


class ShownExporter(Exporter):
    """One that tells of every stat that it has read."""

    on_done: Callable[[int], None] = staticmethod(lambda _: None)

    def series(self) -> Iterator[Series]:
        """The stats wanted; each is done when the next one is asked for."""
        for series in super().series():
            yield series
            self.on_done(1)


def export_folder(store: Store, stats: tuple[str, ...], form: str, output: Path) -> None:
    """Write an account, or some of its stats, under a bar that counts stats.

    Raises:
        CommandError: there is no such stat, or the file cannot be written.
        RequestError: pyarrow is wanted and not installed.
    """
    exporter = ShownExporter(store.engine, store.documents, Wanted(store.account, store.live, stats))
    with users_words(), progress.bar("exporting", _count(exporter)) as exporter.on_done:
        if form != "parquet":
            return outputs.write(output, stream(exporter, form, is_whole=not stats))
        from statflow_http.moving.parquet import write_parquet

        with outputs.unfinished(output) as path:
            rows_count = write_parquet(exporter, path)
    click.echo(counted(rows_count, "row"), err=True)


def _count(exporter: Exporter) -> int:
    """How many stats there are to be read; 0 where nobody is shown."""
    return sum(1 for _ in exporter.series()) if progress.is_terminal() else 0
