"""What does a page cost the server with 10,000 stats, beside the same page with 100?

In process, through the WSGI app, by somebody who is signed in; every stat has 90 days of history by the hour and two
hours by the minute, of which the last 30 minutes are not folded yet. What is told is processor time of the process,
since machines are shared, and it is all that a page costs: it waits for no disk.

Each page is asked for in three moments. ``first``: nobody has looked for a while, so that nothing may be used that is
kept for seconds. ``busy``: somebody has looked a second ago, and a point has arrived since, as they always do.
``again``: nothing has changed. The peer of a page is the same page of a small account, in the same run, in turns.
Bytes are those of the answer, compressed.
"""

import gc
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import falcon.testing
import numpy as np

import statflow_engine
from benchmarks.cells import in_child
from benchmarks.engine import Results
from benchmarks.measure import SettableClock, percentiles_ms
from benchmarks.workloads import DAY_S, EPOCH_S, MINUTE_S, Numbers
from statflow_engine import Engine
from statflow_http import create_app, ids
from statflow_http.accounts.keys import Scope
from statflow_http.pages import visitors
from statflow_http.pages.periods import PERIODS

# Stats of the large account.
STATS = {"full": 10_000, "quick": 2_000, "tiny": 150}
SMALL_STATS = 100
REPEATS = {"full": 15, "quick": 7, "tiny": 1}
NAMESPACE = "owner:live"
HOUR_S, HISTORY_DAYS, RECENT_MINUTES, UNFOLDED_MINUTES = 3_600, 90, 120, 30
BATCH = 500_000
# In the middle of a day and of an hour: rows run, and no span has just been closed.
NOW_S = EPOCH_S + HISTORY_DAYS * DAY_S + 13 * HOUR_S + 1_020
# By how much the clock goes on before a page is asked for; None: not at all, and nothing is written either.
MOMENTS_S = {"first": 120, "busy": 1, "again": None}
BROWSER = {"Accept": "text/html", "Accept-Encoding": "gzip", "Host": "stats.example"}
SUBJECTS = ("checkout", "search", "login", "upload", "mail", "worker", "cache", "queue")

LISTS = {
    "name": "/stats",
    "received": "/stats?sort=-received",
    "total": "/stats?sort=-total",
    "change": "/stats?sort=-change",
    "month": "/stats?sort=-total&period=month",
    "search": "/stats?q=checkout+7",
    "kind": "/stats?kind=value",
    "page-2": "/stats?page=2",
}
APIS = {"list": "/v1/stats?limit=100", "search": "/v1/stats?limit=100&q=checkout+7"}


def run(size: str, known: Results) -> Results:
    """Processor time of each page in each moment, of the large account and of the small one, and bytes."""
    return in_child("measure_pages", size)


def measure(folder: Path, size: str) -> Results:
    """Build both accounts, and look at their pages."""
    with built(folder / "large", STATS[size]) as large, built(folder / "small", SMALL_STATS) as small:
        servers = {"statflow": large, "small": small}
        results: Results = {}
        for name, path in LISTS.items():
            results |= asked(f"LIST-{name}", servers, path, REPEATS[size])
        for name in PERIODS:
            results |= asked(f"STAT-{name}", servers, f"/stats/STAT?period={name}", REPEATS[size])
        for name, path in APIS.items():
            results |= asked(f"API-{name}", servers, path, REPEATS[size])
        return results | {"STATIC": {"statflow": revalidated(large)}}


