"""Moving house: one running server reads another, by StatFlow's own export or by the API that StatHat had."""

import json
import os
import subprocess
import sys
import time

import pytest
import urllib3

from statflow_http.errors import RequestError
from statflow_http.moving.live_source import Live, LiveSource
from statflow_http.moving.rows import Extra, Origin, Piece, Stat
from statflow_http.outbound import Guard, Outbound, OutboundError, Reply
from tests.http.importing import place
from tests.http.live import serving

DAY_S = 86_400


# -- what is asked, of a server made of answers --


class AnsweringServer:
    """In place of the network: what it is asked, and what it answers by the path."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def request(self, method, url, **_):
        path = url.partition("/x/TOKEN/")[2]
        self.asked.append(path)
        found = next((answer for prefix, answer in self.answers.items() if path.startswith(prefix)), None)
        answer = found(path) if callable(found) else found
        status, document = answer if isinstance(answer, tuple) else (200, [] if answer is None else answer)
        return Reply(status, {}, json.dumps(document).encode())


def read(answers, now_s=2_000_000_000, **options):
    server = AnsweringServer(answers)
    live = Live.of("http://stats.example/x/TOKEN", "")
    slept = []
    source = LiveSource(live, server, now_s, is_own=False, sleep=slept.append, **options)
    return [*source.items()], server, slept


def one_stat(offset=0):
    return [{"id": f"id{offset}", "name": f"stat {offset}", "counter": True, "public": False}]


def test_the_list_is_read_until_an_empty_page_whatever_their_size():
    pages = {"statlist?offset=0": one_stat(0) + one_stat(1), "statlist?offset=2": one_stat(2), "statlist?offset=3": []}

    items, server, _ = read(pages | {"data": lambda path: [{"name": "x", "points": []}] * 3})

    assert [item.name for item in items if isinstance(item, Stat)] == ["stat 0", "stat 1", "stat 2"]
    assert [path for path in server.asked if path.startswith("statlist")] == list(pages)


def test_only_what_has_data_is_asked_for_more_finely():
    now_s = 2_000_000_000 // DAY_S * DAY_S + 3_700
    today_s = now_s // DAY_S * DAY_S
    days = [today_s - 3_000 * DAY_S, today_s - 400 * DAY_S, today_s - 3 * DAY_S, today_s]

    def data(path):
        if "d1d&" in path:
            return [{"name": "x", "points": [{"time": t, "value": 5} for t in days] + [{"time": 86_400, "value": 0}]}]
        start = int(path.partition("start=")[2])
        step = 3_600 if "d1h&" in path else 60
        span = 90 * DAY_S if step == 3_600 else 7 * DAY_S
        # A bucket at each of the days that this window covers; the window's last bucket belongs to the next one.
        points = [{"time": t, "value": 5} for t in [*days, today_s + 3_660] if start <= t <= start + span]
        return [{"name": "x", "points": points}]

    items, server, _ = read({"statlist?offset=0": one_stat(), "data": data}, now_s)

    rows = [row for item in items if isinstance(item, Piece) for row in item.rows.tolist()]
    assert sorted(t for t, _ in rows) == days
    asked = [next(step for step in ("d1d", "d1h", "d1m") if step in path) for path in server.asked if "data/" in path]
    assert asked in (["d1d", "d1h", "d1m"], ["d1d", "d1h", "d1m", "d1m"])  # the last days may lie in two windows
    assert next(item for item in items if isinstance(item, Origin)).until_s == now_s // 60 * 60


def test_a_server_that_wants_less_haste_is_waited_for():
    answers = iter([(429, {"Error": "Rate limit exceeded."}), (200, {"Error": "Rate limit exceeded."}), (503, {})])

    items, _, slept = read({"statlist": lambda path: next(answers, (200, [])), "alerts": [{"kind": "data"}]})

    assert len(slept) == 3
    assert [item.document for item in items if isinstance(item, Extra)] == [{"kind": "data"}]


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        ((401, {"msg": "no"}), RequestError, "does not accept the token"),
        ((404, {}), RequestError, "has no export API: status 404"),
        ({"x": 1}, RequestError, "not what it should be"),
        ((429, {}), OutboundError, "is busy"),
    ],
)
def test_a_server_that_cannot_be_read_is_told(answer, error, text):
    with pytest.raises(error, match=text):
        read({"statlist": answer})


@pytest.mark.parametrize(
    "url", ["https://www.stathat.com", "http://api.stathat.com/x/TOKEN/", "https://WWW.StatHat.com."]
)
def test_stathat_itself_is_answered_at_once_with_advice(url):
    with pytest.raises(RequestError, match="bring the files that you saved"):
        Live.of(url, "TOKEN")


# -- two servers --


@pytest.fixture
def old(tmp_path):
    """A running server with a history, counters and values, of days and of minutes."""
    with serving(tmp_path / "old") as server:
        fill(server)
        yield server


def fill(server):
    now_s = int(time.time())
    batch = []
    for n in range(3_000):
        age_s = n * 97 if n < 2_000 else (n - 2_000) * DAY_S
        batch.append({"stat": f"s{n % 4}", "count" if n % 2 else "value": n % 13 + 1, "t": now_s - 120 - age_s})
    ask(server, "POST", "/v1/stats", {"stats": batch})
    ask(server, "POST", "/v1/alerts", {"stat": "s1", "kind": "data", "time_window": "1h"})
    ask(server, "POST", "/v1/dashboards", {"name": "Shop", "tiles": [{"kind": "line", "stats": ["s1", "s2"]}]})


def stat(server, name):
    """What a server tells of a stat."""
    return ask(server, "GET", f"/v1/stat/{name}")


def ask(server, method, path, document=None):
    headers = server.bearer | ({"Content-Type": "application/json"} if document is not None else {})
    body = None if document is None else json.dumps(document).encode()
    with urllib3.PoolManager(retries=False, timeout=60) as http:
        answer = http.request(method, server.url + path, body=body, headers=headers)
    assert answer.status in (200, 202), answer.data
    return answer.json()


def days(server, agg, name):
    """{day: number}, of ten years."""
    start = int(time.time()) - 3_000 * DAY_S
    found = ask(server, "GET", f"/v1/stat/{name}?from={start}&step=1d&agg={agg}")
    return {point["time"]: point["value"] for point in found["points"] if point["count"]}


def brought(server, url, token):
    job = ask(server, "POST", "/v1/imports", {"url": url, "token": token})
    while job["state"] in ("queued", "running"):
        time.sleep(0.05)
        job = ask(server, "GET", f"/v1/imports/{job['id']}")
    assert job["state"] == "done", job
    return job


@pytest.fixture
def new(tmp_path, monkeypatch):
    """An empty server that may ask addresses of its own network."""
    monkeypatch.setenv("STATFLOW_ALLOW_PRIVATE", "1")
    with serving(tmp_path / "new", workers=2) as server:
        yield server


@pytest.mark.slow
def test_a_statflow_that_reads_another_has_the_same_days(old, new):
    job = brought(new, old.url, old.key)

    for name in ("s0", "s1", "s2", "s3"):
        for agg in ("sum", "count", "mean"):
            assert days(new, agg, name) == pytest.approx(days(old, agg, name))
    assert job["summary"]["alerts"] == 1
    assert old.key not in json.dumps(job)
    # Its keys mean the stats here, and its dashboards show them.
    assert stat(new, "s1")["imported_key"] == stat(old, "s1")["key"]
    assert [each["name"] for each in ask(new, "GET", "/v1/dashboards")["dashboards"]] == ["Shop"]


@pytest.mark.slow
def test_and_reading_it_again_brings_what_came_since(old, new):
    brought(new, old.url, old.key)
    ask(old, "POST", "/v1/stat", {"stat": "s1", "count": 1_000})

    job = brought(new, old.url, old.key)

    assert days(new, "sum", "s1") == pytest.approx(days(old, "sum", "s1"))
    assert job["summary"]["rows"] == 1
    assert brought(new, old.url, old.key)["summary"]["rows"] == 0


@pytest.mark.slow
def test_by_stathats_export_api_the_sums_of_each_day_are_the_same(old, tmp_path):
    with place(tmp_path / "read", time.time) as owner:
        outbound = Outbound(Guard(allow_private=True))
        from statflow_http.moving import imports

        for run in range(2):
            source = LiveSource(Live.of(f"{old.url}/x/{old.key}", ""), outbound, int(time.time()), is_own=False)
            result = imports.run(owner.store, source.items())
            assert (result.summary.rows > 0) is (run == 0)
        outbound.close()

        for name in ("s1", "s3"):
            wanted = days(old, "sum", name)
            window = owner.engine.query(name, min(wanted), int(time.time()), step="1d", namespace="owner:live")
            found = {t: s for t, s in zip(window.times_s.tolist(), window.sums.tolist(), strict=True) if s}
            assert found == pytest.approx(wanted)
        assert str(owner.engine.find("s0", namespace="owner:live").kind) == "value"


@pytest.mark.slow
def test_a_server_does_not_read_private_addresses_unless_its_operator_allows_it(old, tmp_path):
    with serving(tmp_path / "careful") as server, urllib3.PoolManager(retries=False) as http:
        body = json.dumps({"url": old.url, "token": old.key}).encode()
        headers = server.bearer | {"Content-Type": "application/json"}
        answer = http.request("POST", f"{server.url}/v1/imports", body=body, headers=headers)

        assert answer.status == 400
        assert answer.json()["msg"].startswith("address is not allowed: it is private")


def statflow(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "statflow_http", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_command_moves_an_account_by_file_and_by_address(old, new, tmp_path):
    statflow("export", "-o", tmp_path / "old.ndjson", "--url", old.url, "--key", old.key)
    printed = statflow("import", tmp_path / "old.ndjson", "--url", new.url, "--key", new.key)
    assert days(new, "sum", "s1") == pytest.approx(days(old, "sum", "s1"))
    assert printed.startswith("4 stats, ")

    folder = tmp_path / "folder"
    printed = statflow("import", old.url, "--token", old.key, "--allow-private", "--data", folder)
    assert printed.startswith("4 stats, ")
    again = statflow("import", tmp_path, "--format", "statflow", "--url", new.url, "--key", new.key)
    assert "0 rows brought" in again
