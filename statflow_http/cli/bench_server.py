"""``statflow bench`` over HTTP: a server, by its address and a key."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import quote

from statflow_http.cli.bench import BATCH_NAMES, BATCH_POINTS, SINGLE_STAT
from statflow_http.cli.remote import Server
from statflow_http.cli.targets import CommandError

PINGS = 5


class ServerBench:
    """A server over one connection that is kept."""

    def __init__(self, server: Server, url: str) -> None:
        self._server = server
        self._url = url
        points = [{"stat": BATCH_NAMES[number % len(BATCH_NAMES)], "count": 1} for number in range(BATCH_POINTS)]
        self._batch = json.dumps({"stats": points})
        self._single = json.dumps({"stat": SINGLE_STAT, "count": 1})

    def single(self) -> None:
        """``POST /v1/stat``."""
        self._server.request("POST", "/v1/stat", self._single)

    def batch(self) -> None:
        """``POST /v1/stats``."""
        self._server.request("POST", "/v1/stats", self._batch)

    def query(self) -> None:
        """``GET /v1/query``."""
        self._server.request("GET", f"/v1/query?stat={quote(SINGLE_STAT)}&step=5m")

    def conditions(self) -> Sequence[str]:
        """The server and how far it is."""
        times_s = []
        for _ in range(PINGS):
            began = time.perf_counter()
            self._server.request("GET", "/v1/stats?limit=1")
            times_s.append(time.perf_counter() - began)
        return (f"{self._url}, one connection, {min(times_s) * 1_000:.1f} ms there and back at least",)

    def clean(self) -> None:
        """Delete what was written, as far as it is there."""
        for name in (SINGLE_STAT, *BATCH_NAMES):
            with suppress(CommandError):
                self._server.request("DELETE", f"/v1/stat/{quote(name)}")


@contextmanager
def server_bench(url: str, key: str) -> Iterator[ServerBench]:
    """A server whose stats of the bench are deleted at the end.

    Raises:
        CommandError: it does not answer, or refuses the key.
    """
    bench = ServerBench(Server(url, key), url)
    # Nothing was written when the first question fails: there is nothing to clean.
    bench.conditions()
    try:
        yield bench
    finally:
        bench.clean()
