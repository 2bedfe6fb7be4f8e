"""``GET /v1/query``: several stats over one range."""

import csv
import io

import pytest

from tests.clocks import START_S

RANGE = f"from={START_S - 600}&to={START_S}&step=5m"


@pytest.fixture
def filled(api):
    """Two counters with points in two rows, and a value with one."""
    points = [("api hits", 600, 1), ("api hits", 300, 2), ("api errors", 300, 10)]
    items = [{"stat": name, "count": count, "t": START_S - ago} for name, ago, count in points]
    api.json("/v1/stats", {"stats": [*items, {"stat": "load", "value": 0.5, "t": START_S - 300}]})
    return api


def query(api, text, **options):
    return api.get("/v1/query", query_string=text, **options)


def rows(response):
    assert response.status_code == 200, response.text
    return {series["name"]: [point["value"] for point in series["points"]] for series in response.json["series"]}


def test_names_and_globs_are_answered_in_their_order(filled):
    response = query(filled, f"stat=load&stat=api*&{RANGE}")

    assert (response.json["from"], response.json["to"], response.json["step"]) == (START_S - 600, START_S, "5m")
    assert [(series["name"], series["kind"], series["agg"]) for series in response.json["series"]] == [
        ("load", "value", "mean"),
        ("api hits", "counter", "sum"),
        ("api errors", "counter", "sum"),
    ]
    assert rows(response) == {"load": [None, 0.5], "api hits": [1.0, 2.0], "api errors": [0.0, 10.0]}


def test_combine_adds_series_up(filled):
    response = query(filled, f"stat=api*&combine=sum&{RANGE}")

    (series,) = response.json["series"]
    assert [point["value"] for point in series["points"]] == [1.0, 12.0]
    assert [point["count"] for point in series["points"]] == [1, 2]


def test_shift_lays_an_earlier_period_over_the_present_one(filled, clock):
    clock.advance(7 * 86_400)
    now_s = START_S + 7 * 86_400

    response = query(filled, f"stat=api hits&from={now_s - 600}&to={now_s}&step=5m&shift=1w")

    assert (response.json["from"], response.json["to"]) == (now_s - 600, now_s)
    assert rows(response) == {"api hits": [1.0, 2.0]}
    assert response.json["series"][0]["points"][0]["time"] == now_s - 600


def test_shift_works_on_the_default_range(filled, clock):
    clock.advance(86_400)

    response = query(filled, "stat=api hits&shift=1d&step=1h")

    assert sum(rows(response)["api hits"]) == 3.0
    assert response.json["to"] >= START_S + 86_400


@pytest.mark.parametrize("asked", [{"format": "csv"}, {"accept": "text/csv"}])
def test_csv_is_answered_when_it_is_asked_for(filled, asked):
    text = f"stat=load&stat=api hits&{RANGE}" + ("&format=csv" if "format" in asked else "")
    headers = {"Accept": asked["accept"]} if "accept" in asked else {}

    response = query(filled, text, headers=headers)

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="statflow.csv"'
    assert list(csv.reader(io.StringIO(response.text, newline=""))) == [
        ["stat", "timestamp", "datetime", "value"],
        ["load", str(START_S - 600), "2027-01-15T07:50:00Z", ""],
        ["load", str(START_S - 300), "2027-01-15T07:55:00Z", "0.5"],
        ["api hits", str(START_S - 600), "2027-01-15T07:50:00Z", "1.0"],
        ["api hits", str(START_S - 300), "2027-01-15T07:55:00Z", "2.0"],
    ]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x"])
def test_csv_holds_no_formulas_but_negative_numbers_stay(api, name):
    api.json("/v1/stat", {"stat": name, "count": -2})

    response = query(api, f"stat={name.replace('+', '%2B')}&step=1h&format=csv")

    found = list(csv.reader(io.StringIO(response.text, newline="")))
    assert found[-1][0] == "'" + name
    assert found[-1][3] == "-2.0"


def test_csv_quotes_names(api):
    name = 'a "b", c'
    api.json("/v1/stat", {"stat": name})

    response = api.client.simulate_get(
        "/v1/query",
        params={"stat": name, "step": "1h", "format": "csv"},
        headers={"Authorization": f"Bearer {api.key}"},
    )

    assert list(csv.reader(io.StringIO(response.text, newline="")))[-1][0] == name


def test_a_glob_without_a_hit_is_an_empty_list_and_a_name_is_404(filled):
    assert query(filled, "stat=none*").json == {"series": []}
    response = query(filled, "stat=load&stat=none")
    assert (response.status_code, response.json) == (404, {"msg": "no such stat"})


def test_combining_nothing_is_nothing(filled):
    assert query(filled, "stat=none*&combine=sum").json == {"series": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "stat is missing"),
        ("stat=", "stat is missing"),
        ("&".join(f"stat=s{number}" for number in range(101)), "at most 100 stats or globs"),
        ("stat=api*&stat=load&combine=sum", ""),
        ("stat=load&combine=product", "combine must be sum"),
        ("stat=load&shift=1M", "shift must be such as 6h, 1d or 1w"),
        ("stat=load&shift=-1d", "shift must be such as 6h, 1d or 1w"),
        ("stat=load&format=xml", "format must be one of json, csv"),
        ("stat=api*&agg=max", ""),
        ("stat=load&step=1s", ""),
    ],
)
def test_what_cannot_be_answered_is_refused_before_the_first_byte(filled, text, message):
    response = query(filled, text)

    assert response.status_code == 400
    assert response.json["msg"].startswith(message)


def test_more_than_a_thousand_stats_are_refused(api):
    names = [f"s{number}" for number in range(1_001)]
    api.json("/v1/stats", {"stats": [{"stat": name} for name in names]})

    response = query(api, "stat=*&step=1d")

    assert (response.status_code, response.json["msg"]) == (400, "at most 1000 stats in one query; narrow the globs")
    assert len(query(api, "stat=s?&stat=s??&step=1d").json["series"]) == 100


def test_the_answer_is_streamed_a_series_at_a_time(filled):
    import falcon.testing

    environ = falcon.testing.create_environ(
        "/v1/query", query_string=f"stat=api*&{RANGE}", headers={"Authorization": f"Bearer {filled.key}"}
    )
    started = falcon.testing.StartResponseMock()

    chunks = list(filled.app(environ, started))

    assert len(chunks) == 4  # head, two series, tail
    assert "content-length" not in dict(started.headers)
