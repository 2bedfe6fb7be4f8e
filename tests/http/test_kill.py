"""A server of two workers loses processes at random moments, under load: every acknowledged point is there once.

A random part of master and workers is killed every 50 to 500 ms, and the server started again when its master was
among them. Clients write to a ledger in their own process, after they have read each 200. At the end a new process
opens the store. SIGKILL leaves the page cache whole: this says nothing about fsync.

``STATFLOW_KILLS`` sets how many kills (20), ``STATFLOW_SEED`` repeats the choice of moments and victims.
"""

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pytest
import urllib3

from tests.http.live import LiveServer

KILLS = int(os.environ.get("STATFLOW_KILLS", "20"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 10 * KILLS)]

# Between two kills; a kill after fewer acknowledgements shows nothing and does not count.
FEWEST_ACKNOWLEDGED = 20
BOOTS = 3
BITS = 32  # batches a stat: sums of powers of two up to 2**32 are exact, and each sum tells which batches it is made of


@dataclass
class Stream:
    """Batches of one size, and the ledger of them: sent before the request, acknowledged after the 200 was read.

    Batch n adds ``points`` times 2**(n % 32) to each of the ``stats`` of its group of 32 batches.
    """

    name: str
    stats: int
    points: int
    clients: int
    sent: int = 0
    acknowledged: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_batch(self) -> int:
        with self.lock:
            self.sent += 1
            return self.sent - 1

    def acknowledge(self, batch: int) -> None:
        with self.lock:
            self.acknowledged.add(batch)

    def body(self, batch: int) -> bytes:
        """The batch as columns in msgpack."""
        group, bit = divmod(batch, BITS)
        index = np.tile(np.arange(self.stats, dtype="<u4"), self.points)
        message = {
            "stats": [f"{self.name} {group}.{part}" for part in range(self.stats)],
            "stat": index.tobytes(),
            "kind": "counter",
            "v": np.full(index.size, 2.0**bit).tobytes(),
        }
        return msgspec.msgpack.encode(message)


def streams() -> list[Stream]:
    """Many small batches, each a commit; and large ones, so that a million rows are folded while processes die."""
    return [Stream("small", stats=3, points=1, clients=3), Stream("large", stats=100, points=500, clients=1)]


class Clients:
    """Threads that send batches to whatever server there is, each batch once, whatever becomes of it."""

    def __init__(self, loads: list[Stream], server: LiveServer) -> None:
        self.server = server
        self.unexpected: list[str] = []
        self.complained: LiveServer | None = None
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(stream,)) for stream in loads for _ in range(stream.clients)
        ]

    def _work(self, stream: Stream) -> None:
        with urllib3.PoolManager(retries=False, timeout=10.0) as http:
            while not self._stop.is_set():
                batch = stream.next_batch()
                answer = self._post(http, stream.body(batch))
                if answer is None:
                    self._stop.wait(0.005)  # the killed end of a connection, or nobody listening
                elif answer.status == 200:
                    stream.acknowledge(batch)
                elif answer.status != 503:
                    self.unexpected.append(f"{answer.status} {answer.data!r}")
                    self.complained = self.complained or self.server

    def _post(self, http: urllib3.PoolManager, body: bytes) -> urllib3.BaseHTTPResponse | None:
        headers = self.server.bearer | {"Content-Type": "application/msgpack"}
        try:
            return http.request("POST", f"{self.server.url}/v1/stats", body=body, headers=headers)
        except urllib3.exceptions.HTTPError:
            return None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()


class Killer:
    """Kills a random part of a server's processes, and has it running again afterwards."""

    def __init__(self, server: LiveServer, rng: random.Random) -> None:
        self.server = server
        self.rng = rng
        self.masters_killed = 0

    def kill(self) -> None:
        processes = self.server.processes()
        victims = self.rng.sample(processes, self.rng.randint(1, len(processes)))
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # a worker that died of its master's death in between
        if processes[0] in victims:
            self.masters_killed += 1
            self._start_again()

    def _start_again(self) -> None:
        """Orphaned workers go too, as an init system's control group would see to it."""
        old = self.server
        old.kill()
        self.server = LiveServer(old.data, workers=2, key=old.key, port=old.port)


# Run in a new process, so that nothing it finds comes from a cache of the test. Prints the complaints of the store, by
# stat the sum and count of its points, and how many rows of all that was ever written are folded.
CHECKER = """
import json, sys
import statflow_engine

def pages(engine):
    page = engine.series("owner:live", limit=500)
    while page:
        yield [series.name for series in page]
        page = engine.series("owner:live", limit=500, after=page[-1].id)

with statflow_engine.open(sys.argv[1]) as engine:
    complaints = list(engine.check())
    waiting = engine.status().journal_rows
    end_s = engine.now_s() + 60
    found = {}
    for names in pages(engine):
        for window in engine.query_many(names, end_s - 86_400, end_s, step=60, namespace="owner:live"):
            found[window.name] = [int(window.sums.sum()), int(window.counts.sum())]
    engine.count("still writable", namespace="owner:live")
print(json.dumps([complaints, waiting, found]))
"""


