"""Anomalies of windows: what is found, what is not, and how it is said."""

import numpy as np
import pytest
from numpy.typing import NDArray

import statflow_engine
from statflow_engine import Kind, QueryError
from statflow_engine.insight import HOURLY, expect
from statflow_engine.insight.sentences import between, short
from tests.insight.windows import MONDAY_S, counts, daily_shape, window_of

WEEK = 168
WHEN = 7 * WEEK + 39  # a Tuesday, 15:00


@pytest.mark.parametrize(("factor", "direction"), [(5.0, 1), (0.0, -1), (2.2, 1), (0.4, -1)])
def test_a_planted_incident_is_found_with_its_direction(factor: float, direction: int) -> None:
    numbers = counts(8 * WEEK)
    numbers[WHEN : WHEN + 3] = np.round(factor * numbers[WHEN : WHEN + 3])

    found = statflow_engine.anomalies(window_of(numbers))

    assert set(range(WHEN, WHEN + 3)) >= set(found.indices.tolist()) >= {WHEN}
    assert set(found.directions.tolist()) == {direction}
    np.testing.assert_array_equal(found.times_s, MONDAY_S + 3_600 * found.indices)
    np.testing.assert_array_equal(found.numbers, numbers[found.indices])
    assert np.all((found.numbers > found.highs) == (direction > 0))


@pytest.mark.parametrize(
    ("step", "length"), [("12h", 30), ("6h", 40), ("12h", 300), ("6h", 600), ("5m", 3_000), ("1d", 300)]
)
def test_clean_rows_of_any_length_have_next_to_no_anomalies(step: str, length: int) -> None:
    noise = np.random.default_rng(7)

    found = [
        len(statflow_engine.anomalies(window_of(noise.normal(50, 5, length), Kind.VALUE, step))) for _ in range(20)
    ]

    assert sum(found) <= 2


@pytest.mark.parametrize("kind", [Kind.COUNTER, Kind.VALUE])
def test_a_clean_series_has_no_anomalies(kind: Kind) -> None:
    found = [len(statflow_engine.anomalies(window_of(counts(8 * WEEK, seed=seed), kind))) for seed in range(12)]

    assert sum(found) <= 1


def test_a_level_that_moved_is_reported_at_first_and_is_usual_soon() -> None:
    numbers = counts(8 * WEEK)
    numbers[WHEN:] = counts(8 * WEEK, level=600.0)[WHEN:]

    found = statflow_engine.anomalies(window_of(numbers))

    assert found.indices[0] == WHEN
    assert found.indices[-1] < WHEN + 48


def test_what_lies_well_among_the_days_before_is_none_and_what_only_just_does_is() -> None:
    numbers = counts(8 * WEEK, level=2_000.0)
    found = []
    # At week-ends half as many come: a Tuesday goes to 0.9, and to 0.55, of what is usual.
    for factor in (0.9, 0.55):
        struck = numbers.copy()
        struck[WHEN : WHEN + 3] = np.round(factor * numbers[WHEN : WHEN + 3])
        found.append(len(statflow_engine.anomalies(window_of(struck))))

    assert found[0] == 0 < found[1]


def test_an_incident_of_last_week_does_not_hide_or_make_one_of_this_week() -> None:
    numbers = counts(8 * WEEK)
    numbers[WHEN - WEEK : WHEN - WEEK + 3] = 0.0
    again = numbers.copy()
    again[WHEN : WHEN + 3] = 0.0

    assert set(statflow_engine.anomalies(window_of(numbers)).indices.tolist()) <= set(
        range(WHEN - WEEK, WHEN - WEEK + 3)
    )
    assert WHEN in statflow_engine.anomalies(window_of(again)).indices


def test_a_level_that_moved_is_expected_two_days_later() -> None:
    numbers = counts(8 * WEEK)
    numbers[WHEN:] = counts(8 * WEEK, level=600.0)[WHEN:]

    means = expect(numbers[None], HOURLY, is_counter=True).means[0]

    after = slice(WHEN + 48, WHEN + 72)
    assert means[after].mean() == pytest.approx(numbers[after].mean(), rel=0.15)


def test_of_an_hour_that_the_clock_repeats_the_first_is_judged() -> None:
    start_s = 1_788_134_400  # Monday 2026-08-31, 0:00 UTC; Berlin's clock goes back on 2026-10-25 at 1:00 UTC
    repeated = 1_321  # 1:00 UTC, the second 2:00 of that day
    numbers = counts(8 * WEEK)
    numbers[repeated - 1] *= 10
    calm = numbers.copy()
    calm[repeated - 1 : repeated + 1] = counts(8 * WEEK)[repeated - 1], 2_000.0

    def found(numbers: NDArray[np.float64]) -> list[int]:
        return statflow_engine.anomalies(window_of(numbers, start_s=start_s), tz="Europe/Berlin").indices.tolist()

    assert repeated - 1 in found(numbers)
    assert repeated not in found(numbers)
    assert repeated not in found(calm)


