"""What does a point cost when it comes by HTTP: one a request, batches of JSON, columns of msgpack?

Beside: a bare WSGI function that commits the same under the same worker (what Falcon and our app add), the same app
under gunicorn's threads (what our worker saves), ``json.loads`` alone, and the engine in process. One machine: the load
generator takes its share of it.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import statflow_engine
from benchmarks.cells import in_child, scratch_folder
from benchmarks.engine import Results, say
from benchmarks.load import PATIENCE_S, StalledError, drive_large, drive_small, half_sent, post
from benchmarks.servers import InfluxDb
from benchmarks.stores import installed
from benchmarks.workloads import Numbers, Workload, series_names
from tests.http.live import LiveServer, serving

SECONDS = {"full": 5.0, "quick": 1.0, "tiny": 0.3}
COLUMNS_SECONDS = {"full": (10.0, 20.0), "quick": (1.5, 1.5), "tiny": (0.2, 0.2)}
CONNECTIONS = (16, 64)
BATCHES = (1_000, 10_000)
COLUMN_POINTS = {"full": 100_000, "quick": 100_000, "tiny": 1_000}
SLOW_CLIENTS = {"full": 200, "quick": 200, "tiny": 5}
COMMANDS = {
    "statflow": ("statflow_http", "serve"),
    "gthread": ("statflow_http", "serve", "--worker", "gthread"),
    "bare": ("benchmarks.bare",),
}
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MSGPACK = "application/msgpack"


def run(size: str, known: Results) -> Results:
    """All questions, each to a server of its own on a fresh folder."""
    results: Results = {}
    for connections in CONNECTIONS:
        results[f"HTTP-{connections}"] = run_single(connections, size)
    for points in BATCHES:
        results[f"HTTP-json-{points}"] = run_json(points, size)
    return results | {"HTTP-columns": run_columns(size), "HTTP-slow": {"statflow": run_slow_clients(size)}}


@contextmanager
def a_server(kind: str = "statflow", *, workers: int = 1) -> Iterator[LiveServer]:
    """A server of that kind, on a folder that has an account; the folder is gone afterwards."""
    with scratch_folder() as data:
        with serving(data) as first:
            key = first.key
        with serving(data, workers=workers, key=key, command=COMMANDS[kind]) as server:
            yield server


def told(workload: str, store: str, figures: dict[str, Any]) -> dict[str, Any]:
    say(workload, store, figures)
    return figures


def single_posts(key: str) -> list[bytes]:
    """One point a request, a thousand stats."""
    bodies = (f"ezkey={key}&stat=host-{number:04d}.requests&count=1".encode() for number in range(1_000))
    return [post("/ez", body, FORM) for body in bodies]


def run_single(connections: int, size: str) -> dict[str, dict[str, Any]]:
    """How many single points a second, each acknowledged after it was fsynced; one worker."""
    results = {}
    for kind in ("statflow", "bare", "gthread"):
        with a_server(kind) as server:
            requests = single_posts(server.key)
            drive_small(server.port, requests, connections, SECONDS[size] / 5)  # stats exist, caches are warm
            figures = drive_small(server.port, requests, connections, SECONDS[size])
            results[kind] = told(f"HTTP-{connections}", kind, figures)
    if installed("influxdb"):
        results["influxdb"] = told(f"HTTP-{connections}", "influxdb", single_to_influxdb(connections, size))
    return results


def single_to_influxdb(connections: int, size: str) -> dict[str, Any]:
    """The same points as lines, each fsynced by influxdb before it answers."""
    with scratch_folder() as folder:
        server = InfluxDb(folder, Workload("HTTP", 1, int(time.time()), batches=lambda: iter(())))
        lines = (f"m,s=host-{number:04d}.requests v=1".encode() for number in range(1_000))
        requests = [post(server.write_path, line, "text/plain") for line in lines]
        try:
            drive_small(server.port, requests, connections, SECONDS[size] / 5)
            return drive_small(server.port, requests, connections, SECONDS[size])
        finally:
            server.close()


def json_bodies(points: int, now_s: int) -> list[bytes]:
    """Batches as a collector sends them: half counts, half measured values, each with its time."""
    names, numbers = series_names(1_000), Numbers(20)
    bodies = []
    for first in range(8):
        series = (np.arange(points, dtype=np.int64) + first * points) % len(names)
        values = numbers.of(series).tolist()
        stats = [
            {"stat": names[number], ("count", "value")[number % 2]: value, "t": now_s - 60 + position * 60 // points}
            for position, (number, value) in enumerate(zip(series.tolist(), values, strict=True))
        ]
        bodies.append(json.dumps({"stats": stats}, separators=(",", ":")).encode())
    return bodies


def run_json(points: int, size: str) -> dict[str, dict[str, Any]]:
    """How many points a second in JSON batches, two workers, four connections?"""
    bodies = json_bodies(points, int(time.time()))
    with a_server(workers=2) as server:
        requests = [post("/v1/stats", body, JSON, f"Authorization: Bearer {server.key}\r\n") for body in bodies]
        drive_large(server.port, requests, points, 4, SECONDS[size] / 5)
        ours = drive_large(server.port, requests, points, 4, SECONDS[size])
    name = f"HTTP-json-{points}"
    return {
        "statflow": told(name, "statflow", ours),
        "json.loads": told(name, "json.loads", decoding(bodies, points, SECONDS[size] / 5)),
    }


def decoding(bodies: list[bytes], points: int, seconds: float) -> dict[str, Any]:
    """What does json.loads alone do with these bodies, in one process?"""
    started = time.perf_counter()
    decoded = 0
    while (elapsed := time.perf_counter() - started) < seconds:
        json.loads(bodies[decoded % len(bodies)])
        decoded += 1
    return {"points": decoded * points, "seconds": elapsed, "points_per_s": decoded * points / elapsed}


def columns_body(points: int, now_s: int) -> bytes:
    """HOT's points in columns, as msgpack with binary arrays."""
    names = series_names(1_000)
    series = np.arange(points, dtype=np.int64) % len(names)
    times_s = np.full(points, now_s - 30, dtype="<i8")
    message = {
        "stats": names,
        "stat": series.astype("<u4").tobytes(),
        "kind": [("counter", "value")[number % 2] for number in range(len(names))],
        "t": times_s.tobytes(),
        "v": Numbers(21).of(series).astype("<f8").tobytes(),
    }
    return msgspec.msgpack.encode(message)


