"""Names whose ids this process remembers, so that a point costs a look-up in a dictionary. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

_NOTHING: dict[str, int] = {}


@dataclass(slots=True)
class NameCache:
    """Ids by namespace and name, true for one epoch of the catalog.

    Attributes:
        size: names held, of all namespaces.
    """

    epoch: int
    ids: dict[str, dict[str, int]]
    size: int = 0

    @classmethod
    def empty(cls, epoch: int) -> Self:
        """A cache that knows nothing yet."""
        return cls(epoch, {})

    def of(self, namespace: str) -> dict[str, int]:
        """Ids by name; not to be changed."""
        return self.ids.get(namespace, _NOTHING)


class KnownNames:
    """The cache of the newest epoch seen. Entries come in only after the commit that made them true."""

    def __init__(self, names_max: int) -> None:
        """``names_max``: when more are known, all are forgotten and looked up anew as they come."""
        self._names_max = names_max
        self.newest = NameCache.empty(0)

    def at(self, epoch: int) -> NameCache:
        """What is known for an epoch of the catalog; nothing for one that is not the newest."""
        known = self.newest
        if known.epoch == epoch:
            return known
        fresh = NameCache.empty(epoch)
        if epoch > known.epoch:
            self.newest = fresh
        return fresh

    def remember(self, cache: NameCache, namespace: str, ids: Mapping[str, int]) -> None:
        """Note names of a committed transaction, for the epoch that it saw."""
        if cache.size + len(ids) > self._names_max:
            cache.ids.clear()
            cache.size = 0
        known = cache.ids.setdefault(namespace, {})
        size_before = len(known)
        known.update(ids)
        cache.size += len(known) - size_before
