"""``/a1/...``: what StatHat's own command line asks."""

import base64
import json

import pytest

from statflow_http.accounts.keys import Scope
from tests.clocks import START_S

DAY_S = 86_400


class CommandLine:
    """A client that sends its token as a user name."""

    def __init__(self, api, token=None):
        self.api = api
        self.token = token or api.key

    def call(self, method, path, query="", body="", content_type="application/x-www-form-urlencoded", header=None):
        basic = "Basic " + base64.b64encode(f"{self.token}:".encode()).decode()
        headers = {"Authorization": header or basic} | ({"Content-Type": content_type} if body else {})
        return self.api.client.simulate_request(method, f"/a1/{path}", query_string=query, body=body, headers=headers)

    def get(self, path, query=""):
        response = self.call("GET", path, query)
        assert response.status_code == 200, response.text
        return response.json

    def stat_id(self, name):
        return next(stat["id"] for stat in self.get("stats") if stat["name"] == name)


@pytest.fixture
def a1(api):
    points = [{"stat": "hits", "count": n, "t": START_S - ago} for n, ago in [(1, 0), (2, 60), (4, 3_600)]]
    points += [{"stat": "load", "value": n, "t": START_S - ago} for n, ago in [(5, 0), (1, 0)]]
    api.json("/v1/stats", {"stats": points})
    return CommandLine(api)


def test_all_stats_come_at_once_as_the_export_api_tells_them(a1):
    stats = a1.get("stats")

    assert [stat["name"] for stat in stats] == ["hits", "load"]
    assert stats == a1.api.client.simulate_get(f"/x/{a1.token}/statlist").json
    assert {stat["data_received_at"] for stat in stats} == {START_S}


def test_a_dataset_is_one_object_with_kind_and_received_counts(a1):
    response = a1.call("GET", f"stats/{a1.stat_id('hits')}/dataset", "t=2h1h")

    times_s = [START_S - 7_200, START_S - 3_600, START_S]
    rows = zip(times_s, [0.0, 6.0, 1.0], [0, 2, 1], strict=True)
    points = ",".join('{"time":%d,"value":%s,"rcount":%d}' % row for row in rows)
    assert response.text == '{"name":"hits","timeframe":"2 hours @ 1 hour","kind":"count","points":[%s]}' % points


def test_a_value_is_of_kind_value_and_averaged(a1):
    dataset = a1.get(f"stats/{a1.stat_id('load')}/dataset", "t=1h1h")

    assert dataset["kind"] == "value"
    assert dataset["points"][-1] == {"time": START_S, "value": 3.0, "rcount": 2}


# How long ago the oldest point is, the interval that this gives, and how many points.
HISTORIES = [
    (0, "1 day @ 1 minute", 8 * 60 + 1),
    (5 * DAY_S, "6 days @ 1 minute", 5 * 1_440 + 481),
    (30 * DAY_S, "31 days @ 1 hour", 30 * 24 + 9),
    (3 * 365 * DAY_S, "1096 days @ 1 day", 1_096),
    (40 * 365 * DAY_S, "14601 days @ 1 day", 14_601),
]


@pytest.mark.parametrize(("ago_s", "timeframe", "count"), HISTORIES)
def test_the_whole_history_begins_with_the_day_of_the_oldest_point(a1, ago_s, timeframe, count):
    a1.api.json("/v1/stat", {"stat": "hits", "count": 8, "t": START_S - ago_s})

    dataset = a1.get(f"stats/{a1.stat_id('hits')}/dataset_full")

    assert (dataset["timeframe"], len(dataset["points"])) == (timeframe, count)
    assert dataset["points"][0]["time"] == (START_S - ago_s) // DAY_S * DAY_S
    assert sum(point["value"] for point in dataset["points"]) == 15.0
    assert sum(point["rcount"] for point in dataset["points"]) == 4


def test_alerts_are_those_of_the_export_api(a1):
    form = f"stat_id={a1.stat_id('hits')}&kind=value&time_window=1h&operator=gt&threshold=10"
    made = a1.call("POST", "alerts", body=form)

    assert made.status_code == 200
    assert made.json["message"] == "alert created."
    assert a1.get("alerts") == a1.api.client.simulate_get(f"/x/{a1.token}/alerts").json
    assert a1.get("alerts")[0]["id"] == made.json["id"]


