"""Real servers with several workers, real receivers: what is told, when, how often, and after what was killed."""

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
import urllib3
from standardwebhooks import Webhook

from statflow_http.alerts.options import INTERVAL_S as USUAL_INTERVAL_S
from statflow_http.alerts.watch import LOCK_NAME
from tests.alerts.receiving import WebhookServer
from tests.http.live import serving
from tests.http.loop_server import LIMIT_S, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

INTERVAL_S = 1.0
COMMAND = ("statflow_http", "serve", "--allow-private", "--alert-interval", str(INTERVAL_S))
ALERTS = 50


class Client:
    """Speaks to a server as its owner."""

    def __init__(self, server):
        self._server = server
        self._http = urllib3.PoolManager(retries=3, timeout=30.0)

    def ask(self, method, path, document=None):
        answer = self._http.request(method, self._server.url + path, json=document, headers=self._server.bearer)
        assert answer.status in (200, 202), (method, path, answer.data)
        return answer.json()

    def count(self, stat, count=1):
        self.ask("POST", "/v1/stat", {"stat": stat, "count": count})

    def rule(self, stat, threshold=10):
        wanted = {"kind": "value", "time_window": "1h", "operator": "greater than", "threshold": threshold}
        return self.ask("POST", "/v1/alerts", {"stat": stat} | wanted)["id"]


def evaluator_of(server):
    """The process of a server that looks at alerts, by the system's list of locks."""
    inode = (Path(server.data) / LOCK_NAME).stat().st_ino
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    (pid,) = [int(lock[4]) for lock in locks if lock[1] == "FLOCK" and lock[5].rpartition(":")[2] == str(inode)]
    assert pid in server.processes()
    return pid


def numbers(server):
    """What /metrics tells, by name and labels."""
    return dict(line.rsplit(" ", 1) for line in metrics(server).splitlines() if not line.startswith("#"))


def look_on(server, count, limit_s=LIMIT_S):
    """Wait until the server has looked at its alerts so many times more.

    A look may have begun before this was called: of ``count`` the last ``count - 1`` have seen all that was stored.
    """

    def looks():
        return float(numbers(server)["statflow_alert_evaluations_total"])

    wanted = looks() + count
    until(lambda: looks() >= wanted, limit_s)


def test_a_signed_webhook_comes_within_one_look_of_the_crossing(tmp_path):
    with WebhookServer() as hook, serving(tmp_path, workers=2, command=COMMAND) as server:
        client = Client(server)
        secret = client.ask("POST", "/v1/receivers", {"url": hook.url})["secret"]
        client.count("hits")
        rule = client.rule("hits")
        look_on(server, 2)
        assert hook.got == []
        client.count("hits", 100)
        look_on(server, 2, limit_s=USUAL_INTERVAL_S - 1)
        assert client.ask("GET", f"/v1/alerts/{rule}")["state"] == "firing"
        until(lambda: hook.got)
        look_on(server, 3)

        headers, body = hook.got[0]
        told = Webhook(secret).verify(body, headers)
        assert (told["type"], told["data"]["number"]) == ("alert.opened", 101)
        assert len(hook.got) == 1


