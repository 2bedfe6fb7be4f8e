"""``GET`` and ``DELETE /v1/stat/NAME``: one stat and its points."""

import json

import pytest

from tests.clocks import START_S


@pytest.fixture
def filled(api):
    """A value with points 10 minutes and 5 minutes ago, and a counter with one of now."""
    points = [(600, 1.0), (600, 3.0), (300, 5.0)]
    api.json("/v1/stats", {"stats": [{"stat": "load", "value": v, "t": START_S - ago} for ago, v in points]})
    api.json("/v1/stat", {"stat": "hits", "count": 30})
    return api


def values(api, query, name="load"):
    response = api.get(f"/v1/stat/{name}", query_string=f"from={START_S - 900}&to={START_S}&step=5m&{query}")
    assert response.status_code == 200, response.text
    return [point["value"] for point in response.json["points"]]


def test_a_stat_comes_with_its_points(filled):
    response = filled.get("/v1/stat/load", query_string=f"from={START_S - 600}&to={START_S}&step=5m")

    stat = response.json
    assert (stat["name"], stat["kind"], stat["agg"], stat["step"]) == ("load", "value", "mean", "5m")
    assert (stat["from"], stat["to"]) == (START_S - 600, START_S)
    assert stat["points"] == [
        {"time": START_S - 600, "value": 2.0, "count": 2},
        {"time": START_S - 300, "value": 5.0, "count": 1},
    ]


def test_the_last_day_is_shown_when_no_range_is_given(filled):
    stat = filled.get("/v1/stat/hits").json

    assert stat["from"] <= START_S - 86_400
    assert stat["to"] >= START_S
    assert 500 < len(stat["points"]) <= 1_000
    assert stat["points"][-1]["value"] == 30.0


@pytest.mark.parametrize(
    ("agg", "numbers"),
    [
        ("sum", [0.0, 4.0, 5.0]),
        ("mean", [None, 2.0, 5.0]),
        ("min", [None, 1.0, 5.0]),
        ("max", [None, 3.0, 5.0]),
        ("count", [0.0, 2.0, 1.0]),
        ("rate", [0.0, 4 / 300, 5 / 300]),
    ],
)
def test_agg_chooses_the_number_of_a_row(filled, agg, numbers):
    assert values(filled, f"agg={agg}") == numbers


@pytest.mark.parametrize(
    ("fill", "numbers"), [("null", [None, 2.0, 5.0]), ("0", [0.0, 2.0, 5.0]), ("previous", [None, 2.0, 5.0])]
)
def test_fill_decides_what_an_empty_row_shows(filled, fill, numbers):
    assert values(filled, f"fill={fill}") == numbers


def test_fill_previous_repeats_the_last_row_that_has_a_number(filled):
    response = filled.get("/v1/stat/load", query_string=f"from={START_S - 600}&to={START_S}&step=1m&fill=previous")

    assert [point["value"] for point in response.json["points"]] == [2.0] * 5 + [5.0] * 5


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (f"{START_S - 600}", f"{START_S}"),
        (f"{START_S - 600}.9", f"{START_S}.0"),
        ("2027-01-15T07:50:00Z", "2027-01-15T08:00:00Z"),
        ("2027-01-15T08:50:00%2B01:00", "2027-01-15T09:00:00+01:00"),
        ("2027-01-15T07:50:00", "2027-01-15 08:00:00"),
    ],
)
def test_times_are_unix_seconds_or_rfc_3339(filled, start, end):
    response = filled.get("/v1/stat/load", query_string=f"from={start}&to={end}&step=5m")

    assert (response.json["from"], response.json["to"]) == (START_S - 600, START_S)


def test_days_follow_the_time_zone(filled):
    query = "from=2027-01-14T12:00:00Z&to=2027-01-15T12:00:00Z&step=1d&agg=sum"

    def starts(tz):
        points = filled.get("/v1/stat/hits", query_string=query + tz).json["points"]
        return [point["time"] % 86_400 // 3_600 for point in points]

    assert set(starts("")) == {0}
    assert set(starts("&tz=Europe/Berlin")) == {23}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("agg=median", "agg must be one of sum, mean, min, max, count, rate"),
        ("fill=linear", "fill must be one of null, 0, previous"),
        ("from=yesterday", "from must be Unix seconds or a time such as 2027-01-15T08:00:00Z"),
        ("to=-1", "to must be"),
        ("to=1e300", "to must be"),
        ("from=2027-13-01T00:00:00Z", "from must be"),
        ("step=7", ""),
        ("step=soon", ""),
        ("tz=Nowhere/Town", ""),
        (f"from={START_S}&to={START_S - 60}", ""),
    ],
)
def test_what_cannot_be_answered_is_refused(filled, query, text):
    response = filled.get("/v1/stat/load", query_string=query)

    assert response.status_code == 400
    assert response.json["msg"].startswith(text)


@pytest.mark.parametrize("agg", ["min", "max"])
def test_a_counter_has_no_min_and_max(filled, agg):
    response = filled.get("/v1/stat/hits", query_string=f"agg={agg}")

    assert response.status_code == 400
    assert "counter" in response.json["msg"]


def test_an_unknown_stat_is_404(filled):
    assert filled.get("/v1/stat/nope").json == {"msg": "no such stat"}
    assert filled.get("/v1/stat/").status_code in (400, 404)


def test_json_holds_no_nan(filled):
    content = filled.get("/v1/stat/load").content

    json.loads(content, parse_constant=lambda name: pytest.fail(name))


def test_a_deleted_stat_is_gone_and_its_name_free(filled):
    deleted = filled.delete("/v1/stat/load")

    assert deleted.status_code == 200
    assert deleted.json["msg"] == "ok"
    assert deleted.json["expires_at"] == START_S + 172_800
    assert filled.get("/v1/stat/load").status_code == 404
    assert filled.delete("/v1/stat/load").status_code == 404
    assert filled.json("/v1/stat", {"stat": "load", "count": 1}).status_code == 200
    assert filled.kind("load") == "counter"