def run_columns(size: str) -> dict[str, dict[str, Any]]:
    """How many points a second in columns, and does the folding keep up while they come?"""
    points = COLUMN_POINTS[size]
    first_s, then_s = COLUMNS_SECONDS[size]
    with a_server(workers=2) as server:
        body = columns_body(points, int(time.time()))
        request = post("/v1/stats", body, MSGPACK, f"Authorization: Bearer {server.key}\r\n")
        drive_large(server.port, [request], points, 2, first_s)
        waiting_before = waiting_rows(server.data)
        ours = drive_large(server.port, [request], points, 2, then_s)
        ours |= {"waiting_before": waiting_before, "waiting_after": waiting_rows(server.data)}
    engine = in_child("measure_writes", "HOT", size, "statflow columns")
    return {
        "statflow": told("HTTP-columns", "statflow", ours),
        "engine columns": told("HTTP-columns", "engine columns", engine),
    }


def waiting_rows(data: Path) -> int:
    """Rows of the journal, asked beside the running server."""
    with statflow_engine.open(data) as engine:
        return engine.status().journal_rows


def run_slow_clients(size: str) -> dict[str, Any]:
    """How long do others wait while many clients have sent half a request and say nothing?"""
    with a_server() as server, half_sent(server.port, SLOW_CLIENTS[size]):
        try:
            figures = drive_small(server.port, single_posts(server.key), 4, SECONDS[size])
        except StalledError:
            figures = {"points_per_s": 0.0, "p50_ms": PATIENCE_S * 1e3, "p99_ms": PATIENCE_S * 1e3}
    return told("HTTP-slow", "statflow", figures)
