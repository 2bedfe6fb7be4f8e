"""Automatic alerts: once an hour, the last whole hour of every stat is compared with the hours before it.

What is unusual is decided in `statflow_engine.insight`, how unusual it must be by the sensitivity of account and stat.
A stat is told of once, and again only after it has been usual for six hours. Looking at very many stats takes a while:
it is done in slices between the looks at rules, which wait for none of it.

Table ``anomalies_told``: under ``NAMESPACE/STAT_ID``, the last anomaly of each stat. In ``alert_server`` lies under
``anomaly_hour`` the last hour that was looked at, so that a restart does not look again.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from statflow_engine import Engine, Kind, Series, UnknownSeriesError, Window
from statflow_engine.insight import HOURLY, Expectations, Seasons, anomalies, newest
from statflow_engine.insight.seasons import wall_rows
from statflow_http import ids
from statflow_http.accounts.accounts import Account
from statflow_http.alerts.automatic import AutomaticSettings, Sensitivity
from statflow_http.alerts.evaluation import PAGE, refuse_lost
from statflow_http.alerts.notices import ANOMALY, Event, put_events
from statflow_http.alerts.numbers import Figure
from statflow_http.documents.store import Documents

Floats = NDArray[np.float64]

HOUR_S = 3_600
# After an hour is over so long is waited for points that come late.
LATE_S = 300
HOURS_READ = HOURLY.memory + 1
# Stats in one read: 1,345 hours of 500 are 11 MB of columns.
CHUNK = 500
# Seconds of work between two looks at rules.
SLICE_S = 1.0
# An anomaly is over after so many usual hours.
USUAL_S = 6 * HOUR_S
# Deviations. Of generated stats without incidents fewer than one hour in 25,000 goes beyond 3.5: with 1,000 stats that
# is one false word a day, which is what somebody has chosen who wants to hear of little things.
THRESHOLDS = {Sensitivity.HIGH: 3.5, Sensitivity.MEDIUM: 4.5, Sensitivity.LOW: 6.0}


class Anomaly(msgspec.Struct, frozen=True):
    """The last anomaly of a stat.

    Attributes:
        stat_name: the stat's name.
        since_s: the first hour of it.
        last_s: the last hour of it so far.
        words: what was found, in a sentence.
        score: how many deviations from what is usual, below 0 for less.
    """

    stat_name: str
    since_s: int
    last_s: int
    words: str
    score: float


class Hour(msgspec.Struct, frozen=True):
    """An hour, by its number in Unix time."""

    number: int


class Expects(Protocol):
    """Says what was to be expected of the last row of each of many series, as `statflow_engine.insight.newest` does."""

    def __call__(self, rows: Floats, seasons: Seasons, *, is_counter: bool) -> Expectations:
        """float64[series, 1] each, of float64[series, rows]."""


@dataclass(frozen=True, slots=True)
class Found:
    """An unusual hour of a stat."""

    series: Series
    hour_s: int
    figure: Figure
    score: float
    words: str


class Anomalies:
    """Looks at the stats of all accounts, a slice at a time.

    Args:
        engine, documents: of the server.
        owner: of the lease of who calls this.
        can_mail: whether the server can send mail.
        expects: the model.
        slice_s: seconds of work at a time.
    """

    def __init__(
        self,
        engine: Engine,
        documents: Documents,
        *,
        owner: str = "",
        can_mail: Callable[[], bool] = lambda: True,
        expects: Expects = newest,
        slice_s: float = SLICE_S,
    ) -> None:
        self._engine = engine
        self._documents = documents
        self._owner = owner
        self._can_mail = can_mail
        self._expects = expects
        self._slice_s = slice_s
        self._work: Iterator[None] | None = None

    def run(self, now_s: int) -> bool:
        """Go on with what is to be done this hour, for a slice of time; whether all of it is done.

        Raises:
            LostLeaseError: another process looks by now.
        """
        if self._work is None:
            hour = (now_s - LATE_S) // HOUR_S
            with self._documents.snapshot() as snapshot:
                looked = snapshot.get("alert_server", "anomaly_hour", Hour)
            if looked is not None and looked.number >= hour:
                return True
            self._work = self._look((hour - 1) * HOUR_S, hour)
        ends = time.monotonic() + self._slice_s
        for _ in self._work:
            if time.monotonic() >= ends:
                return False
        self._work = None
        return True

    def _look(self, hour_s: int, hour: int) -> Iterator[None]:
        """Look at one hour of everything."""
        settings = AutomaticSettings(self._documents)
        with self._documents.snapshot() as snapshot:
            accounts = snapshot.all("accounts", Account)
        for account in accounts:
            namespace = account.namespace(live=True)
            after: int | None = None
            while page := self._engine.series(namespace, limit=PAGE, after=after):
                after = page[-1].id
                chosen = settings.of(namespace, [series.id for series in page])
                watched = [
                    (series, THRESHOLDS[each.sensitivity]) for series, each in zip(page, chosen, strict=True) if each.on
                ]
                for first in range(0, len(watched), CHUNK):
                    found = list(self._found(account, namespace, watched[first : first + CHUNK], hour_s))
                    if found:
                        self._tell(account.id, namespace, found, hour_s + HOUR_S)
                    yield
        with self._documents.change() as change:
            refuse_lost(change, self._owner)
            change.put("alert_server", "anomaly_hour", Hour(hour))

    def _found(
        self, account: Account, namespace: str, watched: Sequence[tuple[Series, float]], hour_s: int
    ) -> Iterator[Found]:
        """What is unusual in an hour of some stats."""
        end_s = hour_s + HOUR_S
        names = [series.name for series, _ in watched]
        try:
            windows = self._engine.query_many(
                names, end_s - HOURS_READ * HOUR_S, end_s, step=HOUR_S, namespace=namespace
            )
        except UnknownSeriesError:
            return  # one of them was deleted just now: the next hour knows
        for kind in Kind:
            alike = [(*each, window) for each, window in zip(watched, windows, strict=True) if each[0].kind is kind]
            if alike:
                yield from _unusual(self._expects, account.tz, alike, hour_s)

    def _tell(self, account_id: str, namespace: str, found: Sequence[Found], now_s: int) -> None:
        """Note what was found, and tell of what is new."""
        can_mail = self._can_mail()
        with self._documents.change() as change:
            refuse_lost(change, self._owner)
            events = []
            for each in found:
                key = f"{namespace}/{ids.stat_id(each.series.id)}"
                before = change.get("anomalies_told", key, Anomaly)
                is_new = before is None or each.hour_s - before.last_s > USUAL_S
                since_s = each.hour_s if before is None or is_new else before.since_s
                name = each.series.name
                change.put("anomalies_told", key, Anomaly(name, since_s, each.hour_s, each.words, each.score))
                if is_new:
                    events.append(
                        Event(
                            ANOMALY, namespace, None, each.series.id, name, each.figure, now_s, each.hour_s, each.words
                        )
                    )
            if events:
                put_events(change, account_id, events, now_s, can_mail=can_mail)


def _unusual(expects: Expects, tz: str, alike: Sequence[tuple[Series, float, Window]], hour_s: int) -> Iterator[Found]:
    """What is unusual of stats of one kind, which have the same rows."""
    rows = evened([window for _, _, window in alike], tz)
    scores, means = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    # A counter that was sent negative counts is taken for a value.
    are_counts = (alike[0][0].kind is Kind.COUNTER) & ~(rows < 0).any(axis=1)
    for is_counter in (True, False):
        chosen = np.flatnonzero(are_counts == is_counter)
        if len(chosen):
            expected = expects(rows[chosen], HOURLY, is_counter=is_counter)
            scores[chosen], means[chosen] = expected.scores[:, 0], expected.means[:, 0]
    thresholds = np.array([threshold for _, threshold, _ in alike])
    for index in np.flatnonzero(np.nan_to_num(np.abs(scores)) > thresholds).tolist():
        series, threshold, window = alike[index]
        number, mean = float(rows[index, -1]), float(means[index])
        percent = (number - mean) / abs(mean) * 100 if mean else None
        figure = Figure(number, mean, percent, hour_s, hour_s + HOUR_S, True)
        yield Found(series, hour_s, figure, float(scores[index]), in_words(window, threshold, tz, figure))


def evened(windows: Sequence[Window], tz: str) -> Floats:
    """float64[series, rows]: the hours of some stats of one kind on a clock that is never put forward or back.

    Of counters 0 from the first point on, NaN before; of values NaN where no point came. As the engine's own
    `anomalies` takes them.
    """
    counts = np.array([window.counts for window in windows])
    sums = np.array([window.sums for window in windows])
    if windows[0].kind is Kind.COUNTER:
        numbers = np.where(np.maximum.accumulate(counts > 0, axis=1), sums, np.nan)
    else:
        numbers = np.full(sums.shape, np.nan)
        np.divide(sums, counts, out=numbers, where=counts > 0)
    walls = wall_rows(windows[0].times_s, HOUR_S, tz)
    places = np.maximum.accumulate(walls) - walls[0]
    firsts = np.diff(places, prepend=-1) > 0
    rows = np.full((len(windows), int(places[-1]) + 1), np.nan)
    rows[:, places[firsts]] = numbers[:, firsts]
    return rows


def in_words(window: Window, threshold: float, tz: str, figure: Figure) -> str:
    """What was found in the last hour of a window, in a sentence."""
    found = anomalies(window, threshold=threshold, tz=tz)
    if len(found) and found.indices[-1] == len(window) - 1:
        return f'"{window.name}": {found.sentences[-1]}'
    return f'"{window.name}": {figure.number:,.4g} in an hour, where {figure.before or 0:,.4g} is usual'


def told_since(documents: Documents, namespace: str, since_s: int) -> list[Anomaly]:
    """The anomalies of a namespace that began at a moment or later, the most unusual first."""
    with documents.snapshot() as snapshot:
        found = [each for each in snapshot.under("anomalies_told", f"{namespace}/", Anomaly) if each.since_s >= since_s]
    return sorted(found, key=lambda anomaly: -abs(anomaly.score))