# -- two accounts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """An app over an account with some stats.

    Attributes:
        app: the WSGI app.
        engine: what it serves.
        clock: of the engine.
        names: of the stats.
        cookie: of somebody who is signed in.
        key: of the API.
        stat_id: of a counter in the middle.
    """

    app: Any
    engine: Engine
    clock: SettableClock
    names: list[str]
    cookie: str
    key: str
    stat_id: str

    def ask(self, path: str, **headers: str) -> "Asked":
        """One request, as a browser or a program makes it."""
        path, _, query = path.replace("STAT", self.stat_id).partition("?")
        sent = BROWSER | headers
        sent |= {"Authorization": f"Bearer {self.key}"} if path.startswith("/v1/") else {"Cookie": self.cookie}
        environ = falcon.testing.create_environ(path, query, headers=sent)
        response = falcon.testing.StartResponseMock()
        began = time.process_time()
        body = b"".join(self.app(environ, response))
        return Asked(time.process_time() - began, int((response.status or "0")[:3]), body, dict(response.headers or ()))


@dataclass(frozen=True)
class Asked:
    """An answer, and what it cost."""

    seconds: float
    status: int
    body: bytes
    headers: dict[str, str]


@contextmanager
def built(folder: Path, count: int) -> Iterator[Server]:
    """The app over an account with so many stats."""
    clock = SettableClock(EPOCH_S)
    with statflow_engine.open(folder, clock=clock) as engine:
        names = [f"{SUBJECTS[number % len(SUBJECTS)]} {number}" for number in range(count)]
        fill(engine, clock, names)
        app = create_app(engine)
        services = app.services
        services.accounts.ensure_owner(engine.now_s())
        session = services.sessions.begin(services.people.ensure_owner(engine.now_s()), engine.now_s())
        key = services.keys.create("owner", engine.now_s(), scope=Scope.READ)
        stat = engine.find(names[count // 2], namespace=NAMESPACE)
        cookie = f"{visitors.SESSION}={session.token}"
        yield Server(app, engine, clock, names, cookie, key, ids.stat_id(stat.id))
        app.close()


def fill(engine: Engine, clock: SettableClock, names: list[str]) -> None:
    """Ninety days by the hour, as they passed; then minutes, the last of which are not folded."""
    numbers = Numbers(12)
    days_s = range(EPOCH_S, NOW_S - RECENT_MINUTES * MINUTE_S, DAY_S)
    for day_s in days_s:
        end_s = min(day_s + DAY_S, NOW_S - RECENT_MINUTES * MINUTE_S)
        write(engine, clock, names, np.arange(day_s, end_s, HOUR_S), numbers)
        engine.fold()
    unfolded_s = NOW_S - UNFOLDED_MINUTES * MINUTE_S
    write(engine, clock, names, np.arange(NOW_S - RECENT_MINUTES * MINUTE_S, unfolded_s, MINUTE_S), numbers)
    engine.fold()
    write(engine, clock, names, np.arange(unfolded_s, NOW_S, MINUTE_S), numbers)


def write(engine: Engine, clock: SettableClock, names: list[str], times_s: Any, numbers: Numbers) -> None:
    """A point of every stat at each of these times; every second stat is a counter, one in fifty had nothing to say."""
    count = len(names)
    for some_s in np.array_split(times_s, -(-len(times_s) * count // BATCH)):
        index = np.tile(np.arange(count), len(some_s))
        at_s = np.repeat(some_s, count)
        spoke = (index * 7 + at_s // HOUR_S) % 50 > 0
        index, at_s = index[spoke], at_s[spoke]
        clock.now_s = float(some_s[-1] + 1)
        # Some stats have more to tell than others, and all more by day.
        size = 1 + index % 23 + (at_s % DAY_S) / DAY_S
        engine.write((names, index), index % 2, at_s, np.round(numbers.of(index) * size, 2), namespace=NAMESPACE)


# -- looking at pages --------------------------------------------------------------------------------------------------


def asked(name: str, servers: dict[str, Server], path: str, repeats: int) -> Results:
    """Times of one page in each moment, by server; they are asked in turns."""
    laps: dict[str, dict[str, list[float]]] = {moment: {store: [] for store in servers} for moment in MOMENTS_S}
    sizes = dict.fromkeys(servers, 0)
    for repeat in range(-1, repeats):
        for store, server in servers.items():
            for moment, pause_s in MOMENTS_S.items():
                if pause_s is not None:
                    happen(server, pause_s, repeat)
                gc.collect()
                answer = server.ask(path)
                if answer.status != 200:
                    raise AssertionError(f"{path} answered {answer.status}: {answer.body[:200]!r}")
                sizes[store] = len(answer.body)
                if repeat >= 0:  # before, code is imported and templates are compiled
                    laps[moment][store].append(answer.seconds)
    return {
        f"{name}-{moment}": {
            store: percentiles_ms(seconds) | {"sent_bytes": sizes[store]} for store, seconds in by_store.items()
        }
        for moment, by_store in laps.items()
    }


def happen(server: Server, pause_s: int, number: int) -> None:
    """Time passes, and a point arrives, now of this stat and now of that."""
    server.clock.now_s += pause_s
    server.engine.count(server.names[number * 74 % len(server.names)], 1.0, namespace=NAMESPACE)


def revalidated(server: Server) -> dict[str, Any]:
    """How many of the files that two pages name are answered with 304 to who has them, and what they come to."""
    html = b"".join(server.ask(path, **{"Accept-Encoding": "identity"}).body for path in ("/stats", "/stats/STAT"))
    paths = sorted({path.decode() for path in re.findall(rb"/static/[\w./?=-]+", html)})
    files = [server.ask(path) for path in paths]
    agains = [
        server.ask(path, **{"If-None-Match": file.headers["etag"]}) for path, file in zip(paths, files, strict=True)
    ]
    kept = sum(again.status == 304 and not again.body for again in agains)
    return {"files": len(files), "revalidated": kept / len(files), "sent_bytes": sum(len(file.body) for file in files)}
