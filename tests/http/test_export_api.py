"""``/x/TOKEN/...``: StatHat's export API, by its shapes, its order of fields and its texts."""

import hashlib
import json
import logging

import falcon.testing
import pytest

import statflow_engine
from statflow_http import create_app, ids
from statflow_http.accounts.keys import Key, Scope
from statflow_http.accounts.plans import Plan, Plans
from statflow_http.errors import RetryLaterError
from statflow_http.front.protocols import EXPORT
from tests.clocks import START_S, StoppedClock
from tests.http.conftest import Api

DAY_S = 86_400
STAT_FIELDS = [
    "id",
    "name",
    "public",
    "counter",
    "unit",
    "classic_key",
    "embed_key",
    "data_received_at",
    "created_at",
]


class Token:
    """A client that has the token in its path, as StatHat's have."""

    def __init__(self, api, token=None):
        self.api = api
        self.token = token or api.key

    def call(self, method, path, query="", **options):
        return self.api.client.simulate_request(method, f"/x/{self.token}/{path}", query_string=query, **options)

    def get(self, path, query=""):
        response = self.call("GET", path, query)
        assert response.status_code == 200, response.text
        return response.json

    def refused(self, path, query="", method="GET"):
        response = self.call(method, path, query)
        return response.status_code, response.json["msg"]

    def stat_id(self, name):
        return self.get("stat", f"name={name}")["id"]


@pytest.fixture
def x(api):
    return Token(api)


@pytest.fixture
def filled(x):
    """A counter and a value with points now, an hour and a day ago."""
    points = [{"stat": "hits", "count": n, "t": START_S - ago} for n, ago in [(1, 0), (2, 3_600), (4, DAY_S)]]
    points += [{"stat": "load", "value": n, "t": START_S - ago} for n, ago in [(5, 0), (1, 3_600), (2, 3_599)]]
    x.api.json("/v1/stats", {"stats": points})
    return x


def test_a_stat_has_stathats_fields_in_stathats_order(filled):
    response = filled.call("GET", "stat", "name=hits")
    stat = json.loads(response.content, object_pairs_hook=list)

    assert response.headers["content-type"] == "application/json"
    assert [name for name, _ in stat] == STAT_FIELDS
    assert dict(stat) | {"classic_key": "", "embed_key": ""} == {
        "id": ids.stat_id(filled.api.engine.find("hits", namespace="owner:live").id),
        "name": "hits",
        "public": False,
        "counter": True,
        "unit": "",
        "classic_key": "",
        "embed_key": "",
        "data_received_at": START_S,
        "created_at": START_S,
    }


def test_data_received_at_is_when_the_last_point_came(filled, clock):
    clock.advance(90)
    filled.api.json("/v1/stat", {"stat": "hits", "t": START_S - 600})
    stat = filled.get("stat", "name=hits")

    assert (stat["created_at"], stat["data_received_at"]) == (START_S, START_S + 90)


def test_nothing_in_a_stat_is_ever_null(filled):
    for stat in filled.get("statlist"):
        assert None not in stat.values()
        assert all(isinstance(stat[name], str) and len(stat[name]) == 28 for name in ("classic_key", "embed_key"))


def test_the_classic_key_of_a_stat_writes_to_it(filled):
    key = filled.get("stat", "name=hits")["classic_key"]

    filled.api.form("/c", f"ukey={{key}}&key={key}&count=10")

    assert filled.api.names() == ["hits", "load"]
    assert filled.get(f"data/{filled.stat_id('hits')}", "t=1d1d")[0]["points"][-1]["value"] == 11.0


@pytest.mark.parametrize("written", ["page+views", "page%20views", "page views"])
def test_a_name_arrives_however_it_is_encoded(x, written):
    x.api.json("/v1/stat", {"stat": "page views"})

    assert x.get("stat", f"name={written}")["name"] == "page views"


@pytest.mark.parametrize("written", ["caf%C3%A9", "café".encode().decode("latin-1"), "cafe%CC%81"])
def test_a_name_that_is_not_ascii_arrives_too(x, written):
    x.api.json("/v1/stat", {"stat": "café"})

    assert x.get("stat", f"name={written}")["name"] == "café"


