"""``statflow keys``: make, list and revoke API keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from statflow_http.cli.options import DATA_DEFAULT, data_option, one_line_errors, test_option

if TYPE_CHECKING:
    from statflow_http.accounts.keys import Keys

SCOPES = ("write", "read", "full")


@click.group()
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

    from statflow_http.accounts.accounts import Accounts
    from statflow_http.accounts.keys import Keys
    from statflow_http.documents import Documents
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

    from statflow_http.accounts.accounts import OWNER_ID
    from statflow_http.accounts.keys import Scope

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
    from statflow_http.accounts.accounts import OWNER_ID
    from statflow_http.cli.tables import table, time_text

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

    from statflow_http.accounts.accounts import OWNER_ID

    with opened_keys(data) as known:
        click.echo(f"revoked {known.revoke(OWNER_ID, key, int(time.time())).display}")