def checked(data: Path) -> tuple[list[str], int, dict[str, list[int]]]:
    """Complaints of the store, its unfolded rows, and by stat its sum and count of points."""
    command = [sys.executable, "-c", CHECKER, os.fspath(data)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent.parent)
    assert done.returncode == 0, done.stderr
    complaints, waiting, found = json.loads(done.stdout)
    return complaints, waiting, found


def batches_kept(stream: Stream, found: dict[str, list[int]]) -> set[int]:
    """The batches of which every stat has every point, once. Fails where one has a part, or more than that."""
    by_part: list[set[int]] = [set() for _ in range(stream.stats)]
    for name, (total, count) in found.items():
        load, _, place = name.partition(" ")
        if load == stream.name:
            group, part = map(int, place.split("."))
            by_part[part].update(group * BITS + bit for bit in bits_of(name, total, count, stream.points))
    assert all(kept == by_part[0] for kept in by_part), f"a batch of the {stream.name} ones is there in part"
    return by_part[0]


def bits_of(name: str, total: int, count: int, points: int) -> list[int]:
    """Which powers of two a sum is made of; a batch stored twice would carry, and not have as many bits as points."""
    bits = [bit for bit in range(BITS) if total // points >> bit & 1]
    assert total == points * sum(2**bit for bit in bits), f"{name}: {total} is not made of whole batches"
    assert count == points * len(bits), f"{name}: {count} points add up to {total}"
    return bits


@pytest.fixture
def seed() -> int:
    chosen = int(os.environ.get("STATFLOW_SEED", secrets.randbits(32)))
    print(f"STATFLOW_SEED={chosen}")
    return chosen


def test_every_acknowledged_batch_is_stored_exactly_once_whoever_is_killed(tmp_path: Path, seed: int) -> None:
    loads = streams()
    killer = Killer(LiveServer(tmp_path / "data", workers=2), random.Random(seed))
    clients = Clients(loads, killer.server)
    kills = kill_under_load(killer, clients, loads)
    after_kills_s, empty_s = boots_s(killer.server, tmp_path / "empty")

    complaints, waiting, found = checked(tmp_path / "data")
    kept = [batches_kept(stream, found) for stream in loads]
    print(
        f"{kills} kills ({killer.masters_killed} of a master), "
        f"boots {after_kills_s:.2f} s, of an empty store {empty_s:.2f} s"
    )
    for stream, batches in zip(loads, kept, strict=True):
        print(f"{stream.name}: {stream.sent} sent, {len(stream.acknowledged)} acknowledged, {len(batches)} kept")
    print(f"{sum(count for _, count in found.values())} points, {waiting} not folded")
    assert complaints == []
    if clients.complained is not None:
        print("".join(clients.complained.printed))
    assert clients.unexpected == []
    for stream, batches in zip(loads, kept, strict=True):
        assert stream.acknowledged <= batches, "an acknowledged batch is lost"
        assert batches <= set(range(stream.sent))
    # Nothing is repaired, replayed or folded before the first answer.
    assert after_kills_s < 3 * empty_s


def boots_s(killed: LiveServer, empty: Path) -> tuple[float, float]:
    """The quickest of some starts after a kill: of that server's store, and of an empty one, in turn."""
    found: list[tuple[float, float]] = []
    for attempt in range(BOOTS):
        ours = LiveServer(killed.data, workers=2, key=killed.key)
        ours.kill()
        other = LiveServer(empty / str(attempt), workers=2)
        other.kill()
        found.append((ours.boot_s, other.boot_s))
    ours_s, empty_s = map(min, zip(*found, strict=True))
    return ours_s, empty_s


def kill_under_load(killer: Killer, clients: Clients, loads: list[Stream]) -> int:
    """Kill until enough kills count; returns how many did. The server is down afterwards, by a last kill."""
    kills = 0
    try:
        with clients.at_work():
            while kills < KILLS and not clients.unexpected:
                before = sum(len(stream.acknowledged) for stream in loads)
                time.sleep(killer.rng.uniform(0.05, 0.5))
                kills += sum(len(stream.acknowledged) for stream in loads) - before >= FEWEST_ACKNOWLEDGED
                killer.kill()
                clients.server = killer.server
    finally:
        killer.server.kill()
    return kills
