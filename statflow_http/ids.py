"""How series are named outside: stat ids for people and links, classic and embed keys for old clients. Pure.

A stat id is the series id in base32. A classic key holds the series id and an HMAC over the stat id, so that it can be
checked and resolved without a table: 5 bytes of id and 16 of HMAC are 28 url-safe characters, as StatHat's were.
"""

import base64
import binascii
import hashlib
import hmac

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
STAT_ID_LENGTH_MIN = 4
STAT_ID_LENGTH_MAX = 8
ID_SIZE = 5  # 2**40 series
MAC_SIZE = 16
CLASSIC_KEY_LENGTH = 28
assert (ID_SIZE + MAC_SIZE) * 8 == CLASSIC_KEY_LENGTH * 6


def stat_id(series_id: int) -> str:
    """The stat id of a series: at least four letters and digits."""
    assert series_id >= 0, series_id
    digits = ""
    while series_id:
        series_id, digit = divmod(series_id, 32)
        digits = ALPHABET[digit] + digits
    return digits.rjust(STAT_ID_LENGTH_MIN, ALPHABET[0])


def series_id(text: str) -> int | None:
    """The inverse of `stat_id`; None when the text is no stat id."""
    if not STAT_ID_LENGTH_MIN <= len(text) <= STAT_ID_LENGTH_MAX or not set(text) <= set(ALPHABET):
        return None
    number = 0
    for character in text:
        number = number * 32 + ALPHABET.index(character)
    return number if stat_id(number) == text else None


def classic_key(secret: bytes, series_id: int) -> str:
    """The key by which classic clients write to a series, beside their user key; 28 url-safe characters."""
    return base64.urlsafe_b64encode(series_id.to_bytes(ID_SIZE, "big") + _mac(secret, b"classic:", series_id)).decode()


def series_id_of_classic_key(secret: bytes, key: str) -> int | None:
    """The series that a classic key is of; None when it is no key of this store."""
    if len(key) != CLASSIC_KEY_LENGTH or not key.isascii():
        return None
    try:
        decoded = base64.b64decode(key, altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    found = int.from_bytes(decoded[:ID_SIZE], "big")
    return found if hmac.compare_digest(decoded[ID_SIZE:], _mac(secret, b"classic:", found)) else None


def _mac(secret: bytes, purpose: bytes, series_id: int) -> bytes:
    return hmac.digest(secret, purpose + stat_id(series_id).encode(), hashlib.sha256)[:MAC_SIZE]
