"""``statflow check``, ``backup`` and ``restore``: the health of a data folder, and copies of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import click

from statflow_http.cli import progress
from statflow_http.cli.options import DATA_DEFAULT, data_option, one_line_errors, when_interrupted


@click.command()
@data_option
@one_line_errors
@when_interrupted("; nothing was changed, and not everything was looked at: the same command begins anew")
def check(data: Path | None) -> None:
    """Look for damage in a data folder; a server may be running on it.

    Prints a sentence for everything that is wrong, and then leaves with exit code 1.

    \b
    Example:
      statflow check --data ./statflow-data
    """
    from statflow_http.cli.local import existing_engine

    found = 0
    with existing_engine(data or DATA_DEFAULT) as engine, progress.figures("checking"):
        for sentence in engine.check():
            click.echo(sentence)
            found += 1
    if found:
        raise click.ClickException(f"{found} things are wrong")
    click.echo("nothing is wrong")


@click.command()
@data_option
@click.argument("destination", type=click.Path(path_type=Path))
@one_line_errors
@when_interrupted("; {destination} appears when it is whole, and not before: the same command begins anew")
def backup(data: Path | None, destination: Path) -> None:
    """Copy a data folder to DESTINATION, a new folder; a server may be running on it.

    Every point that was acknowledged before is in the copy, which is checked.

    \b
    Example:
      statflow backup /backups/statflow-monday
    """
    from statflow_http.moving import backup as copies

    source = data or DATA_DEFAULT
    size = _copied(source, destination, lambda: copies.backup(source, destination))
    click.echo(f"{destination} holds {size} bytes, and nothing is wrong with it")


@click.command()
@data_option
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--map-bytes",
    type=click.IntRange(min=1),
    help="The most that the store's file may grow to.  [default: as in the backup]",
)
@one_line_errors
@when_interrupted("; the data folder appears when it is whole, and not before: the same command begins anew")
def restore(data: Path | None, source: Path, map_bytes: int | None) -> None:
    """Make a new data folder of the backup SOURCE, which stays as it is.

    \b
    Example:
      statflow restore /backups/statflow-monday --data ./statflow-data
    """
    from statflow_http.moving import backup as copies

    destination = data or DATA_DEFAULT
    size = _copied(source, destination, lambda: copies.restore(source, destination, map_bytes=map_bytes))
    click.echo(f"{destination} holds {size} bytes, and nothing is wrong with it")


def _copied(source: Path, destination: Path, work: Callable[[], int]) -> int:
    """Copy under a bar; what Ctrl-C leaves is removed."""
    from statflow_http.moving.backup import UNFINISHED

    unfinished = destination.with_name(destination.name + UNFINISHED)
    was_there = unfinished.exists()
    try:
        # What is copied is checked then, for which there is no measure: the bar waits at what was copied.
        return progress.aside("copying and checking", work, _size(source), lambda: _size(unfinished))
    except KeyboardInterrupt:
        if not was_there:
            shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _size(folder: Path) -> int:
    """Bytes of the files that are copied; 0 where there are none yet."""
    from statflow_http.moving.backup import DATA_FILE, PARTS

    total = 0
    for part in PARTS:
        try:
            total += (folder / part / DATA_FILE).stat().st_size
        except OSError:
            continue
    return total
