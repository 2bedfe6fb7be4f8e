"""What is known of a stat beside its points: whether everybody may see it, its unit, where it comes from.

An importer hands over the classic keys of what it imported with `Properties.import_classic_keys`; from then on
``/c?key=OLDKEY`` writes to the imported stat. A stat that has moved house more than once has a key of each house, and
all of them mean it.

The engine takes an imported stat for one that was made, and received its points, while it was imported. What its file
says of that is kept here, see `Moments`.

Tables, each under ``NAMESPACE/`` but the last: ``properties`` by stat id, ``imported_keys`` by key, ``public_stats`` by
stat id, so that a link that names no account finds one.

What is known of a stat outlives its way to the trash and back. Of a stat that was destroyed it is left where it lies:
series ids are never used again, so that nobody meets it, and it takes a hundred bytes. Its imported key goes on meaning
it, and what is sent to that is refused: a new stat with the key for a name would hide that a client writes to nothing.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from statflow_engine import Engine, Series, UnknownSeriesError
from statflow_http import ids
from statflow_http.documents.store import Change, Documents
from statflow_http.errors import RequestError

UNIT_MAX = 32
# StatHat's keys have 28 or 32 characters. Whatever else is imported must fit a key of the table.
CLASSIC_KEY_MAX = 100
# Of one stat, beside the first: it has moved house so often.
OTHER_KEYS_MAX = 10
# As many as `accounts.senders` remembers, and for the same reason.
CACHE_MAX = 10_000
BAD_CLASSIC_KEY = f"a classic key has 1 to {CLASSIC_KEY_MAX} printable ASCII characters"
# Series whose namespace a process remembers; an entry takes 100 bytes.
NAMESPACES_MAX = 10_000


class Moments(msgspec.Struct, frozen=True):
    """When a stat was made and got its points, if an import brought it; 0: not known, or it never was imported.

    Attributes:
        created_s: when it was made where it comes from.
        newest_s: when the last point had been received when the import was over; of an imported point that is its own
            time, for nobody knows better.
        brought_s: when the last imported point was stored. What the engine has received since then is no import's.
    """

    created_s: int = 0
    newest_s: int = 0
    brought_s: int = 0

    def received_s(self, stored_s: int | None) -> int | None:
        """When the last point was received, of a stat whose last one was stored at a moment; None: none was."""
        return stored_s if stored_s is None or stored_s > self.brought_s else self.newest_s


class StatProperties(msgspec.Struct, frozen=True):
    """What is known of a stat.

    Attributes:
        public: everybody may see its page and its CSV.
        unit: what its numbers are, such as "ms"; "" when nobody said.
        imported_key: the classic key it had where it came from; "" when it had none.
        other_keys: those that it had before that, or got by another import; at most 10.
        moments: of a stat that was imported.
    """

    public: bool = False
    unit: str = ""
    imported_key: str = ""
    other_keys: tuple[str, ...] = ()
    moments: Moments = Moments()

    @property
    def imported_keys(self) -> tuple[str, ...]:
        """All classic keys that were imported for it."""
        return (self.imported_key, *self.other_keys) if self.imported_key else ()

    def told(self, series: Series) -> Series:
        """A stat as people are told of it: made and last received when its source says, if it was imported."""
        created_s = min(series.created_s, self.moments.created_s or series.created_s)
        return replace(series, created_s=created_s, received_s=self.moments.received_s(series.received_s))


class KeyedSeries(msgspec.Struct, frozen=True):
    """What an imported classic key is of."""

    series_id: int


class PublicPlace(msgspec.Struct, frozen=True):
    """Whose a public stat is."""

    namespace: str


NOTHING_KNOWN = StatProperties()


class Properties:
    """The properties of all stats of one data folder."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._known = _Known(-1, {})
        self._namespaces: dict[int, str] = {}

    def get(self, namespace: str, series_id: int) -> StatProperties:
        """What is known of a stat; all defaults when nobody has set anything."""
        return self.of(namespace, [series_id])[0]

    def of(self, namespace: str, series_ids: Iterable[int]) -> list[StatProperties]:
        """The same for several stats of a namespace, in their order."""
        with self._documents.snapshot() as snapshot:
            return [
                snapshot.get("properties", f"{namespace}/{ids.stat_id(series_id)}", StatProperties) or NOTHING_KNOWN
                for series_id in series_ids
            ]

    def change(
        self, namespace: str, series_id: int, *, public: bool | None = None, unit: str | None = None
    ) -> StatProperties:
        """Set what is given, leave what is None; what is known afterwards.

        The caller has looked whether the namespace has such a series.

        Raises:
            RequestError: the unit is longer than 32 characters or has control characters.
        """
        wanted = {"public": public, "unit": None if unit is None else clean_unit(unit)}
        with self._documents.change() as change:
            before = _stored(change, namespace, series_id)
            after = msgspec.structs.replace(before, **{name: to for name, to in wanted.items() if to is not None})
            _store(change, namespace, series_id, after)
        return after

    def import_classic_keys(self, namespace: str, keys: Sequence[tuple[int, str]]) -> None:
        """Let classic keys of another server mean series of this namespace, in one transaction.

        A series keeps the keys that it has, up to eleven, and a key means one series, the last that it was imported
        for: so importing twice changes nothing, and importing again after a stat was deleted and made anew gives the
        key to the new one.

        Args:
            namespace: whose series these are.
            keys: (series id, key); the first of a series that has none is the one that is shown.

        Raises:
            RequestError: a key is empty, longer than 100 characters, or not printable ASCII; nothing is stored.
        """
        for _, key in keys:
            if not is_importable(key):
                raise RequestError(BAD_CLASSIC_KEY)
        with self._documents.change() as change:
            for series_id, key in keys:
                _import(change, namespace, series_id, key)

    def import_moments(self, namespace: str, moments: Mapping[int, Moments]) -> None:
        """Remember when imported series were made and got their points, in one transaction; by series id."""
        with self._documents.change() as change:
            for series_id, told in moments.items():
                before = _stored(change, namespace, series_id)
                _store(change, namespace, series_id, msgspec.structs.replace(before, moments=told))

    def series_id_of_imported_key(self, namespace: str, key: str) -> int | None:
        """The series that an imported key is of; None when nobody imported it.

        Every write under a key asks this: what this process remembers is forgotten when any document changes.
        """
        epoch = self._documents.epoch()
        known = self._known
        if epoch != known.epoch or len(known.series_ids) > CACHE_MAX:
            # A new value, not a cleared one: another thread may be about to store in the old one what it read before.
            known = self._known = _Known(epoch, {})
        place = namespace, key
        if place in known.series_ids:
            return known.series_ids[place]
        return self._find(place, known)

    def _find(self, place: tuple[str, str], known: "_Known") -> int | None:
        namespace, key = place
        with self._documents.snapshot() as snapshot:
            found = snapshot.get("imported_keys", f"{namespace}/{key}", KeyedSeries) if is_importable(key) else None
        series_id = None if found is None else found.series_id
        if snapshot.epoch == known.epoch:
            known.series_ids[place] = series_id
        return series_id

    def public_series(self, engine: Engine, series_id: int) -> Series | None:
        """A stat that everybody may see; None when it is not public, in the trash, or none at all."""
        with self._documents.snapshot() as snapshot:
            place = snapshot.get("public_stats", ids.stat_id(series_id), PublicPlace)
        return None if place is None else _found(engine, place.namespace, series_id)

    def embedded_series(self, engine: Engine, secret: bytes, text: str) -> Series | None:
        """The stat that a page may show by what it has: the id of a public stat, or the embed key of any.

        Args:
            engine: whose series it is.
            secret: of the store.
            text: what the page has.
        """
        by_key = ids.series_id_of_embed_key(secret, text)
        if by_key is not None:
            return self._anywhere(engine, by_key)
        by_id = ids.series_id(text)
        return None if by_id is None else self.public_series(engine, by_id)

    def _anywhere(self, engine: Engine, series_id: int) -> Series | None:
        """A series of any namespace; asked only for good keys, so that guessing costs nothing.

        Where it was found is remembered, for a series never moves; looking takes 10 us a namespace.
        """
        namespace = self._namespaces.get(series_id)
        if namespace is not None:
            return _found(engine, namespace, series_id)
        found = next(filter(None, (_found(engine, each, series_id) for each in engine.namespaces())), None)
        if found is not None and len(self._namespaces) < NAMESPACES_MAX:
            self._namespaces[series_id] = found.namespace
        return found