@pytest.mark.parametrize("is_of_a_stat", [True, False])
def test_a_comment_is_an_annotation_of_this_moment(a1, is_of_a_stat):
    stat_id = a1.stat_id("hits") if is_of_a_stat else ""
    response = a1.call("POST", "comments", body=f"text=deployed+2.1&id={stat_id}")

    assert (response.status_code, response.content) == (200, b'{"message":"comment created."}')
    (note,) = a1.api.get("/v1/annotations").json["annotations"]
    assert (note["text"], note["t"], note["stat"]) == ("deployed 2.1", START_S, "hits" if is_of_a_stat else None)


@pytest.mark.parametrize(("body", "status"), [("id=", 400), ("text=a&id=zzzz", 404), ("text=a&text=b", 400)])
def test_what_is_no_comment_is_refused(a1, body, status):
    assert a1.call("POST", "comments", body=body).status_code == status
    assert a1.api.get("/v1/annotations").json["annotations"] == []


BAD_HEADERS = {
    "none": ("", "missing API key"),
    "bearer": ("Bearer {key}", "missing API key"),
    "no_base64": ("Basic !!", "invalid API key"),
    "no_utf_8": ("Basic /w==", "invalid API key"),
    "no_user": ("Basic OnB3", "missing API key"),
    "unknown": ("Basic bm9ib2R5Og==", "invalid API key"),
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_without_a_token_for_a_user_name_it_is_401_by_basic(a1, name):
    header, text = BAD_HEADERS[name]
    response = a1.call("GET", "stats", header=header.replace("{key}", a1.token) or " ")

    assert (response.status_code, response.json) == (401, {"msg": text})
    assert response.headers["www-authenticate"] == 'Basic realm="StatFlow"'


def test_a_password_is_not_looked_at(a1):
    header = "basic " + base64.b64encode(f"{a1.token}:anything".encode()).decode()

    assert a1.call("GET", "stats", header=header).status_code == 200


def test_a_write_key_is_no_token_and_a_read_key_changes_nothing(a1):
    assert CommandLine(a1.api, a1.api.new_key(scope=Scope.WRITE)).call("GET", "stats").status_code == 401
    reader = CommandLine(a1.api, a1.api.new_key(scope=Scope.READ))
    assert len(reader.get("stats")) == 2
    assert reader.call("POST", "alerts").status_code == 403
    assert reader.call("POST", "comments", body="text=a").status_code == 403


def test_another_accounts_stats_are_404(a1):
    other = CommandLine(a1.api, a1.api.new_account("other"))
    stat_id = a1.stat_id("hits")

    assert other.get("stats") == []
    assert other.get("alerts") == []
    for path in (f"stats/{stat_id}/dataset", f"stats/{stat_id}/dataset_full"):
        assert (other.call("GET", path).status_code, other.call("GET", path).json) == (404, {"msg": "no such stat"})
    assert other.call("POST", "comments", body=f"text=a&id={stat_id}").status_code == 404
    assert other.call("POST", "alerts", body=f"stat_id={stat_id}&kind=data&time_window=1h").status_code == 404


@pytest.mark.parametrize("path", ["stats", "stats/{id}/dataset", "stats/{id}/dataset_full", "alerts"])
def test_head_is_answered_like_get(a1, path):
    response = a1.call("HEAD", path.replace("{id}", a1.stat_id("hits")))

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "stats", "GET, HEAD, OPTIONS"), ("GET", "comments", "POST, OPTIONS"), ("PUT", "alerts", "POST")],
)
def test_another_method_is_405(a1, method, path, allowed):
    response = a1.call(method, path)

    assert response.status_code == 405
    assert set(allowed.split(", ")) <= set(response.headers["allow"].split(", "))


@pytest.mark.parametrize("query", ["t=nonsense", "t=1y1m", "start=x"])
def test_what_cannot_be_answered_is_refused(a1, query):
    assert a1.call("GET", f"stats/{a1.stat_id('hits')}/dataset", query).status_code == 400


def test_answers_hold_no_nan(a1):
    body = a1.call("GET", f"stats/{a1.stat_id('load')}/dataset", "t=1d1h").content

    json.loads(body, parse_constant=lambda name: pytest.fail(name))