def test_an_unknown_stat_is_404_with_json(filled):
    assert filled.refused("stat", "name=nope") == (404, "no such stat")
    assert filled.refused("stat") == (400, "stat name is empty")


def test_the_list_has_counters_and_values(filled):
    assert [(stat["name"], stat["counter"]) for stat in filled.get("statlist")] == [("hits", True), ("load", False)]


def test_an_account_without_stats_has_an_empty_list(x):
    assert x.get("statlist") == []


@pytest.mark.parametrize(
    ("offset", "first", "count"),
    [
        (0, "s0", 10000),
        (1, "s1", 10000),
        (4999, "s4999", 7002),
        (10000, "s10000", 2001),
        (12000, "s12000", 1),
        (12001, None, 0),
        (20000, None, 0),
        (10**15, None, 0),
    ],
)
def test_any_offset_is_legal_and_a_page_has_ten_thousand(many, offset, first, count):
    page = many.get("statlist", f"offset={offset}")

    assert len(page) == count
    assert (page[0]["name"] if page else None) == first


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """12,001 stats."""
    with statflow_engine.open(tmp_path_factory.mktemp("many"), clock=StoppedClock()) as engine:
        app = create_app(engine)
        names = [f"s{number}" for number in range(12_001)]
        engine.write(names, statflow_engine.Kind.COUNTER, None, [1.0] * len(names), namespace="owner:live")
        yield Token(Api(app, engine))
        app.close()


@pytest.mark.parametrize("offset", ["-1", "x", "1.5", "9" * 30])
def test_what_is_no_offset_is_refused(x, offset):
    assert x.refused("statlist", f"offset={offset}")[0] == 400


def test_a_deleted_stat_is_gone_from_the_list_and_in_the_trash(filled):
    stat_id = filled.stat_id("hits")
    response = filled.call("DELETE", f"stats/{stat_id}")

    assert (response.status_code, response.content) == (200, b'{"msg":"stat deleted."}')
    assert [stat["name"] for stat in filled.get("statlist")] == ["load"]
    assert filled.refused(f"stats/{stat_id}", method="DELETE") == (404, "no such stat")
    assert filled.api.get("/v1/trash").json["trash"][0]["name"] == "hits"


def test_a_dataset_has_name_timeframe_and_points(filled):
    response = filled.call("GET", f"data/{filled.stat_id('hits')}", "t=4h1h")

    times_s = [START_S - 4 * 3_600 + 3_600 * place for place in range(5)]
    points = ",".join(f'{{"time":{t},"value":{v}}}' for t, v in zip(times_s, [0.0, 0.0, 0.0, 2.0, 1.0], strict=True))
    assert response.text == f'[{{"name":"hits","timeframe":"4 hours @ 1 hour","points":[{points}]}}]'


def test_points_are_anchored_at_the_minute_of_now(filled, clock):
    clock.advance(17 * 60 + 59)
    (dataset,) = filled.get(f"data/{filled.stat_id('load')}", "t=2h1h")

    now_s = START_S + 17 * 60
    assert [point["time"] for point in dataset["points"]] == [now_s - 7_200, now_s - 3_600, now_s]
    # The point of an hour before START_S is in the bucket that began 17 minutes after nine minus two hours.
    assert [point["value"] for point in dataset["points"]] == [1.5, 5.0, 0.0]


def test_a_counter_is_summed_and_a_value_averaged(filled):
    hits, load = filled.get(f"data/{filled.stat_id('hits')}/{filled.stat_id('load')}", "t=2d1d")

    assert [point["value"] for point in hits["points"]] == [0.0, 6.0, 1.0]
    assert [point["value"] for point in load["points"]] == [0.0, 1.5, 5.0]


@pytest.mark.parametrize("slash", ["", "/"])
def test_datasets_come_in_the_order_asked(filled, slash):
    hits, load = filled.stat_id("hits"), filled.stat_id("load")

    found = filled.get(f"data/{load}/{hits}/{load}{slash}", "t=1d1h")

    assert [dataset["name"] for dataset in found] == ["load", "hits", "load"]


