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
    from statflow_http.accounts.accounts import Accounts
    from statflow_http.accounts.keys import Keys
    from statflow_http.accounts.people import People, Person
    from statflow_http.accounts.plans import Plans
    from statflow_http.accounts.sessions import Sessions
    from statflow_http.documents import Documents

# More than any password may have.
PASSWORD_LINE_MAX = 4_096

account_option = click.option(
    "--account", "email", metavar="EMAIL", help="The account of this person.  [default: the server owner's]"
)
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

    def account_id(self, email: str | None) -> str:
        """The account of a person; the server owner's for None.

        Raises:
            CommandError: nobody has the address.
        """
        return self.owner.account_id if email is None else self.person(email).account_id


@contextmanager
def opened_office(data: Path | None) -> Iterator[Office]:
    """The accounts of a data folder; the folder and the owner's account are made where they are missing."""
    import time

    from statflow_http.accounts.accounts import Accounts
    from statflow_http.accounts.keys import Keys
    from statflow_http.accounts.people import People
    from statflow_http.accounts.plans import Plans
    from statflow_http.accounts.sessions import Sessions
    from statflow_http.documents import Documents
    from statflow_http.services import ACCOUNTS_FOLDER

    folder, now_s = data or DATA_DEFAULT, int(time.time())
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
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
