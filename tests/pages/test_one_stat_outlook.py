"""What the page of a stat says of the days to come and of odd hours, and which rules watch it, without a browser."""

import html
import json
import re

import pytest

from statflow_engine import Kind
from statflow_http.alerts.automatic import AutomaticSettings, AutomaticWish
from statflow_http.alerts.evaluation import Evaluator
from statflow_http.alerts.rules import Rules, RuleWish, condition
from statflow_http.alerts.silencing import silence
from statflow_http.pages.stats import REVISION
from tests.clocks import START_S
from tests.http.conftest import LIVE
from tests.insight_story import DAY_S, HOUR_S, ODD_AGO_HOURS, story
from tests.pages.visits import texts

ODD_S = (START_S // HOUR_S - ODD_AGO_HOURS) * HOUR_S
SENTENCE = "660 per hour, usually 118-164 on Thursdays at this time"


@pytest.fixture
def stat(engine):
    """The id of a stat of two months with one odd hour."""
    return story(engine, namespace=LIVE)


def data_of(answer):
    """What the script of the page draws."""
    return json.loads(html.unescape(re.search(r'data-chart="([^"]+)"', answer.text)[1]))


@pytest.mark.parametrize(
    ("query", "rows"),
    [("period=day", 14), ("", 24), ("period=month", 18), ("period=year", 52), ("period=week&step=6h", 4)],
)
def test_the_chart_goes_on_with_what_is_expected(owner, stat, query, rows):
    answer = owner.get(f"/stats/{stat}?{query}")

    data = data_of(answer)
    # The first is the last row that is over, where the band opens.
    assert len(data["forecast"]["times"]) == rows + 1
    assert data["forecast"]["times"][1] == data["times"][-1]
    assert data["forecast"]["low"][0] == data["forecast"]["high"][0] == data["lines"][0]["values"][-2]
    assert "Shaded: forecast" in answer.text
    assert "dotted: the forecast; tinted: where nine of ten rows should lie. Hide the forecast" in texts(answer)


@pytest.mark.parametrize(
    "query",
    [
        "period=hour",
        "period=day&step=5m",
        "period=year&step=1w",
        "from=2027-01-01&to=2027-01-14",
        "from=2027-01-10&to=2027-01-17",
        "from=2027-01-10",
        "forecast=off",
    ],
)
def test_past_ranges_and_steps_that_are_not_forecast_end_with_their_last_row(owner, stat, query):
    answer = owner.get(f"/stats/{stat}?{query}")

    assert data_of(answer)["forecast"] is None
    assert "Shaded" not in answer.text
    assert "Hide the forecast" not in texts(answer)


@pytest.mark.parametrize("days", [0, 2])
def test_of_a_short_past_nothing_is_said(owner, engine, days):
    stat = story(engine, "new", namespace=LIVE, days=days)

    answer = owner.get(f"/stats/{stat}")

    assert (data_of(answer)["forecast"], data_of(answer)["unusual"]) == (None, [])
    assert "orecast" not in texts(answer)
    assert "unusual" not in texts(answer)


def test_an_odd_hour_is_a_mark_in_the_picture_and_a_sentence_below(owner, stat):
    answer = owner.get(f"/stats/{stat}")

    assert re.search(rf"<circle[^>]*><title>{SENTENCE}</title></circle>", answer.text)
    assert f"What was unusual 14 Jan 2027, 02:00 {SENTENCE}" in texts(answer)
    ((time, value, at, text),) = data_of(answer)["unusual"]
    assert (time, value, at, text) == (ODD_S, 660, ODD_S, SENTENCE)


@pytest.mark.parametrize("period", ["week", "month"])
def test_an_hour_is_odd_on_every_chart_on_which_it_can_be_seen(owner, stat, period):
    answer = owner.get(f"/stats/{stat}?period={period}")

    assert SENTENCE in texts(answer)
    ((time, _, at, _),) = data_of(answer)["unusual"]
    assert (at, time <= ODD_S < time + 6 * HOUR_S) == (ODD_S, True)


def test_a_past_range_has_its_odd_hours_and_another_has_not(owner, stat):
    assert SENTENCE in texts(owner.get(f"/stats/{stat}?from=2027-01-13&to=2027-01-15"))
    assert SENTENCE not in texts(owner.get(f"/stats/{stat}?from=2027-01-10&to=2027-01-12"))


def test_how_odd_an_hour_must_be_is_told_with_where_to_change_it(owner, app, engine, stat):
    assert "Sensitivity: medium ." in texts(owner.get(f"/stats/{stat}"))

    series = engine.find("orders", namespace=LIVE)
    AutomaticSettings(app.services.documents).change(LIVE, series.id, AutomaticWish(sensitivity="low"))

    assert "Sensitivity: low ." in texts(owner.get(f"/stats/{stat}"))


def test_the_switch_keeps_the_range_and_the_range_keeps_the_switch(owner, stat):
    page = owner.get(f"/stats/{stat}?period=day&step=1h").text
    assert f'<a href="/stats/{stat}?period=day&amp;step=1h&amp;forecast=off">Hide the forecast</a>' in page

    page = owner.get(f"/stats/{stat}?period=day&step=1h&forecast=off").text
    assert f'<a href="/stats/{stat}?period=day&amp;step=1h">Show the forecast</a>' in page
    assert f'<a href="/stats/{stat}?period=month&amp;forecast=off">Month</a>' in page
    assert page.count('<input type="hidden" name="forecast" value="off">') == 2
    assert f'data-live="/stats/{stat}?period=day&amp;step=1h&amp;forecast=off"' in page


def test_a_guest_of_a_public_stat_sees_the_same_and_no_rule(app, engine, guest, stat):
    series = engine.find("orders", namespace=LIVE)
    app.services.properties.change(LIVE, series.id, public=True)
    watch(app, engine)

    answer = guest.get(f"/stats/{stat}")

    assert SENTENCE in texts(answer)
    assert data_of(answer)["forecast"] is not None
    assert "greater than 5" not in texts(answer)
    assert "/alerts" not in answer.text


# -- what follows a page that is open --


def test_a_page_that_is_open_gets_the_band_of_the_next_hour_and_nothing_in_between(owner, clock, stat):
    page = owner.get(f"/stats/{stat}")
    revision = re.search(r'data-revision="([^"]+)"', page.text)[1]
    assert owner.get(f"/stats/{stat}", **{REVISION: revision}).status_code == 204

    clock.advance(HOUR_S)
    answer = owner.get(f"/stats/{stat}", **{REVISION: revision})

    assert answer.status_code == 200
    assert data_of(answer)["forecast"]["times"][0] == data_of(page)["forecast"]["times"][0] + HOUR_S
    assert owner.get(f"/stats/{stat}", **{REVISION: answer.headers[REVISION]}).status_code == 204


def test_a_late_point_that_makes_an_hour_odd_is_told_to_a_page_that_is_open(owner, engine, stat):
    page = owner.get(f"/stats/{stat}")
    revision = re.search(r'data-revision="([^"]+)"', page.text)[1]

    engine.count("orders", 3_000, START_S - 3 * HOUR_S, namespace=LIVE)

    assert len(data_of(owner.get(f"/stats/{stat}", **{REVISION: revision}))["unusual"]) == 2


# -- notes and values --


def test_a_value_has_both_too(owner, engine):
    stat = story(engine, "time", namespace=LIVE, kind=Kind.VALUE)

    answer = owner.get(f"/stats/{stat}")

    assert "a mean of 660, usually" in texts(answer)
    assert data_of(answer)["forecast"] is not None


def test_what_a_note_says_is_there_for_the_script_and_escaped(owner, stat):
    owner.post(f"/stats/{stat}/notes", {"text": '"><b>deployed</b>', "t": "2027-01-14T07:30"})

    answer = owner.get(f"/stats/{stat}")

    assert data_of(answer)["notes"] == [[START_S - DAY_S - 1_800, '"><b>deployed</b>']]
    assert "<b>deployed" not in answer.text


# -- rules on it --


def watch(app, engine, stat="orders", threshold="5", **fields):
    wish = RuleWish(kind="value", operator="greater than", threshold=threshold, time_window="1h", **fields)
    series = engine.find(stat, namespace=LIVE)
    return Rules(app.services.documents).create(LIVE, series.id, stat, condition(wish), START_S)


def test_where_no_rule_watches_the_page_says_so_and_where_to_make_one(owner, stat):
    answer = owner.get(f"/stats/{stat}")

    assert "No rule watches this stat. Add an alert" in texts(answer)
    assert f'href="/alerts?stat={stat}#new-alert"' in answer.text


def test_the_rules_on_a_stat_are_shown_with_their_state_and_no_others(owner, app, engine, stat):
    rule = watch(app, engine)
    quiet = watch(app, engine, threshold="77")
    silence(app.services.documents, LIVE, quiet.id, START_S, 8)
    engine.count("other", namespace=LIVE)
    watch(app, engine, "other", threshold="99")

    answer = owner.get(f"/stats/{stat}")

    told = texts(answer)
    assert "not looked at yet greater than 5 over 1 hour" in told
    assert "silenced greater than 77 over 1 hour" in told
    assert "greater than 99" not in told
    assert f'<a href="/alerts/{rule.id}">' in answer.text


def test_an_alert_that_opens_is_told_to_a_page_that_is_open(owner, app, engine, stat):
    watch(app, engine, threshold="0.5")
    engine.count("another", namespace=LIVE)
    revision = re.search(r'data-revision="([^"]+)"', owner.get(f"/stats/{stat}").text)[1]
    Evaluator(engine, app.services.documents).run(START_S)

    # No point came since: what changed is a document.
    answer = owner.get(f"/stats/{stat}", **{REVISION: revision})

    assert "open greater than 0.5 over 1 hour since 15 Jan 2027, 08:00" in texts(answer)