def test_start_is_where_the_points_begin(filled):
    (dataset,) = filled.get(f"data/{filled.stat_id('hits')}", f"t=1d6h&start={START_S - DAY_S - 60}")

    assert [point["time"] for point in dataset["points"]][::4] == [START_S - DAY_S - 60, START_S - 60]
    assert [point["value"] for point in dataset["points"]] == [4.0, 0.0, 0.0, 2.0, 1.0]


def test_a_third_pair_lies_in_the_past(filled):
    (dataset,) = filled.get(f"data/{filled.stat_id('hits')}", "t=1h1h1d")

    assert dataset["timeframe"] == "1 hour @ 1 hour"
    assert dataset["points"] == [
        {"time": START_S - DAY_S - 3_600, "value": 0.0},
        {"time": START_S - DAY_S, "value": 4.0},
    ]


def test_without_t_it_is_a_week_by_three_hours(filled):
    (dataset,) = filled.get(f"data/{filled.stat_id('hits')}")

    assert (dataset["timeframe"], len(dataset["points"])) == ("1 week @ 3 hours", 57)


def test_a_summary_is_of_days_of_utc(filled):
    (dataset,) = filled.get(f"data/{filled.stat_id('hits')}", "summary=7d")

    midnight_s = START_S // DAY_S * DAY_S
    assert dataset["timeframe"] == "7 days @ 1 day"
    assert [point["time"] for point in dataset["points"]] == [midnight_s - DAY_S * ago for ago in range(7, -1, -1)]
    assert [point["value"] for point in dataset["points"]][-2:] == [4.0, 3.0]


@pytest.mark.parametrize(
    ("path", "query", "status", "text"),
    [
        ("data/{id}", "t=1w", 400, "t must be a period and an interval such as 1w3h"),
        ("data/{id}", "t=1y1m", 400, "1 year @ 1 minute are 525601 points: an answer has at most 200000"),
        ("data/{id}/{id}", "t=90d1m", 400, "2 stats of 129601 points: an answer has at most 200000"),
        ("data/{id}", "t=1h1h&t=1h1h", 400, 'field "t" given twice'),
        ("data/{id}", "summary=week", 400, "summary must be a period such as 7d"),
        ("data/{id}", "t=1h1h&start=soon", 400, "start must be Unix seconds"),
        ("data/{id}/{id}/{id}/{id}/{id}/{id}", "", 400, "at most 5 stats in one request, met 6"),
        ("data/{id}/zzzz", "", 404, "no such stat"),
        ("data/", "", 404, "no such stat"),
        ("data/{id}//", "", 404, "no such stat"),
        ("data/hits", "", 404, "no such stat"),
        ("data/..%2F..%2Fetc", "", 404, "no such stat"),
    ],
)
def test_what_cannot_be_answered_is_refused(filled, path, query, status, text):
    found, told = filled.refused(path.replace("{id}", filled.stat_id("hits")), query)

    assert found == status
    assert told.startswith(text)


BAD_TOKENS = {
    "unknown": lambda api: "sk_live_" + "x" * 32,
    "no_key_at_all": lambda api: "nobody@example.com",
    "not_utf_8": lambda api: "%FF",
    "may_only_write": lambda api: api.new_key(scope=Scope.WRITE),
    "revoked": lambda api: _revoked(api),
}


def _revoked(api):
    key = api.new_key()
    api.keys.revoke("owner", key, START_S)
    return key


@pytest.mark.parametrize("name", BAD_TOKENS)
@pytest.mark.parametrize("path", ["statlist", "stat?name=hits", "data/aaaa", "alerts", "alerts/x"])
def test_a_bad_token_is_401_and_nobody_is_told_why(api, name, path):
    response = api.client.simulate_get(f"/x/{BAD_TOKENS[name](api)}/{path}")

    assert (response.status_code, response.content) == (401, b'{"msg":"invalid API key"}')


def test_a_read_key_reads_and_changes_nothing(filled):
    reader = Token(filled.api, filled.api.new_key(scope=Scope.READ))
    stat_id = reader.stat_id("hits")

    assert reader.refused(f"stats/{stat_id}", method="DELETE") == (403, "this needs an API key of scope full")
    assert reader.refused("alerts", method="POST") == (403, "this needs an API key of scope full")
    assert reader.refused("alerts/aaaaaaaaaaaa", method="DELETE")[0] == 403
    assert len(reader.get("statlist")) == 2


