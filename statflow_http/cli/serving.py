"""``statflow serve``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from statflow_http.cli.options import DATA_DEFAULT, data_option, http_url, one_line_errors

if TYPE_CHECKING:
    from statflow_http.alerts.options import AlertOptions

PORT_DEFAULT = 8088
INTERVAL_S_DEFAULT = 1.0
# Enough for what folding needs to free the rest, and little beside what a server leaves free anyway.
BALLAST_MIB_DEFAULT = 64
MIB = 1 << 20


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
    "--interval",
    "interval_s",
    type=click.FloatRange(0.01, 3_600),
    help=f"Seconds of the latter.  [default: {INTERVAL_S_DEFAULT:g}]",
)
@click.option("--schema", help='The rings of a new store, such as "1m:90d, 1h:5y, 1d:50y".')
@click.option(
    "--ballast",
    "ballast_mib",
    type=click.IntRange(0, 1_000_000),
    metavar="MIB",
    default=BALLAST_MIB_DEFAULT,
    show_default=True,
    envvar="STATFLOW_BALLAST_MIB",
    help="Size of the file that is kept to be deleted when the disk is full; 0: none.",
)
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
@click.option(
    "--alert-interval",
    type=click.FloatRange(1, 3_600),
    default=15.0,
    show_default=True,
    envvar="STATFLOW_ALERT_INTERVAL",
    help="Seconds from one look at all alerts to the next.",
)
@click.option(
    "--public-url",
    metavar="URL",
    default="",
    envvar="STATFLOW_PUBLIC_URL",
    help="How people reach this server, for links in mails, such as https://stats.example.com.",
)
@click.option("--smtp-host", default="", envvar="STATFLOW_SMTP_HOST", help="The mail server; else as stored.")
@click.option("--smtp-port", default=0, type=click.IntRange(0, 65_535), envvar="STATFLOW_SMTP_PORT", help="Its port.")
@click.option(
    "--smtp-user",
    default="",
    envvar="STATFLOW_SMTP_USER",
    help="Who signs in there; the password is STATFLOW_SMTP_PASSWORD of the environment.",
)
@click.option("--smtp-from", default="", envvar="STATFLOW_SMTP_FROM", help="The address that mails are from.")
@click.option(
    "--smtp-tls",
    type=click.Choice(["starttls", "tls", "none"]),
    envvar="STATFLOW_SMTP_TLS",
    help="How the connection is kept secret; else as stored, at first by starttls.",
)
@click.option("--signup", is_flag=True, envvar="STATFLOW_SIGNUP", help="Let anybody make an account, of the plan free.")
@one_line_errors
def serve(data: Path | None, workers: int | None, **options: Any) -> None:
    """Run the server.

    It makes the data folder where there is none. The first start prints an API key, and a link that signs its owner in,
    once.

    \b
    Example:
      statflow serve --data /var/lib/statflow --port 8088
    """
    from statflow_http.serving.serve import Settings, workers_default
    from statflow_http.serving.serve import serve as run

    if options["interval_s"] is not None and options["durability"] != "interval":
        raise click.UsageError("--interval is for --durability interval: add that, or leave --interval out")
    options["interval_s"] = options["interval_s"] or INTERVAL_S_DEFAULT
    options["ballast_bytes"] = options.pop("ballast_mib") * MIB
    options["alerts"] = alert_options(options)
    run(Settings(data=data or DATA_DEFAULT, workers=workers or workers_default(), **options))


def alert_options(options: dict[str, Any]) -> "AlertOptions":
    """The options that are about alerts, taken out of all of them.

    The password comes from the environment: what is on a command line everybody on the machine can read.
    """
    from statflow_http.alerts.options import AlertOptions

    mail = {name: options.pop(name) for name in list(options) if name.startswith("smtp_")}
    mail["smtp_tls"] = mail["smtp_tls"] or ""
    public_url = options.pop("public_url")
    return AlertOptions(
        interval_s=options.pop("alert_interval"),
        public_url=http_url(public_url, "--public-url") if public_url else "",
        smtp_password=os.environ.get("STATFLOW_SMTP_PASSWORD", ""),
        **mail,
    )
