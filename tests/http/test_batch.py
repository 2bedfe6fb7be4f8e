"""JSON batches on ``/ez`` and ``/v1/stats``: all or nothing, and the item is named."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SURFACES = {"/ez": "data", "/v1/stats": "stats"}
surfaces = pytest.mark.parametrize(("path", "list_name"), SURFACES.items())


def send(api, path, list_name, items, **options):
    return api.json(path, {list_name: items}, **options)


def test_the_batch_of_the_protocol_is_stored(api):
    body = """{"ezkey":"KEY","data":[{"stat":"page view","count":2},
     {"stat":"messages sent~total,female,europe","count":1},
     {"stat":"load","value":0.732,"t":1799999000}]}""".replace("KEY", api.key)

    response = api.post("/ez", body, "application/json")

    assert response.content == b'{"status":200,"msg":"ok","multiple":3}'
    assert api.names() == [
        *("load", "messages sent~europe", "messages sent~female", "messages sent~total", "page view")
    ]
    assert api.points("load") == (1, 0.732)


def test_the_batch_of_v1_is_stored(api):
    response = send(api, "/v1/stats", "stats", [{"stat": "signups", "count": 1}, {"stat": "latency", "value": 42}])

    assert response.content == b'{"msg":"ok","multiple":2}'
    assert (api.kind("signups"), api.kind("latency")) == ("counter", "value")


@surfaces
def test_an_item_with_only_a_stat_counts_one(api, path, list_name):
    assert send(api, path, list_name, [{"stat": "a"}, {"stat": "a", "count": "5"}]).status_code == 200
    assert api.points("a") == (2, 6.0)


@surfaces
def test_an_empty_batch_is_well(api, path, list_name):
    response = send(api, path, list_name, [])

    assert response.status_code == 200
    assert response.json["multiple"] == 0


def test_a_trailing_comma_is_taken_on_ez(api):
    body = '{"ezkey":"%s","data":[{"stat":"a","count":1},\n]}' % api.key

    assert api.post("/ez", body, "application/json").json["multiple"] == 1


@surfaces
@pytest.mark.parametrize(
    ("item", "status", "text"),
    [
        ({"stat": "a", "count": "x"}, 400, "count must be a number"),
        ({"stat": "a", "count": True}, 400, "count must be a number"),
        ({"stat": "a", "count": []}, 400, "count must be a number"),
        ({"stat": "a", "value": {}}, 400, "value must be a number"),
        ({"stat": "a", "count": 1e201}, 400, "count out of range"),
        ({"stat": "a", "value": -1e201}, 400, "value out of range"),
        ({"stat": "a", "count": 1, "value": 1}, 400, "send count or value, not both"),
        ({"stat": "a", "t": 5e9}, 400, "t is more than one day ahead"),
        ({"stat": "a", "t": "x"}, 400, "t must be Unix seconds"),
        ({"stat": "a", "t": 1}, 400, "t is older than the retention"),
        ({"count": 1}, 400, "no stat"),
        ({"stat": "a\u0000b"}, 400, "stat name has control characters"),
        ({"stat": "x" * 256}, 400, "stat name is longer than 255 characters"),
        ({"stat": "a~b~c"}, 400, "stat name has more than one ~"),
        ({"stat": "counter", "value": 1}, 409, '"counter" is a counter: send count'),
    ],
)
def test_one_bad_item_refuses_the_whole_batch_and_is_named(api, path, list_name, item, status, text):
    send(api, path, list_name, [{"stat": "counter", "count": 1}])
    # The tilde before it makes three points of one item: items are counted, not points.
    items = [{"stat": f"p{number}~x,y,z"} for number in range(17)] + [item, {"stat": "after"}]

    response = send(api, path, list_name, items)

    assert response.status_code == status
    assert response.json["msg"].startswith(f"{list_name}[17]: {text}")
    assert api.names() == ["counter"]


@surfaces
def test_ten_thousand_points_are_taken_and_one_more_is_not(api, path, list_name):
    items = [{"stat": f"s{number % 7}", "count": 1} for number in range(10_000)]

    assert send(api, path, list_name, items).json["multiple"] == 10_000
    refused = send(api, path, list_name, [*items, {"stat": "s0"}])
    assert (refused.status_code, refused.json["msg"]) == (413, "at most 10000 points per request")
    assert api.points("s0") == (1_429, 1_429.0)


def test_points_are_counted_after_the_tilde(api):
    items = [{"stat": "p~" + ",".join(map(str, range(100)))}] * 100

    assert send(api, "/ez", "data", items).json["multiple"] == 100
    assert send(api, "/ez", "data", [*items, {"stat": "a"}]).status_code == 413


def test_a_batch_may_mix_times_and_none(api, clock):
    now_s = int(clock.now_s)
    items = [{"stat": "a", "t": now_s - 120}, {"stat": "a"}, {"stat": "a", "t": None}, {"stat": "a", "t": ""}]

    assert send(api, "/v1/stats", "stats", items).status_code == 200
    window = api.window("a")
    found = {int(time_s): int(count) for time_s, count in zip(window.times_s, window.counts, strict=True) if count}
    assert found == {now_s - 120: 1, now_s: 3}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 1_000), st.data())
def test_wherever_the_bad_item_is_nothing_is_stored(api, size, data):
    bad = data.draw(st.integers(0, size - 1))
    items = [{"stat": "never", "count": 1}] * size
    items[bad] = {"stat": "never", "count": random.choice(["x", None, [], "1e999"]) or "five"}

    response = send(api, "/ez", "data", items)

    assert response.status_code == 400
    assert response.json["msg"].startswith(f"data[{bad}]: count must be a")
    assert "never" not in api.names()


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, "stats is missing: a list of points"),
        ({"stats": {}}, "stats must be a list"),
        ({"stats": [1]}, "stats[0] must be an object or text"),
        ({"stats": [{"stat": "a"}, "b"]}, "stats must be points, or names with columns beside them"),
    ],
)
def test_what_is_no_batch_is_refused(api, document, text):
    response = api.json("/v1/stats", document)

    assert (response.status_code, response.json) == (400, {"msg": text})


def test_the_key_may_stand_in_the_body_or_the_query_string(api):
    body = json.dumps({"stats": [{"stat": "a"}], "ezkey": api.key})

    assert api.post("/v1/stats", body, "application/json").status_code == 200
    assert api.post("/ez", '{"data":[{"stat":"a"}]}', "application/json", query_string=f"ezkey={api.key}").json == {
        "status": 200,
        "msg": "ok",
        "multiple": 1,
    }
