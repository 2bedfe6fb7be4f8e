"""What does a look at 100,000 alert rules cost, an hour's look for anomalies, and do writes wait while one runs?

The rules are of a hundred accounts with a thousand each, as many as an account may have, over all windows; every stat
has a point in each of the last 300 minutes and in each of 24 hours before. Anomalies are looked for in eight weeks of
hours of each stat. Told is processor time of the thread, since machines are shared: ``points_per_s`` are rules, or
stats, a second of one core. A look leaves a quarter of its time to others on purpose, which is not in it. The first
look stores a state for each rule; the others find nothing new, and write nothing.

``ALERTS-beside-N``: the same rules in a running server of one worker, whose thread looks again a second after each
look, while N connections send points by POST /ez. Beside: the same server between two looks. Told is the calmer of two
runs of each.
"""

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import urllib3

import statflow_engine
from benchmarks.cells import in_child
from benchmarks.engine import Results, say
from benchmarks.http import single_posts
from benchmarks.load import drive_small
from statflow_engine import Engine, Kind
from statflow_http.accounts.accounts import Account
from statflow_http.alerts.anomalies import HOURS_READ, Anomalies
from statflow_http.alerts.evaluation import Evaluator
from statflow_http.alerts.rules import WINDOWS_S, Operator, Rule, RuleKind
from statflow_http.documents.store import Documents
from tests.http.live import LiveServer, serving

RULES = {"full": 100_000, "quick": 20_000, "tiny": 70}
STATS = {"full": 10_000, "quick": 1_000, "tiny": 10}
SECONDS = {"full": 10.0, "quick": 5.0, "tiny": 0.3}
CONNECTIONS = (1, 16)
REPEATS = 2
RULES_PER_ACCOUNT = 1_000
MINUTES, HOURS = 300, 24
# Rows of one batch of counted cells.
BATCH = 50_000
# Seconds between looks: as few as a server allows, and so many that after the first there is none.
AGAIN_S, NEVER_S = 1, 3_600
FIRST_LOOK_LIMIT_S = 120.0


def run(size: str, known: Results) -> Results:
    """Rules and stats a second of one core, and times of single points beside a look."""
    results: Results = in_child("measure_alerts", size)
    for workload, stores in results.items():
        for store, figures in stores.items():
            say(workload, store, figures)
    return results


def measure(folder: Path, size: str) -> Results:
    """All questions, each on a store of its own."""
    looks = measured_rules(folder / "rules", RULES[size])
    return looks | measured_anomalies(folder / "stats", STATS[size]) | beside(folder / "rules", SECONDS[size])


