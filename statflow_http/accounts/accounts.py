"""Accounts: whose stats these are, and what they have set.

The first account of a server is its owner's. Accounts with passwords come on top of this; so far an account is what
keys belong to.
"""

import msgspec

from statflow_http.documents import Documents

OWNER_ID = "owner"


class Account(msgspec.Struct, frozen=True):
    """What the server knows of an account.

    Attributes:
        id: the first half of the namespaces of its stats.
        created_s: Unix seconds.
        tilde_join: what stands between prefix and part of ``prefix~a,b``: "~", or " " for who came from StatHat.
        tz: the IANA name of the time zone of its pages.
        plan: the name of its plan.
    """

    id: str
    created_s: int
    tilde_join: str = "~"
    tz: str = "UTC"
    plan: str = "unlimited"

    def namespace(self, *, live: bool) -> str:
        """The engine's namespace of its live or its test stats."""
        return f"{self.id}:live" if live else f"{self.id}:test"


class Accounts:
    """The accounts of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def ensure_owner(self, now_s: int) -> bool:
        """Make the owner's account; False when it was there already."""
        with self._documents.change() as change:
            if change.get("accounts", OWNER_ID, Account) is not None:
                return False
            change.put("accounts", OWNER_ID, Account(OWNER_ID, now_s))
        return True

    def get(self, account_id: str) -> Account | None:
        """The account of an id, or None."""
        with self._documents.snapshot() as snapshot:
            return snapshot.get("accounts", account_id, Account)

    def save(self, account: Account) -> None:
        """Store an account under its id, in place of what is there."""
        with self._documents.change() as change:
            change.put("accounts", account.id, account)
