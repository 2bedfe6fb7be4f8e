"""``statflow keys``: make, list, rotate and revoke API keys, and add those that people had at StatHat."""

from pathlib import Path

import click

from statflow_http.cli.office import opened_office
from statflow_http.cli.options import account_option, data_option, one_line_errors, test_option

SCOPES = ("write", "read", "full")
KIND_NAMES = ("ezkey", "ukey", "token")


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke API keys.

    \b
    Example:
      statflow keys create --data ./statflow-data --scope write
    """


@keys.command()
@data_option
@test_option
@account_option
@click.option("--scope", type=click.Choice(SCOPES), default="full", show_default=True, help="What the key may do.")
@click.option("--label", default="", help="A note for yourself.")
@click.option("--days", type=click.IntRange(1, 36_500), help="Let it expire after so many days.  [default: never]")
@one_line_errors
def create(data: Path | None, account: str | None, test: bool, scope: str, label: str, days: int | None) -> None:
    """Make a key and print it. It is shown this once and never again.

    \b
    Example:
      statflow keys create --scope write --label "pixel in the newsletter"
    """
    import time

    from statflow_http.accounts.keys import DAY_S, Scope

    now_s = int(time.time())
    with opened_office(data, make=True) as office:
        made = office.keys.create(
            office.account_id(account),
            now_s,
            live=not test,
            scope=Scope(scope),
            label=label,
            expires_s=None if days is None else now_s + days * DAY_S,
        )
    click.echo(made)


@keys.command()
@data_option
@test_option
@account_option
@click.option("--ezkey", metavar="VALUE", help="An EZ key, often an e-mail address.")
@click.option("--ukey", metavar="VALUE", help="A user key, of the classic API.")
@click.option("--token", metavar="VALUE", help="An access token, of the export API.")
@click.option("--scope", type=click.Choice(SCOPES), help="What it may do.  [default: write; of a token read]")
@click.option("--label", default="", help="A note for yourself.")
@one_line_errors
def add(
    data: Path | None, account: str | None, test: bool, scope: str | None, label: str, **secrets: str | None
) -> None:
    """Add a key that you had at StatHat: clients that have it go on working with only the host changed.

    \b
    Example:
      statflow keys add --ezkey ada@example.com
    """
    import time

    from statflow_http.accounts.keys import KeyKind, Scope, refuse_secret

    given = [(name, secrets[name]) for name in KIND_NAMES if secrets[name] is not None]
    if len(given) != 1:
        raise click.UsageError("one of --ezkey, --ukey and --token must be given")
    ((kind, secret),) = given
    assert secret is not None
    refuse_secret(secret, f"--{kind}")
    with opened_office(data, make=True) as office:
        key = office.keys.add_secret(
            office.account_id(account),
            secret,
            KeyKind(kind),
            int(time.time()),
            live=not test,
            scope=None if scope is None else Scope(scope),
            label=label,
            by_operator=True,
        )
    click.echo(f"added {key.display} as {key.id}, scope {key.scope}\nnext: let a client send to this server with it")


@keys.command("list")
@data_option
@account_option
@one_line_errors
def list_keys(data: Path | None, account: str | None) -> None:
    """List all keys of an account, revoked ones too.

    \b
    Example:
      statflow keys list --data ./statflow-data
    """
    from statflow_http.cli.tables import table, time_text

    with opened_office(data) as office:
        found = office.keys.list(office.account_id(account))
        used = office.keys.last_used(found)
    rows = [
        [
            key.id,
            key.display,
            key.scope.value,
            *map(time_text, (key.created_s, used.get(key.id), key.expires_s, key.revoked_s)),
            key.label,
        ]
        for key in found
    ]
    click.echo(table(["id", "key", "scope", "created (UTC)", "last used", "expires", "revoked", "label"], rows))


@keys.command()
@data_option
@account_option
@click.argument("key")
@click.option("--grace-days", type=click.IntRange(0, 30), default=1, show_default=True, help="How long the old works.")
@one_line_errors
def rotate(data: Path | None, account: str | None, key: str, grace_days: int) -> None:
    """Make a key that may do what KEY may, and print it; KEY works for some days more.

    \b
    Example:
      statflow keys rotate sk_live_Ab3dEf7h --grace-days 7
    """
    import time

    with opened_office(data) as office:
        text, _ = office.keys.rotate(office.account_id(account), key, int(time.time()), grace_days=grace_days)
    click.echo(text)


@keys.command()
@data_option
@account_option
@click.argument("key")
@one_line_errors
def revoke(data: Path | None, account: str | None, key: str) -> None:
    """Make a key useless, at once and for good. KEY is the key, its id, or how "keys list" shows it.

    \b
    Example:
      statflow keys revoke sk_live_Ab3dEf7h
    """
    import time

    with opened_office(data) as office:
        click.echo(f"revoked {office.keys.revoke(office.account_id(account), key, int(time.time())).display}")
