"""What the benchmark of insight compares with is what it says: Graphite's Holt-Winters, alarms counted as they open."""

import numpy as np
import pytest

from benchmarks.insight_incidents import calmed, generated_counters, recalls, with_incidents
from benchmarks.insight_peers import filled, holt_winters, seasonal_naive
from statflow_engine.insight import THRESHOLD, expect
from statflow_engine.insight.seasons import HOURLY
from tests.insight.windows import counts

WEEK = 168


def graphite(series: list[float | None], season: int) -> tuple[list[float | None], list[float]]:
    """Predictions and deviations of holtWintersAnalysis, one row after the other, as Graphite does it."""
    alpha, beta, gamma = 0.1, 0.0035, 0.1
    intercepts: list[float | None] = []
    slopes, seasonals, deviations = [], [], []
    predictions: list[float | None] = []
    next_prediction: float | None = None
    for index, actual in enumerate(series):
        if actual is None:
            intercepts.append(None)
            slopes.append(0.0)
            seasonals.append(0.0)
            predictions.append(next_prediction)
            deviations.append(0.0)
            next_prediction = None
            continue
        last_intercept, last_slope, prediction = actual, 0.0, actual
        if index > 0:
            last_slope = slopes[-1]
            last_intercept = actual if intercepts[-1] is None else intercepts[-1]
            prediction = next_prediction
        last_seasonal = seasonals[index - season] if index >= season else 0.0
        next_seasonal = seasonals[index + 1 - season] if index + 1 >= season else 0.0
        last_deviation = deviations[index - season] if index >= season else 0.0
        intercept = alpha * (actual - last_seasonal) + (1 - alpha) * (last_intercept + last_slope)
        slope = beta * (intercept - last_intercept) + (1 - beta) * last_slope
        seasonal = gamma * (actual - intercept) + (1 - gamma) * last_seasonal
        next_prediction = intercept + slope + next_seasonal
        expected = 0.0 if prediction is None else prediction
        intercepts.append(intercept)
        slopes.append(slope)
        seasonals.append(seasonal)
        predictions.append(prediction)
        deviations.append(gamma * abs(actual - expected) + (1 - gamma) * last_deviation)
    return predictions, deviations


@pytest.mark.parametrize("holes", [[], [0], [100, 101, 150], [239]])
def test_holt_winters_over_many_series_is_that_of_graphite(holes: list[int]) -> None:
    rows = np.stack([counts(240, seed=1), counts(240, seed=2)])
    rows[0, holes] = np.nan

    expected, deviations, _ = holt_winters(rows, 24)

    for index, row in enumerate(rows):
        theirs, their_deviations = graphite([None if np.isnan(each) else float(each) for each in row], 24)
        known = np.array([each is not None for each in theirs]) & ~np.isnan(row)
        np.testing.assert_allclose(expected[index][known], [theirs[at] for at in np.flatnonzero(known)])
        np.testing.assert_allclose(deviations[index], their_deviations)


def test_the_generators_clean_series_have_no_more_alarms_than_one_in_25_000_hours() -> None:
    clean = generated_counters(11, 500)

    scores = expect(clean, HOURLY, is_counter=True).scores[:, 7 * WEEK :]

    assert not np.isnan(scores).any()
    assert np.count_nonzero(np.abs(scores) > THRESHOLD) <= scores.size / 25_000


def test_an_alarm_opens_once_however_long_it_lasts_and_an_incident_is_found_by_any_of_its_hours() -> None:
    clean = np.zeros((1, 2_000))
    clean[0, 500:520] = 3.0  # one alarm of twenty hours
    clean[0, 900] = 2.0
    trial = with_incidents("made up", clean, False, 100, 1)
    planted = clean.copy()
    for number, (_, at, end, _) in enumerate(trial.incidents):
        planted[0, at : end if number % 2 else at] = 2.5
    made_up = type(trial)("made up", False, clean, planted, trial.incidents, 0)

    (none_allowed, _), (one_allowed, _) = recalls(made_up, lambda rows: rows, (10_000, 2_000))

    assert none_allowed < 0.05  # the threshold is 3.0, which only incidents inside the alarm reach
    assert one_allowed == pytest.approx(0.5, abs=0.1)  # 2.0: every other incident was made to score 2.5


def test_calmed_series_keep_their_shape_and_lose_their_incidents() -> None:
    rows = counts(10 * WEEK)[None]
    struck = rows.copy()
    struck[0, 800:803] *= 9

    calm = calmed(struck, True)

    assert np.all(calm[0, 800:803] < 2 * rows[0, 800:803])
    assert np.mean(calm == rows) > 0.98


def test_peers_get_series_without_gaps() -> None:
    rows = np.array([1.0, np.nan, 3.0, np.nan])

    assert filled(rows).tolist() == [1.0, 2.0, 3.0, 3.0]
    assert seasonal_naive(2)(rows[None], 5).tolist() == [[3.0, 3.0, 3.0, 3.0, 3.0]]
