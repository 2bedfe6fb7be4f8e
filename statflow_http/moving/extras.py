"""What comes with an account: units, old keys, alerts, annotations, dashboards, settings.

Bringing them twice adds nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from statflow_engine import Engine, Series, UnknownSeriesError
from statflow_http import ids
from statflow_http.accounts.accounts import TILDE_JOINS, Account, Accounts, AccountSettings
from statflow_http.alerts.rules import Rules, RuleWish, condition
from statflow_http.dashboards.drafts import clean_name, new_tile
from statflow_http.dashboards.store import Dashboards
from statflow_http.dashboards.tiles import Dashboard, Tile
from statflow_http.documents.store import Documents
from statflow_http.errors import RequestError
from statflow_http.moving.importer import Written
from statflow_http.moving.rows import Extra, Problem, Stat
from statflow_http.moving.spool import Report
from statflow_http.stats.annotations import Annotations, clean_text
from statflow_http.stats.properties import (
    BAD_CLASSIC_KEY,
    OTHER_KEYS_MAX,
    Moments,
    Properties,
    StatProperties,
    clean_unit,
    is_importable,
)

SPACE_JOIN = 'names of "prefix~part" are joined by a space now, as at StatHat'
SPACE_JOIN_TO_COME = 'names of "prefix~part" would be joined by a space from then on, as at StatHat'
TILDES_THERE = 'there are stats with "~" in their names: the way names are joined was left alone'


@dataclass(slots=True)
class Brought:
    """What was added beside the rows.

    Attributes:
        notes: sentences that the owner should read.
    """

    keys: int = 0
    alerts: int = 0
    annotations: int = 0
    dashboards: int = 0
    notes: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How much of each."""
        return {name: getattr(self, name) for name in ("keys", "alerts", "annotations", "dashboards")}