def test_after_a_receiver_was_down_one_delivery_succeeds(tmp_path):
    with WebhookServer(is_up=False) as hook, serving(tmp_path, workers=2, command=COMMAND) as server:
        client = Client(server)
        receiver = client.ask("POST", "/v1/receivers", {"url": hook.url})["id"]
        client.count("hits", 100)
        client.rule("hits")

        def deliveries():
            return client.ask("GET", f"/v1/receivers/{receiver}/deliveries")["deliveries"]

        until(lambda: deliveries() and deliveries()[0]["try_count"] == 1)
        hook.listen()
        until(lambda: deliveries()[0]["state"] == "delivered")
        look_on(server, 3)

        (delivery,) = deliveries()
        assert (delivery["state"], delivery["try_count"], delivery["tries"][0]["status"]) == ("delivered", 2, None)
        assert hook.ids == [delivery["id"]]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kill_9_of_the_evaluator_misses_no_alert_and_sends_none_under_two_ids(tmp_path, seed):
    """Alerts open one after the other; whoever looks at them is killed again and again, also while it sends."""
    with WebhookServer() as hook, serving(tmp_path, workers=2, command=COMMAND) as server:
        client = Client(server)
        client.ask("POST", "/v1/receivers", {"url": hook.url})
        for number in range(ALERTS):
            client.count(f"s{number}")
            client.rule(f"s{number}")
        killed = []
        for number in range(ALERTS):
            until(lambda number=number: counted(client, f"s{number}"))
            if number % 10 == 3 + seed:
                until(lambda: evaluator_runs(server))
                killed.append(evaluator_of(server))
                os.kill(killed[-1], signal.SIGKILL)
            time.sleep(0.05)
        until(lambda: len({event["stat"] for _, event in hook.events()}) == ALERTS, limit_s=60)
        look_on(server, 3)

        ids = Counter((event["stat"], message) for message, event in hook.events())
        assert len(killed) >= 4
        assert {event["stat"] for _, event in hook.events()} == {f"s{number}" for number in range(ALERTS)}
        assert len({stat for stat, _ in ids}) == len(ids), "one alert was sent under two ids"


def counted(client, stat):
    """Count far beyond the threshold; a worker that is killed while it answers is asked again."""
    try:
        client.count(stat, 100)
    except urllib3.exceptions.HTTPError:
        return False
    return True


def evaluator_runs(server):
    try:
        return evaluator_of(server)
    except (ValueError, AssertionError):
        return None


def test_another_worker_takes_over_within_seconds(tmp_path):
    with serving(tmp_path, workers=2, command=COMMAND) as server:
        until(lambda: evaluator_runs(server))
        first = evaluator_of(server)
        os.kill(first, signal.SIGKILL)

        until(lambda: evaluator_runs(server) not in (None, first), limit_s=15)


def test_what_waits_survives_a_restart_under_the_same_id(tmp_path):
    with WebhookServer(is_up=False) as hook:
        with serving(tmp_path, workers=1, command=COMMAND) as server:
            key, client = server.key, Client(server)
            receiver = client.ask("POST", "/v1/receivers", {"url": hook.url})["id"]
            client.count("hits", 100)
            client.rule("hits")
            until(lambda: client.ask("GET", f"/v1/receivers/{receiver}/deliveries")["deliveries"])
            (waiting,) = client.ask("GET", f"/v1/receivers/{receiver}/deliveries")["deliveries"]
            server.kill()
        hook.listen()
        with serving(tmp_path, workers=1, key=key, command=COMMAND):
            until(lambda: hook.got)

        assert hook.ids == [waiting["id"]]


def test_metrics_tell_of_looks_and_deliveries(tmp_path):
    with WebhookServer() as hook, serving(tmp_path, workers=2, command=COMMAND) as server:
        client = Client(server)
        client.ask("POST", "/v1/receivers", {"url": hook.url})
        client.count("hits", 100)
        client.rule("hits")
        until(lambda: hook.got)
        until(lambda: 'notice_tries_total{kind="webhook",outcome="delivered"} 1' in metrics(server))

        began_s = int(time.time())
        look_on(server, 2)
        told = numbers(server)
        assert float(told["statflow_alert_rules_evaluated_total"]) >= 1
        assert began_s <= float(told["statflow_alert_evaluated_seconds"]) <= time.time()
        # A busy machine is late by seconds; by milliseconds told as seconds, or a time for a duration, it is never.
        assert 0 <= float(told["statflow_alert_lag_seconds"]) < 30


def metrics(server):
    with urllib3.PoolManager() as http:
        return http.request("GET", server.url + "/metrics", headers=server.bearer).data.decode()
