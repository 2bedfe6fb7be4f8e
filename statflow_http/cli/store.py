"""``statflow check``: the health of a data folder."""

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
