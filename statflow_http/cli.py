"""The ``statflow`` command. Every command imports what it needs when it runs, so that ``statflow send`` starts quickly.

What goes wrong is one line on stderr and exit code 1; wrong usage is exit code 2.
"""

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from statflow_http.targets import CommandError, Question, Target

if TYPE_CHECKING:
    from statflow_http.keys import Keys

P = ParamSpec("P")
R = TypeVar("R")

DATA_DEFAULT = Path("./statflow-data")
PORT_DEFAULT = 8088
SCOPES = ("write", "read", "full")

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="STATFLOW_DATA",
    help="The data folder.  [default: ./statflow-data]",
)
test_option = click.option("--test", is_flag=True, help="Test data instead of live data.")


def target_options(command: Callable[P, R]) -> Callable[P, R]:
    """The options of a command that works on a data folder or on a server."""
    url = click.option("--url", envvar="STATFLOW_URL", help="A server's address, in place of --data.")
    key = click.option("--key", envvar="STATFLOW_KEY", help="An API key for --url.")
    return data_option(url(key(test_option(command))))


def one_line_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Make every error that StatFlow raises on purpose a line of text and exit code 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            if not _is_on_purpose(error):
                raise
            raise click.ClickException(" ".join(str(error).split())) from error

    return run


def _is_on_purpose(error: Exception) -> bool:
    """Whether an error is for the user. The engine's are known only where it was imported, which takes a while."""
    engine = sys.modules.get("statflow_engine")
    return isinstance(error, CommandError) or (engine is not None and isinstance(error, engine.StatFlowError))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="statflow", prog_name="statflow")
def main() -> None:
    """StatFlow: a self-hosted metrics service.

    Start a server with "statflow serve".
    """


@main.command()
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
@one_line_errors
def serve(data: Path | None, workers: int | None, **options: Any) -> None:
    """Run the server.

    The first start makes the data folder and prints an API key.

    \b
    Example:
      statflow serve --data /var/lib/statflow --port 8088
    """
    from statflow_http.serve import Settings, workers_default
    from statflow_http.serve import serve as run

    run(Settings(data=data or DATA_DEFAULT, workers=workers or workers_default(), **options))


@main.group()
def keys() -> None:
    """Make, list and revoke API keys.

    \b
    Example:
      statflow keys create --data ./statflow-data --scope write
    """


@contextmanager
def opened_keys(data: Path | None) -> Iterator["Keys"]:
    """The keys of a data folder; the folder and the owner's account are made where they are missing."""
    import time

    from statflow_http.accounts import Accounts
    from statflow_http.documents import Documents
    from statflow_http.keys import Keys
    from statflow_http.services import ACCOUNTS_FOLDER

    folder = data or DATA_DEFAULT
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
    documents = Documents(folder / ACCOUNTS_FOLDER)
    try:
        Accounts(documents).ensure_owner(int(time.time()))
        yield Keys(documents)
    finally:
        documents.close()


@keys.command()
@data_option
@test_option
@click.option("--scope", type=click.Choice(SCOPES), default="full", show_default=True, help="What the key may do.")
@click.option("--label", default="", help="A note for yourself.")
@one_line_errors
def create(data: Path | None, test: bool, scope: str, label: str) -> None:
    """Make a key and print it. It is shown this once and never again.

    \b
    Example:
      statflow keys create --scope write --label "pixel in the newsletter"
    """
    import time

    from statflow_http.accounts import OWNER_ID
    from statflow_http.keys import Scope

    with opened_keys(data) as known:
        click.echo(known.create(OWNER_ID, int(time.time()), live=not test, scope=Scope(scope), label=label))


@keys.command("list")
@data_option
@one_line_errors
def list_keys(data: Path | None) -> None:
    """List all keys, revoked ones too.

    \b
    Example:
      statflow keys list --data ./statflow-data
    """
    from statflow_http.accounts import OWNER_ID
    from statflow_http.tables import table, time_text

    with opened_keys(data) as known:
        rows = [
            [key.display, key.scope.value, time_text(key.created_s), time_text(key.revoked_s), key.label]
            for key in known.list(OWNER_ID)
        ]
    click.echo(table(["key", "scope", "created", "revoked", "label"], rows))


@keys.command()
@data_option
@click.argument("key")
@one_line_errors
def revoke(data: Path | None, key: str) -> None:
    """Make a key useless, at once and for good. KEY is the key, or how "keys list" shows it.

    \b
    Example:
      statflow keys revoke sk_live_Ab3dEf7h
    """
    import time

    from statflow_http.accounts import OWNER_ID

    with opened_keys(data) as known:
        click.echo(f"revoked {known.revoke(OWNER_ID, key, int(time.time())).display}")


