"""Ninety days of a bookshop into a folder: stats, a dashboard, notes, an open alert, somebody who may sign in."""

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

import statflow_engine
from statflow_engine import Engine, Kind
from statflow_http.accounts import passwords
from statflow_http.accounts.accounts import OWNER_ID, Account, Accounts, AccountSettings
from statflow_http.accounts.key_store import Keys
from statflow_http.accounts.people import People
from statflow_http.accounts.sessions import LINK_PATH, Sessions
from statflow_http.alerts.rules import Rules, RuleWish, condition
from statflow_http.dashboards.store import Dashboards
from statflow_http.dashboards.tiles import Tile
from statflow_http.demo.shapes import (
    DAY_S,
    DAYS,
    HOUR_S,
    INCIDENT_S,
    MINUTE_S,
    STORIES,
    Rows,
    Story,
    World,
    drawn,
)
from statflow_http.documents.store import ACCOUNTS_FOLDER, Documents
from statflow_http.stats.annotations import Annotations
from statflow_http.stats.properties import Properties

NAMESPACE = f"{OWNER_ID}:live"
EMAIL = "demo@example.com"
# Rows of one batch: as many as the engine takes.
BATCH = 50_000
# Minute by minute for so long before now, and by so many minutes before that: what charts of months show is the same,
# and it is written in a fifth of the time.
FINE_S, COARSE_S = 3 * DAY_S, 5 * MINUTE_S
BOARD = "The shop"
TILES = (
    ("number", ("orders",), "Orders", "small", "day"),
    ("number", ("sign-ups",), "Sign-ups", "small", "week"),
    ("number", ("response time",), "Response time", "small", "day"),
    ("number", ("jobs waiting",), "Jobs waiting", "small", "hour"),
    ("line", ("page views", "searches"), "Visitors", "wide", "week"),
    ("line", ("response time", "checkout time"), "How fast we are", "wide", "month"),
    ("bar", ("orders",), "Orders a day", "small", "month"),
    ("line", ("errors",), "Errors", "small", "month"),
    ("hours", ("orders",), "When people buy", "wide", "month"),
    ("table", ("basket", "newsletter opened", "disk used"), "And the rest", "wide", "week"),
    ("bar", ("sign-ups",), "Sign-ups a week", "small", "quarter"),
)


@dataclass(frozen=True, slots=True)
class Filled:
    """What was made.

    Attributes:
        key: a live key of scope full.
        token: signs in, once.
        board_path: of the dashboard.
        world: when it is.
    """

    key: str
    token: str
    board_path: str
    world: World


def fill(data: Path, *, clock: Callable[[], float] = time.time, tz: str | None = None) -> Filled:
    """Make all of it.

    Args:
        data: an empty folder.
        clock: says when it ends.
        tz: the time zone; None: that of this machine.

    Raises:
        StoreError: the folder cannot take it.
    """
    now_s = int(clock())
    tz = local_zone() if tz is None else tz
    offset = time_offset_s(tz, now_s)
    world = World(now_s, offset)
    with statflow_engine.open(data, clock=clock) as engine:
        write(engine, world)
        return _documents(engine, data, world, tz)


def write(engine: Engine, world: World) -> None:
    """The history of every stat."""
    random = np.random.default_rng(7)
    coarse_s = np.arange(world.now_s - DAYS * DAY_S, world.now_s - FINE_S, COARSE_S) // COARSE_S * COARSE_S
    fine_s = np.arange(coarse_s[-1] + COARSE_S, world.now_s // MINUTE_S * MINUTE_S, MINUTE_S)
    for story in STORIES:
        for times_s, length_s in ((coarse_s, COARSE_S), (fine_s, MINUTE_S)):
            _write_rows(engine, story, drawn(world, story, times_s, random, length_s=length_s))


def _write_rows(engine: Engine, story: Story, rows: Rows) -> None:
    for start in range(0, len(rows.times_s), BATCH):
        part = slice(start, start + BATCH)
        index = np.zeros(len(rows.times_s[part]), np.int64)
        engine.write_cells(
            ([story.name], index),
            story.kind,
            rows.times_s[part],
            rows.counts[part],
            rows.sums[part],
            rows.mins[part],
            rows.maxs[part],
            namespace=NAMESPACE,
        )


def _documents(engine: Engine, data: Path, world: World, tz: str) -> Filled:
    documents = Documents(data / ACCOUNTS_FOLDER)
    try:
        Accounts(documents).save(Account(OWNER_ID, world.now_s - DAYS * DAY_S))
        Accounts(documents).change(OWNER_ID, AccountSettings(tz=tz, new_stat_notices=False))
        _annotate(engine, documents, world)
        _watch(engine, documents, world)
        _describe(engine, documents)
        tiles = [
            Tile(f"tile{place}", kind, stats, title, size, period)
            for place, (kind, stats, title, size, period) in enumerate(TILES)
        ]
        board = Dashboards(documents).create(NAMESPACE, BOARD, tiles, world.now_s)
        key = Keys(documents).create(OWNER_ID, world.now_s, label="demo")
        return Filled(key, _link(documents, world), f"/dashboards/{board.id}", world)
    finally:
        # Before any worker is forked: an environment does not survive that.
        documents.close()


def _link(documents: Documents, world: World) -> str:
    """A token that signs the owner in, once."""
    people = People(documents)
    owner = people.set_email(people.ensure_owner(world.now_s), EMAIL)
    # Nobody knows it: the link is the only way in.
    owner = people.set_password(owner, passwords.hashed(secrets.token_urlsafe()))
    return Sessions(documents).new_link(owner, world.now_s).removeprefix(LINK_PATH)


def _annotate(engine: Engine, documents: Documents, world: World) -> None:
    incident_s = world.incident_s
    for text, t_s in (
        ("New search index", world.search_s),
        ("Deploy 2.8.0", incident_s - 4 * MINUTE_S),
        ("Rolled back to 2.7.3", incident_s + INCIDENT_S - 5 * MINUTE_S),
    ):
        Annotations(documents).create(NAMESPACE, text, t_s, world.now_s)


def _watch(engine: Engine, documents: Documents, world: World) -> None:
    """One alert that is open at the first look, and one that is quiet."""
    for stat, threshold, window in (("jobs waiting", "40", "1h"), ("errors", "300", "1h")):
        wish = RuleWish(kind="value", operator="greater than", threshold=threshold, time_window=window)
        series = engine.find(stat, namespace=NAMESPACE)
        Rules(documents).create(NAMESPACE, series.id, series.name, condition(wish), world.now_s)


def _describe(engine: Engine, documents: Documents) -> None:
    properties = Properties(documents)
    for story in STORIES:
        if story.unit:
            series_id = engine.find(story.name, namespace=NAMESPACE).id
            properties.change(NAMESPACE, series_id, unit=story.unit)


def local_zone() -> str:
    """The time zone of this machine; UTC where it does not say."""
    named = os.environ.get("TZ", "").lstrip(":") or os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    try:
        ZoneInfo(named)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"
    return named if named not in ("", "Etc/UTC", "Etc/UCT", "Zulu") else "UTC"


def time_offset_s(tz: str, now_s: int) -> int:
    """How far the clock on the wall is ahead of UTC."""
    offset = datetime.fromtimestamp(now_s, ZoneInfo(tz)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


assert len({story.name for story in STORIES}) == 12
assert all(story.kind in (Kind.COUNTER, Kind.VALUE) for story in STORIES)
assert HOUR_S % COARSE_S == 0
