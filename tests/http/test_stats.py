"""``GET /v1/stats``: the list, its pages, its search."""

import pytest

from statflow_http import ids
from tests.clocks import START_S


def add(api, *names):
    api.json("/v1/stats", {"stats": [{"stat": name} for name in names]})


def listed(api, query=""):
    response = api.get("/v1/stats", query_string=query)
    assert response.status_code == 200, response.text
    return [stat["name"] for stat in response.json["stats"]]


def test_an_entry_tells_what_is_known_of_a_stat(api, clock):
    api.json("/v1/stat", {"stat": "load", "value": 1})
    clock.advance(90)
    api.json("/v1/stat", {"stat": "load", "value": 2})

    (stat,) = api.get("/v1/stats").json["stats"]

    assert stat == {
        "id": ids.stat_id(api.engine.find("load", namespace="owner:live").id),
        "name": "load",
        "kind": "value",
        "created_at": START_S,
        "received_at": START_S + 90,
        "public": False,
        "unit": "",
        "key": stat["key"],
        "imported_key": None,
        "embed_key": stat["embed_key"],
    }
    assert len(stat["key"]) == len(stat["embed_key"]) == 28


def test_an_account_without_stats_has_an_empty_list(api):
    assert api.get("/v1/stats").json == {"stats": [], "cursor": None}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=api", ["api errors", "api hits"]),
        ("q=hits+api", ["api hits"]),
        ("q=API", ["api errors", "api hits"]),
        ("q=api *", ["api errors", "api hits"]),
        ("q=*s", ["api errors", "api hits", "signups"]),
        ("q=nothing", []),
        ("q=", ["api errors", "api hits", "signups"]),
    ],
)
def test_words_or_a_glob_choose(api, query, names):
    add(api, "api hits", "api errors", "signups")

    assert sorted(listed(api, query)) == names


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_follow_each_other_without_gap_or_repeat(api, limit):
    names = [f"s{number}" for number in range(7)]
    add(api, *names)

    found, cursor = [], ""
    while cursor is not None:
        page = api.get("/v1/stats", query_string=f"limit={limit}&cursor={cursor}").json
        assert 1 <= len(page["stats"]) <= limit
        found += [stat["name"] for stat in page["stats"]]
        cursor = page["cursor"]

    assert found == names


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("limit=0", "limit must be a whole number from 1 to 1000"),
        ("limit=1001", "limit must be a whole number from 1 to 1000"),
        ("limit=x", "limit must be a whole number from 1 to 1000"),
        ("limit=" + "9" * 5_000, "limit must be a whole number from 1 to 1000"),
        ("cursor=!", "cursor must be one that an earlier page gave"),
        ("limit=1&limit=2", 'field "limit" given twice'),
        ("q=%FF", 'field "q" is not valid UTF-8'),
    ],
)
def test_what_cannot_be_listed_is_refused(api, query, text):
    response = api.get("/v1/stats", query_string=query)

    assert (response.status_code, response.json) == (400, {"msg": text})
