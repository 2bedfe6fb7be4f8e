"""What the commands about accounts share: a data folder's accounts, opened beside whatever server runs on it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from statflow_http.cli.options import DATA_DEFAULT
from statflow_http.cli.targets import CommandError

if TYPE_CHECKING:
    from statflow_http.accounts.accounts import Account, Accounts
    from statflow_http.accounts.key_store import Keys
    from statflow_http.accounts.people import People, Person
    from statflow_http.accounts.plans import Plans
    from statflow_http.accounts.sessions import Sessions
    from statflow_http.documents.store import Documents

# More than any password may have.
PASSWORD_LINE_MAX = 4_096

password_stdin_option = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input, one line."
)


@dataclass(frozen=True, slots=True)
class Office:
    """A data folder's accounts and all that belongs to them."""

    folder: Path
    documents: "Documents"
    accounts: "Accounts"
    keys: "Keys"
    people: "People"
    plans: "Plans"
    sessions: "Sessions"
    owner: "Person"

    def person(self, email: str) -> "Person":
        """Who has an e-mail address.

        Raises:
            CommandError: nobody has.
        """
        found = self.people.by_email(email)
        if found is None:
            raise CommandError(f'nobody has the e-mail address {email}: "statflow users list" shows who there is')
        return found

    def account_id(self, given: str | None) -> str:
        """The account that `--account` names.

        Raises:
            CommandError: there is none.
        """
        return account_named(self.documents, given).id


def account_named(documents: "Documents", given: str | None) -> "Account":
    """The account of a person or of an id; the server owner's for None.

    Raises:
        CommandError: nobody has the address, or no account the id.
    """
    from statflow_http.accounts.accounts import OWNER_ID, Account, Accounts
    from statflow_http.accounts.people import People

    person = People(documents).by_email(given) if given and "@" in given else None
    if given and "@" in given and person is None:
        raise CommandError(f'nobody has the e-mail address {given}: "statflow users list" shows who there is')
    account_id = (given or OWNER_ID) if person is None else person.account_id
    account = Accounts(documents).get(account_id)
    if account is None and account_id == OWNER_ID:
        # Stats come before accounts in a folder that only an engine ever had open.
        return Account(OWNER_ID, 0)
    if account is None:
        raise CommandError(f'there is no account {account_id}: "statflow users list" shows which there are')
    return account


@contextmanager
def opened_office(data: Path | None, *, make: bool = False) -> Iterator[Office]:
    """The accounts of a data folder, with the owner's, which is made where it is missing.

    Args:
        data: the folder.
        make: it may be new, which is told; else one that holds neither stats nor accounts is refused.

    Raises:
        StoreError: it is no data folder, or does not open.
    """
    import time

    from statflow_http.accounts.accounts import Accounts
    from statflow_http.accounts.key_store import Keys
    from statflow_http.accounts.people import People
    from statflow_http.accounts.plans import Plans
    from statflow_http.accounts.sessions import Sessions
    from statflow_http.documents.store import ACCOUNTS_FOLDER, Documents
    from statflow_http.serving import folders

    folder, now_s = data or DATA_DEFAULT, int(time.time())
    if not make:
        folders.refuse_no_accounts(folder)
    elif folders.made(folder):
        click.echo(f"made the data folder {folder}", err=True)
    documents = Documents(folder / ACCOUNTS_FOLDER)
    try:
        accounts, people = Accounts(documents), People(documents)
        accounts.ensure_owner(now_s)
        owner = people.ensure_owner(now_s)
        yield Office(folder, documents, accounts, Keys(documents), people, Plans(documents), Sessions(documents), owner)
    finally:
        documents.close()


def asked_password(*, from_stdin: bool) -> str:
    """A new password, from standard input or typed twice, never from the command line: that is seen by all."""
    if from_stdin:
        return sys.stdin.readline(PASSWORD_LINE_MAX).rstrip("\r\n")
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed
