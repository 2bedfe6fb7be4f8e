"""Servers that StatFlow is measured beside when their Debian packages are installed: influxdb and victoria-metrics.

They run on loopback, on a folder of the benchmark's. A batch is one POST of lines over a kept connection; the lines are
written outside the clock, so that no client's slowness counts against them. Times that lie ahead of the real clock are
moved back by whole days, because victoria-metrics drops them.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from benchmarks.measure import allocated_bytes
from benchmarks.workloads import DAY_S, MINUTE_S, Points, Workload

BOOT_LIMIT_S = 30.0
SEARCHABLE_LIMIT_S = 30


class LineServer:
    """A server that takes the line protocol; the classes below say which."""

    program: str
    keeps: str
    write_path: str

    def __init__(self, folder: Path, workload: Workload) -> None:
        self._folder, self._workload = folder, workload
        self._tags = [name.replace(" ", r"\ ").replace(",", r"\,").replace("=", r"\=") for name in workload.names]
        self._shift_s = -min(0, int(time.time()) - self._end_s()) // DAY_S * DAY_S
        self._shift_s += DAY_S if self._shift_s else 0
        self._wrote = False
        self.port = free_port()
        self._process = subprocess.Popen(
            self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self._environment()
        )
        self._http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        self._await_boot()

    def _end_s(self) -> int:
        """A time that no point lies after."""
        return max((points.now_s for points in self._workload.batches()), default=self._workload.start_s)

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        return dict(os.environ)

    def _await_boot(self) -> None:
        ends = time.monotonic() + BOOT_LIMIT_S
        while time.monotonic() < ends:
            try:
                self._request("GET", "/ping")
                return
            except OSError:
                self._http.close()
                time.sleep(0.05)
        raise RuntimeError(f"{self.program} does not answer")

    def _request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        self._http.request(method, path, body)
        response = self._http.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{self.program} answered {response.status}: {answer[:200]!r}")
        return answer

    def prepare(self) -> None:
        for points in self._workload.history():
            self.write(points, self.names_of(points))

    def names_of(self, points: Points) -> bytes:
        """The whole batch as lines: what this server's callers have."""
        tags, shift_ns = self._tags, self._shift_s * 10**9
        rows = zip(points.series.tolist(), points.values.tolist(), points.times_s.tolist(), strict=True)
        return "\n".join(f"m,s={tags[series]} v={value!r} {t * 10**9 - shift_ns}" for series, value, t in rows).encode()

    def write(self, points: Points, lines: bytes) -> None:
        self._wrote = True
        self._request("POST", self.write_path, lines)

    def _of_series(self, number: int) -> str:
        return self._workload.names[number].replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"')

    def close(self) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait(60)

    def live_bytes(self) -> int:
        return allocated_bytes(self._folder)


class VictoriaMetrics(LineServer):
    """VictoriaMetrics, single node, as Debian ships it."""

    program = "victoria-metrics"
    keeps = "raw values, no roll-up; some seconds in memory without fsync"
    write_path = "/write?precision=ns"

    def _command(self) -> list[str]:
        return [
            self.program,
            f"-storageDataPath={self._folder / 'data'}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            "-search.disableCache",
            "-search.maxPointsPerTimeseries=1000000",
        ]

    def finish(self) -> None:
        self._request("GET", "/internal/force_flush")

    def _rows(self, query: str, start_s: int, length_s: int, step_s: int) -> list[Any]:
        first = start_s - self._shift_s + step_s
        params = {"query": query, "start": first, "end": first + length_s - step_s, "step": step_s, "nocache": 1}
        found = json.loads(self._request("GET", f"/api/v1/query_range?{urlencode(params)}"))["data"]["result"]
        return [] if not found else list(found[0]["values"])

    def day(self, number: int, start_s: int) -> int:
        return len(self._rows(f'avg_over_time(m_v{{s="{self._of_series(number)}"}}[1m])', start_s, DAY_S, MINUTE_S))

    def year(self, number: int, start_s: int) -> int:
        query = f'avg_over_time(m_v{{s="{self._of_series(number)}"}}[1d])'
        return len(self._rows(query, start_s, 365 * DAY_S, DAY_S))

    def fleet(self, count: int, start_s: int) -> int:
        names = "|".join(self._of_series(number) for number in range(0, 2 * count, 2))
        return len(self._rows(f'sum(sum_over_time(m_v{{s=~"{names}"}}[1m]))', start_s, 6 * 3_600, MINUTE_S))

    def point_count(self, number: int, start_s: int) -> int:
        """Points kept of one series from a time on; a new series can be found some seconds later."""
        for _ in range(SEARCHABLE_LIMIT_S):
            found = self._exported(number, start_s)
            if found or not self._wrote:
                break
            time.sleep(1)
        return found

    def _exported(self, number: int, start_s: int) -> int:
        self.finish()
        end_s = self._end_s() - self._shift_s + DAY_S
        match = f'm_v{{s="{self._of_series(number)}"}}'
        params = {"match[]": match, "start": start_s - self._shift_s, "end": end_s, "reduce_mem_usage": 1}
        answer = self._request("GET", f"/api/v1/export?{urlencode(params)}")
        return sum(len(json.loads(line)["values"]) for line in answer.splitlines())