@dataclass(frozen=True, slots=True)
class _Known:
    """The series, or None, of the keys that a process has looked up since the documents last changed."""

    epoch: int
    series_ids: dict[tuple[str, str], int | None]


def clean_unit(text: str) -> str:
    """A unit as it is stored: trimmed, NFC, at most 32 characters.

    Raises:
        RequestError: it is longer, or has control characters.
    """
    unit = unicodedata.normalize("NFC", text.strip())
    if len(unit) > UNIT_MAX:
        raise RequestError(f"unit is longer than {UNIT_MAX} characters")
    if any(unicodedata.category(character) == "Cc" for character in unit):
        raise RequestError("unit has control characters")
    return unit


def is_importable(key: str) -> bool:
    """Whether a text can be a classic key of another server."""
    return 1 <= len(key) <= CLASSIC_KEY_MAX and key.isascii() and key.isprintable()


def _stored(change: Change, namespace: str, series_id: int) -> StatProperties:
    return change.get("properties", f"{namespace}/{ids.stat_id(series_id)}", StatProperties) or NOTHING_KNOWN


def _store(change: Change, namespace: str, series_id: int, properties: StatProperties) -> None:
    stat_id = ids.stat_id(series_id)
    change.put("properties", f"{namespace}/{stat_id}", properties)
    if properties.public:
        change.put("public_stats", stat_id, PublicPlace(namespace))
    else:
        change.delete("public_stats", stat_id)


def _import(change: Change, namespace: str, series_id: int, key: str) -> None:
    """Give a key to a series, and take it from whichever had it."""
    earlier = change.get("imported_keys", f"{namespace}/{key}", KeyedSeries)
    if earlier is not None and earlier.series_id != series_id:
        kept = (each for each in _stored(change, namespace, earlier.series_id).imported_keys if each != key)
        _store_keys(change, namespace, earlier.series_id, tuple(kept))
    before = _stored(change, namespace, series_id)
    keys = tuple(dict.fromkeys((*before.imported_keys, key)))
    # Of too many the oldest gives way, but for the one that is shown.
    for gone in keys[1:-OTHER_KEYS_MAX]:
        change.delete("imported_keys", f"{namespace}/{gone}")
    change.put("imported_keys", f"{namespace}/{key}", KeyedSeries(series_id))
    _store_keys(change, namespace, series_id, (keys[0], *keys[1:][-OTHER_KEYS_MAX:]))


def _store_keys(change: Change, namespace: str, series_id: int, keys: tuple[str, ...]) -> None:
    before = _stored(change, namespace, series_id)
    after = msgspec.structs.replace(before, imported_key="".join(keys[:1]), other_keys=keys[1:])
    _store(change, namespace, series_id, after)


def _found(engine: Engine, namespace: str, series_id: int) -> Series | None:
    try:
        return engine.find_by_id(series_id, namespace=namespace)
    except UnknownSeriesError:
        return None
