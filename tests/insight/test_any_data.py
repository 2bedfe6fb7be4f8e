"""Whatever finite numbers come: an answer that makes sense, the same each time, in any unit."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import statflow_engine
from statflow_engine import Kind
from statflow_engine.insight import HOURLY, Seasons, expect, newest, project
from tests.insight.windows import counts, window_of

Floats = NDArray[np.float64]
STEPS = ("1h", "1d", "5m", "6h", "1M", "1w")

# Shrinking arrays of thousands is slow; what makes them is small.
slow_to_make = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def series(draw: st.DrawFn, *, lowest: float) -> Floats:
    """0 to 3,000 rows: noise, constants, zeros, steps and spikes of any size, with holes."""
    length = draw(st.integers(0, 60) | st.integers(0, 3_000))
    kind = draw(st.sampled_from(["noise", "constant", "counts", "steps", "walk", "any"]))
    size = draw(st.sampled_from([1.0, 1e-300, 1e-6, 1e9, 1e150, 1e300]) | st.floats(1e-3, 1e3))
    noise = np.random.default_rng(draw(st.integers(0, 99)))
    rows = {
        "noise": lambda: noise.normal(3, 1, length),
        "constant": lambda: np.full(length, draw(st.sampled_from([0.0, 1.0, 0.1]))),
        "counts": lambda: noise.poisson(draw(st.sampled_from([0.01, 0.5, 20])), length).astype(np.float64),
        "steps": lambda: np.repeat(noise.normal(0, 1, length // 50 + 1), 50)[:length],
        "walk": lambda: noise.normal(0, 1, length).cumsum(),
        "any": lambda: np.resize(
            draw(hnp.arrays(np.float64, 20, elements=st.floats(-1e300, 1e300) | st.just(0.0))), length
        ),
    }[kind]()
    with np.errstate(over="ignore"):
        rows = np.maximum(np.clip(rows * size, -1.7e308, 1.7e308), lowest)
    for at in draw(st.lists(st.integers(0, max(length - 1, 0)), max_size=3)):
        rows[at : at + 1] = draw(st.sampled_from([1.7e308, 1e12, 0.0, 1.0]))
    if draw(st.booleans()):
        holes = draw(st.sampled_from([0.05, 0.5, 0.99, 1.0]))
        rows[noise.random(length) < holes] = np.nan
    return rows


@slow_to_make
@given(series(lowest=-np.inf), st.sampled_from(STEPS), st.integers(1, 400))
def test_a_forecast_of_any_value_is_whole_and_in_order(rows: Floats, step: str, horizon: int) -> None:
    forecast = statflow_engine.forecast(window_of(rows, Kind.VALUE, step), horizon)

    assert_in_order(forecast.means, forecast.lows, forecast.highs)
    assert np.isfinite(forecast.means).all() == (forecast.note is None or "needs" not in forecast.note)


@slow_to_make
@given(series(lowest=0.0), st.sampled_from(STEPS), st.integers(1, 400))
def test_a_forecast_of_any_counter_is_whole_in_order_and_never_below_zero(
    rows: Floats, step: str, horizon: int
) -> None:
    forecast = statflow_engine.forecast(window_of(rows, step=step), horizon)

    assert_in_order(forecast.means, forecast.lows, forecast.highs)
    assert np.all(np.isnan(forecast.lows) | (forecast.lows >= 0))


@slow_to_make
@given(series(lowest=-np.inf), st.sampled_from(STEPS), st.sampled_from(Kind), st.sampled_from([0.5, 3.5]))
def test_anomalies_of_any_series_have_all_they_promise(rows: Floats, step: str, kind: Kind, threshold: float) -> None:
    found = statflow_engine.anomalies(window_of(rows, kind, step), threshold=threshold)

    assert_in_order(found.means, found.lows, found.highs)
    assert np.isfinite(found.means).all()
    assert np.all(np.abs(found.scores) > threshold)
    assert np.all(np.abs(found.scores) <= 99)
    assert np.array_equal(found.directions, np.sign(found.scores))
    assert np.array_equal(found.numbers > found.means, found.directions > 0)
    assert np.all(np.diff(found.indices) > 0)
    assert len(found.sentences) == len(found)
    assert not np.isnan(found.numbers).any()


def assert_in_order(means: Floats, lows: Floats, highs: Floats) -> None:
    assert np.array_equal(np.isnan(means), np.isnan(lows))
    assert np.array_equal(np.isnan(means), np.isnan(highs))
    known = ~np.isnan(means)
    assert np.isfinite(means[known]).all()
    assert np.isfinite(lows[known]).all()
    assert np.isfinite(highs[known]).all()
    assert np.all(lows[known] <= means[known])
    assert np.all(means[known] <= highs[known])


@slow_to_make
@given(st.integers(0, 99), st.integers(4, 900), st.integers(-60, 60))
def test_a_value_in_another_unit_has_the_same_forecast_and_the_same_anomalies(
    seed: int, length: int, power: int
) -> None:
    noise = np.random.default_rng(seed)
    rows = noise.normal(5, 2, length) + noise.standard_t(2, length)
    unit = 2.0**power

    forecast = statflow_engine.forecast(window_of(rows, Kind.VALUE), 30)
    scaled = statflow_engine.forecast(window_of(rows * unit, Kind.VALUE), 30)
    found = statflow_engine.anomalies(window_of(rows, Kind.VALUE), threshold=1.0)
    found_scaled = statflow_engine.anomalies(window_of(rows * unit, Kind.VALUE), threshold=1.0)

    for mine, other in ((forecast.means, scaled.means), (forecast.lows, scaled.lows), (forecast.highs, scaled.highs)):
        np.testing.assert_allclose(other, mine * unit, rtol=1e-9)
    np.testing.assert_array_equal(found_scaled.indices, found.indices)
    np.testing.assert_allclose(found_scaled.scores, found.scores, rtol=1e-9)


@pytest.mark.parametrize("factor", [1.8, -1.0, 1000.0 / 3.0])
def test_a_value_turned_round_or_in_an_odd_unit_too(factor: float) -> None:
    rows = np.random.default_rng(3).normal(20, 3, 1_300)

    forecast = statflow_engine.forecast(window_of(rows, Kind.VALUE), 50)
    other = statflow_engine.forecast(window_of(rows * factor + 7 * factor, Kind.VALUE), 50)

    np.testing.assert_allclose(other.means, (forecast.means + 7) * factor, rtol=1e-6)


@slow_to_make
@given(series(lowest=0.0), st.booleans())
def test_the_same_rows_give_the_same_answer_and_are_left_as_they_were(rows: Floats, is_counter: bool) -> None:
    before = rows.copy()

    answers = [
        (project(rows[None], 9, HOURLY, is_counter=is_counter), expect(rows[None], HOURLY, is_counter=is_counter))
        for _ in range(2)
    ]

    np.testing.assert_array_equal(rows, before)
    for name in ("means", "lows", "highs"):
        np.testing.assert_array_equal(getattr(answers[0][0], name), getattr(answers[1][0], name))
        np.testing.assert_array_equal(getattr(answers[0][1], name), getattr(answers[1][1], name))


@pytest.mark.parametrize("unit", [1e-250, 1.0, 1e250])
def test_a_change_of_a_constant_is_found_in_any_unit(unit: float) -> None:
    rows = np.full(1_300, 5.0)
    rows[1_250:1_252] = 5.5

    found = statflow_engine.anomalies(window_of(rows * unit, Kind.VALUE))

    assert found.indices.tolist() == [1_250, 1_251]


def test_counts_beyond_all_counting_are_judged_like_smaller_ones() -> None:
    rows = counts(1_344, level=1e6)
    rows[1_250] *= 4

    found, huge = (statflow_engine.anomalies(window_of(rows * unit)) for unit in (1e6, 1e295))
    forecast, huge_forecast = (statflow_engine.forecast(window_of(rows * unit), 5) for unit in (1e6, 1e295))

    assert found.indices.tolist() == huge.indices.tolist() == [1_250]
    np.testing.assert_allclose(huge_forecast.highs, forecast.highs * 1e289)


def test_many_series_at_once_are_each_what_they_are_alone() -> None:
    many = np.stack([counts(1_100, level=level, seed=seed) for seed, level in enumerate((0.2, 3, 40, 5_000, 1e6))])
    many[1, :300] = np.nan
    many[2, :900] = np.nan
    many[3] = np.nan

    together = project(many, 48, HOURLY, is_counter=True)
    scores = expect(many, HOURLY, is_counter=True).scores

    for index, row in enumerate(many):
        alone = project(row[None], 48, HOURLY, is_counter=True)
        np.testing.assert_allclose(together.means[index], alone.means[0], rtol=1e-9)
        np.testing.assert_allclose(together.highs[index], alone.highs[0], rtol=1e-9)
        np.testing.assert_allclose(scores[index], expect(row[None], HOURLY, is_counter=True).scores[0], rtol=1e-6)


def test_the_newest_rows_of_many_series_are_judged_in_chunks_as_all_rows_are() -> None:
    many = np.stack([counts(841, level=level, seed=seed) for seed, level in enumerate(np.geomspace(0.5, 500, 500))])
    many[::7, -1] *= 6

    last = newest(many, HOURLY, is_counter=True)

    assert last.scores.shape == (500, 1)
    np.testing.assert_allclose(last.scores, expect(many, HOURLY, is_counter=True).scores[:, -1:])


def test_no_series_at_all_is_no_error() -> None:
    none = np.empty((0, 900))

    assert project(none, 3, HOURLY, is_counter=True).means.shape == (0, 3)
    assert newest(none, HOURLY, is_counter=False).scores.shape == (0, 1)


def test_seasons_that_do_not_fit_into_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="a long season of 100 rows is no multiple of a short one of 24"):
        Seasons(24, 100)


@pytest.mark.parametrize("greatest", [1.7e308, -1.7e308])
def test_rows_that_lie_farther_apart_than_any_number_have_a_forecast(greatest: float) -> None:
    rows = np.full(40, greatest)
    rows[:7] = -greatest

    forecast = statflow_engine.forecast(window_of(rows, Kind.VALUE, "1h"), 5)

    assert np.isfinite(forecast.means).all()
    assert_in_order(forecast.means, forecast.lows, forecast.highs)