class InfluxDb(LineServer):
    """InfluxDB 1, as Debian ships it."""

    program = "influxd"
    keeps = "raw values; its log is fsynced with every batch"
    write_path = "/write?db=bench"

    def _command(self) -> list[str]:
        return [self.program, "run", "-config", "/dev/null"]

    def _environment(self) -> dict[str, str]:
        here = os.fspath(self._folder)
        return os.environ | {
            "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{self.port}",
            "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
            "INFLUXDB_META_DIR": f"{here}/meta",
            "INFLUXDB_DATA_DIR": f"{here}/data",
            "INFLUXDB_DATA_WAL_DIR": f"{here}/wal",
            "INFLUXDB_DATA_MAX_SERIES_PER_DATABASE": "0",
            "INFLUXDB_DATA_MAX_VALUES_PER_TAG": "0",
            "INFLUXDB_HTTP_LOG_ENABLED": "false",
            "INFLUXDB_HTTP_MAX_BODY_SIZE": "0",
            "INFLUXDB_MONITOR_STORE_ENABLED": "false",
            "INFLUXDB_REPORTING_DISABLED": "true",
        }

    def _await_boot(self) -> None:
        super()._await_boot()
        self._request("POST", f"/query?q={quote('create database bench')}")

    def finish(self) -> None:
        """It compacts when it likes; what was acknowledged is on the disk."""

    def _rows(self, query: str) -> list[Any]:
        params = urlencode({"db": "bench", "q": query, "epoch": "s"})
        results = json.loads(self._request("GET", f"/query?{params}"))["results"][0]
        return list(results["series"][0]["values"]) if "series" in results else []

    def _where(self, names: str, start_s: int, length_s: int) -> str:
        first = start_s - self._shift_s
        return f"from m where {names} and time >= {first}s and time < {first + length_s}s"

    def _one(self, number: int) -> str:
        return f"s = '{self._of_series(number)}'"

    def day(self, number: int, start_s: int) -> int:
        where = self._where(self._one(number), start_s, DAY_S)
        return len(self._rows(f"select mean(v) {where} group by time(1m) fill(none)"))

    def year(self, number: int, start_s: int) -> int:
        where = self._where(self._one(number), start_s, 365 * DAY_S)
        return len(self._rows(f"select mean(v) {where} group by time(1d) fill(none)"))

    def fleet(self, count: int, start_s: int) -> int:
        names = "(" + " or ".join(self._one(number) for number in range(0, 2 * count, 2)) + ")"
        where = self._where(names, start_s, 6 * 3_600)
        return len(self._rows(f"select sum(v) {where} group by time(1m) fill(none)"))

    def point_count(self, number: int, start_s: int) -> int:
        """Points kept of one series from a time on."""
        rows = self._rows(f"select count(v) {self._where(self._one(number), start_s, 100 * 365 * DAY_S)}")
        return int(rows[0][1]) if rows else 0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_installed(program: str) -> bool:
    return shutil.which(program) is not None
