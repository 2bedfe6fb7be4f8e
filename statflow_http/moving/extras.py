"""What comes with an account: units, old keys, alerts, annotations, settings. Bringing them twice adds nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from statflow_engine import Engine, Series, UnknownSeriesError
from statflow_http.accounts.accounts import TILDE_JOINS, Account, Accounts, AccountSettings
from statflow_http.alerts.rules import Rules, RuleWish, condition
from statflow_http.annotations import Annotations, clean_text
from statflow_http.documents import Documents
from statflow_http.errors import RequestError
from statflow_http.moving.rows import Extra, Problem, Stat
from statflow_http.moving.spool import Report
from statflow_http.properties import Properties, clean_unit, is_importable

SPACE_JOIN = 'names of "prefix~part" are joined by a space now, as at StatHat'


@dataclass(slots=True)
class Brought:
    """What was added beside the rows.

    Attributes:
        notes: sentences that the owner should read.
    """

    keys: int = 0
    alerts: int = 0
    annotations: int = 0
    notes: list[str] = field(default_factory=list)


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

    def stats(self, stats: Mapping[str, Stat]) -> None:
        """Units, who may see them, and old keys; what is set here already stays."""
        properties = Properties(self._documents)
        keys: dict[int, str] = {}
        for name, stat in stats.items():
            series = self._series(name)
            if series is None:
                continue
            known = properties.get(self._namespace, series.id)
            public = stat.public if stat.public and not known.public else None
            unit = self._unit(stat) if stat.unit and not known.unit else None
            if public is not None or unit is not None:
                properties.change(self._namespace, series.id, public=public, unit=unit)
            if stat.classic_key and stat.classic_key != known.imported_key:
                keys |= self._key(stat, series)
        if keys:
            properties.import_classic_keys(self._namespace, keys)
        self.brought.keys += len(keys)

    def _unit(self, stat: Stat) -> str | None:
        try:
            return clean_unit(stat.unit or "")
        except RequestError as error:
            self._report.add(Problem(str(error), stat.name, 0))
            return None

    def _key(self, stat: Stat, series: Series) -> dict[int, str]:
        if is_importable(stat.classic_key):
            return {series.id: stat.classic_key}
        self._report.add(Problem("a classic key has 1 to 100 printable ASCII characters", stat.name, 0))
        return {}

    # -- of the account --

    def join_by_space(self) -> None:
        """As an account of StatHat's expects it; left alone where stats have names that were joined otherwise."""
        now = Accounts(self._documents).get(self._account.id)
        if now is None or now.tilde_join == " ":
            return
        if any("~" in series.name for series in self._engine.series(self._namespace, pattern="*~*", limit=1)):
            self.brought.notes.append(
                'there are stats with "~" in their names: the way names are joined was left alone'
            )
            return
        Accounts(self._documents).change(self._account.id, AccountSettings(tilde_join=" "))
        self.brought.notes.append(SPACE_JOIN)

    def documents(self, extras: Iterable[Extra]) -> None:
        """Alerts, annotations and settings; one that cannot be kept is a problem."""
        steps = {"alert": self._alert, "annotation": self._annotation, "settings": self._settings}
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


assert Account("", 0).tilde_join == TILDE_JOINS[0]


def _stat_name(document: dict[str, Any]) -> str:
    return str(document.get("stat_name") or document.get("stat") or "")


def _place(extra: Extra) -> str:
    return _stat_name(extra.document) or extra.what
