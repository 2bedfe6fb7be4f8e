"""``statflow check``, ``backup`` and ``restore``: the health of a data folder, and copies of it."""

from pathlib import Path

import click

from statflow_http.cli.options import DATA_DEFAULT, data_option, one_line_errors


@click.command()
@data_option
@one_line_errors
def check(data: Path | None) -> None:
    """Look for damage in a data folder; a server may be running on it.

    Prints a sentence for everything that is wrong, and then leaves with exit code 1.

    \b
    Example:
      statflow check --data ./statflow-data
    """
    from statflow_http.cli.local import existing_engine

    found = 0
    with existing_engine(data or DATA_DEFAULT) as engine:
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
def backup(data: Path | None, destination: Path) -> None:
    """Copy a data folder to DESTINATION, a new folder; a server may be running on it.

    Every point that was acknowledged before is in the copy, which is checked.

    \b
    Example:
      statflow backup /backups/statflow-monday
    """
    from statflow_http.moving import backup as copies

    size = copies.backup(data or DATA_DEFAULT, destination)
    click.echo(f"{destination} holds {size} bytes, and nothing is wrong with it")


@click.command()
@data_option
@click.argument("source", type=click.Path(path_type=Path))
@one_line_errors
def restore(data: Path | None, source: Path) -> None:
    """Make a new data folder of the backup SOURCE, which stays as it is.

    \b
    Example:
      statflow restore /backups/statflow-monday --data ./statflow-data
    """
    from statflow_http.moving import backup as copies

    size = copies.restore(source, data or DATA_DEFAULT)
    click.echo(f"{data or DATA_DEFAULT} holds {size} bytes, and nothing is wrong with it")
