"""``statflow plans``: how much accounts may have and send."""

from pathlib import Path

import click

from statflow_http.cli.office import opened_office
from statflow_http.cli.options import data_option, one_line_errors

NUMBER = click.IntRange(1, 2**53)


@click.group()
def plans() -> None:
    """List, set and remove plans. A change is seen by running servers with the next request.

    \b
    Example:
      statflow plans set team --stats 200 --points 5000000
    """


@plans.command("list")
@data_option
@one_line_errors
def list_plans(data: Path | None) -> None:
    """List the plans; "-" is no limit.

    \b
    Example:
      statflow plans list
    """
    from statflow_http.cli.tables import table

    with opened_office(data) as office:
        found = office.plans.list()
    rows = [
        [
            plan.name,
            *("-" if number is None else str(number) for number in (plan.stats, plan.points_a_month)),
            *("-" if number is None else str(number) for number in (plan.new_stats_a_minute, plan.requests_a_second)),
        ]
        for plan in found
    ]
    header = ["plan", "stats", "points a month", "new stats a minute", "requests a second"]
    click.echo(table(header, rows, right=range(1, len(header))))


@plans.command("set")
@data_option
@click.argument("name")
@click.option("--stats", type=NUMBER, help="Stats at a time.  [default: no limit]")
@click.option("--points", type=NUMBER, help="Points a calendar month of UTC.  [default: no limit]")
@click.option("--new-stats", type=NUMBER, help="New stats a minute.  [default: no limit]")
@click.option("--requests", type=NUMBER, help="Requests a second.  [default: no limit]")
@one_line_errors
def set_plan(
    data: Path | None,
    name: str,
    stats: int | None,
    points: int | None,
    new_stats: int | None,
    requests: int | None,
) -> None:
    """Add the plan NAME, or give it other limits; "free" too can be another one. A limit not given is none.

    \b
    Example:
      statflow plans set team --stats 200 --points 5000000
    """
    from statflow_http.accounts.plans import Plan

    with opened_office(data) as office:
        office.plans.save(Plan(name, stats, points, new_stats, requests))
    click.echo(f"the plan {name} is set\nnext: statflow users plan EMAIL {name}")


@plans.command("remove")
@data_option
@click.argument("name")
@one_line_errors
def remove_plan(data: Path | None, name: str) -> None:
    """Remove a plan that no account has.

    \b
    Example:
      statflow plans remove team
    """
    with opened_office(data) as office:
        office.plans.remove(name)
    click.echo(f"the plan {name} is removed")
