"""``/metrics`` of servers that really run: the same from each worker, and no total goes back when one dies."""

import os
import signal

import pytest
import urllib3

from tests.http.live import serving
from tests.http.loop_server import until
from tests.http.test_metrics import told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

WRITES = 'requests_total{surface="stathat",status="2xx"}'
POINTS = 'points_total{surface="stathat"}'


def scraped(server):
    """The page as a new connection gets it, which either worker may take."""
    answer = urllib3.request("GET", f"{server.url}/metrics", headers={"Connection": "close"}, retries=False)
    assert answer.status == 200
    return told(answer.data.decode())


def write(server, count):
    for _ in range(count):
        body = f"ezkey={server.key}&stat=a~x,y"
        headers = {"Connection": "close"}
        assert urllib3.request("POST", f"{server.url}/ez", body=body, headers=headers, retries=False).status == 200


@pytest.mark.parametrize("worker", ["loop", "gthread"])
def test_whoever_answers_and_whoever_died_the_totals_are_of_all(tmp_path, worker):
    command = ("statflow_http", "serve", "--worker", worker)
    with serving(tmp_path / "data", workers=2, command=command) as server:
        write(server, 40)
        until(lambda: scraped(server)["workers"] == 2)
        pages = [scraped(server) for _ in range(10)]
        assert {page[WRITES] for page in pages} == {40}
        assert {page[POINTS] for page in pages} == {80}
        assert {page["worker_starts_total"] for page in pages} == {2}

        dead = server.processes()[1:]
        for pid in dead:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(server.processes()) == 3 and not set(dead) & set(server.processes()))
        until(lambda: is_answered(server) and scraped(server)["worker_starts_total"] == 4)
        page = scraped(server)
        assert (page[WRITES], page[POINTS], page["workers"]) == (40, 80, 2)
        assert page["open_connections"] <= 3

        write(server, 5)
        assert {scraped(server)[WRITES] for _ in range(10)} == {45}


def is_answered(server):
    try:
        return urllib3.request("GET", f"{server.url}/healthz", retries=False, timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def test_a_server_may_keep_it_for_keys_or_for_itself(tmp_path):
    with serving(tmp_path / "data", command=("statflow_http", "serve", "--metrics", "key")) as server:
        assert urllib3.request("GET", f"{server.url}/metrics").status == 401
        assert urllib3.request("GET", f"{server.url}/metrics", headers=server.bearer).status == 200
