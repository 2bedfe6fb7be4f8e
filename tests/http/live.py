"""A StatFlow server as its users start it: the command, in a process group of its own, on a folder of ours."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from tests.http.silence import assert_silent

BOOT_LIMIT_S = 60.0
STOP_LIMIT_S = 60.0


class LiveServer:
    """``python -m statflow_http serve`` on a free port (or a given one), ready to answer once constructed.

    ``key`` is the live key that the first start on a folder prints; for a later start hand in the one of the first.
    """

    def __init__(
        self,
        data: Path,
        *,
        workers: int = 1,
        key: str = "",
        port: int = 0,
        command: tuple[str, ...] = ("statflow_http", "serve"),
    ) -> None:
        started = time.monotonic()
        self.data = data
        options = ["--port", str(port), "--data", os.fspath(data), "--workers", str(workers)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # Without a ballast, unless a test asks for one: what tests leave behind is kept for a while.
            env=os.environ | {"PYTHONUNBUFFERED": "1", "STATFLOW_BALLAST_MIB": "0"},
        )
        self.printed: deque[str] = deque(maxlen=1_000)
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._drainer.start()
        try:
            self.url = self._await_printed(r"http://127\.0\.0\.1:\d+")
            self.key = key or self._await_printed(r"sk_live_[A-Za-z0-9_-]+")
            self._await_ready()
        except BaseException:
            self.kill(signal.SIGKILL)
            raise
        self.boot_s = time.monotonic() - started

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def _drain(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.printed.append(line)

    def _await_printed(self, pattern: str) -> str:
        """The first match in what the server prints."""
        for _ in self._polls():
            found = re.search(pattern, "".join(self.printed.copy()))
            if found:
                return found.group()
        raise AssertionError(f"the server did not print {pattern}:\n{''.join(self.printed)}")

    def _await_ready(self) -> None:
        with urllib3.PoolManager(retries=False, timeout=10.0) as http:
            for _ in self._polls():
                try:
                    if http.request("GET", f"{self.url}/readyz").status == 200:
                        return
                except urllib3.exceptions.HTTPError:
                    pass  # not listening yet
        raise AssertionError(f"the server is not ready after {BOOT_LIMIT_S} s:\n{''.join(self.printed)}")

    def _polls(self) -> Iterator[None]:
        """Every 10 ms until the boot limit, or until the process is gone."""
        ends = time.monotonic() + BOOT_LIMIT_S
        while time.monotonic() < ends and self._process.poll() is None:
            yield
            time.sleep(0.01)
        yield

    def processes(self) -> list[int]:
        """The pids of the master and its workers, master first."""
        master = self._process.pid
        children = Path(f"/proc/{master}/task/{master}/children")
        try:
            return [master, *(int(pid) for pid in children.read_text().split())]
        except (FileNotFoundError, ProcessLookupError):
            return []

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """As an init system does: SIGTERM, and an error when it does not go."""
        if self.is_running():
            self._process.terminate()
            self._process.wait(STOP_LIMIT_S)

    def kill(self, signal_number: int = signal.SIGKILL) -> None:
        """Master and workers at once."""
        try:
            os.killpg(self._process.pid, signal_number)
        except ProcessLookupError:
            pass
        self._process.wait(STOP_LIMIT_S)
        self._drainer.join(STOP_LIMIT_S)  # it ends with the last process that can still print
        assert self._process.stdout is not None
        self._process.stdout.close()
        assert_silent(self.printed)


@contextmanager
def serving(
    data: Path, *, workers: int = 1, key: str = "", command: tuple[str, ...] = ("statflow_http", "serve")
) -> Iterator[LiveServer]:
    """A running server that is stopped, or else killed, at the end."""
    server = LiveServer(data, workers=workers, key=key, command=command)
    try:
        yield server
        server.stop()
    finally:
        server.kill()
