"""``statflow serve``."""

from pathlib import Path
from typing import Any

import click

from statflow_http.cli.options import DATA_DEFAULT, data_option, one_line_errors

PORT_DEFAULT = 8088


@click.command()
@data_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=PORT_DEFAULT, show_default=True, type=click.IntRange(0, 65_535), help="0: a free one.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that serve.  [default: 2, or 1 on one core]")
@click.option(
    "--durability",
    type=click.Choice(["fsync", "interval"]),
    default="fsync",
    show_default=True,
    envvar="STATFLOW_DURABILITY",
    help="Commit before answering, or every so often.",
)
@click.option(
    "--interval", "interval_s", type=click.FloatRange(0.01, 3_600), default=1.0, help="Seconds of the latter."
)
@click.option("--schema", help='The rings of a new store, such as "1m:90d, 1h:5y, 1d:50y".')
@click.option("--no-content", is_flag=True, help="Answer StatHat's clients with 204 unless they say vb=1.")
@click.option(
    "--worker",
    type=click.Choice(["loop", "gthread"]),
    default="loop",
    show_default=True,
    envvar="STATFLOW_WORKER",
    help="StatFlow's own event loop, or gunicorn's threads, which need a buffering proxy in front.",
)
@click.option("--access-log", metavar="FILE", help='A line a request, without keys; "-" is stdout.')
@click.option(
    "--metrics",
    type=click.Choice(["local", "key", "open", "off"]),
    default="local",
    show_default=True,
    envvar="STATFLOW_METRICS",
    help="Who may see /metrics: programs on this machine and the owner's keys, only those keys, all, nobody.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    envvar="STATFLOW_LOG_FORMAT",
    help="Lines for people, or a JSON object a line.",
)
@click.option(
    "--allow-private",
    is_flag=True,
    envvar="STATFLOW_ALLOW_PRIVATE",
    help="Let imports and webhooks ask addresses of your own network.",
)
@click.option("--signup", is_flag=True, envvar="STATFLOW_SIGNUP", help="Let anybody make an account, of the plan free.")
@one_line_errors
def serve(data: Path | None, workers: int | None, **options: Any) -> None:
    """Run the server.

    The first start makes the data folder and prints an API key, and a link that signs its owner in once.

    \b
    Example:
      statflow serve --data /var/lib/statflow --port 8088
    """
    from statflow_http.serve import Settings, workers_default
    from statflow_http.serve import serve as run

    run(Settings(data=data or DATA_DEFAULT, workers=workers or workers_default(), **options))
