"""Forecasts of windows: which rows, what of the past counts, and how right they are on series whose truth is known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import statflow_engine
from statflow_engine import Kind, QueryError
from statflow_engine.insight import DAILY, project
from statflow_engine.insight.projection import CHUNK_CELLS
from statflow_engine.insight.smoothing import Seasonal
from tests.insight.windows import MONDAY_S, counts, daily_shape, window_of

WEEK = 168
HOUR_S, DAY_S = 3_600, 86_400


def test_a_forecast_of_hours_knows_the_hour_of_the_week_and_its_band_holds_nine_of_ten() -> None:
    window = window_of(counts(8 * WEEK))

    forecast = statflow_engine.forecast(window, WEEK)

    truth = daily_shape(WEEK)
    assert np.abs(forecast.means - truth).mean() < 0.06 * truth.mean()
    came = counts(9 * WEEK, seed=2)[8 * WEEK :]
    held = (forecast.lows <= came) & (came <= forecast.highs)
    assert 0.85 <= held.mean() <= 1.0
    assert forecast.note is None
    assert len(forecast) == WEEK


def test_the_first_row_is_the_one_that_runs_and_what_it_has_so_far_is_not_looked_at() -> None:
    numbers = counts(8 * WEEK)
    begun = np.append(numbers, 1.0)
    end_s = MONDAY_S + len(numbers) * HOUR_S

    whole = statflow_engine.forecast(window_of(numbers, now_s=end_s), 24)
    running = statflow_engine.forecast(window_of(begun, now_s=end_s + 60), 24)

    assert running.times_s[0] == end_s
    np.testing.assert_array_equal(running.times_s, whole.times_s)
    np.testing.assert_array_equal(running.means, whole.means)


def test_hours_before_a_counters_first_point_are_unknown_and_empty_ones_after_it_are_zero() -> None:
    late = np.concatenate([np.zeros(4 * WEEK), counts(4 * WEEK)])
    silent = np.concatenate([counts(4 * WEEK), np.zeros(4 * WEEK)])

    begun_late = statflow_engine.forecast(window_of(late), WEEK)
    fallen_silent = statflow_engine.forecast(window_of(silent), WEEK)

    assert begun_late.means.mean() == pytest.approx(daily_shape(WEEK).mean(), rel=0.1)
    assert fallen_silent.means.mean() < 1.0


def test_gaps_of_a_value_are_not_zeros() -> None:
    rows = daily_shape(8 * WEEK) + np.random.default_rng(3).normal(0, 5, 8 * WEEK)
    rows[np.arange(len(rows)) % 24 < 8] = np.nan

    forecast = statflow_engine.forecast(window_of(rows, Kind.VALUE), 24)

    by_day = slice(8, 24)
    np.testing.assert_allclose(forecast.means[by_day], daily_shape(24)[by_day], rtol=0.15)


def test_a_season_of_which_other_hours_are_missing_each_time_keeps_its_shape() -> None:
    hours = 6 * WEEK
    rows = daily_shape(hours) + np.random.default_rng(3).normal(0, 2, hours)
    missing = np.random.default_rng(4)
    for day in range(hours // 24):
        first = 24 * day + int(missing.integers(0, 2)) * 12
        rows[first : first + 12] = np.nan

    forecast = statflow_engine.forecast(window_of(rows, Kind.VALUE), WEEK)

    assert np.abs(forecast.means - daily_shape(WEEK)).mean() < 4.0


def test_days_that_took_on_another_shape_two_weeks_ago_are_forecast_in_that_shape() -> None:
    turned = daily_shape(3 * WEEK + 12)[12:]
    rows = np.concatenate([daily_shape(6 * WEEK), turned[: 2 * WEEK]])
    rows += np.random.default_rng(1).normal(0, 3, len(rows))

    forecast = statflow_engine.forecast(window_of(rows, Kind.VALUE), WEEK)

    assert np.abs(forecast.means - turned[2 * WEEK :]).mean() < 10


def test_of_a_random_walk_nothing_is_expected_but_where_it_is() -> None:
    walks = np.random.default_rng(2).normal(0, 1, (200, 428)).cumsum(axis=1)
    last, future = walks[:, 399:400], walks[:, 400:]

    bands = project(walks[:, :400], 28, DAILY, is_counter=False)

    assert np.abs(bands.means - future).mean() < 1.1 * np.abs(last - future).mean()
    assert 0.8 < np.mean((bands.lows <= future) & (future <= bands.highs)) < 0.95


def test_a_value_that_was_last_known_long_ago_has_no_forecast() -> None:
    rows = daily_shape(20 * WEEK)
    rows[5 * WEEK : -2] = np.nan

    forecast = statflow_engine.forecast(window_of(rows, Kind.VALUE), 3)

    assert forecast.note == "2 rows are known: a forecast needs 4"
    assert np.isnan(forecast.means).all()


def test_a_trend_goes_on_for_a_while() -> None:
    days = np.arange(300.0)

    forecast = statflow_engine.forecast(window_of(1_000 + 10 * days, Kind.VALUE, "1d"), 14)

    assert np.all(np.diff(forecast.means) > 0)
    assert forecast.means[0] == pytest.approx(4_000, rel=0.01)


@pytest.mark.parametrize(
    ("known", "note"),
    [
        (3, "3 rows are known: a forecast needs 4"),
        (30, "less than two days are known: the forecast is a level without hours of the day"),
        (200, "less than two weeks are known: all days of the week are taken to be alike"),
        (2 * WEEK, None),
    ],
)
def test_a_short_past_is_said_to_be_short(known: int, note: str | None) -> None:
    forecast = statflow_engine.forecast(window_of(counts(known)), 5)

    assert forecast.note == note
    assert np.isnan(forecast.means).all() == (known < 4)


def test_a_shorter_past_has_a_wider_band() -> None:
    noise = 100 + np.random.default_rng(4).normal(0, 10, 400)

    widths = [
        float(
            np.mean(
                (forecast := statflow_engine.forecast(window_of(noise[-days:], Kind.VALUE, "1d"), 7)).highs
                - forecast.lows
            )
        )
        for days in (5, 400)
    ]

    assert widths[0] > 1.2 * widths[1]


def test_an_empty_window_gives_rows_without_numbers() -> None:
    forecast = statflow_engine.forecast(window_of(np.empty(0)), 3)

    assert np.isnan([forecast.means, forecast.lows, forecast.highs]).all()
    np.testing.assert_array_equal(forecast.times_s, MONDAY_S + HOUR_S * np.arange(3))


def test_the_hour_of_the_day_is_that_of_the_zone_through_summer_time() -> None:
    # Berlin's clocks went forward on 2026-03-29: what came at 7:00 UTC comes at 6:00 UTC from then on.
    start_s = 1_772_409_600  # Monday 2026-03-02 0:00 UTC
    utc = np.arange(27 * 24) + 1
    local = np.where(start_s + utc * HOUR_S >= 1_774_746_000, utc + 2, utc + 1)
    rows = np.where(local % 24 == 8, 500.0, 10.0)
    window = window_of(rows, Kind.VALUE, start_s=start_s + HOUR_S)

    forecast = statflow_engine.forecast(window, 24 * 7, tz="Europe/Berlin")

    hours = forecast.times_s // HOUR_S % 24
    assert set(hours[forecast.means > 250].tolist()) == {6}


def test_days_of_a_zone_are_forecast_as_days_of_that_zone() -> None:
    start_s = MONDAY_S - HOUR_S  # midnight in Berlin
    window = window_of(counts(200), step="1d", start_s=start_s, tz="Europe/Berlin")

    forecast = statflow_engine.forecast(window, 3, tz="Europe/Berlin")

    assert forecast.times_s[0] == window.end_s
    assert set(np.diff(forecast.times_s).tolist()) <= {23 * HOUR_S, DAY_S, 25 * HOUR_S}
    with pytest.raises(QueryError, match='rows of "views" do not begin where those of UTC do'):
        statflow_engine.forecast(window, 3)


@pytest.mark.parametrize("step", ["1M", "1w", "1y", "2d", "7m", "5s", "15m"])
def test_rows_of_any_length_can_be_forecast(step: str) -> None:
    window = window_of(counts(60), step=step)

    forecast = statflow_engine.forecast(window, 4)

    assert np.all(np.diff(forecast.times_s) > 0)
    assert np.isfinite(forecast.means).all()


@pytest.mark.parametrize("horizon", ["x", 2.5, None])
def test_a_horizon_that_is_no_whole_number_is_refused(horizon: Any) -> None:
    with pytest.raises(QueryError, match=f"a horizon is a whole number of rows from 1 to 10000, met {horizon!r}"):
        statflow_engine.forecast(window_of(counts(30)), horizon)


@pytest.mark.parametrize("horizon", [0, -1, 10_001])
def test_a_horizon_out_of_range_is_refused(horizon: int) -> None:
    with pytest.raises(QueryError, match=f"a horizon of {horizon} rows: from 1 to 10000 can be forecast"):
        statflow_engine.forecast(window_of(counts(30)), horizon)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(QueryError, match="unknown time zone 'Mars'"):
        statflow_engine.forecast(window_of(counts(30)), 1, tz="Mars")


def test_a_counter_with_negative_counts_is_taken_for_a_value() -> None:
    forecast = statflow_engine.forecast(window_of(-counts(8 * WEEK)), 24)

    assert (forecast.means < 0).all()


def test_two_days_out_of_order_are_part_of_neither_the_shape_nor_the_level() -> None:
    rows = daily_shape(8 * WEEK) + np.random.default_rng(5).normal(0, 3, 8 * WEEK)
    rows[-3 * WEEK : -3 * WEEK + 48] = 2_000.0

    forecast = statflow_engine.forecast(window_of(rows, Kind.VALUE), WEEK)

    assert np.abs(forecast.means - daily_shape(WEEK)).mean() < 10


def test_two_weeks_are_enough_for_week_ends_to_differ() -> None:
    forecast = statflow_engine.forecast(window_of(counts(2 * WEEK)), WEEK)

    assert np.abs(forecast.means - daily_shape(WEEK)).mean() < 0.12 * daily_shape(WEEK).mean()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.integers(24, 300), st.sampled_from([1, 7, 24]))
def test_the_shape_before_a_moment_knows_nothing_of_what_came_after(seed: int, end: int, season: int) -> None:
    rows = np.random.default_rng(seed).normal(10, 3, (2, 400))

    shapes = Seasonal.of(rows, season).shapes(end)

    np.testing.assert_allclose(shapes, Seasonal.of(rows[:, :end], season).shapes(end), atol=1e-9)


def test_more_series_than_are_looked_at_at_once_are_each_what_they_are_alone() -> None:
    many = np.random.default_rng(6).poisson(20, (2 * CHUNK_CELLS // 400 + 3, 400)).astype(np.float64)
    many[::5, :300] = np.nan

    together = project(many, 7, DAILY, is_counter=True)

    assert np.isfinite(together.means).all()
    for index in (0, 1, 5, len(many) - 1):
        alone = project(many[index : index + 1], 7, DAILY, is_counter=True)
        np.testing.assert_allclose(together.means[index], alone.means[0], rtol=1e-9)
        np.testing.assert_allclose(together.lows[index], alone.lows[0], rtol=1e-9)
