"""Batches in columns: names once, then an index, a time and a number a point; in msgpack also as bytes."""

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine import Kind
from statflow_http.wire.columns import columns
from statflow_http.wire.messages import BatchMessage, PackedBatchMessage

NOW_S = 1_800_000_000


def pack(api, document):
    headers = {"Authorization": f"Bearer {api.key}"}
    return api.post("/v1/stats", msgpack.packb(document), "application/msgpack", headers=headers)


def test_binary_columns_are_stored(api):
    document = {
        "stats": ["load", "hits"],
        "stat": np.array([0, 1, 0], "<u4").tobytes(),
        "kind": ["value", "counter"],
        "t": np.array([NOW_S, NOW_S - 60, NOW_S - 60], "<i8").tobytes(),
        "v": np.array([0.5, 7, 1.5], "<f8").tobytes(),
    }

    response = pack(api, document)

    assert response.json == {"msg": "ok", "multiple": 3}
    assert (api.kind("load"), api.points("load")) == ("value", (2, 2.0))
    assert (api.kind("hits"), api.points("hits")) == ("counter", (1, 7.0))


def test_columns_are_taken_in_json_as_lists(api):
    document = {
        "stats": ["a", "b~x,y"],
        "stat": [0, 1, 1],
        "kind": "counter",
        "t": [NOW_S, NOW_S, NOW_S],
        "v": [1, 2, 3],
    }

    assert api.json("/v1/stats", document).json["multiple"] == 3
    assert [api.points(name) for name in api.names()] == [(1, 1.0), (2, 5.0), (2, 5.0)]


def test_without_index_and_times_each_name_has_a_point_of_now(api):
    assert pack(api, {"stats": ["a", "b"], "v": [1.0, 2.0]}).json["multiple"] == 2
    assert (api.kind("b"), api.points("b")) == ("counter", (1, 2.0))


def test_rows_are_taken_in_msgpack_beyond_the_limit_of_json(api):
    assert pack(api, {"stats": [{"stat": "a", "count": 1}] * 10_001}).json["multiple"] == 10_001


def test_a_hundred_thousand_points_are_one_request(api):
    rng = np.random.default_rng(7)
    document = {
        "stats": [f"s{number}" for number in range(100)],
        "stat": rng.integers(0, 100, 100_000).astype("<u4").tobytes(),
        "v": np.ones(100_000, "<f8").tobytes(),
    }

    assert pack(api, document).json["multiple"] == 100_000
    assert sum(api.points(f"s{number}")[0] for number in range(100)) == 100_000


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"v": None}, "v is missing: one number a point"),
        ({"v": [1.0]}, "columns differ in length: stat 2, t 2, v 1"),
        ({"v": b"123"}, "v must be whole numbers of 8 bytes each, met 3 bytes"),
        ({"stat": [0, 2]}, "stat[1] must be an index into stats, 0 to 1"),
        ({"stat": [0, -1]}, "stat[1] must be an index into stats, 0 to 1"),
        ({"stat": b"\xff\xff\xff\xff\0\0\0\0"}, "stat[0] must be an index into stats, 0 to 1"),
        ({"stat": [0, 2**40]}, "stat[1] must be an index into stats, 0 to 1"),
        ({"stats": [], "stat": [0, 0]}, "stat[0] must be an index into stats, which is empty"),
        ({"kind": "gauge"}, 'kind must be "counter" or "value", or a list with one of them for each of stats'),
        ({"kind": ["counter"]}, 'kind must be "counter" or "value", or a list with one of them for each of stats'),
        ({"v": [1.0, float("nan")]}, "v[1] must be a finite number"),
        ({"v": [1.0, 1e201]}, "v[1] out of range"),
        ({"t": [NOW_S, 0]}, "t[1] must be Unix seconds"),
        ({"t": [NOW_S, NOW_S + 90_000]}, "t[1] is more than one day ahead"),
        ({"t": np.array([NOW_S, -5], "<i8").tobytes()}, "t[1] must be Unix seconds"),
        ({"stats": ["a", ""]}, "stats[1]: stat name is empty"),
        ({"stats": ["a", {"stat": "b"}]}, "stats must be names when there are columns"),
    ],
)
def test_columns_that_do_not_fit_are_refused_whole(api, change, text):
    document = {"stats": ["a", "b"], "stat": [0, 1], "kind": "counter", "t": [NOW_S, NOW_S], "v": [1.0, 2.0]}

    response = pack(api, document | change)

    assert response.status_code == 400
    assert response.json["msg"].startswith(text)
    assert api.names() == []


def test_an_index_that_no_integer_of_64_bits_holds_is_named_too(api):
    response = api.json("/v1/stats", {"stats": ["a"], "stat": [0, 2**70], "v": [1, 2]})

    assert (response.status_code, response.json["msg"]) == (400, "stat[1] must be an index into stats, 0 to 0")


def test_a_conflict_of_kinds_names_the_point(api):
    api.json("/v1/stat", {"stat": "b", "value": 1})

    response = pack(api, {"stats": ["a", "b"], "stat": [0, 0, 1], "kind": "counter", "v": [1.0, 2.0, 3.0]})

    assert (response.status_code, response.json["msg"]) == (409, 'v[2]: "b" is a value: send value')


def test_too_many_points_are_refused(api):
    response = pack(api, {"stats": ["a"], "stat": b"\0\0\0\0" * 1_000_001, "v": b"\0" * 8_000_008})

    assert (response.status_code, response.json["msg"]) == (413, "at most 1000000 points per request")


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(-1e9, 1e9), st.integers(1, 2**40)), max_size=20))
def test_bytes_mean_what_lists_mean(points):
    index, values, times = (list(column) for column in zip(*points, strict=True)) if points else ([], [], [])
    names = ["a", "p~x,y", "b"]
    as_lists = BatchMessage(stats=list(names), stat=index, kind=["counter", "value", "value"], t=times, v=values)
    as_bytes = PackedBatchMessage(
        stats=list(names),
        stat=np.array(index, "<u4").tobytes(),
        kind=["counter", "value", "value"],
        t=np.array(times, "<i8").tobytes(),
        v=np.array(values, "<f8").tobytes(),
    )

    drafts = [columns(message, names, join="~", points_max=100) for message in (as_lists, as_bytes)]

    for draft in drafts:
        point_count = sum(2 if place == 1 else 1 for place in index)
        assert len(draft.values) == len(draft.names[1]) == point_count
        assert draft.item_count == len(points)
    assert drafts[0].values.tolist() == drafts[1].values.tolist()
    assert drafts[0].timestamps_s.tolist() == drafts[1].timestamps_s.tolist()
    assert drafts[0].kinds.tolist() == drafts[1].kinds.tolist()
    assert set(drafts[0].kinds.tolist()) <= {Kind.COUNTER, Kind.VALUE}
