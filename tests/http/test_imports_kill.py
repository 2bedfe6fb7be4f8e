"""Imports that are killed: the command at any moment, a server's worker while it has a job, a whole server."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import urllib3

import statflow_engine
from tests.http.importing import stathat_folder
from tests.http.live import LiveServer, serving

pytestmark = pytest.mark.slow

NAMESPACE = "owner:live"
LIMIT_S = 60.0
TRIES = 10


def totals(folder, names, now_s, days):
    """(count, sum) of each stat, by an engine of our own."""
    with statflow_engine.open(folder) as engine:
        found = {}
        for name in names:
            window = engine.query(name, now_s - (days + 1) * 86_400, now_s + 60, step="1d", namespace=NAMESPACE)
            found[name] = (int(window.counts.sum()), pytest.approx(float(window.sums.sum()), rel=1e-9))
        assert [] == list(engine.check())
    return found


def size_of(file):
    return file.stat().st_size if file.exists() else 0


def command(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "statflow_http", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def source(tmp_path):
    """Eight stats, two months by the minute: 700,000 rows, some fifteen batches."""
    now_s = int(time.time()) // 60 * 60
    return now_s, stathat_folder(tmp_path / "stathat", now_s, stats=8, days=60, step_s=60)


@pytest.mark.timeout(300)
def test_a_command_killed_at_any_moment_and_run_again_brings_everything_once(tmp_path, source):
    """SIGKILL says nothing of power cuts: those are the engine's, whose transaction holds points and marks."""
    now_s, wanted = source
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    data, kills = tmp_path / "data", 0
    file = data / "data.mdb"
    for _ in range(30):
        # While it writes: when the file has grown by so much, which all in all is some 20 MB.
        mark = size_of(file) + random.integers(0, 4 << 20)
        process = command("import", tmp_path / "stathat", "--data", data)
        while process.poll() is None and (size_of(file) < mark or kills >= 12):
            time.sleep(0.002)
        kills += process.poll() is None
        process.kill()
        printed, _ = process.communicate()
        if process.returncode == 0 and kills == 0:
            shutil.rmtree(data)  # it was over before we looked: once more
            continue
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, printed

    print(f"{kills} kills")
    assert kills > 0
    assert totals(data, wanted, now_s, 60) == wanted


@pytest.mark.timeout(120)
def test_ctrl_c_leaves_it_resumable_and_says_so(tmp_path, source):
    now_s, wanted = source
    for _ in range(TRIES):
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        process = command("import", tmp_path / "stathat", "--data", tmp_path / "data")
        # When a tenth is written: all of it takes a third of a second, and may be over before we have looked.
        ends = time.monotonic() + LIMIT_S
        while size_of(tmp_path / "data" / "data.mdb") < 2 << 20 and time.monotonic() < ends:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate()
        if process.returncode != 0:
            break

    assert process.returncode == 1, printed
    assert "interrupted; the same command goes on from there" in printed
    again = command("import", tmp_path / "stathat", "--data", tmp_path / "data")
    again.communicate()
    assert again.returncode == 0
    assert totals(tmp_path / "data", wanted, now_s, 60) == wanted


def ask(server, method, path, **options):
    headers = server.bearer | options.pop("headers", {})
    with urllib3.PoolManager(retries=urllib3.Retry(5, backoff_factor=0.1), timeout=30) as http:
        return http.request(method, server.url + path, headers=headers, **options).json()


def upload(server, folder):
    """A folder as a zip file; the id of the import."""
    from statflow_http.cli.remote_moving import _one_file

    with _one_file(folder) as packed:
        answer = ask(
            server, "POST", "/v1/imports", body=packed.read_bytes(), headers={"Content-Type": "application/zip"}
        )
    return answer["id"]


def follow(server, import_id, wanted_state, limit_s=LIMIT_S):
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        job = ask(server, "GET", f"/v1/imports/{import_id}")
        if wanted_state(job):
            return job
        assert job["state"] in ("queued", "running", "done"), job
        time.sleep(0.02)
    raise AssertionError(job)


@pytest.mark.timeout(240)
def test_another_worker_takes_over_when_one_is_killed(tmp_path, source):
    """Both of them, one after the other: whichever has the job is hit, and so is one that has just taken it over."""
    now_s, wanted = source
    with serving(tmp_path / "data", workers=2) as server:
        import_id = upload(server, tmp_path / "stathat")
        follow(server, import_id, lambda job: job["state"] != "queued")
        for pid in server.processes()[1:]:
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        killed = time.monotonic()
        follow(server, import_id, lambda job: job["state"] == "done", limit_s=120.0)
        print(f"done {time.monotonic() - killed:.1f} s after the kill")

    assert totals(tmp_path / "data", wanted, now_s, 60) == wanted


@pytest.mark.timeout(240)
def test_a_server_that_was_killed_goes_on_when_it_is_started_again(tmp_path, source):
    now_s, wanted = source
    server = LiveServer(tmp_path / "data", workers=2)
    import_id = upload(server, tmp_path / "stathat")
    follow(server, import_id, lambda job: job["progress"]["rows_read"] > 0)
    server.kill()
    with serving(tmp_path / "data", workers=2, key=server.key) as again:
        follow(again, import_id, lambda job: job["state"] == "done")

    assert totals(tmp_path / "data", wanted, now_s, 60) == wanted


@pytest.mark.timeout(240)
def test_points_are_taken_while_an_import_runs(tmp_path, source):
    """The loop of a worker must not wait for the import that runs beside it."""
    with serving(tmp_path / "data", workers=1) as server:
        import_id = upload(server, tmp_path / "stathat")
        took, began = [], time.monotonic()
        with urllib3.PoolManager(retries=False) as http:
            while True:
                started = time.monotonic()
                body = b'{"stat":"meanwhile","count":1}'
                answer = http.request("POST", f"{server.url}/v1/stat", body=body, headers=server.bearer)
                took.append(time.monotonic() - started)
                assert answer.status == 200
                if ask(server, "GET", f"/v1/imports/{import_id}")["state"] == "done":
                    break
        import_s = time.monotonic() - began
        took.sort()
        print(
            f"{len(took)} writes beside {import_s:.1f} s of it: median {took[len(took) // 2] * 1e3:.1f} ms, "
            f"worst {took[-1] * 1e3:.0f} ms"
        )
        # A loop that waited for the import would answer one, and the next when all is done.
        assert len(took) >= 10
