"""``statflow import`` and ``statflow export``: whole histories in and out of a data folder or a server."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from statflow_http.cli import outputs
from statflow_http.cli.office import account_named
from statflow_http.cli.options import DATA_DEFAULT, checked_server, one_line_errors, target_options, when_interrupted
from statflow_http.cli.targets import CommandError

if TYPE_CHECKING:
    from statflow_http.moving.imports import Result, Store, Watch
    from statflow_http.moving.rows import Item
    from statflow_http.moving.sources import Understood

FORMATS = ("auto", "stathat", "csv", "statflow")
EXPORT_FORMATS = ("ndjson", "csv", "parquet")
# A line of progress so often, where there is no terminal.
LINE_S = 5.0
POLL_S = 0.5
RESUMABLE = "interrupted; the same command goes on from there"


def column_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What may be told about a CSV."""
    for name, text in (
        ("--tz", "The time zone of times that say nothing of theirs.  [default: UTC]"),
        ("--delimiter", "What stands between columns."),
        ("--kind-column", "The column with counter or value."),
        ("--value-column", "The column with the number."),
        ("--time-column", "The column with the time: Unix seconds, milliseconds or ISO 8601."),
        ("--name-column", "The column with the stat's name, or its number from 1."),
        ("--name", "The name of the one stat of a CSV without names."),
    ):
        command = click.option(name, default="", help=text)(command)
    kinds = click.Choice(["counter", "value"])
    return click.option("--kind", type=kinds, help="The kind of stats of which the source tells none.")(command)


@click.command("import")
@target_options
@click.argument("sources", nargs=-1, required=True)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="auto", show_default=True)
@click.option("--token", default="", envvar="STATFLOW_IMPORT_TOKEN", help="The access token of a server to read.")
@click.option("--dry-run", is_flag=True, help="Say what would be brought, and bring nothing.")
@click.option("--allow-private", is_flag=True, help="Read a server of your own network, too.")
@column_options
@one_line_errors
@when_interrupted(RESUMABLE.removeprefix("interrupted"))
def import_(
    data: Path | None,
    url: str | None,
    key: str | None,
    test: bool,
    account: str | None,
    sources: tuple[str, ...],
    token: str,
    dry_run: bool,
    allow_private: bool,
    format_: str,
    **told: str | None,
) -> None:
    """Bring a history. SOURCES are files, folders or zip files of StatHat's export, of any CSV or of another StatFlow's
    export; or the address of a server that speaks StatHat's export API, which --token opens.

    It can be interrupted: the same command goes on from there. Running it twice changes nothing.

    \b
    Example:
      statflow import stathat-export/
      statflow import visits.csv --time-column date --kind counter --dry-run
      statflow import https://stats.example --token sk_live_...
    """
    given = {"format": format_, **{name: text or "" for name, text in told.items()}}
    if url is not None:
        if dry_run:
            raise click.UsageError("--dry-run works on a data folder: leave --url out")
        from statflow_http.cli.remote_moving import import_to_server

        return import_to_server(checked_server(url, key, account), sources, token, given)
    if dry_run:
        return _dry_run(data, account, test, sources, token, allow_private, given)
    with _store(data or DATA_DEFAULT, account, live=not test, make=True) as store:
        failures = [_import_one(store, source, token, allow_private, given) for source in sources]
    _refuse_failed(sources, failures)


def _refuse_failed(sources: tuple[str, ...], failures: list[str]) -> None:
    """End with status 1, and say why, where a source had nothing or broke off.

    Args:
        sources: as they were named.
        failures: of each of them; "" for none.
    """
    failed = [f"{source}: {failure}" for source, failure in zip(sources, failures, strict=True) if failure]
    if failed:
        raise CommandError("; ".join(failed))


@contextmanager
def _store(data: Path, account: str | None, *, live: bool, make: bool = False) -> "Iterator[Store]":
    """The data folder and the account of the options; ``make``: the folder may be new."""
    import statflow_engine
    from statflow_http.accounts.accounts import Accounts
    from statflow_http.documents.store import ACCOUNTS_FOLDER, Documents
    from statflow_http.moving.imports import Store
    from statflow_http.serving import folders

    if not make:
        folders.refuse_no_store(data)
    elif folders.made(data):
        click.echo(f"made the data folder {data}", err=True)
    with statflow_engine.open(data) as engine:
        documents = Documents(data / ACCOUNTS_FOLDER)
        try:
            Accounts(documents).ensure_owner(engine.now_s())
            yield Store(engine, documents, account_named(documents, account), live, data)
        finally:
            documents.close()


