"""``/v1/stats/ID/forecast`` and ``/v1/stats/ID/anomalies``."""

import pytest

from statflow_engine import Kind
from statflow_http.alerts.automatic import AutomaticSettings, AutomaticWish
from tests.clocks import START_S
from tests.http.conftest import LIVE
from tests.insight_story import DAY_S, HOUR_S, ODD_AGO_HOURS, story


@pytest.fixture
def stat(api):
    """The id of a stat of two months with one odd hour."""
    return story(api.engine, namespace=LIVE)


def test_a_forecast_has_rows_from_the_one_that_runs_on(api, stat):
    told = api.get(f"/v1/stats/{stat}/forecast?step=1h&horizon=24").json

    points = told.pop("points")
    about = {"id": stat, "name": "orders", "kind": "counter", "step": "1h", "tz": "UTC", "coverage": 0.9, "note": None}
    assert told == about
    assert [point["time"] for point in points] == [START_S // HOUR_S * HOUR_S + row * HOUR_S for row in range(24)]
    assert all(0 <= point["low"] <= point["mean"] <= point["high"] for point in points)


def test_days_are_those_of_the_zone_that_is_asked_for(api, stat):
    told = api.get(f"/v1/stats/{stat}/forecast?step=1d&horizon=2&tz=Asia/Tokyo").json

    assert [point["time"] % DAY_S for point in told["points"]] == [15 * HOUR_S] * 2


def test_where_too_little_is_known_there_are_no_rows_and_a_note_says_why(api):
    stat = story(api.engine, "new", namespace=LIVE, days=0)

    told = api.get(f"/v1/stats/{stat}/forecast").json

    assert (told["points"], told["note"]) == ([], "0 rows are known: a forecast needs 4")


def test_an_anomaly_says_in_words_what_came_and_what_usually_comes(api, stat):
    told = api.get(f"/v1/stats/{stat}/anomalies").json

    (odd,) = told["anomalies"]
    assert (odd["time"], odd["end"] - odd["time"]) == ((START_S // HOUR_S - ODD_AGO_HOURS) * HOUR_S, HOUR_S)
    assert odd["value"] > odd["high"] > odd["mean"] > odd["low"]
    assert odd["score"] > told["threshold"] == 4.5
    assert odd["text"] == "660 per hour, usually 118-164 on Thursdays at this time"
    assert (told["step"], told["from"], told["to"]) == ("1h", START_S - 7 * DAY_S, START_S)


def test_only_rows_of_the_range_are_told(api, stat):
    before = f"to={START_S - 40 * HOUR_S}"
    after = f"from={START_S - 20 * HOUR_S}&to={START_S + 5 * DAY_S}"

    for range_ in (before, after):
        assert api.get(f"/v1/stats/{stat}/anomalies?{range_}").json["anomalies"] == []


def test_how_unusual_a_row_must_be_is_as_the_automatic_alerts_of_the_stat_or_as_is_asked(api, stat):
    series = api.engine.find("orders", namespace=LIVE)
    AutomaticSettings(api.app.services.documents).change(LIVE, series.id, AutomaticWish(sensitivity="high"))

    usual = api.get(f"/v1/stats/{stat}/anomalies?from={START_S - 30 * DAY_S}").json
    low = api.get(f"/v1/stats/{stat}/anomalies?from={START_S - 30 * DAY_S}&sensitivity=low").json

    assert (usual["sensitivity"], usual["threshold"]) == ("high", 3.5)
    assert (low["sensitivity"], low["threshold"]) == ("low", 6.0)
    assert len(usual["anomalies"]) >= len(low["anomalies"]) == 1


def test_a_value_is_told_by_its_mean(api):
    stat = story(api.engine, "time", namespace=LIVE, kind=Kind.VALUE)

    (odd,) = api.get(f"/v1/stats/{stat}/anomalies").json["anomalies"]

    assert odd["text"].startswith("a mean of 660, usually 119-163 ")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("forecast?step=5m", "step must be one of 15m, 1h, 6h, 1d"),
        ("forecast?horizon=0", "horizon must be a whole number from 1 to 1000"),
        ("forecast?horizon=1001", "horizon must be a whole number from 1 to 1000"),
        ("forecast?tz=Mars", "tz must be the name of a time zone"),
        ("anomalies?step=15m", "step must be one of 1h, 1d"),
        ("anomalies?from=5&to=5", "from must be before to"),
        ("anomalies?from=0", "at most 10000 rows at a time"),
        ("anomalies?sensitivity=none", "sensitivity must be one of low, medium, high"),
        ("anomalies?from=0&to=3600", "no ring"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_reason(api, stat, query, words):
    answer = api.get(f"/v1/stats/{stat}/{query}")

    assert answer.status_code == 400
    assert words in answer.json["msg"]


@pytest.mark.parametrize("what", ["forecast", "anomalies"])
@pytest.mark.parametrize("stat_id", ["zzzz", "no-id", "AAAA"])
def test_of_no_stat_nothing_is_told(api, stat, what, stat_id):
    assert api.get(f"/v1/stats/{stat_id}/{what}").status_code == 404
