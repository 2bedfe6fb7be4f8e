"""How often something was tried lately, by an address or for an account: 10 times a minute, and then not.

Kept in the documents, and not by each worker: the limit is exact whichever worker is asked, and a server that is
started again has not forgotten. The write that this costs is small beside the password's hash.
"""

import hashlib
import ipaddress
from itertools import islice

import msgspec

from statflow_http.documents.store import Change, Documents
from statflow_http.errors import RetryLaterError

ATTEMPTS_MAX = 10
WINDOW_S = 60
# Entries that one attempt looks at and drops when they are over: more than it adds.
SWEPT = 10
# The addresses that one IPv6 customer has.
IPV6_PREFIX = 64


class Attempts(msgspec.Struct, frozen=True):
    """When something was tried within the last minute, oldest first; Unix seconds."""

    key: str
    times_s: tuple[int, ...]


class Limiter:
    """Counts attempts, in windows that slide: at most 10 within any minute."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def take(self, now_s: int, *names: str) -> None:
        """Note an attempt under each name, unless one of them has had 10 within the last minute.

        Args:
            now_s: Unix seconds.
            names: such as "sign-in from 192.0.2.1"; stored as hashes.

        Raises:
            RetryLaterError: too many; nothing is noted.
        """
        keys = [hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32] for name in names]
        with self._documents.change() as change:
            recent = {key: _recent(change.get("attempts", key, Attempts), now_s) for key in keys}
            full = [times_s for times_s in recent.values() if len(times_s) >= ATTEMPTS_MAX]
            if full:
                wait_s = max(1, max(times_s[-ATTEMPTS_MAX] for times_s in full) + WINDOW_S - now_s)
                raise RetryLaterError(f"too many attempts: try again in {wait_s} s", wait_s)
            for key, times_s in recent.items():
                change.put("attempts", key, Attempts(key, (*times_s, now_s)))
                _sweep(change, key, now_s)


def _recent(attempts: Attempts | None, now_s: int) -> tuple[int, ...]:
    """Of the last minute; a clock that stepped back makes none of them last longer than one."""
    if attempts is None:
        return ()
    return tuple(time_s for time_s in attempts.times_s if now_s - WINDOW_S < time_s <= now_s)


def _sweep(change: Change, key: str, now_s: int) -> None:
    """Drop what is over among the entries after a key: hashes, so that every one has its turn."""
    found = list(islice(change.under("attempts", "", Attempts, after=key), SWEPT))
    for attempts in found or list(islice(change.under("attempts", "", Attempts), SWEPT)):
        if not _recent(attempts, now_s):
            change.delete("attempts", attempts.key)


def network(address: str) -> str:
    """What counts as one sender: an IPv4 address, the /64 of an IPv6 one; whatever else there is, as it is."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 6 and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, IPV6_PREFIX), strict=False))
    return str(ip.ipv4_mapped or ip) if ip.version == 6 else str(ip)