def _is_address(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _items(
    store: "Store | None", source: str, token: str, allow_private: bool, given: Mapping[str, str]
) -> "Iterator[Item | Understood]":
    """What a source holds, wherever it is."""
    from statflow_http.moving import sources as files
    from statflow_http.moving.live_source import Live, LiveSource
    from statflow_http.moving.options import options_of
    from statflow_http.moving.runner import live_items
    from statflow_http.outbound import Guard, Outbound

    if not _is_address(source):
        options = options_of(lambda name: given.get(name, ""))
        return files.read(Path(source), options.format, options.csv())
    live, outbound = Live.of(source, token), Outbound(Guard(allow_private=allow_private))
    return LiveSource(live, outbound, int(time.time())).items() if store is None else live_items(store, live, outbound)


def _import_one(store: "Store", source: str, token: str, allow_private: bool, given: Mapping[str, str]) -> str:
    """Bring a source, and tell what came of it; why that is not all, see `Result.failure`."""
    from statflow_http.moving import imports
    from statflow_http.moving.csv_files import KINDS
    from statflow_http.moving.importer import CancelledError

    kind = KINDS[given["kind"]] if given["kind"] else None
    with Progress(source) as progress:
        try:
            items = _items(store, source, token, allow_private, given)
            result = imports.run(store, items, kind=kind, watch=progress.watch())
        except (KeyboardInterrupt, CancelledError):
            progress.end()
            raise CommandError(RESUMABLE) from None
    _show(result)
    return result.failure


def _show(result: "Result") -> None:
    for line in result.lines():
        click.echo(line)
    for problem in result.report.first:
        click.echo(f"  {problem.place}: {problem.reason}", err=True)


def _dry_run(
    data: Path | None,
    account: str | None,
    test: bool,
    sources: tuple[str, ...],
    token: str,
    allow_private: bool,
    given: Mapping[str, str],
) -> None:
    """Against the folder where there is one, for the kinds of its stats."""
    import tempfile

    from statflow_http.moving import imports
    from statflow_http.moving.csv_files import KINDS
    from statflow_http.serving.folders import has_store

    kind = KINDS[given["kind"]] if given["kind"] else None
    folder = data or DATA_DEFAULT

    def show(store: "Store | None") -> None:
        failures = []
        for source in sources:
            items = _items(store, source, token, allow_private, given)
            preview = imports.dry_run(store, items, kind, Path(tempfile.gettempdir()))
            click.echo("\n".join(preview.lines))
            failures.append(preview.failure)
        _refuse_failed(sources, failures)

    if not has_store(folder):
        return show(None)
    with _store(folder, account, live=not test) as store:
        show(store)


class Progress:
    """How far an import is: a bar on a terminal, else a line now and then; on stderr."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._is_terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._rows = self._total = 0
        self._last = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def watch(self) -> "Watch":
        """Who follows the import."""
        from statflow_http.moving.imports import Watch

        return Watch(self._read, self.sorted, self.wrote)

    def _read(self, rows: int) -> None:
        self._rows += rows
        self._line(f"{self._source}: {self._rows} rows read")

    def sorted(self, total: int) -> None:
        """All is read."""
        self._rows, self._total = 0, total
        if self._is_terminal and total:
            self._bar = click.progressbar(length=total, label="importing", file=sys.stderr)
            self._bar.__enter__()

    def wrote(self, rows: int) -> None:
        """So many more rows are done."""
        self._rows += rows
        if self._bar is not None:
            self._bar.update(rows)
        else:
            self._line(f"{self._source}: {self._rows} of {self._total} rows done")

    def end(self) -> None:
        """Leave the line of the bar."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.__exit__(None, None, None)

    def _line(self, text: str) -> None:
        if time.monotonic() - self._last >= LINE_S:
            self._last = time.monotonic()
            click.echo(text, err=True)


@click.command()
@target_options
@click.argument("stats", nargs=-1)
@click.option("--format", "format_", type=click.Choice(EXPORT_FORMATS), default="ndjson", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help='The file; "-" is stdout.')
@one_line_errors
@when_interrupted("; what is named by --output is written whole or not at all: the same command begins anew")
def export(
    data: Path | None,
    url: str | None,
    key: str | None,
    test: bool,
    account: str | None,
    stats: tuple[str, ...],
    format_: str,
    output: Path,
) -> None:
    """Write an account to a file, or STATS, which are names or globs.

    ndjson has everything and is what "statflow import" makes an equal account of; csv and parquet have the numbers.

    \b
    Example:
      statflow export -o account.ndjson
      statflow export "api *" --format csv -o api.csv
    """
    if url is not None:
        if format_ == "parquet":
            raise click.UsageError("parquet is made from a data folder: leave --url out")
        from statflow_http.cli.remote_moving import export_of_server

        pieces = export_of_server(checked_server(url, key, account), stats, format_)
        return outputs.write(output, outputs.counted("exporting", pieces))
    from statflow_http.cli.exporting import export_folder

    with _store(data or DATA_DEFAULT, account, live=not test) as store:
        export_folder(store, stats, format_, output)
