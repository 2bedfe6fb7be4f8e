"""Accounts as they come and go: with the person who owns them, and with everything that is theirs."""

from statflow_engine import Engine
from statflow_http.accounts import passwords
from statflow_http.accounts.accounts import OWNER_ID, Account
from statflow_http.accounts.attempts import Limiter, network
from statflow_http.accounts.key_store import forget_all
from statflow_http.accounts.people import Person, create_in, new_id, normal_email
from statflow_http.accounts.plans import FREE
from statflow_http.documents.store import TABLES, Change, Documents
from statflow_http.errors import TakenError

# Series that are looked at and deleted at a time.
PAGE = 1_000


def sign_up(documents: Documents, email: str, password: str, address: str, now_s: int) -> Person:
    """An account of the plan ``free`` for whoever asks, on a server that lets everybody in.

    Args:
        documents: of the server.
        email, password: as they were written.
        address: the sender's IP address.
        now_s: Unix seconds.

    Returns:
        The account's owner.

    Raises:
        RetryLaterError: too many accounts from this address within a minute.
        RequestError: no e-mail address, or no password.
        TakenError: somebody has the address.
    """
    normal_email(email)
    passwords.chosen(password)
    Limiter(documents).take(now_s, f"sign-up from {network(address)}")
    return open_account(documents, email, passwords.hashed(password), now_s)


def open_account(
    documents: Documents, email: str, password_hash: str, now_s: int, *, plan: str = FREE.name, tz: str = "UTC"
) -> Person:
    """An account with its owner.

    Raises:
        RequestError: no e-mail address.
        TakenError: somebody has it.
    """
    with documents.change() as change:
        account_id = new_id()
        while change.get("accounts", account_id, Account) is not None:
            account_id = new_id()
        change.put("accounts", account_id, Account(account_id, now_s, tz=tz, plan=plan))
        return create_in(change, account_id, email, password_hash, now_s, is_owner=True)


def close_account(documents: Documents, engine: Engine, account_id: str) -> int:
    """Remove an account: people, keys, settings, and its stats, which wait in the trash as others do.

    First the keys, so that nothing is written behind the back of what follows; who is in the middle of a request may
    still make a stat, which nobody will see.

    Returns:
        How many stats there were.

    Raises:
        TakenError: it is the owner's of the server.
    """
    if account_id == OWNER_ID:
        raise TakenError("the account of the server's owner cannot be removed")
    with documents.change() as change:
        forget_all(change, account_id)
        _forget_people(change, account_id)
        change.delete("accounts", account_id)
        for table in TABLES:
            # Whatever belongs to an account lies under its id, or under its live or its test data.
            for prefix in (f"{account_id}/", f"{account_id}:live/", f"{account_id}:test/"):
                change.delete_under(table, prefix)
    return sum(_delete_series(engine, f"{account_id}:{data}") for data in ("live", "test"))


def _forget_people(change: Change, account_id: str) -> None:
    for person in list(change.under("people", f"{account_id}/", Person)):
        if person.email:
            change.delete("emails", person.email)


def _delete_series(engine: Engine, namespace: str) -> int:
    count = 0
    while page := engine.series(namespace, limit=PAGE):
        for series in page:
            engine.delete(series.name, namespace=namespace)
        count += len(page)
    return count
