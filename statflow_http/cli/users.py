"""``statflow users``: who may sign in, and whose accounts there are."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from statflow_http.cli.office import Office, asked_password, opened_office, password_stdin_option
from statflow_http.cli.options import data_option, http_url, one_line_errors
from statflow_http.cli.targets import CommandError

if TYPE_CHECKING:
    from statflow_http.accounts.people import Person

public_url_option = click.option(
    "--public-url",
    metavar="URL",
    envvar="STATFLOW_PUBLIC_URL",
    help="How people reach the server.  [default: as it was started]",
)


@click.group()
def users() -> None:
    """Make, list and remove the people who may sign in, and their accounts.

    \b
    Example:
      statflow users create ada@example.com --plan free
    """


@users.command()
@data_option
@click.argument("email")
@click.option("--plan", help="The plan of the account.  [default: free]")
@click.option("--member-of", metavar="EMAIL", help="Join the account of this person instead of making one.")
@click.option("--owner", "is_owner", is_flag=True, help="Give the server's owner this address and a password.")
@click.option("--link", "by_link", is_flag=True, help="No password yet: print a link that signs in, once.")
@public_url_option
@password_stdin_option
@one_line_errors
def create(
    data: Path | None,
    email: str,
    plan: str | None,
    member_of: str | None,
    is_owner: bool,
    by_link: bool,
    public_url: str | None,
    from_stdin: bool,
) -> None:
    """Make a person with an account of their own, or a member of another's. The password is asked for.

    \b
    Example:
      statflow users create ada@example.com --plan free
      statflow users create bob@example.com --member-of ada@example.com
      statflow users create me@example.com --owner
    """
    from statflow_http.accounts import passwords
    from statflow_http.accounts.people import normal_email

    if sum(map(bool, (plan, member_of, is_owner))) > 1:
        raise click.UsageError("only one of --plan, --member-of and --owner can be meant")
    url = http_url(public_url, "--public-url") if public_url else ""
    with opened_office(data, make=True) as office:
        # Refused before anybody has typed a password.
        if office.people.by_email(normal_email(email)) is not None:
            raise CommandError(f"somebody has the e-mail address {email} already")
        hash_ = "" if by_link else passwords.hashed(asked_password(from_stdin=from_stdin))
        person = _created(office, email, hash_, plan, member_of, is_owner=is_owner)
        if by_link:
            _tell_link(office, person, url)


def _created(
    office: Office, email: str, hash_: str, plan: str | None, member_of: str | None, *, is_owner: bool
) -> "Person":
    """The new person, with a line that says what to do next."""
    import time

    from statflow_http.accounts.opening import open_account
    from statflow_http.accounts.plans import FREE

    now_s = int(time.time())
    if is_owner:
        person = office.people.set_email(office.owner, email)
        person = office.people.set_password(person, hash_) if hash_ else person
        click.echo(f"{person.email} is the owner of this server\nnext: sign in with that address")
    elif member_of is not None:
        person = office.people.create(office.account_id(member_of), email, hash_, now_s)
        click.echo(f"{person.email} is a member of the account of {member_of}\nnext: sign in with that address")
    else:
        name = office.plans.get(plan or FREE.name).name
        person = open_account(office.documents, email, hash_, now_s, plan=name)
        click.echo(f"made the account of {person.email}, plan {name}")
        click.echo(f"next: statflow keys create --account {person.email}")
    return person


@users.command("list")
@data_option
@one_line_errors
def list_users(data: Path | None) -> None:
    """List everybody, account by account.

    \b
    Example:
      statflow users list
    """
    from statflow_http.cli.tables import table, time_text

    with opened_office(data) as office:
        rows = [
            [
                person.email or "(no address yet)",
                account.id,
                "owner" if person.is_owner else "member",
                account.plan,
                time_text(person.created_s),
                "set" if person.password_hash else "-",
            ]
            for account in office.accounts.list()
            for person in office.people.list(account.id)
        ]
    click.echo(table(["e-mail", "account", "role", "plan", "created (UTC)", "password"], rows))
    if len(rows) == 1:
        click.echo("next: statflow users create EMAIL")


@users.command()
@data_option
@click.argument("email")
@click.argument("plan")
@one_line_errors
def plan(data: Path | None, email: str, plan: str) -> None:
    """Give the account of EMAIL the plan PLAN, from the next request on. "statflow plans list" shows the plans.

    \b
    Example:
      statflow users plan ada@example.com unlimited
    """
    with opened_office(data) as office:
        account_id = office.account_id(email)
        office.accounts.set_plan(account_id, office.plans.get(plan).name)
    click.echo(f"the account of {email} has the plan {plan}\nnext: nothing; running servers know already")


@users.command()
@data_option
@click.argument("email")
@password_stdin_option
@one_line_errors
def password(data: Path | None, email: str, from_stdin: bool) -> None:
    """Set a password, which is asked for. Whoever is signed in as EMAIL is signed out.

    \b
    Example:
      statflow users password ada@example.com
    """
    from statflow_http.accounts import passwords

    with opened_office(data) as office:
        person = office.person(email)
        office.people.set_password(person, passwords.hashed(asked_password(from_stdin=from_stdin)))
    click.echo(f"{person.email} has a new password, and is signed out everywhere\nnext: sign in with it")


@users.command("login-link")
@data_option
@click.argument("email", required=False)
@click.option("--owner", "is_owner", is_flag=True, help="For the owner of the server, who may have no address yet.")
@public_url_option
@one_line_errors
def login_link(data: Path | None, email: str | None, is_owner: bool, public_url: str | None) -> None:
    """Print a link that signs EMAIL in, once and within a day.

    \b
    Example:
      statflow users login-link ada@example.com
      statflow users login-link --owner
    """
    if (email is None) != is_owner:
        raise click.UsageError("either EMAIL or --owner must be given")
    url = http_url(public_url, "--public-url") if public_url else ""
    with opened_office(data) as office:
        _tell_link(office, office.owner if email is None else office.person(email), url)


def _tell_link(office: Office, person: "Person", url: str) -> None:
    """The link alone on stdout, and on stderr what is to be done with it."""
    import time

    from statflow_http.serving.first_start import known_url

    url = url or known_url(office.documents)
    click.echo(url + office.sessions.new_link(person, int(time.time())))
    what = "open it in a browser" if url else "put your server's address before it (--public-url does), and open that"
    click.echo(f"next: {what}; it works once, for a day", err=True)


@users.command()
@data_option
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@one_line_errors
def remove(data: Path | None, email: str, yes: bool) -> None:
    """Remove a person; who owns an account takes it along: members, keys, settings, and its stats go to the trash.

    \b
    Example:
      statflow users remove ada@example.com
    """
    with opened_office(data) as office:
        person = office.person(email)
        if not person.is_owner:
            office.people.remove(person.account_id, person.id)
            click.echo(f"{person.email} is removed")
            return
        if not yes:
            click.confirm(f"Remove the whole account of {person.email}, with its members, keys and stats?", abort=True)
        _close(office, person)


def _close(office: Office, person: "Person") -> None:
    """Remove an account. The engine is opened only here: it is not there before a server was."""
    import statflow_engine
    from statflow_http.accounts.opening import close_account

    with statflow_engine.open(office.folder) as engine:
        count = close_account(office.documents, engine, person.account_id)
    click.echo(f"the account of {person.email} is removed; stats that went with it: {count}")
