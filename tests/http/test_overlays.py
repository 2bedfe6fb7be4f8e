"""What is laid over the rows of a chart: bands, spots on the line, and what happened in words."""

import numpy as np
import pytest

from statflow_engine import Kind
from statflow_engine.insight import Forecast
from statflow_http.charts.drawings import Line
from statflow_http.insight.outlooks import Unusual
from statflow_http.insight.overlays import SHOWN_MAX, band_of, episodes, horizon, overlay, spots, watched_step

HOUR_S, DAY_S = 3_600, 86_400
NAN = np.nan


def line_of(values, step_s=HOUR_S):
    return Line("a", np.arange(len(values), dtype=np.int64) * step_s, np.array(values, np.float64))


def unusual(hour, score=9.0, *, length_s=HOUR_S, text="odd"):
    return Unusual(hour * HOUR_S, hour * HOUR_S + length_s, 5.0, 1.0, 0.0, 2.0, score, text)


def forecast_of(first_s, *means):
    numbers = np.array(means, np.float64)
    times_s = first_s + np.arange(len(numbers), dtype=np.int64) * HOUR_S
    return Forecast("a", Kind.COUNTER, "1h", times_s, numbers, numbers - 1, numbers + 1, 0.9, None)


@pytest.mark.parametrize(
    ("length_s", "step", "rows"),
    [
        (DAY_S, "15m", 14),
        (DAY_S, "1h", 4),
        (7 * DAY_S, "1h", 24),
        (7 * DAY_S, "1d", 1),
        (30 * DAY_S, "6h", 18),
        (364 * DAY_S, "1d", 52),
        (364 * DAY_S, "6h", 208),
        (364 * DAY_S, "1h", 250),
        (60, "1d", 1),
    ],
)
def test_a_chart_looks_ahead_by_a_seventh_of_its_length(length_s, step, rows):
    assert horizon(length_s, step) == rows


@pytest.mark.parametrize(("row_s", "step"), [(60, "1h"), (21_600, "1h"), (DAY_S, "1d"), (30 * DAY_S, "1d")])
def test_hours_are_watched_where_they_can_be_seen_and_else_days(row_s, step):
    assert watched_step(row_s) == step


def test_a_band_opens_at_the_last_row_that_is_over():
    band = band_of(forecast_of(2 * HOUR_S, 7.0, 8.0), line_of([1.0, 4.0, 0.5]))

    assert band.times_s.tolist() == [HOUR_S, 2 * HOUR_S, 3 * HOUR_S]
    assert (band.low.tolist(), band.high.tolist(), band.middle.tolist()) == ([4, 6, 7], [4, 8, 9], [4, 7, 8])


@pytest.mark.parametrize("values", [[1.0, NAN, 0.5], [NAN, NAN, 2.0]])
def test_after_a_gap_a_band_begins_with_the_forecast(values):
    assert band_of(forecast_of(2 * HOUR_S, 7.0), line_of(values)).times_s.tolist() == [2 * HOUR_S]


def test_a_band_of_a_line_that_begins_with_it_has_nothing_to_open_at():
    assert band_of(forecast_of(0, 7.0), line_of([3.0])).times_s.tolist() == [0]


def test_an_unusual_hour_is_shown_on_its_row():
    (spot,) = spots(line_of([1, 2, 30, 4]), [unusual(2)])

    assert (spot.time_s, spot.value, spot.mark.is_anomaly) == (2 * HOUR_S, 30, True)


@pytest.mark.parametrize(("score", "quarter"), [(9.0, 2), (-9.0, 3)])
def test_of_finer_rows_the_one_that_made_the_hour_unusual_is_shown(score, quarter):
    (spot,) = spots(line_of([5, 5, 5, 5, 6, 5, 9, 1, 99], 900), [unusual(1, score)])

    assert spot.time_s == HOUR_S + quarter * 900


def test_of_several_hours_in_one_coarser_row_the_most_unusual_speaks():
    rows = [unusual(1, 5.0, text="less"), unusual(2, -8.0, text="most"), unusual(7, 6.0)]

    found = list(spots(line_of([1, 2], 6 * HOUR_S), rows))

    assert [(spot.time_s, spot.row.text) for spot in found] == [(0, "most"), (6 * HOUR_S, "odd")]


def test_an_hour_that_began_before_the_chart_is_shown_on_its_first_row():
    line = Line("a", np.array([HOUR_S + 1_800, HOUR_S + 2_700], np.int64), np.array([4.0, 3.0]))

    assert [spot.time_s for spot in spots(line, [unusual(1)])] == [HOUR_S + 1_800]


def test_where_the_line_has_no_number_nothing_is_shown():
    assert list(spots(line_of([1, NAN, 3]), [unusual(1)])) == []


def test_unusual_rows_that_follow_each_other_are_one_episode_told_by_the_worst():
    rows = [unusual(1, 5.0), unusual(2, 8.0, text="worst"), unusual(4, 6.0), unusual(9, 7.0), unusual(10, -7.0)]

    found = list(episodes(rows))

    told = [(each.start_s // HOUR_S, each.end_s // HOUR_S, each.count) for each in found]
    assert told == [(1, 5, 3), (9, 10, 1), (10, 11, 1)]
    assert (found[0].worst.text, found[0].unit) == ("worst", "hour")


def test_an_episode_of_days_says_so_also_on_the_short_one_in_spring():
    assert next(episodes([unusual(0, length_s=23 * HOUR_S)])).unit == "day"


def test_of_very_many_unusual_rows_the_most_unusual_are_shown_and_the_others_counted():
    rows = [unusual(3 * place, 5.0 + place) for place in range(SHOWN_MAX + 7)]

    found = overlay(line_of([1.0] * 100), None, rows)

    assert (len(found.spots), found.left_out) == (SHOWN_MAX, 7)
    assert min(spot.row.score for spot in found.spots) == 5.0 + 7
    starts = [each.start_s for each in found.episodes]
    assert starts == sorted(starts, reverse=True)


def test_over_a_line_without_a_number_nothing_is_laid():
    found = overlay(line_of([NAN, NAN]), forecast_of(HOUR_S, 7.0), [unusual(1)])

    assert (found.band, found.spots, found.episodes) == (None, (), ())