def test_a_test_key_sees_test_stats_only(filled):
    tester = Token(filled.api, filled.api.new_key(live=False))

    assert tester.get("statlist") == []
    assert tester.refused(f"data/{filled.stat_id('hits')}") == (404, "no such stat")


def test_a_key_in_a_header_is_not_looked_at(filled):
    response = filled.call("GET", "statlist", headers={"Authorization": "Bearer something else"})

    assert response.status_code == 200


PATHS = ["statlist", "stat?name=hits", "data/{id}", "alerts", "alerts/{alert}"]


@pytest.mark.parametrize("path", PATHS)
def test_head_is_answered_like_get(filled, path):
    path = path.replace("{id}", filled.stat_id("hits")).replace("{alert}", _alert(filled)["id"])
    path, _, query = path.partition("?")

    got, headed = filled.call("GET", path, query), filled.call("HEAD", path, query)

    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "statlist", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "stat", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "stats/aaaa", {"DELETE", "OPTIONS"}),
        ("POST", "data/aaaa", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "alerts", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("PATCH", "alerts/aaaaaaaaaaaa", {"DELETE", "GET", "HEAD", "OPTIONS"}),
        ("FOO", "alerts", {"GET", "HEAD", "POST", "OPTIONS"}),
    ],
)
def test_another_method_is_405_and_told_which_there_are(x, method, path, allowed):
    response = _any_method(x, method, path)

    assert (response.status_code, response.json) == (405, {"msg": "method not allowed"})
    assert set(response.headers["allow"].split(", ")) == allowed


def _any_method(x, method, path):
    if method != "FOO":
        return x.call(method, path)
    environ = falcon.testing.create_environ(f"/x/{x.token}/{path}", method="GET") | {"REQUEST_METHOD": method}
    recorder = falcon.testing.StartResponseMock()
    body = x.api.app(environ, recorder)
    return falcon.testing.Result(body, recorder.status, recorder.headers)


def test_an_unknown_path_is_404(x):
    assert x.refused("nothing") == (404, "no such path")


# -- alerts --


def _alert(x, **fields):
    wanted = {"kind": "value", "time_window": "1h", "operator": "greater than", "threshold": "500"} | fields
    form = "&".join(f"{name}={value}" for name, value in ({"stat_id": x.stat_id("hits")} | wanted).items())
    response = x.api.post(f"/x/{x.token}/alerts", form)
    assert response.status_code == 200, response.text
    return response.json


SHAPES = {
    "value": (
        {"operator": "gt"},
        [("kind", "value"), ("time_window", "1h"), ("operator", "greater than"), ("threshold", 500)],
    ),
    "delta": (
        {"kind": "delta", "operator": "dt", "percentage": "12.5", "time_delta": "1w", "threshold": ""},
        [
            ("kind", "delta"),
            ("time_window", "1h"),
            ("percentage", 12.5),
            ("operator", "different than"),
            ("time_delta", "1w"),
        ],
    ),
    "data": ({"kind": "data", "time_window": "5m", "operator": "", "threshold": "0"}, [
        ("kind", "data"), ("time_window", "5m")]),
}  # fmt: skip


@pytest.mark.parametrize("kind", SHAPES)
def test_an_alert_has_stathats_fields_in_stathats_order(filled, kind):
    fields, shape = SHAPES[kind]
    made = _alert(filled, **fields)

    response = filled.call("GET", f"alerts/{made['id']}")

    head = [("id", made["id"]), ("stat_id", filled.stat_id("hits")), ("stat_name", "hits")]
    assert json.loads(response.content, object_pairs_hook=list) == head + shape
    assert filled.get("alerts") == [dict(head + shape)]
    assert made == dict(head + shape) | {"msg": "alert created."}


