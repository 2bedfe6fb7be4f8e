"""How the numbers of the demo come about: a bookshop with its days and weeks, growth, a bad afternoon. Pure.

Every stat has a rate: how many points a minute are to be expected at a moment. It is a product of the hour of the day,
the day of the week, growth, slow drifting, and what happened. Counts are drawn from it; a measurement has a level
beside, made in the same way, around which its points scatter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statflow_engine import Kind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
DAYS = 90
# People by the hour: asleep at four, at lunch, and above all in the evening.
EVENING = (12, 7, 5, 4, 4, 6, 14, 30, 46, 58, 66, 74, 88, 84, 72, 70, 74, 84, 98, 116, 128, 118, 78, 34)
# Machines that work through the night, and rest when people buy.
NIGHT = (90, 110, 130, 120, 90, 60, 40, 34, 36, 40, 42, 44, 46, 44, 42, 42, 44, 48, 52, 56, 60, 62, 66, 74)
FLAT = (50,) * 24
# From Monday; a Sunday evening is for books.
WEEK = (0.92, 0.94, 0.97, 1.0, 0.93, 1.02, 1.24)
NO_WEEK = (1.0,) * 7
# Days that a slow wave takes, and its part of the whole.
WAVES = ((5.3, 0.05), (1.7, 0.04), (0.31, 0.03))
# What happened: so many days ago, so long after midnight on the wall.
INCIDENT_DAYS, INCIDENT_AT_S, INCIDENT_S = 12, 14 * HOUR_S + 10 * MINUTE_S, 75 * MINUTE_S
SEARCH_DAYS, SEARCH_AT_S = 33, 9 * HOUR_S + 30 * MINUTE_S
BACKLOG_AGO_S = 5 * HOUR_S


@dataclass(frozen=True, slots=True)
class Story:
    """One stat.

    Attributes:
        name, kind, unit: as it is shown.
        rate: points a minute on an average day at the beginning.
        level: of a value: what its points lie around at the beginning.
        spread: of the points around that, as a part of it.
        hours, week: the shapes.
        growth: by which part the rate, of a level the level, has grown after 90 days.
        incident: by how much the rate of a count, or the level of a value, is multiplied in the bad afternoon.
        search: the same since the new search index.
        backlog: the same at the end of a backlog, which has been growing for five hours.
        by_load: the level follows the hours, by this part.
        digits: of a value, behind the point.
    """

    name: str
    kind: Kind
    rate: float
    level: float = 0.0
    unit: str = ""
    spread: float = 0.35
    hours: tuple[int, ...] = EVENING
    week: tuple[float, ...] = WEEK
    growth: float = 0.45
    incident: float = 1.0
    search: float = 1.0
    backlog: float = 1.0
    by_load: float = 0.0
    digits: int = 1


STORIES = (
    Story("page views", Kind.COUNTER, 46, incident=0.55),
    Story("searches", Kind.COUNTER, 9, incident=0.5, search=1.25),
    Story("sign-ups", Kind.COUNTER, 0.34, growth=0.7, incident=0.2),
    Story("orders", Kind.COUNTER, 1.3, incident=0.12),
    Story("newsletter opened", Kind.COUNTER, 1.1, growth=0.2),
    Story("mails sent", Kind.COUNTER, 2.2, incident=0.4),
    Story("errors", Kind.COUNTER, 0.22, growth=0.1, incident=60.0),
    Story("response time", Kind.VALUE, 46, 128, "ms", by_load=0.35, growth=0.12, incident=6.5, search=0.86),
    Story("checkout time", Kind.VALUE, 1.3, 640, "ms", digits=0, spread=0.3, by_load=0.2, growth=0.05, incident=5.0),
    Story("basket", Kind.VALUE, 1.3, 34.5, "€", digits=2, spread=0.5, growth=0.08),
    Story(
        "jobs waiting",
        Kind.VALUE,
        1,
        9,
        digits=0,
        hours=NIGHT,
        week=NO_WEEK,
        by_load=0.8,
        growth=0.1,
        incident=4.0,
        backlog=9.0,
    ),
    Story("disk used", Kind.VALUE, 1, 212, "GB", spread=0.001, hours=FLAT, week=NO_WEEK, growth=0.38),
)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Points of one stat, a minute a row; rows without points are left out.

    Attributes:
        times_s, counts: int64[n].
        sums, mins, maxs: float64[n]; of a counter only the sums mean something.
    """

    times_s: Ints
    counts: Ints
    sums: Floats
    mins: Floats
    maxs: Floats


