"""How series are named outside: stat ids for people and links, classic and embed keys for old clients. Pure.

A stat id is the series id in base32. A classic key holds the series id and an HMAC over the stat id, so that it can be
checked and resolved without a table: 5 bytes of id and 16 of HMAC are 28 url-safe characters, as StatHat's were. An
embed key is the same for another purpose: whoever has it may show the stat on a page, and can do nothing else with it.

Documents that people make (alerts, annotations) are named by the moment and by chance, in letters that sort by time.
"""

import base64
import binascii
import hashlib
import hmac

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
# The same in the order of ASCII, for ids that are to sort as their numbers do.
SORTED_ALPHABET = "".join(sorted(ALPHABET))
STAT_ID_LENGTH_MIN = 4
STAT_ID_LENGTH_MAX = 8
ID_SIZE = 5  # 2**40 series
MAC_SIZE = 16
CLASSIC_KEY_LENGTH = 28
assert (ID_SIZE + MAC_SIZE) * 8 == CLASSIC_KEY_LENGTH * 6
DOCUMENT_ID_LENGTH = 12
DOCUMENT_TIME_LENGTH = 7  # 2**35 seconds
DOCUMENT_CHANCES = 32 ** (DOCUMENT_ID_LENGTH - DOCUMENT_TIME_LENGTH)


def stat_id(series_id: int) -> str:
    """The stat id of a series: at least four letters and digits."""
    assert series_id >= 0, series_id
    return _digits(series_id, ALPHABET).rjust(STAT_ID_LENGTH_MIN, ALPHABET[0])


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
    return _key(secret, b"classic:", series_id)


def series_id_of_classic_key(secret: bytes, key: str) -> int | None:
    """The series that a classic key is of; None when it is no key of this store."""
    return _series_id_of_key(secret, b"classic:", key)


def embed_key(secret: bytes, series_id: int) -> str:
    """The key by which a page shows a series that is not public; 28 url-safe characters."""
    return _key(secret, b"embed:", series_id)


def series_id_of_embed_key(secret: bytes, key: str) -> int | None:
    """The series that an embed key is of; None when it is no key of this store."""
    return _series_id_of_key(secret, b"embed:", key)


def document_id(now_s: int, chance: int) -> str:
    """The id of a document: 12 letters and digits, of which the first 7 are the second in which it was made.

    Args:
        now_s: Unix seconds, below 2**35.
        chance: 0 to 2**25 - 1, so that two of one second differ; the store looks whether they do.
    """
    assert 0 <= now_s < 32**DOCUMENT_TIME_LENGTH, now_s
    assert 0 <= chance < DOCUMENT_CHANCES, chance
    digits = _digits(now_s * DOCUMENT_CHANCES + chance, SORTED_ALPHABET)
    return digits.rjust(DOCUMENT_ID_LENGTH, SORTED_ALPHABET[0])


def is_document_id(text: str) -> bool:
    """Whether a text could be such an id."""
    return len(text) == DOCUMENT_ID_LENGTH and set(text) <= set(ALPHABET)


def _key(secret: bytes, purpose: bytes, series_id: int) -> str:
    return base64.urlsafe_b64encode(series_id.to_bytes(ID_SIZE, "big") + _mac(secret, purpose, series_id)).decode()


def told_series_id(key: str) -> int | None:
    """The series that a key of whatever store says that it is of, which only that store can check; None: of none."""
    decoded = _decoded(key)
    return None if decoded is None else int.from_bytes(decoded[:ID_SIZE], "big")


def _series_id_of_key(secret: bytes, purpose: bytes, key: str) -> int | None:
    decoded = _decoded(key)
    if decoded is None:
        return None
    found = int.from_bytes(decoded[:ID_SIZE], "big")
    return found if hmac.compare_digest(decoded[ID_SIZE:], _mac(secret, purpose, found)) else None


def _decoded(key: str) -> bytes | None:
    if len(key) != CLASSIC_KEY_LENGTH or not key.isascii():
        return None
    try:
        return base64.b64decode(key, altchars=b"-_", validate=True)
    except binascii.Error:
        return None


def _digits(number: int, alphabet: str) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = alphabet[digit] + digits
    return digits


def _mac(secret: bytes, purpose: bytes, series_id: int) -> bytes:
    return hmac.digest(secret, purpose + stat_id(series_id).encode(), hashlib.sha256)[:MAC_SIZE]
