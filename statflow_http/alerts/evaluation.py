"""Looking at all rules, and noting what is found with what is to be told of it, in one transaction.

Nothing is written while nothing changes. What was read is checked again in the transaction that writes: a rule that was
deleted or changed meanwhile is left for the next look, and a process that is not the evaluator any more writes nothing.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from statflow_engine import Engine, Kind, StoreError, UnknownSeriesError, Window
from statflow_http.alerts.history import put_entry
from statflow_http.alerts.notices import Event, put_events
from statflow_http.alerts.numbers import (
    GONE,
    OUT_OF_REACH,
    Columns,
    Figure,
    Shape,
    Watched,
    judged,
    lacking,
    shape,
)
from statflow_http.alerts.rules import Rule
from statflow_http.alerts.states import State, Status, step
from statflow_http.documents.store import Change, Documents, Snapshot

# Stats in one read: how long a read transaction lives, and how much memory its rows take.
CHUNK = 2_000
# Numbers in one read: a chunk has fewer stats where windows have many rows.
CELLS_MAX = 1_000_000
# Rules of one transaction, so many as an account may have: what opens at once is told of at once. Others wait that long
# to write documents; points are written elsewhere.
WRITES_MAX = 1_000
# From this share on it is quicker to list all stats than to look each one up.
LISTED_SHARE = 4
PAGE = 5_000
# After each read so much of the time it took is left to others: the thread shares a core with one that serves.
POLITENESS = 0.25


class LostLeaseError(StoreError):
    """Another process evaluates by now."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is known of a stat that a rule watches."""

    name: str
    kind: Kind
    created_s: int


@dataclass(slots=True)
class Report:
    """What one look at all rules came to."""

    rules: int = 0
    changes: int = 0
    notices: int = 0
    figures: dict[str, Figure] = field(default_factory=dict)


class Lease(msgspec.Struct, frozen=True):
    """Who evaluates: under ``lease`` in table ``alert_server``."""

    owner: str
    since_s: int


class Evaluator:
    """Looks at the rules of all accounts.

    Args:
        engine: has the stats.
        documents: have the rules.
        owner: of the lease that this evaluator holds; "" when nobody else can be there.
        can_mail: whether the server can send mail.
        is_stopping: when set, a look ends early.
    """

    def __init__(
        self,
        engine: Engine,
        documents: Documents,
        *,
        owner: str = "",
        can_mail: Callable[[], bool] = lambda: True,
        is_stopping: threading.Event | None = None,
    ) -> None:
        self._engine = engine
        self._documents = documents
        self._owner = owner
        self._can_mail = can_mail
        self._is_stopping = is_stopping or threading.Event()

    def run(self, now_s: int) -> Report:
        """Look at every rule once.

        Raises:
            LostLeaseError: another process evaluates by now.
            StoreError: the store cannot serve now.
        """
        report = Report()
        for namespace in self._namespaces():
            with self._documents.snapshot() as snapshot:
                rules = list(snapshot.under("alert_rules", f"{namespace}/", Rule))
                states = dict(self._states(snapshot, namespace, rules))
            report.rules += len(rules)
            changed: list[tuple[Rule, Figure]] = []
            for chunk in figures(self._engine, namespace, rules, now_s):
                if self._is_stopping.is_set():
                    return report
                changed += (found for found in chunk if _moves(found[0], states[found[0].id], found[1], now_s))
            for first in range(0, len(changed), WRITES_MAX):
                self._write(namespace, changed[first : first + WRITES_MAX], now_s, report)
        return report

    def _namespaces(self) -> list[str]:
        """The namespaces of live stats that have rules."""
        found: list[str] = []
        with self._documents.snapshot() as snapshot:
            while True:
                after = f"{found[-1]}/\uffff" if found else ""
                rule_key = snapshot.next_key("alert_rules", after)
                if rule_key is None:
                    break
                found.append(rule_key.rpartition("/")[0])
        return [namespace for namespace in found if namespace.endswith(":live")]

    def _states(self, snapshot: Snapshot, namespace: str, rules: Sequence[Rule]) -> Iterator[tuple[str, State]]:
        for rule in rules:
            yield rule.id, snapshot.get("alert_states", f"{namespace}/{rule.id}", State) or State()

    def _write(self, namespace: str, changed: Sequence[tuple[Rule, Figure]], now_s: int, report: Report) -> None:
        can_mail = self._can_mail()
        with self._documents.change() as change:
            refuse_lost(change, self._owner)
            events = [
                event
                for rule, figure in changed
                if (event := noted(change, namespace, rule, figure, now_s)) is not None
            ]
            account_id = namespace.rpartition(":")[0]
            report.notices += put_events(change, account_id, events, now_s, can_mail=can_mail)
        report.changes += len(changed)


def refuse_lost(change: Change, owner: str) -> None:
    """Raise when a lease that was ours is somebody else's by now; "" is nobody's, and never lost.

    Raises:
        LostLeaseError: it is.
    """
    lease = change.get("alert_server", "lease", Lease)
    if owner and (lease is None or lease.owner != owner):
        raise LostLeaseError("another process evaluates alerts by now")


def _moves(rule: Rule, state: State, figure: Figure, now_s: int) -> bool:
    """Whether anything is different; most rules are as they were, and are not stepped at all."""
    is_quiet = state.status is Status.OK and figure.is_met is False and not state.told_s
    return not is_quiet and step(rule, state, figure, now_s).state is not state


