"""``t``: what StatHat's clients write, and which buckets that means."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_http.errors import RequestError
from statflow_http.wire.timeframes import BUCKETS_MAX, DAY_S, UNITS, Timeframe

NOW_S = 1_800_000_059
MINUTE_S = 1_800_000_000

# Every t that real clients were seen to send: its text, its number of points, its interval in seconds.
IN_THE_WILD = {
    "1w3h": ("1 week @ 3 hours", 57, 10_800),
    "1d1h": ("1 day @ 1 hour", 25, 3_600),
    "30m1m": ("30 minutes @ 1 minute", 31, 60),
    "20m10m": ("20 minutes @ 10 minutes", 3, 600),
    "1y1d": ("1 year @ 1 day", 366, 86_400),
    "1M1h": ("1 month @ 1 hour", 721, 3_600),
    "4h5m": ("4 hours @ 5 minutes", 49, 300),
    "2M1d": ("2 months @ 1 day", 61, 86_400),
}


@pytest.mark.parametrize("t", IN_THE_WILD)
def test_what_clients_send_is_understood(t):
    text, count, interval_s = IN_THE_WILD[t]
    timeframe = Timeframe.parse(t)
    buckets = timeframe.buckets(NOW_S)

    assert (str(timeframe), buckets.count, buckets.interval_s) == (text, count, interval_s)


@pytest.mark.parametrize("t", IN_THE_WILD)
def test_buckets_are_anchored_at_the_minute_with_both_ends(t):
    _, count, interval_s = IN_THE_WILD[t]
    times_s = Timeframe.parse(t).buckets(NOW_S).times_s.tolist()

    assert times_s[-1] == MINUTE_S
    assert times_s[0] == MINUTE_S - (count - 1) * interval_s
    assert {later - earlier for earlier, later in itertools.pairwise(times_s)} == {interval_s}


def test_a_third_pair_lies_that_long_ago():
    timeframe = Timeframe.parse("1d15m1w")
    buckets = timeframe.buckets(NOW_S)

    assert str(timeframe) == "1 day @ 15 minutes"
    assert buckets.times_s[-1] == MINUTE_S - 7 * DAY_S
    assert buckets.times_s[0] == MINUTE_S - 8 * DAY_S


def test_start_is_the_first_bucket_floored_to_the_minute():
    buckets = Timeframe.parse("1d1h").buckets(NOW_S, 1_700_000_099)

    assert (buckets.first_s, buckets.count) == (1_700_000_040, 25)
    assert Timeframe.parse("1d1h1w").buckets(NOW_S, 1_700_000_099).first_s == 1_700_000_040 - 7 * DAY_S


def test_a_start_a_period_ago_is_the_default():
    timeframe = Timeframe.parse("1w3h")

    assert timeframe.buckets(NOW_S, NOW_S - 7 * DAY_S) == timeframe.buckets(NOW_S)


@pytest.mark.parametrize(("summary", "text", "count"), [("7d", "7 days @ 1 day", 8), ("1w", "1 week @ 1 day", 8)])
def test_a_summary_is_of_days_that_begin_at_midnight(summary, text, count):
    timeframe = Timeframe.daily(summary)
    buckets = timeframe.buckets(NOW_S)

    assert (str(timeframe), buckets.count) == (text, count)
    assert buckets.times_s[-1] == NOW_S // DAY_S * DAY_S
    assert set(buckets.times_s % DAY_S) == {0}


def test_a_period_that_is_no_multiple_ends_at_now_all_the_same():
    buckets = Timeframe.parse("1M1w").buckets(NOW_S)

    assert (buckets.count, buckets.times_s[-1]) == (5, MINUTE_S)


@pytest.mark.parametrize(
    "t",
    [
        "",
        "1w",
        "w3h",
        "1w3",
        "1w 3h",
        "0w3h",
        "1w0h",
        "1w3s",
        "1W3H",
        "-1w3h",
        "1.5w3h",
        "1w3h1",
        "1w3h1d1d",
        "١w3h",
        "1w3h\n",
        "999999999w1h",
        "1w3h0d",
    ],
)
def test_what_is_no_timeframe_is_refused_with_an_example(t):
    with pytest.raises(RequestError, match="such as 1w3h"):
        Timeframe.parse(t)


@pytest.mark.parametrize(
    ("t", "text"),
    [
        ("1h1d", "the interval of t, 1 day, is longer than its period, 1 hour"),
        ("1y1m", f"1 year @ 1 minute are 525601 points: an answer has at most {BUCKETS_MAX}, take a longer interval"),
        ("99999999y1m", f"points: an answer has at most {BUCKETS_MAX}"),
        ("99999999y99999999y", "would begin before 1970"),
        ("1d1h60y", "would begin before 1970"),
    ],
)
def test_what_is_too_much_is_refused(t, text):
    with pytest.raises(RequestError, match=text):
        Timeframe.parse(t).buckets(NOW_S)


@pytest.mark.parametrize(("summary", "text"), [("7", "such as 7d"), ("1d1h", "such as 7d"), ("23h", "at least a day")])
def test_what_is_no_summary_is_refused(summary, text):
    with pytest.raises(RequestError, match=text):
        Timeframe.daily(summary)


def test_the_most_points_are_the_minutes_that_the_usual_schema_keeps():
    assert Timeframe.parse("90d1m").buckets(NOW_S).count == 129_601 <= BUCKETS_MAX


pairs = st.tuples(st.integers(1, 400), st.sampled_from(sorted(UNITS)))


@given(pairs, pairs, st.integers(10**9, 2**33))
def test_the_buckets_cover_the_period_and_now(period, interval, now_s):
    (count, unit), (interval_count, interval_unit) = period, interval
    try:
        buckets = Timeframe.parse(f"{count}{unit}{interval_count}{interval_unit}").buckets(now_s)
    except RequestError:
        return
    period_s = count * UNITS[unit][0]

    assert buckets.first_s <= now_s < buckets.end_s
    assert buckets.interval_s * (buckets.count - 1) <= period_s < buckets.interval_s * buckets.count
    assert buckets.numbers(buckets.times_s).tolist() == list(range(buckets.count))
    assert buckets.numbers(buckets.times_s + buckets.interval_s - 1).tolist() == list(range(buckets.count))