class ExtrasImporter:
    """Brings them into one account's live or test data, after the rows."""

    def __init__(self, engine: Engine, documents: Documents, account: Account, namespace: str, report: Report) -> None:
        self._engine = engine
        self._documents = documents
        self._account = account
        self._namespace = namespace
        self._report = report
        self.brought = Brought()

    # -- of stats --

    def stats(self, stats: Mapping[str, Stat], written: Mapping[str, Written]) -> None:
        """Units, who may see them, old keys, and when they were made and got their points; what is set here stays.

        Args:
            stats: that were brought, by name.
            written: of those of them to which rows were written, what that was.
        """
        properties = Properties(self._documents)
        keys: list[tuple[int, str]] = []
        moments: dict[int, Moments] = {}
        for name, stat in stats.items():
            series = self._series(name)
            if series is None:
                continue
            known = properties.get(self._namespace, series.id)
            public = stat.public if stat.public and not known.public else None
            unit = self._unit(stat) if stat.unit and not known.unit else None
            if public is not None or unit is not None:
                properties.change(self._namespace, series.id, public=public, unit=unit)
            keys += [(series.id, key) for key in self._keys(stat, series, known)]
            told = self._moments(stat, known, written.get(name))
            if told != known.moments:
                moments[series.id] = told
        if keys:
            properties.import_classic_keys(self._namespace, keys)
        if moments:
            properties.import_moments(self._namespace, moments)
        self.brought.keys += len(keys)

    def _moments(self, stat: Stat, known: StatProperties, written: Written | None) -> Moments:
        """What is to be remembered: the earliest making, and the latest receiving."""
        told = known.moments
        made = [moment_s for moment_s in (told.created_s, stat.created_s) if moment_s]
        told = msgspec.structs.replace(told, created_s=min(made, default=0))
        if written is None:
            return told
        now_s = self._engine.now_s()
        before_s = known.moments.received_s(written.received_before_s) or 0
        return msgspec.structs.replace(told, newest_s=max(before_s, min(written.newest_s, now_s)), brought_s=now_s)

    def _unit(self, stat: Stat) -> str | None:
        try:
            return clean_unit(stat.unit or "")
        except RequestError as error:
            self._report.add(Problem(str(error), stat.name, 0))
            return None

    def _keys(self, stat: Stat, series: Series, known: StatProperties) -> Iterator[str]:
        """The keys that do not mean the stat yet."""
        means_it = (*known.imported_keys, ids.classic_key(self._documents.secret, series.id))
        for key in stat.keys[: OTHER_KEYS_MAX + 1]:
            if not is_importable(key):
                self._report.add(Problem(BAD_CLASSIC_KEY, stat.name, 0))
            elif key not in means_it:
                yield key

    # -- of the account --

    def join_by_space(self) -> None:
        """As an account of StatHat's expects it; left alone where stats have names that were joined otherwise."""
        now = Accounts(self._documents).get(self._account.id)
        if now is None or now.tilde_join == " ":
            return
        if has_tildes(self._engine, self._namespace):
            self.brought.notes.append(TILDES_THERE)
            return
        Accounts(self._documents).change(self._account.id, AccountSettings(tilde_join=" "))
        self.brought.notes.append(SPACE_JOIN)

    def documents(self, extras: Iterable[Extra]) -> None:
        """Alerts, annotations, dashboards and settings; one that cannot be kept is a problem."""
        steps = {
            "alert": self._alert,
            "annotation": self._annotation,
            "dashboard": self._dashboard,
            "settings": self._settings,
        }
        for extra in extras:
            try:
                steps[extra.what](extra.document)
            except (RequestError, UnknownSeriesError, msgspec.ValidationError) as error:
                self._report.add(Problem(f"{extra.what} not brought: {error}", _place(extra), 1))

    def _alert(self, document: dict[str, Any]) -> None:
        told = {name: value for name, value in document.items() if name in RuleWish.__struct_fields__}
        wanted = condition(msgspec.convert(told, RuleWish))
        series = self._engine.find(_stat_name(document), namespace=self._namespace)
        rules = Rules(self._documents)
        asked = msgspec.structs.asdict(wanted)
        if any(
            rule.series_id == series.id and all(getattr(rule, name) == value for name, value in asked.items())
            for rule in rules.all(self._namespace)
        ):
            return
        rules.create(self._namespace, series.id, series.name, wanted, self._engine.now_s())
        self.brought.alerts += 1

    def _annotation(self, document: dict[str, Any]) -> None:
        text, t_s = clean_text(str(document.get("text", ""))), document.get("t")
        if not isinstance(t_s, int):
            raise RequestError("t must be Unix seconds")
        name = document.get("stat")
        series = None if name is None else self._engine.find(str(name), namespace=self._namespace)
        series_id = None if series is None else series.id
        annotations = Annotations(self._documents)
        there = annotations.between(self._namespace, t_s, t_s + 1)
        if any(note.text == text and note.series_id == series_id for note in there):
            return
        stat_name = None if series is None else series.name
        annotations.create(self._namespace, text, t_s, self._engine.now_s(), series_id=series_id, stat_name=stat_name)
        self.brought.annotations += 1

    def _dashboard(self, document: dict[str, Any]) -> None:
        """One that is there, perhaps changed since, is left alone. Stats that are gone stay on it, as there."""
        told = msgspec.convert(document, _Dashboard)
        tiles = [
            new_tile(each.kind, each.stats, title=each.title, size=each.size, period=each.period, tile_id=each.id)
            for each in told.tiles
        ]
        dashboards = Dashboards(self._documents)
        if any(_is_same(there, clean_name(told.name), tiles) for there in dashboards.all(self._namespace)):
            return
        dashboards.create(self._namespace, told.name, tiles, self._engine.now_s())
        self.brought.dashboards += 1

    def _settings(self, document: dict[str, Any]) -> None:
        """Those of an account that has none of its own yet: nobody wants a time zone changed behind their back."""
        told = {name: value for name, value in document.items() if name in ("tz", "tilde_join")}
        now = Accounts(self._documents).get(self._account.id)
        if now is None or not all(isinstance(value, str) for value in told.values()):
            return
        defaults = Account(self._account.id, 0)
        settings = {
            name: value for name, value in told.items() if getattr(now, name) == getattr(defaults, name) != value
        }
        if settings:
            Accounts(self._documents).change(self._account.id, AccountSettings(**settings))
            words = ", ".join(f"{name} is {value!r} now" for name, value in settings.items())
            self.brought.notes.append(f"settings taken over: {words}")

    def _series(self, name: str) -> Series | None:
        try:
            return self._engine.find(name, namespace=self._namespace)
        except UnknownSeriesError:
            return None


def has_tildes(engine: Engine, namespace: str) -> bool:
    """Whether stats have names that were joined by "~"."""
    return bool(engine.series(namespace, pattern="*~*", limit=1))


assert Account("", 0).tilde_join == TILDE_JOINS[0]


class _Dashboard(msgspec.Struct, frozen=True):
    """One as an export tells of it; what shows more, such as its links, is not asked for."""

    name: str
    tiles: tuple[Tile, ...] = ()


def _is_same(there: Dashboard, name: str, tiles: Sequence[Tile]) -> bool:
    """Whether a dashboard is the one that is brought: by its name, and a tile of the same id if any has tiles."""
    if there.name != name:
        return False
    return not (there.tiles and tiles) or not {tile.id for tile in there.tiles}.isdisjoint(tile.id for tile in tiles)


def _stat_name(document: dict[str, Any]) -> str:
    return str(document.get("stat_name") or document.get("stat") or "")


def _place(extra: Extra) -> str:
    return _stat_name(extra.document) or str(extra.document.get("name") or extra.what)