def test_an_alert_is_made_of_json_too(filled):
    body = {"stat_id": filled.stat_id("hits"), "kind": "value", "time_window": "1M", "operator": "lt", "threshold": 0.5}

    made = filled.api.post(f"/x/{filled.token}/alerts", json.dumps(body), "application/json; charset=utf-8").json

    assert (made["operator"], made["threshold"], made["time_window"]) == ("less than", 0.5, "1M")


def test_a_deleted_alert_is_gone(filled):
    made = _alert(filled)
    response = filled.call("DELETE", f"alerts/{made['id']}")

    assert (response.status_code, response.content) == (200, b'{"msg":"alert deleted."}')
    assert filled.get("alerts") == []
    assert filled.refused(f"alerts/{made['id']}") == (404, "no such alert")
    assert filled.refused(f"alerts/{made['id']}", method="DELETE") == (404, "no such alert")


def test_alerts_made_here_are_those_of_v1(filled):
    made = _alert(filled)

    (alert,) = filled.api.get("/v1/alerts").json["alerts"]

    assert alert["id"] == made["id"]


# -- other accounts --


def test_another_accounts_things_are_404(filled):
    made, stat_id = _alert(filled), filled.stat_id("hits")
    other = Token(filled.api, filled.api.new_account("other"))

    assert other.get("statlist") == []
    assert other.get("alerts") == []
    assert other.refused("stat", "name=hits") == (404, "no such stat")
    assert other.refused(f"data/{stat_id}") == (404, "no such stat")
    assert other.refused(f"stats/{stat_id}", method="DELETE") == (404, "no such stat")
    assert other.refused(f"alerts/{made['id']}") == (404, "no such alert")
    assert other.refused(f"alerts/{made['id']}", method="DELETE") == (404, "no such alert")
    form = f"stat_id={stat_id}&kind=data&time_window=1h"
    assert filled.api.post(f"/x/{other.token}/alerts", form).status_code == 404
    assert len(filled.get("alerts")) == 1


# -- logs --


class ListHandler(logging.Handler):
    """Keeps what is logged as it would be written."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def lines():
    """What the app logs in this test."""
    handler = ListHandler()
    logging.getLogger("statflow_http").addHandler(handler)
    yield handler.lines
    logging.getLogger("statflow_http").removeHandler(handler)


class BrokenEngine:
    """An engine that finds nothing, by a mistake of ours."""

    def __init__(self, engine):
        self._engine = engine

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def find_by_id(self, *arguments, **options):
        raise ZeroDivisionError("a mistake of ours")


def planted(app, text):
    """A key of the owner's that is any text: as an old one of StatHat's is."""
    digest = hashlib.sha256(text.encode()).digest()
    with app.services.documents.change() as change:
        change.put("keys", digest.hex(), Key("planted", digest, "owner", True, Scope.FULL, "", START_S))
    return text


OLD_TOKENS = ["MTg4NTcgiDyQ~~", "me@example.com", "two words", "caf\u00e9"]


@pytest.mark.parametrize("old", [None, *OLD_TOKENS])
def test_a_token_is_in_no_line_of_the_log(engine, lines, old):
    """Not even when it is an old one of StatHat's, which looks like nothing in particular."""
    app = create_app(BrokenEngine(engine))
    api = Api(app, engine)
    token = api.key if old is None else planted(app, old)

    response = api.client.simulate_get(f"/x/{token}/data/aaaa")

    assert (response.status_code, response.json) == (500, {"msg": "internal error"})
    assert "/x/.../data/aaaa" in lines[0]
    assert token not in "".join(lines)
    app.close()


def test_who_asks_too_often_is_told_in_stathats_words(api):
    Plans(api.app.services.documents).save(Plan("slow", requests_a_second=2))
    x = Token(api, api.new_account("hasty", plan="slow"))

    answers = [x.call("GET", "statlist") for _ in range(6)]

    told = [(answer.status_code, answer.text) for answer in answers]
    assert told[:2] == [(200, "[]")] * 2
    assert told[-1] == (429, '{"Error":"Rate limit exceeded."}')
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_what_is_full_is_told_as_it_is():
    refusal = EXPORT.failure(RetryLaterError("an account has at most 5 alerts", None))

    assert (refusal.status, refusal.body) == (429, b'{"msg":"an account has at most 5 alerts"}')
