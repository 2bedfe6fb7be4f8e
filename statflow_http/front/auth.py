"""Who sent a request: a Bearer key, or one under the old names in its body or query."""

from collections.abc import Iterable
from typing import Any

from statflow_http.accounts.keys import Scope
from statflow_http.accounts.senders import Sender, Senders
from statflow_http.errors import BadKeyError, MissingKeyError, RequestError, ScopeError

# Under these names a key may stand in a form, a query string or a JSON body.
KEY_FIELDS = ("ezkey", "email", "ukey")

FORBIDDEN = {
    Scope.WRITE: "this API key may only read",
    Scope.READ: "this API key may only write",
    Scope.FULL: "this needs an API key of scope full",
}


def sender(keys: Senders, environ: dict[str, Any], other_keys: Iterable[str | None], scope: Scope) -> Sender:
    """Who sent a request, if its key allows what it is about to do.

    Args:
        keys: the keys of the store.
        environ: of the request, for its Authorization.
        other_keys: the keys found elsewhere in it, perhaps empty.
        scope: what the request needs.

    Raises:
        MissingKeyError: no key at all.
        BadKeyError: unknown or revoked.
        ScopeError: a good key of another scope.
        RequestError: two different keys.
        RetryLaterError: more requests than the account's plan allows.
    """
    found = [key.encode() for key in other_keys if key]
    header: str | None = environ.get("HTTP_AUTHORIZATION")
    if header:
        bearer = _bearer(header)
        if bearer:
            found.append(bearer)
    if not found:
        raise MissingKeyError("missing API key")
    if len(found) > 1 and len(set(found)) > 1:
        raise RequestError("conflicting API keys")
    known = keys.sender(found[0])
    if known is None:
        raise BadKeyError("invalid API key")
    if not known.scope.allows(scope):
        raise ScopeError(FORBIDDEN[scope])
    if known.requests_a_second is not None:
        keys.take_request(known)
    return known


def _bearer(header: str) -> bytes | None:
    """The key of an Authorization header; None when it is of another scheme, which may be meant for a proxy."""
    scheme, _, key = header.partition(" ")
    return key.strip().encode("latin-1") if scheme.lower() == "bearer" else None