def noted(change: Change, namespace: str, rule: Rule, figure: Figure, now_s: int) -> Event | None:
    """Store what becomes of one alert; what is to be told of it.

    None also where the rule is another one by now: the next look is at that.
    """
    key = f"{namespace}/{rule.id}"
    if change.get("alert_rules", key, Rule) != rule:
        return None
    before = change.get("alert_states", key, State) or State()
    after = step(rule, before, figure, now_s)
    if after.state is before:
        return None
    change.put("alert_states", key, after.state)
    put_entry(change, namespace, rule, before, after, figure, now_s)
    if after.told is None:
        return None
    opened_s = after.state.opened_s or before.opened_s
    return Event(after.told.value, namespace, rule, rule.series_id, rule.stat_name, figure, now_s, opened_s)


def figures(engine: Engine, namespace: str, rules: Sequence[Rule], now_s: int) -> Iterator[list[tuple[Rule, Figure]]]:
    """What is found of each rule of a namespace, a chunk at a time.

    Between chunks a little time is left to others.
    """
    known = lookups(engine, namespace, [rule.series_id for rule in rules])
    by_shape: dict[Shape | None, list[Rule]] = {}
    shapes: dict[tuple[object, ...], Shape | None] = {}
    gone: list[tuple[Rule, Figure]] = []
    for rule in rules:
        if rule.series_id not in known:
            gone.append((rule, lacking(GONE)))
            continue
        windows = (rule.time_window, rule.time_delta, rule.kind)
        if windows not in shapes:
            shapes[windows] = shape(rule, engine.schema, now_s)
        by_shape.setdefault(shapes[windows], []).append(rule)
    if gone:
        yield gone
    for shape_, alike in by_shape.items():
        if shape_ is None:
            yield [(rule, lacking(OUT_OF_REACH)) for rule in alike]
            continue
        size = max(min(CHUNK, CELLS_MAX // (shape_.rows + 1)), 1)
        for first in range(0, len(alike), size):
            began = time.perf_counter()
            yield _looked(engine, namespace, alike[first : first + size], shape_, known, now_s)
            time.sleep((time.perf_counter() - began) * POLITENESS)


def figure_of(engine: Engine, namespace: str, rule: Rule, now_s: int) -> Figure:
    """What is found of one rule, as the evaluator finds it."""
    found = [figure for chunk in figures(engine, namespace, [rule], now_s) for _, figure in chunk]
    return found[0] if found else lacking(GONE)


def _looked(
    engine: Engine, namespace: str, rules: Sequence[Rule], shape_: Shape, known: dict[int, Lookup], now_s: int
) -> list[tuple[Rule, Figure]]:
    stats = [known[rule.series_id] for rule in rules]
    names = [stat.name for stat in stats]
    try:
        current = columns(engine, namespace, names, *shape_.current(now_s), shape_.step_s)
        earlier = columns(engine, namespace, names, *shape_.earlier(now_s), shape_.step_s) if shape_.back else None
    except UnknownSeriesError:
        # One of them was deleted since it was looked up: the next look knows.
        return []
    counters = np.fromiter((stat.kind is Kind.COUNTER for stat in stats), np.bool_, len(stats))
    created_s = np.fromiter((stat.created_s for stat in stats), np.int64, len(stats))
    found = judged(Watched(rules, counters, created_s), shape_, now_s, current, earlier)
    return [(rule, found.figure(index)) for index, rule in enumerate(rules)]


def columns(engine: Engine, namespace: str, names: Sequence[str], start_s: int, end_s: int, step_s: int) -> Columns:
    """The rows of several stats, one row a name, a name as often as it is given.

    Raises:
        UnknownSeriesError: one of them is not there.
    """
    unique = list(dict.fromkeys(names))
    windows: list[Window] = engine.query_many(unique, start_s, end_s, step=step_s, namespace=namespace)
    counts = np.array([window.counts for window in windows], np.int64)
    sums = np.array([window.sums for window in windows], np.float64)
    if len(unique) == len(names):
        return Columns(counts, sums)
    place = {name: index for index, name in enumerate(unique)}
    rows = np.array([place[name] for name in names])
    return Columns(counts[rows], sums[rows])


def lookups(engine: Engine, namespace: str, series_ids: Sequence[int]) -> dict[int, Lookup]:
    """The stats of some ids that are there; those in the trash are not."""
    wanted = set(series_ids)
    if engine.series_count(namespace) > LISTED_SHARE * len(wanted):
        return dict(_found(engine, namespace, wanted))
    return dict(_listed(engine, namespace, wanted))


def _found(engine: Engine, namespace: str, wanted: set[int]) -> Iterator[tuple[int, Lookup]]:
    for series_id in sorted(wanted):
        try:
            series = engine.find_by_id(series_id, namespace=namespace)
        except UnknownSeriesError:
            continue
        yield series_id, Lookup(series.name, series.kind, series.created_s)


def _listed(engine: Engine, namespace: str, wanted: set[int]) -> Iterator[tuple[int, Lookup]]:
    after: int | None = None
    while page := engine.series(namespace, limit=PAGE, after=after):
        for series in page:
            if series.id in wanted:
                yield series.id, Lookup(series.name, series.kind, series.created_s)
        after = page[-1].id
