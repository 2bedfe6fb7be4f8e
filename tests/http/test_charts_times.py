"""The time axis: round moments of a zone's clock, whatever that clock does."""

import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_http.charts.times import DAY_S, HOUR_S, time_ticks, zone

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Cairo",
]


def unix(text, tz):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).timestamp())


SPANS_S = st.sampled_from([1, 60, 90, HOUR_S, DAY_S, 30 * DAY_S, 366 * DAY_S, 10**9]) | st.integers(1, 2**36)


@given(st.integers(0, 2**36), SPANS_S, st.integers(1, 30), st.sampled_from(ZONES))
def test_ticks_ascend_inside_the_range_and_are_few(first_s, span_s, ticks_max, tz):
    found = time_ticks(first_s, first_s + span_s, ticks_max=ticks_max, tz=zone(tz))

    moments = [tick.time_s for tick in found]
    assert moments == sorted(set(moments))
    assert all(first_s <= moment <= first_s + span_s for moment in moments)
    # Months of 28 days and the hour that occurs twice make a few more than there would be at equal distances.
    assert len(moments) <= ticks_max * 1.2 + 3


@given(st.integers(0, 2**33), st.integers(HOUR_S, 3 * DAY_S), st.sampled_from(ZONES))
def test_a_tick_says_what_a_clock_there_shows(first_s, span_s, tz):
    for tick in time_ticks(first_s, first_s + span_s, ticks_max=12, tz=zone(tz)):
        wall = datetime.fromtimestamp(tick.time_s, zone(tz))
        assert tick.label in (f"{wall:%H:%M}", f"{wall:%a} {wall.day}")


@pytest.mark.parametrize(
    ("tz", "start", "hours", "labels"),
    [
        # 02:00 to 03:00 does not exist.
        ("Europe/Berlin", "2026-03-29T00:30", 6, ["01:00", "03:00", "04:00", "05:00", "06:00", "07:00"]),
        # 02:00 occurs twice: the first of the two is the tick.
        ("Europe/Berlin", "2026-10-25T00:30", 6, ["01:00", "02:00", "03:00", "04:00", "05:00"]),
        # Set forward by half an hour at 02:00.
        ("Australia/Lord_Howe", "2026-10-04T00:30", 4, ["01:00", "03:00", "04:00", "05:00"]),
        # Midnight does not exist: the day begins at 01:00, which is one tick and not two.
        ("Africa/Cairo", "2026-04-23T22:30", 5, ["23:00", "Fri 24", "02:00", "03:00", "04:00"]),
        ("Asia/Kathmandu", "2026-11-24T21:30", 5, ["22:00", "23:00", "Wed 25", "01:00", "02:00"]),
    ],
)
def test_the_clock_changes(tz, start, hours, labels):
    first_s = unix(start, tz)

    found = time_ticks(first_s, first_s + hours * HOUR_S, ticks_max=6, tz=zone(tz))

    assert [tick.label for tick in found] == labels


def test_a_day_that_lacks_its_midnight_begins_at_one():
    """Cairo's clocks are set forward at midnight of the last Friday of April."""
    first_s = unix("2026-04-22T12:00", "Africa/Cairo")

    found = time_ticks(first_s, first_s + 4 * DAY_S, ticks_max=5, tz=zone("Africa/Cairo"))

    assert [tick.label for tick in found] == ["23 Apr", "24 Apr", "25 Apr", "26 Apr"]
    assert f"{datetime.fromtimestamp(found[1].time_s, zone('Africa/Cairo')):%d %H:%M}" == "24 01:00"


def test_days_have_the_same_distance_over_the_ends_of_months():
    found = time_ticks(unix("2026-02-20T00:00", "UTC"), unix("2026-03-10T00:00", "UTC"), ticks_max=9, tz=zone("UTC"))

    assert {b.time_s - a.time_s for a, b in itertools.pairwise(found)} == {2 * DAY_S}
    assert [tick.label for tick in found if tick.is_major] == ["2 Mar"]


@pytest.mark.parametrize(
    ("days", "labels"),
    [
        (120, ["Sep", "Oct", "Nov", "Dec"]),
        (300, ["Oct", "2027", "Apr"]),
        (10_000, ["2030", "2040", "2050"]),
    ],
)
def test_months_and_years_have_their_names(days, labels):
    first_s = unix("2026-08-15T00:00", "UTC")

    found = time_ticks(first_s, first_s + days * DAY_S, ticks_max=4, tz=zone("UTC"))

    assert [tick.label for tick in found] == labels
