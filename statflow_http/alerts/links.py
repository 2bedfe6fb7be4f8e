"""Signed links: what somebody who reads a mail may do without signing in, and nothing else. Pure.

A token says what is to be done, to what, and until when it may be, and carries an HMAC of that by the store's secret.
It is asked for by GET, which only shows a button, because programs that look into mails follow every link; POST does
it.
"""

import base64
import binascii
import enum
import hashlib
import hmac

import msgspec

from statflow_http.errors import NotFoundError

PURPOSE = b"alert link:"
MAC_SIZE = 16
TOKEN_MAX = 400
# Mails are read late.
VALID_S = 30 * 86_400
SILENCE_S = 86_400


class Action(enum.StrEnum):
    """What a link does."""

    SILENCE = "s"
    UNSUBSCRIBE = "u"
    DELETE_STAT = "d"


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What a token says.

    Attributes:
        action: what to do.
        place: the namespace of a rule or a stat; the account of a receiver.
        id: of the rule or the receiver; the stat id of a stat.
        expires_s: the last moment at which it may be done.
    """

    action: Action
    place: str
    id: str
    expires_s: int


def token(secret: bytes, link: Link) -> str:
    """The signed text of a link, of url-safe characters."""
    said = msgspec.msgpack.encode(link)
    return base64.urlsafe_b64encode(_mac(secret, said) + said).decode().rstrip("=")


def link_of(secret: bytes, text: str, now_s: int) -> Link:
    """What a token says.

    Raises:
        NotFoundError: it is none of this store's, or too old.
    """
    try:
        if len(text) > TOKEN_MAX or not text.isascii():
            raise NotFoundError("no such link")
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if not hmac.compare_digest(decoded[:MAC_SIZE], _mac(secret, decoded[MAC_SIZE:])):
            raise NotFoundError("no such link")
        found = msgspec.msgpack.decode(decoded[MAC_SIZE:], type=Link)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise NotFoundError("no such link") from None
    if now_s > found.expires_s:
        raise NotFoundError("this link is too old")
    return found


def _mac(secret: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, PURPOSE + said, hashlib.sha256)[:MAC_SIZE]
