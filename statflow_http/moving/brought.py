"""What is remembered of each stat that was ever imported: its generation, and how far each origin was read.

Table ``import_stats``: under ``NAMESPACE/DIGEST``, where the digest is of the name, which may be longer than a key.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from statflow_engine import Engine, UnknownSeriesError
from statflow_http.documents.store import Change, Documents

DIGEST_SIZE = 16


class Brought(msgspec.Struct, frozen=True):
    """What is remembered of a stat.

    Attributes:
        generation: counts up when the stat was deleted and is imported anew; part of every mark in the ledger.
        series_id: of this generation; None until its first rows are stored.
        until: by origin, the moment up to which its rows were brought.
        tails: by origin, the cell rows that were brought of periods behind that moment, which were not over; as bytes.
    """

    generation: int = 1
    series_id: int | None = None
    until: dict[str, int] = {}
    tails: dict[str, bytes] = {}


class BroughtStats:
    """The memory of one namespace."""

    def __init__(self, engine: Engine, documents: Documents, namespace: str) -> None:
        self._engine = engine
        self._documents = documents
        self._namespace = namespace

    def begin(self, names: Iterable[str]) -> dict[str, Brought]:
        """What is remembered of some stats, brought up to date with which of them exist; call before writing to them.

        A stat that is there under another id than remembered is a new one. One that is not there, and was, begins anew.
        """
        found: dict[str, Brought] = {}
        with self._documents.change() as change:
            for name in names:
                known = change.get("import_stats", self._key(name), Brought)
                now = self._current(known or Brought(), self.series_id(name), is_new=known is None)
                found[name] = now
                if now != known:
                    self._put(change, name, now)
        return found

    @staticmethod
    def _current(known: Brought, series_id: int | None, *, is_new: bool) -> Brought:
        if is_new or known.series_id is None:
            # None: the process died between the first rows and this note of them, or before both.
            return msgspec.structs.replace(known, series_id=series_id)
        return known if known.series_id == series_id else Brought(known.generation + 1, series_id)

    def wrote(self, names: Iterable[str]) -> None:
        """Remember which series these stats are now."""
        with self._documents.change() as change:
            for name in names:
                known = change.get("import_stats", self._key(name), Brought) or Brought()
                series_id = self.series_id(name)
                if known.series_id is None and series_id is not None:
                    self._put(change, name, msgspec.structs.replace(known, series_id=series_id))

    def finished(self, tails: Mapping[str, bytes], origin: str, until_s: int) -> None:
        """Remember that stats were brought from an origin up to a moment; ``tails``: by name, see `Brought`."""
        with self._documents.change() as change:
            for name, tail in tails.items():
                known = change.get("import_stats", self._key(name), Brought) or Brought()
                if until_s > known.until.get(origin, 0):
                    until, all_tails = {**known.until, origin: until_s}, {**known.tails, origin: tail}
                    self._put(change, name, msgspec.structs.replace(known, until=until, tails=all_tails))

    def until_s(self, name: str, origin: str) -> int:
        """The moment up to which an origin was brought; 0 when it never was, or the stat is not there any more."""
        with self._documents.snapshot() as snapshot:
            known = snapshot.get("import_stats", self._key(name), Brought)
        if known is None or known.series_id is None or known.series_id != self.series_id(name):
            return 0
        return known.until.get(origin, 0)

    def series_id(self, name: str) -> int | None:
        """The id of the stat of a name; None when there is none."""
        try:
            return self._engine.find(name, namespace=self._namespace).id
        except UnknownSeriesError:
            return None

    def _put(self, change: Change, name: str, brought: Brought) -> None:
        change.put("import_stats", self._key(name), brought)

    def _key(self, name: str) -> str:
        return f"{self._namespace}/{hashlib.blake2b(name.encode(), digest_size=DIGEST_SIZE).hexdigest()}"