@contextmanager
def opened(data: Path | None, url: str | None, key: str | None, *, test: bool) -> Iterator[Target]:
    """The server or the folder that the options of a command name.

    Raises:
        click.UsageError: the options do not fit together.
    """
    if url is None:
        from statflow_http.local import folder

        with folder(data or DATA_DEFAULT, live=not test) as target:
            yield target
        return
    if not key:
        raise click.UsageError("--url needs --key")
    if not url.startswith(("http://", "https://")):
        raise click.UsageError("--url must begin with http:// or https://")
    if test and not key.startswith("sk_test_"):
        raise click.UsageError("--test needs a key that begins with sk_test_")
    from statflow_http.remote import Server

    yield Server(url, key)


@main.command()
@target_options
@click.argument("stat")
@click.option("--count", help="Count this much.  [default: 1]")
@click.option("--value", help="A measured value instead of a count.")
@click.option("--t", "t", help="When, in Unix seconds.  [default: now]")
@one_line_errors
def send(data: Path | None, url: str | None, key: str | None, test: bool, stat: str, **number: str | None) -> None:
    """Send one point.

    \b
    Example:
      statflow send "page views" --count 3
      statflow send "response time" --value 42.5 --url https://stats.example --key sk_live_...
    """
    with opened(data, url, key, test=test) as target:
        target.send({"stat": stat, **number})


@main.command()
@target_options
@click.argument("stats", nargs=-1, required=True)
@click.option("--from", "from_", help="Unix seconds, or a time such as 2027-01-15T08:00:00Z.  [default: 24 h ago]")
@click.option("--to", help="The same.  [default: now]")
@click.option("--step", help="5m, 1h, 1d, 1w, 1M, ...  [default: one that gives at most 1,000 rows]")
@click.option("--agg", help="sum, mean, min, max, count or rate.")
@click.option("--fill", help="null, 0 or previous.")
@click.option("--tz", help="The time zone of days, such as Europe/Berlin.")
@click.option("--combine", help='"sum": all of them as one.')
@click.option("--shift", help="Show the time so long before, such as 1w.")
@click.option("--format", "format_", type=click.Choice(["table", "csv", "json", "spark"]), default="table")
@one_line_errors
def query(
    data: Path | None,
    url: str | None,
    key: str | None,
    test: bool,
    stats: tuple[str, ...],
    format_: str,
    from_: str | None,
    **params: str | None,
) -> None:
    """Show what was received. STATS are names, or globs such as "api *".

    \b
    Example:
      statflow query "page views" --step 1h --format spark
    """
    from statflow_http.tables import query_sparks, query_table

    given = {name: value for name, value in {"from": from_, **params}.items() if value}
    with opened(data, url, key, test=test) as target:
        document = target.query(Question(stats, given))
    if format_ == "json":
        click.echo(json.dumps(document["series"], ensure_ascii=False))
    elif format_ == "csv":
        click.echo(query_csv(document), nl=False)
    else:
        click.echo(query_table(document) if format_ == "table" else query_sparks(document))


def query_csv(document: dict[str, Any]) -> str:
    """The document of ``GET /v1/query`` as that path's CSV."""
    from statflow_http.series_rows import CSV_HEADER, Row, csv_rows

    lines = [CSV_HEADER.encode()]
    for series in document["series"]:
        lines += csv_rows(series["name"], [Row(**point) for point in series["points"]])
    return b"".join(lines).decode()


@main.command()
@target_options
@click.argument("pattern", default="")
@one_line_errors
def ls(data: Path | None, url: str | None, key: str | None, test: bool, pattern: str) -> None:
    """List stats. PATTERN is a glob, or words that must all occur.

    \b
    Example:
      statflow ls "api *"
    """
    from statflow_http.tables import table, time_text

    with opened(data, url, key, test=test) as target:
        rows = [[stat["name"], stat["kind"], time_text(stat["received_at"])] for stat in target.stats(pattern)]
    click.echo(table(["stat", "kind", "last received (UTC)"], rows))


@main.command()
@data_option
@one_line_errors
def check(data: Path | None) -> None:
    """Look for damage in a data folder; a server may be running on it.

    Prints a sentence for everything that is wrong, and then leaves with exit code 1.

    \b
    Example:
      statflow check --data ./statflow-data
    """
    from statflow_http.local import existing_engine

    found = 0
    with existing_engine(data or DATA_DEFAULT) as engine:
        for sentence in engine.check():
            click.echo(sentence)
            found += 1
    if found:
        raise click.ClickException(f"{found} things are wrong")
    click.echo("nothing is wrong")
