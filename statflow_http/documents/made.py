"""What documents have in common that people make one by one, such as alerts and annotations: ids, and a limit."""

import secrets

import msgspec

from statflow_http import ids
from statflow_http.documents.store import Change
from statflow_http.errors import RetryLaterError


class Anything(msgspec.Struct, frozen=True):
    """Any document, of which nothing is decoded."""


def free_id(change: Change, table: str, namespace: str, now_s: int) -> str:
    """An id for a new document, which lies under ``NAMESPACE/ID``; ids made later come later in the order of text."""
    while True:
        made = ids.document_id(now_s, secrets.randbelow(ids.DOCUMENT_CHANCES))
        if change.get(table, f"{namespace}/{made}", Anything) is None:
            return made


def refuse_full(change: Change, table: str, namespace: str, count_max: int, what: str) -> None:
    """Refuse one more document when the account of a namespace, live and test together, has as many as it may.

    Raises:
        RetryLaterError: it has; waiting does not help.
    """
    account = namespace.rpartition(":")[0] + ":"
    # Counted anew each time: a counter beside it could be wrong. 10,000 documents are counted in 4 ms.
    if sum(1 for _ in change.under(table, account, Anything)) >= count_max:
        raise RetryLaterError(f"an account has at most {count_max} {what}: delete some first", None)
