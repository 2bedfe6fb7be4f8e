"""``statflow send``, ``query`` and ``ls``: points in and out of a data folder or a server."""

import json
from pathlib import Path
from typing import Any

import click

from statflow_http.cli.options import one_line_errors, opened, target_options, when_interrupted
from statflow_http.cli.targets import Question


@click.command()
@target_options
@click.argument("stat")
@click.option("--count", help="Count this much.  [default: 1]")
@click.option("--value", help="A measured value instead of a count.")
@click.option("--t", "t", help="When, in Unix seconds.  [default: now]")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when it is stored.")
@one_line_errors
@when_interrupted("; it is not known whether the point is stored")
def send(
    data: Path | None,
    url: str | None,
    key: str | None,
    test: bool,
    account: str | None,
    stat: str,
    quiet: bool,
    **number: str | None,
) -> None:
    """Send one point.

    \b
    Example:
      statflow send "page views" --count 3
      statflow send "response time" --value 42.5 --url https://stats.example --key sk_live_...
    """
    with opened(data, url, key, account, test=test) as target:
        target.send({"stat": stat, **number})
    if not quiet:
        told = f"value {number['value']}" if number["value"] is not None else f"count {number['count'] or 1}"
        click.echo(f'sent "{stat}": {told}')


@click.command()
@target_options
@click.argument("stats", nargs=-1, required=True)
@click.option("--from", "from_", help="Unix seconds, or a time such as 2027-01-15T08:00:00Z.  [default: 24 h ago]")
@click.option("--to", help="The same.  [default: now]")
@click.option("--step", help="5m, 1h, 1d, 1w, 1M, ...  [default: one that gives at most 1,000 rows]")
@click.option("--agg", help="sum, mean, min, max, count or rate.")
@click.option("--fill", help="null, 0 or previous.")
@click.option("--tz", help="The time zone of days, such as Europe/Berlin.")
@click.option("--combine", type=click.Choice(["sum"]), help="All of them as one.")
@click.option("--shift", help="Show the time so long before, such as 1w.")
@click.option("--format", "format_", type=click.Choice(["table", "csv", "json", "spark"]), default="table")
@one_line_errors
@when_interrupted("; nothing was changed")
def query(
    data: Path | None,
    url: str | None,
    key: str | None,
    test: bool,
    account: str | None,
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
    from statflow_http.cli.tables import query_sparks, query_table

    given = {name: value for name, value in {"from": from_, **params}.items() if value}
    with opened(data, url, key, account, test=test) as target:
        document = target.query(Question(stats, given))
    if format_ == "json":
        click.echo(json.dumps(document["series"], ensure_ascii=False))
    elif format_ == "csv":
        click.echo(query_csv(document), nl=False)
    else:
        click.echo(query_table(document) if format_ == "table" else query_sparks(document))


def query_csv(document: dict[str, Any]) -> str:
    """The document of ``GET /v1/query`` as that path's CSV."""
    from statflow_http.stats.series_rows import CSV_HEADER, Row, csv_rows

    lines = [CSV_HEADER.encode()]
    for series in document["series"]:
        lines += csv_rows(series["name"], [Row(**point) for point in series["points"]])
    return b"".join(lines).decode()


@click.command()
@target_options
@click.argument("pattern", default="")
@one_line_errors
@when_interrupted("; nothing was changed")
def ls(data: Path | None, url: str | None, key: str | None, test: bool, account: str | None, pattern: str) -> None:
    """List stats. PATTERN is a glob, or words that must all occur.

    \b
    Example:
      statflow ls "api *"
    """
    from statflow_http.cli.tables import table, time_text

    with opened(data, url, key, account, test=test) as target:
        rows = [[stat["name"], stat["kind"], time_text(stat["received_at"])] for stat in target.stats(pattern)]
    click.echo(table(["stat", "kind", "last received (UTC)"], rows))