def measured_rules(folder: Path, count: int) -> Results:
    """Looks at so many rules."""
    with statflow_engine.open(folder) as engine, contextlib.closing(Documents(folder / "accounts")) as documents:
        now_s = engine.now_s()
        for account in range(-(-count // RULES_PER_ACCOUNT)):
            size = min(RULES_PER_ACCOUNT, count - account * RULES_PER_ACCOUNT)
            fill(engine, f"a{account}:live", size, now_s)
            make_rules(engine, documents, f"a{account}:live", now_s)
        engine.fold()
        evaluator = Evaluator(engine, documents, can_mail=lambda: False)
        first = timed(count, lambda: evaluator.run(now_s))
        later = [timed(count, partial(evaluator.run, now_s + 15 * number)) for number in (1, 2, 3)]
    return {
        "ALERTS-first": {"statflow": first},
        "ALERTS-rules": {"statflow": max(later, key=lambda figures: figures["points_per_s"])},
    }


def fill(engine: Engine, namespace: str, count: int, now_s: int) -> None:
    """So many counters with a point a minute, and one an hour before that."""
    names = [f"stat {number}" for number in range(count)]
    times_s = np.concatenate([now_s - 60 * np.arange(MINUTES), now_s - 3_600 * np.arange(6, 6 + HOURS)])
    for part in np.array_split(times_s, 4):
        index = np.tile(np.arange(count), len(part))
        engine.write((names, index), Kind.COUNTER, np.repeat(part, count), np.ones(len(index)), namespace=namespace)


def make_rules(engine: Engine, documents: Documents, namespace: str, now_s: int) -> None:
    """A rule for each stat of a namespace, over every window in turn, none of which is met."""
    windows = list(WINDOWS_S)
    with documents.change() as change:
        for number, series in enumerate(engine.series(namespace, limit=RULES_PER_ACCOUNT)):
            rule = Rule(
                f"{number:012d}",
                series.id,
                series.name,
                RuleKind.VALUE,
                windows[number % len(windows)],
                now_s,
                operator=Operator.GREATER,
                threshold=1e9,
            )
            change.put("alert_rules", f"{namespace}/{rule.id}", rule)


def measured_anomalies(folder: Path, count: int) -> Results:
    """One hour's look at so many counters with eight weeks of hours."""
    now_s = 1_800_000_000 + 3_600
    opened = statflow_engine.open(folder, clock=lambda: now_s)
    with opened as engine, contextlib.closing(Documents(folder / "accounts")) as documents:
        with documents.change() as change:
            change.put("accounts", "a", Account("a", 0))
        fill_weeks(engine, "a:live", count, now_s)
        looker = Anomalies(engine, documents, can_mail=lambda: False, slice_s=1e9)
        return {"ALERTS-anomalies": {"statflow": timed(count, lambda: looker.run(now_s))}}


def fill_weeks(engine: Engine, namespace: str, count: int, now_s: int) -> None:
    """Poisson counts with a daily shape, from one seed."""
    random = np.random.default_rng(7)
    names = [f"stat {number}" for number in range(count)]
    hours_s = now_s // 3_600 * 3_600 - 3_600 * np.arange(HOURS_READ - 1, 0, -1)
    # A batch has at most 50,000 rows: some hours of all stats, or one hour of some.
    width = min(count, BATCH)
    for first in range(0, count, width):
        part = np.arange(first, min(first + width, count))
        for some_s in np.array_split(hours_s, -(-len(hours_s) * len(part) // BATCH)):
            means = 40 * (1.2 + np.sin(some_s[:, None] / 86_400 * 2 * np.pi)) * (1 + part % 7)
            counts = random.poisson(means).astype(np.int64).ravel()
            times_s, index = np.repeat(some_s, len(part)), np.tile(part, len(some_s))
            points = np.maximum(counts, 1)
            engine.write_cells(
                (names, index), Kind.COUNTER, times_s, points, counts.astype(np.float64), namespace=namespace
            )
    engine.fold()


def timed(count: int, look: Callable[[], object]) -> dict[str, Any]:
    """What a look at so many rules or stats took."""
    began, cpu = time.perf_counter(), time.thread_time()
    look()
    cpu_s, elapsed_s = time.thread_time() - cpu, time.perf_counter() - began
    return {"points": count, "seconds": cpu_s, "elapsed_s": elapsed_s, "points_per_s": count / cpu_s}


# -- writes beside a look ----------------------------------------------------------------------------------------------


def beside(folder: Path, seconds: float) -> Results:
    """Times of single points while a look runs, and while none does, in turns."""
    with serving(folder) as server:
        key = server.key
    results: Results = {f"ALERTS-beside-{connections}": {} for connections in CONNECTIONS}
    for store, interval_s in (("statflow", AGAIN_S), ("no look", NEVER_S)) * REPEATS:
        with looking_every(interval_s), serving(folder, key=key) as server:
            requests = single_posts(key)
            await_first_look(server)
            drive_small(server.port, requests, 1, seconds / 10)  # stats exist, caches are warm
            for connections in CONNECTIONS:
                figures = drive_small(server.port, requests, connections, seconds)
                stores = results[f"ALERTS-beside-{connections}"]
                stores[store] = min(stores.get(store, figures), figures, key=lambda each: each["p99_ms"])
    return results


@contextlib.contextmanager
def looking_every(seconds: int) -> Iterator[None]:
    """Servers that are started meanwhile look at alerts so often."""
    os.environ["STATFLOW_ALERT_INTERVAL"] = str(seconds)
    try:
        yield
    finally:
        del os.environ["STATFLOW_ALERT_INTERVAL"]


def await_first_look(server: LiveServer) -> None:
    """Wait until a server has looked at all rules once."""
    ends = time.monotonic() + FIRST_LOOK_LIMIT_S
    with urllib3.PoolManager(retries=False, timeout=5.0) as http:
        while time.monotonic() < ends:
            told = http.request("GET", f"{server.url}/metrics").data.decode()
            if re.search(r"^statflow_alert_evaluations_total [1-9]", told, re.MULTILINE):
                return
            time.sleep(0.1)
    raise AssertionError(f"the server has not looked at its alerts within {FIRST_LOOK_LIMIT_S} s")