@dataclass(frozen=True, slots=True)
class World:
    """When all this is.

    Attributes:
        now_s: when the demo began, Unix seconds.
        offset_s: of the clock on the wall from UTC.
    """

    now_s: int
    offset_s: int = 0

    def ago_s(self, days: int, at_s: int) -> int:
        """A moment so many days ago, at an hour on the wall."""
        return ((self.now_s + self.offset_s) // DAY_S - days) * DAY_S + at_s - self.offset_s

    @property
    def incident_s(self) -> int:
        """When the bad afternoon began."""
        return self.ago_s(INCIDENT_DAYS, INCIDENT_AT_S)

    @property
    def search_s(self) -> int:
        """When there was a new search index."""
        return self.ago_s(SEARCH_DAYS, SEARCH_AT_S)

    def rate(self, story: Story, times_s: Ints) -> Floats:
        """Points a minute that are to be expected."""
        found = story.rate * self._hour(story, times_s) * self._day(story, times_s) * self._drift(story, times_s)
        if story.kind is Kind.COUNTER:
            found = found * self._growth(story, times_s) * self._events(story, times_s)
        return np.asarray(found, np.float64)

    def level(self, story: Story, times_s: Ints) -> Floats:
        """What the points of a value lie around."""
        load = 1.0 + story.by_load * (self._hour(story, times_s) - 1.0)
        found = story.level * load * self._growth(story, times_s) * self._events(story, times_s)
        return np.asarray(found * (1.0 + (self._drift(story, times_s) - 1.0) * min(story.spread * 2, 1.0)), np.float64)

    def _hour(self, story: Story, times_s: Ints) -> Floats:
        hours = np.asarray(story.hours, np.float64)
        hours = hours / hours.mean()
        at = (times_s + self.offset_s) % DAY_S / HOUR_S
        # From the middle of one hour to that of the next.
        wrapped = np.concatenate([hours[-1:], hours, hours[:1]])
        return np.asarray(np.interp(at, np.arange(-1, 25) + 0.5, wrapped), np.float64)

    def _day(self, story: Story, times_s: Ints) -> Floats:
        # 1970 began on a Thursday.
        weekdays = ((times_s + self.offset_s) // DAY_S + 3) % 7
        return np.asarray(np.asarray(story.week, np.float64)[weekdays], np.float64)

    def _growth(self, story: Story, times_s: Ints) -> Floats:
        return 1.0 + story.growth * (1.0 - (self.now_s - times_s) / (DAYS * DAY_S))

    def _drift(self, story: Story, times_s: Ints) -> Floats:
        """Good and bad days: three slow waves of no common period, of each stat's own phase."""
        phase = float(sum(map(ord, story.name)))
        waves = [size * np.sin(times_s / (days * DAY_S) * 2 * np.pi + phase * days) for days, size in WAVES]
        return np.asarray(1.0 + np.sum(waves, axis=0), np.float64)

    def _events(self, story: Story, times_s: Ints) -> Floats:
        found = 1.0 + (story.incident - 1.0) * _bump(times_s, self.incident_s, INCIDENT_S)
        found = found * np.where(times_s >= self.search_s, story.search, 1.0)
        grown = np.clip((times_s - (self.now_s - BACKLOG_AGO_S)) / (BACKLOG_AGO_S - HOUR_S), 0.0, 1.0)
        return np.asarray(found * (1.0 + (story.backlog - 1.0) * grown), np.float64)


def _bump(times_s: Ints, start_s: int, length_s: int) -> Floats:
    """1 within a time, up and down in five minutes at its ends; 0 elsewhere."""
    edge_s = 5 * MINUTE_S
    return np.clip(np.minimum(times_s - start_s, start_s + length_s - times_s) / edge_s, 0.0, 1.0)


def drawn(world: World, story: Story, times_s: Ints, random: np.random.Generator, *, length_s: int = MINUTE_S) -> Rows:
    """What arrives in periods of a length from each of these moments on."""
    expected = world.rate(story, times_s) * length_s / MINUTE_S
    counts = random.poisson(expected)
    if story.kind is Kind.VALUE and story.rate == 1:
        # Asked once a minute by a timer, and not by people.
        counts = (times_s % MINUTE_S < length_s).astype(np.int64)
    times_s, counts = times_s[counts > 0], counts[counts > 0]
    if story.kind is Kind.COUNTER:
        sums = counts.astype(np.float64)
        return Rows(times_s, counts, sums, sums, sums)
    return _measured(world.level(story, times_s), story, times_s, counts, random)


def _measured(levels: Floats, story: Story, times_s: Ints, counts: Ints, random: np.random.Generator) -> Rows:
    """Means scatter less the more points they are of; extremes lie where so many points would have theirs."""
    count = len(times_s)
    means = levels * np.exp(random.normal(0.0, 1.0, count) * story.spread / np.sqrt(counts))
    reach = story.spread * np.sqrt(2.0 * np.log(counts))
    highs = means * np.exp(reach * (1.0 + np.abs(random.normal(0.0, 0.25, count))))
    lows = means * np.exp(-0.8 * reach)
    # Of one point alone it is the number itself, and not a mean.
    means, highs, lows = (np.round(each, story.digits) for each in (means, highs, lows))
    return Rows(times_s, counts, means * counts, np.minimum(lows, means), np.maximum(highs, means))
