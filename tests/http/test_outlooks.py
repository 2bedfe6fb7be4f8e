"""Forecasts and verdicts of stats: of which past, kept while that is the same, and never longer."""

import pytest

import statflow_engine
from statflow_engine import Kind, QueryError
from statflow_http.insight import outlooks
from statflow_http.insight.outlooks import FORECAST, KEPT_MAX, Outlooks, past_hash
from tests.http.conftest import LIVE, TEST
from tests.insight_story import DAY_S, HOUR_S, ODD_AGO_HOURS, story


@pytest.fixture
def series(engine):
    """A stat of two months with one odd hour."""
    story(engine, namespace=LIVE)
    return engine.find("orders", namespace=LIVE)


@pytest.fixture
def worked_out(monkeypatch):
    """What the engine's models were asked, a word each time."""
    asked = []
    for name in ("forecast", "anomalies"):
        model = getattr(statflow_engine, name)
        monkeypatch.setattr(
            outlooks.statflow_engine,
            name,
            lambda *told, model=model, name=name, **options: asked.append(name) or model(*told, **options),
        )
    return asked


def both(kept, engine, series):
    """A forecast and a verdict, as one page asks for both."""
    now_s = engine.now_s()
    ahead = kept.expected(engine, series, "1h", 24, "UTC")
    return ahead, kept.unusual(engine, series, "1h", now_s - 7 * DAY_S, now_s + 1, 4.5, "UTC")


def test_the_odd_hour_is_found_and_the_next_day_expected(engine, series):
    ahead, verdict = both(Outlooks(), engine, series)

    now_h = engine.now_s() // HOUR_S
    assert [row.time_s // HOUR_S for row in verdict.rows] == [now_h - ODD_AGO_HOURS]
    assert "per hour, usually" in verdict.rows[0].text
    assert (ahead.times_s[0] // HOUR_S, len(ahead)) == (now_h, 24)
    assert (ahead.lows <= ahead.means).all()
    assert (ahead.means > 30).all()


def test_points_in_the_row_that_runs_cost_nothing(engine, series, worked_out):
    kept = Outlooks()
    first = both(kept, engine, series)

    engine.count("orders", 500, namespace=LIVE)
    engine.count("somebody else's", 500, namespace=LIVE)

    assert both(kept, engine, series)[0] is first[0]
    assert worked_out == ["forecast", "anomalies"]


def test_when_the_hour_turns_all_is_worked_out_anew(engine, clock, series, worked_out):
    kept = Outlooks()
    first, _ = both(kept, engine, series)

    clock.advance(HOUR_S)
    second, _ = both(kept, engine, series)

    assert worked_out == ["forecast", "anomalies"] * 2
    assert second.times_s[0] == first.times_s[0] + HOUR_S


def test_a_point_that_comes_late_is_seen_at_once(engine, series):
    kept = Outlooks()
    both(kept, engine, series)

    late_s = engine.now_s() - 3 * HOUR_S
    engine.count("orders", 5_000, late_s, namespace=LIVE)

    _, verdict = both(kept, engine, series)
    assert late_s // HOUR_S * HOUR_S in [row.time_s for row in verdict.rows]


def test_what_differs_in_anything_that_is_told_has_another_hash(engine):
    """The rows of the first three are alike but for the name, or for a sum."""
    now_s = engine.now_s()
    for name, number, namespace in (("a", 5, LIVE), ("b", 5, LIVE), ("a", 6, TEST)):
        engine.count(name, number, now_s - 2 * HOUR_S, namespace=namespace)
    asked = [
        ("a", now_s - DAY_S, "1h", LIVE),
        ("b", now_s - DAY_S, "1h", LIVE),
        ("a", now_s - DAY_S, "1h", TEST),
        ("a", now_s - 2 * DAY_S, "1h", LIVE),
        ("a", now_s - DAY_S, "15m", LIVE),
    ]

    windows = [
        engine.query(name, since_s, now_s + 1, step=step, namespace=space) for name, since_s, step, space in asked
    ]

    assert len({past_hash(window) for window in windows}) == len(asked)


def test_a_range_that_ends_in_the_future_is_looked_at_up_to_now(engine, series):
    now_s = engine.now_s()

    verdict = Outlooks().unusual(engine, series, "1h", now_s - 7 * DAY_S, now_s + 2_000 * DAY_S, 4.5, "UTC")

    assert len(verdict.rows) == 1


def test_what_is_kept_is_bounded_and_the_oldest_goes(engine, series, worked_out):
    kept = Outlooks()
    for horizon in range(1, KEPT_MAX + 2):
        kept.forecast(engine, series, "1d", horizon, "UTC")
    kept.forecast(engine, series, "1d", KEPT_MAX + 1, "UTC")
    assert len(worked_out) == KEPT_MAX + 1

    kept.forecast(engine, series, "1d", 1, "UTC")

    assert len(worked_out) == KEPT_MAX + 2


@pytest.mark.parametrize(
    ("step", "days", "is_shown"), [("1h", 2, False), ("1h", 4, True), ("1d", 20, False), ("1d", 23, True)]
)
def test_a_chart_shows_no_forecast_of_a_short_past(engine, step, days, is_shown):
    story(engine, namespace=LIVE, days=days, odd=1.0)

    found = Outlooks().expected(engine, engine.find("orders", namespace=LIVE), step, 4, "UTC")

    assert (found is not None) == is_shown


@pytest.mark.parametrize("step", ["1m", "5m", "1w", "1M", "nonsense"])
def test_a_chart_shows_no_forecast_of_other_steps(engine, series, step):
    assert Outlooks().expected(engine, series, step, 4, "UTC") is None


def test_a_store_that_keeps_days_only_has_no_hours_to_forecast_and_quarters_reach_as_far_as_they_do(tmp_path, clock):
    with statflow_engine.open(tmp_path / "days", schema="1d:2y", clock=clock) as engine:
        story(engine, namespace=LIVE)
        series, kept = engine.find("orders", namespace=LIVE), Outlooks()

        assert kept.expected(engine, series, "1h", 4, "UTC") is None
        assert kept.expected(engine, series, "1d", 4, "UTC") is not None
        with pytest.raises(QueryError):
            kept.forecast(engine, series, "1h", 4, "UTC")
    with statflow_engine.open(tmp_path / "short", schema="1m:8d, 1d:2y", clock=clock) as engine:
        engine.write(
            ["a"] * 800, Kind.COUNTER, [engine.now_s() - 900 * place for place in range(800)], [9] * 800, namespace=LIVE
        )
        assert kept.expected(engine, engine.find("a", namespace=LIVE), "15m", 4, "UTC") is not None


@pytest.mark.parametrize("step", FORECAST)
@pytest.mark.parametrize("tz", ["Europe/Berlin", "Asia/Kolkata"])
def test_rows_of_other_time_zones_are_forecast_where_charts_have_them(engine, series, step, tz):
    now_s = engine.now_s()
    window = engine.query("orders", now_s - DAY_S, now_s + 1, step=step, namespace=LIVE, tz=tz)

    found = Outlooks().expected(engine, series, step, 4, tz)

    assert found.times_s[0] == window.times_s[-1]
