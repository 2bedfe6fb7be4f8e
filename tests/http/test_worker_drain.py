"""How a worker stops: what was asked is answered, what may be on its way is waited for, and no longer."""

import concurrent.futures
import os
import signal
import threading
import time

import pytest
import urllib3

import statflow_engine
from statflow_http.serving.serve import DRAIN_S
from statflow_http.worker.limits import DRAIN_RESERVE_S
from statflow_http.worker.requests import Stage
from tests.http.live import LiveServer
from tests.http.loop_server import LIMIT_S, Client, get, looping, post, until

WORKERS = ("loop", "gthread")
# The beginning of a body that earns a minute by its size.
ENDLESS = b"POST /ez HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nabc"


def plain(environ, start_response):
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]


def test_each_answer_during_a_drain_is_the_last_of_its_connection():
    with looping(plain, drain_idle_s=60) as server, Client(server.port) as client:
        assert "connection" not in client.send(get("/")).answer()[1]
        server.drain()
        until(lambda: server.hub.is_draining)
        status, headers, _ = client.send(get("/")).answer()

    assert (status, headers["connection"]) == (200, "close")


def test_an_idle_connection_ends_soon_and_a_begun_request_is_waited_for():
    with looping(plain, drain_idle_s=0.05) as server, Client(server.port) as idle, Client(server.port) as begun:
        begun.send(post("/ez", b"abc")[:-1])
        until(lambda: server.connection_count == 2 and server.stages() == {Stage.BETWEEN, Stage.BODY})
        server.drain()
        assert idle.rest() == b""
        assert begun.send(b"c").answer()[0] == 200
        until(lambda: server.connection_count == 0)


def test_a_slow_answer_and_what_waits_behind_it_are_finished():
    entered, gate = threading.Event(), threading.Event()

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            entered.set()
            gate.wait(LIMIT_S)
        return plain(environ, start_response)

    with looping(app, drain_idle_s=0.01) as server, Client(server.port) as client:
        client.send(get("/slow") + get("/behind"))
        assert entered.wait(LIMIT_S)
        server.drain()
        until(lambda: server.hub.is_draining)
        gate.set()
        assert client.answer()[2] == b"/slow"
        _, headers, body = client.answer()

    assert (headers["connection"], body) == ("close", b"/behind")


def serving(data, worker, *options, key=""):
    return LiveServer(data, key=key, command=("statflow_http", "serve", "--worker", worker, *options))


def hammer(server, name, until_):
    """Writes from 8 clients until told to stop; how many were acknowledged."""
    http = urllib3.HTTPConnectionPool("127.0.0.1", server.port, maxsize=8, retries=False, timeout=60, block=True)
    body = f"ezkey={server.key}&stat={name}"
    acknowledged = []

    def work():
        while not until_.is_set():
            try:
                if http.request("POST", "/ez", body=body).status == 200:
                    acknowledged.append(1)
            except urllib3.exceptions.HTTPError:
                time.sleep(0.01)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        works = [pool.submit(work) for _ in range(8)]
        yield acknowledged
        for each in works:
            each.result()


def await_more(acknowledged):
    """Until twenty more are acknowledged."""
    wanted = len(acknowledged) + 20
    until(lambda: len(acknowledged) >= wanted, 60)


def await_others(server, before):
    """Until none of these workers is left, and there are others."""
    until(lambda: server.processes()[1:] and not before & set(server.processes()), 60)


def stored(data, name):
    with statflow_engine.open(data) as engine:
        assert [] == list(engine.check())
        return int(engine.query(name, step="1h", namespace="owner:live").counts.sum())


@pytest.mark.slow
@pytest.mark.parametrize("worker", WORKERS)
def test_a_reload_under_load_loses_nothing_and_doubles_nothing(tmp_path, worker):
    server = serving(tmp_path / "data", worker)
    done = threading.Event()
    hammering = hammer(server, "reloaded", done)
    acknowledged = next(hammering)
    for _ in range(2):
        before = set(server.processes()[1:])
        await_more(acknowledged)
        os.kill(server.processes()[0], signal.SIGHUP)
        await_others(server, before)
    await_more(acknowledged)
    done.set()
    next(hammering, None)
    server.stop()
    server.kill()

    # A connection may be lost between a commit and its answer only when a worker is killed, which none was.
    assert stored(tmp_path / "data", "reloaded") == len(acknowledged)


@pytest.mark.slow
def test_a_worker_that_is_killed_has_acknowledged_nothing_that_is_not_stored(tmp_path):
    server = serving(tmp_path / "data", "loop")
    done = threading.Event()
    hammering = hammer(server, "killed", done)
    acknowledged = next(hammering)
    for _ in range(5):
        await_more(acknowledged)
        (worker,) = server.processes()[1:]
        os.kill(worker, signal.SIGKILL)
        await_others(server, {worker})
    done.set()
    next(hammering, None)
    server.stop()
    server.kill()

    # Each kill may leave one commit, of at most 8 requests, whose answers were never sent.
    assert len(acknowledged) <= stored(tmp_path / "data", "killed") <= len(acknowledged) + 5 * 8


@pytest.mark.slow
@pytest.mark.parametrize("worker", WORKERS)
def test_a_client_that_never_comes_to_an_end_does_not_keep_a_server_alive(tmp_path, worker):
    """Our worker's patience with such a body is over after a minute, gunicorn's never."""
    server = serving(tmp_path / "data", worker)
    with Client(server.port) as client:
        client.send(ENDLESS)
        started = time.monotonic()
        server.stop()

        assert time.monotonic() - started < DRAIN_S + 15
        assert server._process.returncode == 0
    server.kill()


@pytest.mark.slow
def test_sigint_stops_at_once(tmp_path):
    server = serving(tmp_path / "data", "loop")
    with Client(server.port) as client:
        client.send(ENDLESS)
        started = time.monotonic()
        os.kill(server.processes()[0], signal.SIGINT)
        server._process.wait(60)

        assert time.monotonic() - started < DRAIN_S - DRAIN_RESERVE_S - 1, "it waited for the client"
    server.kill()
