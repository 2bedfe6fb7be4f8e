"""What gunicorn's own settings mean to our worker, as ``gunicorn -k statflow_http.worker.LoopWorker`` starts it."""

import collections
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.http.loop_server import LIMIT_S, Client, get, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ANY_PORT = ("-b", "127.0.0.1:0")
LISTENING = r"Listening at: http://127\.0\.0\.1:(\d+)"

APP = """
import os, sys
def app(environ, start_response):
    if environ["PATH_INFO"] == "/exit":
        os._exit(1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d " % os.getpid() + environ["REMOTE_ADDR"].encode()]
"""


class Gunicorn:
    """gunicorn with our worker and a tiny app."""

    def __init__(self, folder, *options):
        (folder / "tiny.py").write_text(APP)
        self.log = folder / "error.log"
        command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "-k", "statflow_http.worker.LoopWorker"]
        self.process = subprocess.Popen(
            [*command, "--error-logfile", str(self.log), *options, "tiny:app"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), str(folder)])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def port(self):
        """Which it got, of `ANY_PORT`."""
        until(lambda: self.logged(LISTENING))
        return int(self.logged(LISTENING)[1])

    def logged(self, pattern):
        """The first match in the error log, or None."""
        return re.search(pattern, self.log.read_text()) if self.log.exists() else None

    def stop(self):
        self.process.terminate()
        return self.process.wait(60)


@contextlib.contextmanager
def running(folder, *options):
    server = Gunicorn(folder, *options)
    try:
        until(lambda: server.logged("Booting worker"))
        yield server
    finally:
        assert server.stop() == 0


def ask(port, path="/"):
    with Client(port) as client:
        return client.send(get(path)).answer()[2]


def test_a_unix_socket_is_served_too(tmp_path):
    path = tmp_path / "socket"
    with running(tmp_path, "-b", f"unix:{path}"), socket.socket(socket.AF_UNIX) as raw:
        until(path.exists)
        raw.connect(str(path))
        raw.settimeout(LIMIT_S)
        raw.sendall(get("/", "X-Forwarded-Proto: https", "Connection: close"))
        received = b"".join(iter(lambda: raw.recv(65_536), b""))

    assert re.search(rb"\r\n\r\n\d+ $", received)  # there is no address


def test_max_requests_replaces_workers_and_answers_all(tmp_path):
    with running(tmp_path, *ANY_PORT, "--max-requests", "10", "--workers", "2") as server:
        pids = {ask(server.port).split()[0] for _ in range(60)}

    assert len(pids) > 3


def test_the_workers_share_the_clients(tmp_path):
    """Also those that come all at once and stay, as collectors do."""
    with running(tmp_path, *ANY_PORT, "--workers", "2") as server:
        port = server.port
        until(lambda: len({ask(port).split()[0] for _ in range(10)}) == 2)
        clients = [Client(port) for _ in range(20)]
        pids = [client.send(get("/")).answer()[2].split()[0] for client in clients]
        for client in clients:
            client.socket.close()

    counts = collections.Counter(pids)
    assert len(counts) == 2
    # Left to the kernel, the one that woke first would have nearly all; who comes when is a matter of milliseconds.
    assert min(counts.values()) >= 3


def beat(pid):
    """When a worker last told its master that it lives: the time of a file without a name that they share."""
    for file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if "/wgunicorn-" in os.readlink(file):
                return file.stat().st_mtime_ns
        except FileNotFoundError:
            pass  # closed meanwhile
    raise AssertionError("there is no such file")


def test_a_worker_that_hangs_is_replaced(tmp_path):
    """The loop tells the master that it lives; one that does not is killed after the timeout."""
    with running(tmp_path, *ANY_PORT, "--timeout", "5") as server:
        pid = int(ask(server.port).split()[0])
        for _ in range(3):
            last = beat(pid)
            until(lambda last=last: beat(pid) > last)
        os.kill(pid, signal.SIGSTOP)
        until(lambda: server.logged("WORKER TIMEOUT"))
        os.kill(pid, signal.SIGCONT)
        # What it had accepted is reset as it dies.
        until(lambda: not os.path.exists(f"/proc/{pid}/cwd"))
        until(lambda: server.logged(r"(?s)Booting worker.*Booting worker"))
        assert int(ask(server.port).split()[0]) != pid


def test_a_worker_without_a_master_stops(tmp_path):
    server = Gunicorn(tmp_path, *ANY_PORT)
    until(lambda: server.logged("Booting worker"))
    worker = int(ask(server.port).split()[0])
    server.process.kill()
    server.process.wait()

    until(lambda: not os.path.exists(f"/proc/{worker}/cwd"))


def test_usr1_opens_the_logs_anew(tmp_path):
    log = tmp_path / "access.log"
    with running(tmp_path, *ANY_PORT, "--access-logfile", str(log)) as server:
        port = server.port
        ask(port, "/before")
        until(lambda: "/before" in log.read_text())
        log.rename(tmp_path / "old.log")
        server.process.send_signal(signal.SIGUSR1)
        until(lambda: log.exists() and (ask(port, "/after"), "/after" in log.read_text())[1])


def test_tls_is_refused_and_not_spoken_in_clear(tmp_path):
    (tmp_path / "key").touch()
    server = Gunicorn(tmp_path, *ANY_PORT, "--certfile", "key", "--keyfile", "key")

    assert server.process.wait(60) == 1
    assert server.logged("speaks no TLS")
