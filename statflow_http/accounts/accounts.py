"""Accounts: whose stats these are, and what they have set.

The first account of a server is its owner's. Keys, people and everything that people make belong to an account.
"""

from zoneinfo import ZoneInfo

import msgspec

from statflow_http.documents.store import Documents
from statflow_http.errors import NotFoundError, RequestError

OWNER_ID = "owner"
TILDE_JOINS = ("~", " ")


class Account(msgspec.Struct, frozen=True):
    """What the server knows of an account.

    Attributes:
        id: the first half of the namespaces of its stats.
        created_s: Unix seconds.
        tilde_join: what stands between prefix and part of ``prefix~a,b``: "~", or " " for who came from StatHat.
        tz: the IANA name of the time zone of its pages.
        plan: the name of its plan.
        new_stat_notices: its owner is told by mail of every new stat.
    """

    id: str
    created_s: int
    tilde_join: str = "~"
    tz: str = "UTC"
    plan: str = "unlimited"
    new_stat_notices: bool = True

    def namespace(self, *, live: bool) -> str:
        """The engine's namespace of its live or its test stats."""
        return f"{self.id}:live" if live else f"{self.id}:test"


class AccountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an account may set for itself; what is None stays."""

    tilde_join: str | None = None
    tz: str | None = None
    new_stat_notices: bool | None = None


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

    def list(self) -> list[Account]:
        """Every account: the server owner's, then the others in the order in which they came."""
        with self._documents.snapshot() as snapshot:
            found = snapshot.all("accounts", Account)
        return sorted(found, key=lambda account: (account.id != OWNER_ID, account.created_s, account.id))

    def change(self, account_id: str, settings: AccountSettings) -> Account:
        """Set what an account may set for itself; the account as it is then.

        Raises:
            RequestError: no such time zone, or no such way to join.
            NotFoundError: the account is gone.
        """
        _refuse_settings(settings)
        given = {name: value for name, value in msgspec.structs.asdict(settings).items() if value is not None}
        return self._replace(account_id, given)

    def set_plan(self, account_id: str, plan: str) -> Account:
        """Give an account another plan, which is there.

        Raises:
            NotFoundError: the account is gone.
        """
        return self._replace(account_id, {"plan": plan})

    def _replace(self, account_id: str, given: dict[str, object]) -> Account:
        with self._documents.change() as change:
            account = change.get("accounts", account_id, Account)
            if account is None:
                raise NotFoundError("no such account")
            account = msgspec.structs.replace(account, **given)
            change.put("accounts", account_id, account)
        return account

    def save(self, account: Account) -> None:
        """Store an account under its id, in place of what is there."""
        with self._documents.change() as change:
            change.put("accounts", account.id, account)


def _refuse_settings(settings: AccountSettings) -> None:
    if settings.tilde_join is not None and settings.tilde_join not in TILDE_JOINS:
        raise RequestError('tilde_join must be "~" or " "')
    if settings.tz is not None and not _is_zone(settings.tz):
        raise RequestError("tz must be the name of a time zone, such as Europe/Berlin")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, such as "../x", such as a folder
        return False
    return True
