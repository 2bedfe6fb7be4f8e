"""What a rule compares: the vectorised numbers are those of a slow reading of the definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statflow_engine import Schema
from statflow_http.alerts.numbers import Columns, Shape, Watched, judged, shape
from statflow_http.alerts.previews import OPENINGS_MAX, openings, track
from statflow_http.alerts.rules import WINDOWS_S, Condition, Operator, RuleKind
from tests.clocks import START_S
from tests.http.conftest import LIVE

DEFAULT = Schema.parse("1m:90d, 1h:5y, 1d:50y")
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400


def value(window, operator=Operator.GREATER, threshold=10.0, **fields):
    return Condition(RuleKind.VALUE, window, operator, threshold=threshold, **fields)


@pytest.mark.parametrize(
    ("window", "wanted"),
    [
        ("5m", Shape(60, 5, 0)),
        ("1h", Shape(60, 60, 0)),
        ("3h", Shape(60, 180, 0)),
        ("1d", Shape(300, 288, 0)),
        ("1w", Shape(3_600, 168, 0)),
        ("1M", Shape(3_600, 720, 0)),
        ("1y", Shape(86_400, 365, 0)),
    ],
)
def test_the_grid_of_each_window(window, wanted):
    assert shape(value(window), DEFAULT, START_S) == wanted


def test_an_earlier_window_that_minutes_do_not_reach_makes_both_coarser():
    rule = Condition(RuleKind.DELTA, "5m", Operator.GREATER, percentage=10.0, time_delta="1y")

    assert shape(rule, DEFAULT, START_S) == Shape(3_600, 1, 8_760)


def test_a_schema_without_minutes_gives_the_windows_that_it_can():
    hours = Schema.parse("1h:30d")

    assert shape(value("5m"), hours, START_S) == Shape(3_600, 1, 0)
    assert shape(value("1y"), hours, START_S) is None


def test_rows_end_with_the_one_that_runs():
    found = Shape(60, 5, 1_440)

    assert found.current(START_S + 59) == (START_S - 300, START_S + 60)
    assert found.earlier(START_S + 59) == (START_S - 300 - DAY_S, START_S - DAY_S)


kinds = st.sampled_from(list(RuleKind))
operators = st.sampled_from(list(Operator))
cells = st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 50)), min_size=4, max_size=4)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(kinds, operators, st.booleans(), st.integers(-600, 300), cells, cells), min_size=1, max_size=5),
    st.integers(1, 40),
)
def test_many_rules_at_once_are_as_each_by_its_definition(drawn, limit):
    shape_ = Shape(60, 3, 10)
    rules = [made(kind, operator, limit) for kind, operator, *_ in drawn]
    now_s = START_S + 30
    created_s = np.array([START_S + ago for _, _, _, ago, _, _ in drawn])
    counters = np.array([is_counter for _, _, is_counter, *_ in drawn])
    current = [[(n, s if n else 0) for n, s in row] for *_, row, _ in drawn]
    earlier = [[(n, s if n else 0) for n, s in row][:3] for *_, row in drawn]

    found = judged(Watched(rules, counters, created_s), shape_, now_s, columns(current), columns(earlier))

    for index, rule in enumerate(rules):
        figure = found.figure(index)
        wanted = naive(rule, counters[index], int(created_s[index]), current[index], earlier[index], limit)
        assert figure.is_met == wanted, (rule, current[index], earlier[index], figure)


def made(kind, operator, limit):
    if kind is RuleKind.DATA:
        return Condition(kind, "5m")
    if kind is RuleKind.DELTA:
        return Condition(kind, "5m", operator, percentage=float(limit), time_delta="1h")
    return value("5m", Operator.GREATER if operator is Operator.DIFFERENT else operator, float(limit))


def columns(rows):
    return Columns(
        np.array([[n for n, _ in row] for row in rows]), np.array([[float(s) for _, s in row] for row in rows])
    )


def naive(rule, is_counter, created_s, current, earlier, limit):
    """The definition, read slowly: True, False, or None for no data."""

    def number(rows):
        points, total = sum(n for n, _ in rows), float(sum(s for _, s in rows))
        return total if is_counter else (total / points if points else None)

    def young(rows, first_s):
        if created_s <= first_s:
            return False
        return not any(n and first_s + 60 * (place + 1) <= created_s for place, (n, _) in enumerate(rows))

    first_s = START_S - 3 * 60
    is_young = young(current, first_s)
    if rule.kind is RuleKind.DATA:
        return None if is_young else sum(n for n, _ in current) == 0
    if rule.kind is RuleKind.VALUE and rule.operator is Operator.GREATER:
        newest = number(current[1:])
        return None if newest is None else newest > limit
    if rule.kind is RuleKind.VALUE:
        found = number(current[:-1]) if is_counter else number(current[1:])
        return None if found is None or is_young else found < limit
    now, before = number(current[:-1]), number(earlier)
    if now is None or before is None or before == 0 or (is_counter and young(earlier, first_s - 600)):
        return None
    percent = (now - before) / abs(before) * 100
    return {"greater than": percent > limit, "less than": percent < -limit}.get(rule.operator, abs(percent) > limit)


def test_a_preview_says_when_it_would_have_been_open(world):
    for hour in (5, 6, 30):
        world.count(50, ago_s=hour * HOUR_S)
    asked = {"stat": "hits", "kind": "value", "time_window": "1h", "operator": "greater than", "threshold": 40}
    answer = world.json("/v1/alerts/preview", asked).json

    assert answer["count"] == 2
    assert [(each["to"] - each["from"], each["extreme"]) for each in answer["openings"]] == [(3_600, 50), (7_200, 50)]
    assert answer["openings"][1]["from"] == START_S - 6 * HOUR_S + MINUTE_S
    assert answer["text"] == '"hits" is 0 over 1 hour: not greater than 40'
    assert world.get("/v1/alerts").json["alerts"] == []


def test_a_preview_counts_the_hold(world):
    for hour in (5, 6, 30):
        world.count(50, ago_s=hour * HOUR_S)
    asked = {"stat": "hits", "kind": "value", "time_window": "1h", "operator": "gt", "threshold": 40, "hold": "1h"}
    answer = world.json("/v1/alerts/preview", asked).json

    assert [each["to"] - each["from"] for each in answer["openings"]] == [3_600]


def test_a_preview_of_silence(world):
    world.count(1)
    world.clock.advance(6 * HOUR_S)
    world.count(1)
    world.clock.advance(4 * HOUR_S)
    answer = world.json("/v1/alerts/preview", {"stat": "hits", "kind": "data", "time_window": "3h"}).json

    assert [each["to"] is None for each in answer["openings"]] == [False, True]
    assert answer["now"]["met"] is True


DATA = {"stat": "hits", "kind": "data", "time_window": "1h"}


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"kind": "data", "time_window": "1h"}, "stat_id is missing: the id of a stat; or stat, its name"),
        ({"stat": "hits", "kind": "data"}, "time_window is missing: 5m, 1h, 3h, 1d, 1w, 1M, 1y"),
        (DATA | {"hold": "2h"}, "hold must be one of none, 5m, 15m, 30m, 1h, 3h"),
        (DATA | {"repeat": "5m"}, "repeat must be one of never, 1h, 3h, 1d, 1w"),
        (DATA | {"receivers": [str(n) for n in range(21)]}, "an alert names at most 20 receivers"),
    ],
)
def test_what_is_no_rule_is_refused_with_a_sentence(world, document, text):
    world.count(1)
    for path in ("/v1/alerts/preview", "/v1/alerts"):
        answer = world.json(path, document)
        assert (answer.status_code, answer.json["msg"]) == (400, text)


def test_a_preview_is_bounded(world):
    for minute in range(0, 15 * 24 * 60, 120):
        world.count(50, ago_s=(minute + 10) * MINUTE_S)
    asked = {"stat": "hits", "kind": "value", "time_window": "5m", "operator": "gt", "threshold": 40}
    answer = world.json("/v1/alerts/preview", asked).json

    assert (answer["count"], len(answer["openings"])) == (180, OPENINGS_MAX)


@pytest.mark.parametrize("window", WINDOWS_S)
def test_a_track_ends_with_what_a_look_finds_of_rows_that_are_over(world, window):
    for hour in range(200):
        world.count(hour, ago_s=hour * HOUR_S + 90)
    series = world.engine.find("hits", namespace=LIVE)
    condition = value(window, Operator.LESS, 1e9)
    found = track(world.engine, LIVE, series, condition, START_S - DAY_S, START_S)
    rule = world.rule(time_window=window, operator="less than", threshold=1e9)

    assert found.times_s[-1] == START_S // found.step_s * found.step_s
    assert found.numbers[-1] == world.get(f"/v1/alerts/{rule}/why").json["now"]["number"]
    # Of the two longest windows not one is over since the stat had its first point.
    assert [each.to_s for each in openings(condition, found)] == ([] if window in ("1M", "1y") else [None])