def test_a_verdict_does_not_change_when_more_rows_come() -> None:
    numbers = counts(8 * WEEK)
    numbers[WHEN] *= 5

    then = statflow_engine.anomalies(window_of(numbers[: WHEN + 1]))
    later = statflow_engine.anomalies(window_of(numbers))

    np.testing.assert_array_equal(then.indices, later.indices)
    np.testing.assert_allclose(then.scores, later.scores)


def test_the_row_that_runs_has_no_verdict() -> None:
    numbers = np.append(counts(8 * WEEK), 0.0)

    found = statflow_engine.anomalies(window_of(numbers, now_s=MONDAY_S + 8 * WEEK * 3_600 + 60))

    assert 8 * WEEK not in found.indices


def test_a_counter_that_falls_silent_is_found_and_a_value_that_does_is_not() -> None:
    numbers = counts(8 * WEEK)
    numbers[WHEN : WHEN + 3] = np.nan

    assert WHEN in statflow_engine.anomalies(window_of(numbers)).indices
    assert len(statflow_engine.anomalies(window_of(numbers, Kind.VALUE))) == 0


def test_the_sentence_of_a_counter_names_the_hour_of_the_week() -> None:
    numbers = counts(8 * WEEK)
    numbers[WHEN] = 1_412.0

    (sentence,) = statflow_engine.anomalies(window_of(numbers)).sentences

    came, _, usual = sentence.partition(", usually ")
    assert came == "1,412 per hour"
    assert usual.endswith(" on Tuesdays at this time")
    low, high = map(int, usual.split()[0].split("-"))
    assert low < daily_shape(8 * WEEK)[WHEN] < high


@pytest.mark.parametrize(
    ("tz", "day"), [("UTC", "Mondays"), ("Pacific/Auckland", "Tuesdays"), ("America/Los_Angeles", "Mondays")]
)
def test_the_weekday_is_that_of_the_zone(tz: str, day: str) -> None:
    numbers = counts(8 * WEEK)
    numbers[7 * WEEK + 15] = 2_000.0

    (sentence,) = statflow_engine.anomalies(window_of(numbers), tz=tz).sentences

    assert sentence.endswith(f" on {day} at this time")


def test_days_are_watched_by_the_day_of_the_week() -> None:
    days = np.arange(200)
    numbers = np.random.default_rng(5).poisson(np.where(days % 7 >= 5, 2_000, 5_000)).astype(np.float64)
    numbers[180] = 60_000.0

    found = statflow_engine.anomalies(window_of(numbers, step="1d"))

    assert found.indices.tolist() == [180]
    assert found.sentences[0].startswith("60,000 per day, usually ")
    assert found.sentences[0].endswith(" on Saturdays")


def test_with_less_than_three_weeks_the_hour_of_the_day_is_learnt() -> None:
    numbers = np.random.default_rng(6).poisson(np.tile(daily_shape(24), 14)).astype(np.float64)
    numbers[300] *= 6

    found = statflow_engine.anomalies(window_of(numbers))

    assert found.indices.tolist() == [300]
    assert found.note == "less than three weeks are known: all days of the week are taken to be alike"
    assert found.sentences[0].endswith(" at this time of the day")


@pytest.mark.parametrize(
    ("length", "step", "note"),
    [
        (30, "1h", "30 rows are over: 96 are needed"),
        (40, "1d", "40 rows are over: 56 are needed"),
        (400, "1w", "rows of this length are not watched: an hour or a day can be"),
        (100, "1M", "rows of this length are not watched: an hour or a day can be"),
        (100, "7h", "rows of this length are not watched: an hour or a day can be"),
        (0, "1h", "0 rows are over: 96 are needed"),
    ],
)
def test_a_window_that_tells_too_little_says_so(length: int, step: str, note: str) -> None:
    found = statflow_engine.anomalies(window_of(counts(length), step=step))

    assert (len(found), found.note) == (0, note)


def test_a_higher_threshold_finds_less_and_one_that_is_none_is_refused() -> None:
    numbers = counts(8 * WEEK)
    numbers[WHEN] *= 2
    window = window_of(numbers)

    assert len(statflow_engine.anomalies(window, threshold=2.0)) > len(
        statflow_engine.anomalies(window, threshold=20.0)
    )
    for none in (0.0, -1.0, float("nan"), "x", None):
        with pytest.raises(QueryError, match="it must be more than 0"):
            statflow_engine.anomalies(window, threshold=none)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (412.0, "412"),
        (1_234_567.0, "1,234,567"),
        (12.3456, "12.3"),
        (0.01234, "0.0123"),
        (-3.5, "-3.5"),
        (9.999, "10"),
        (0.9999, "1"),
        (2.5e-7, "2.50e-07"),
        (-3e300, "-3.00e+300"),
    ],
)
def test_numbers_are_short(number: float, text: str) -> None:
    assert short(number) == text


def test_ranges_read_well_also_below_zero() -> None:
    assert between(120.0, 180.0) == "120-180"
    assert between(-5.0, 3.0) == "-5 to 3"
    assert between(3.0, 3.0) == "3"
