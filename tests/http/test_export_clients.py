"""Writing with a client of StatHat's, unmodified, and reading it back by the export API from a server that really runs.

The registries have clients that write (npm ``stathat`` and ``node-stathat``, PyPI ``stathat``, ``flask-stathat`` and
three of 2012) and none that reads. So the reading here is done as the readers are known to have done it: one asked for
pages of the list until an empty one came, one until a short one; one took ``timeframe`` apart; one had typed fields and
failed over a null.
"""

import base64
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from tests.http.live import LiveServer, serving
from tests.http.test_clients import client_environment, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.environ.get("STATFLOW_OFFLINE") == "1", reason="STATFLOW_OFFLINE=1: no registries here"),
]

# As in test_clients.py; what `request` calls its host has another name.
REDIRECT_JS = """
const http = require('http');
const request = http.request;
http.request = function (options, callback) {
  if (options.host !== 'api.stathat.com') throw new Error('unexpected host ' + options.host);
  return request.call(http, Object.assign({}, options, {
    protocol: 'http:', method: options.method, path: options.path, headers: options.headers,
    host: '127.0.0.1', hostname: '127.0.0.1', port: process.env.STATFLOW_PORT, agent: undefined,
  }), callback);
};
"""

CALLS_JS = """
const stathat = require('node-stathat');
const key = process.env.STATFLOW_KEY, at = process.env.AT;
const calls = [
  cb => stathat.trackEZCount(key, 'sign ups', 3, cb),
  cb => stathat.trackEZCountWithTime(key, 'sign ups', 4, at, cb),
  cb => stathat.trackEZValue(key, 'café time', 10, cb),
  cb => stathat.trackEZValue(key, 'café time', 20, cb),
  cb => stathat.trackEZValueWithTime(key, 'café time', 5, at, cb),
  cb => stathat.trackCount(key, process.env.CLASSIC_KEY, 5, cb),
  cb => stathat.trackCountWithTime(key, process.env.CLASSIC_KEY, 6, at, cb),
];
const answers = [];
const next = () => {
  if (!calls.length) return console.log(JSON.stringify(answers));
  calls.shift()((status, body) => { answers.push([status, JSON.stringify(body)]); next(); });
};
next();
"""

MINUTE_S = 60
HOUR_S = 3_600


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with serving(tmp_path_factory.mktemp("data"), workers=2) as running:
        yield running


def get(server: LiveServer, path: str) -> Any:
    answer = urllib3.request("GET", f"{server.url}/x/{server.key}/{path}")
    assert answer.status == 200, answer.data
    return answer.json()


@pytest.fixture(scope="module")
def written_s(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> int:
    """About when the client wrote; each of its times is two hours before that."""
    folder = tmp_path_factory.mktemp("node")
    run(["npm", "install", "--silent", "--no-audit", "--no-fund", "node-stathat@1.0.0"], folder)
    (folder / "redirect.js").write_text(REDIRECT_JS)
    (folder / "calls.js").write_text(CALLS_JS)
    urllib3.request("POST", f"{server.url}/ez", body=f"ezkey={server.key}&stat=mails&count=0")
    environment = client_environment(
        server,
        CLASSIC_KEY=get(server, "stat?name=mails")["classic_key"],
        AT=str(int(time.time()) - 2 * HOUR_S),
    )
    started_s = int(time.time())
    printed = run(["node", "--no-warnings", "--require", "./redirect.js", "calls.js"], folder, environment)
    assert printed.count("[200,") == 7, printed
    return started_s


# Name, the sum or the mean of what was sent now, the number of two hours before, how many points.
SENT = [("sign ups", True, 3.0, 4.0, 2), ("café time", False, 15.0, 5.0, 3), ("mails", True, 5.0, 6.0, 3)]


@pytest.mark.parametrize(("name", "is_counter", "now", "before", "count"), SENT)
def test_what_was_written_comes_back(
    server: LiveServer, written_s: int, name: str, is_counter: bool, now: float, before: float, count: int
) -> None:
    (stat,) = [each for each in until_empty(server) if each["name"] == name]
    (dataset,) = get(server, f"data/{stat['id']}/?t=3h1m")

    assert stat["counter"] is is_counter
    numbers = {point["time"]: point["value"] for point in dataset["points"] if point["value"]}
    assert sorted(numbers.values()) == sorted([now, before])
    earlier_s, later_s = sorted(numbers)
    assert abs(later_s - written_s) <= 2 * MINUTE_S
    assert abs(later_s - earlier_s - 2 * HOUR_S) <= MINUTE_S
    assert numbers[later_s] == now


@pytest.mark.parametrize(("name", "is_counter", "now", "before", "count"), SENT)
def test_the_command_lines_api_counts_the_points_too(
    server: LiveServer, written_s: int, name: str, is_counter: bool, now: float, before: float, count: int
) -> None:
    stat = get(server, f"stat?name={name.replace(' ', '+').replace('é', '%C3%A9')}")
    basic = "Basic " + base64.b64encode(f"{server.key}:".encode()).decode()
    address = f"{server.url}/a1/stats/{stat['id']}/dataset?t=3h1h"
    dataset = urllib3.request("GET", address, headers={"Authorization": basic}).json()

    assert dataset["kind"] == ("count" if is_counter else "value")
    assert sum(point["rcount"] for point in dataset["points"]) == count


def until_empty(server: LiveServer) -> list[dict[str, Any]]:
    """The list as a client reads it that asks until nothing comes."""
    stats: list[dict[str, Any]] = []
    while page := get(server, f"statlist?offset={len(stats)}"):
        stats += page
    return stats


def until_short(server: LiveServer) -> list[dict[str, Any]]:
    """The list as a client reads it that takes a short page for the last one."""
    stats: list[dict[str, Any]] = []
    page = get(server, "statlist")
    while len(page) == 10_000:
        stats += page
        page = get(server, f"statlist?offset={len(stats)}")
    return stats + page


def test_both_ways_of_paging_find_every_stat(server: LiveServer, written_s: int) -> None:
    assert until_empty(server) == until_short(server)
    assert {stat["name"] for stat in until_empty(server)} == {"sign ups", "café time", "mails"}


def test_a_client_with_typed_fields_is_content(server: LiveServer, written_s: int) -> None:
    types = {"id": str, "name": str, "public": bool, "counter": bool, "unit": str, "classic_key": str}
    types |= {"embed_key": str, "data_received_at": int, "created_at": int}
    for stat in until_empty(server):
        assert {name: type(value) for name, value in stat.items()} == types


UNITS_S = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_592_000, "year": 31_536_000}


@pytest.mark.parametrize("t", ["1w3h", "1d1h", "30m1m", "20m10m", "1y1d", "1M1h", "4h5m", "2M1d", "1d15m1w"])
def test_a_client_that_takes_the_timeframe_apart_finds_its_points(server: LiveServer, written_s: int, t: str) -> None:
    stat = get(server, "stat?name=mails")
    (dataset,) = get(server, f"data/{stat['id']}?t={t}")

    period_s, interval_s = (
        int(count) * UNITS_S[unit.rstrip("s")]
        for count, unit in (part.split(" ") for part in dataset["timeframe"].split(" @ "))
    )
    times_s = [point["time"] for point in dataset["points"]]
    assert times_s == list(range(times_s[0], times_s[0] + period_s + 1, interval_s))
