"""Passwords: checked when they are chosen, kept as Argon2id hashes. Knows nothing of who they are of.

The library is imported when a password is first hashed: ``statflow send`` needs none.
"""

import threading
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from statflow_http.errors import RequestError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LENGTH_MIN = 8
# A longer one is refused before it is hashed: to hash a megabyte takes a thousand times as long.
LENGTH_MAX = 1_000

# OWASP's first choice of parameters. 22 ms on one core of an EPYC; the 64 MiB and four lanes of RFC 9106 took 113 ms,
# which a server of two cores, whose logins are limited anyway, does better without.
MEMORY_KIB = 19_456
PASSES = 2
LANES = 1
# So many are hashed at a time: 80 MB, however many threads log somebody in.
AT_A_TIME = 4

# What is verified for an e-mail address that nobody has, so that it takes as long: of 32 random bytes, since forgotten.
NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$H+wchlXaxH9eTbIoL334Vw$Ibg/AUoAl3fRq/UUt0bBHna5x7v3uZ1h07Y92C5jlVc"

_turnstile = threading.BoundedSemaphore(AT_A_TIME)


def chosen(password: str) -> str:
    """A password that somebody wants to have, in the form in which it is hashed.

    Raises:
        RequestError: it is too short or too long; counted in characters.
    """
    normal = _normal(password)
    if len(normal) < LENGTH_MIN:
        raise RequestError(f"a password has at least {LENGTH_MIN} characters")
    if len(normal) > LENGTH_MAX:
        raise RequestError(f"a password has at most {LENGTH_MAX} characters")
    return normal


def hashed(password: str) -> str:
    """The hash of a new password, with a salt and the parameters in it.

    Raises:
        RequestError: it is too short or too long.
    """
    encoded = _encoded(chosen(password))
    with _turnstile:
        return _hasher().hash(encoded)


def is_right(password: str, hash_: str) -> bool:
    """Whether a password is the one of a hash; "" is the hash of nobody, and takes as long to be wrong."""
    from argon2.exceptions import VerificationError

    if len(password) > LENGTH_MAX:
        # Nobody has such a one, and whoever sends it knows that.
        return False
    try:
        with _turnstile:
            return _hasher().verify(hash_ or NOBODYS_HASH, _encoded(_normal(password))) and bool(hash_)
    except VerificationError:
        return False


def is_outdated(hash_: str) -> bool:
    """Whether a hash was made with other parameters than new ones are."""
    return _hasher().check_needs_rehash(hash_)


@lru_cache(1)
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(memory_cost=MEMORY_KIB, time_cost=PASSES, parallelism=LANES)


def _normal(password: str) -> str:
    """As NIST SP 800-63B has it: what looks alike is alike, whatever keyboard it came from."""
    return unicodedata.normalize("NFKC", password)


def _encoded(password: str) -> bytes:
    """Its bytes; JSON can hold half a surrogate pair, of which UTF-8 knows none."""
    return password.encode("utf-8", "surrogatepass")
