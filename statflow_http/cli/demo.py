"""``statflow demo``."""

import click

from statflow_http.cli.options import one_line_errors


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=0, type=click.IntRange(0, 65_535), help="The port.  [default: a free one]")
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@one_line_errors
def demo(host: str, port: int, opens: bool) -> None:
    """Look around in a server of a made-up bookshop, which is deleted when you stop it.

    It has 12 stats with 90 days of history, a dashboard, an alert that is open, and numbers that go on arriving.

    \b
    Example:
      statflow demo --open
    """
    from statflow_http.demo.serving import demo as run

    run(host, port, opens=opens)
