"""Steps, calendars, times and the choice of a ring: pure arithmetic, tested without a store."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from statflow_engine.errors import QueryError
from statflow_engine.pure.schema import Schema
from statflow_engine.pure.steps import (
    ROWS_DEFAULT_MAX,
    ROWS_MAX,
    TIME_MAX_S,
    Rows,
    Step,
    choose_ring,
    default_start,
    default_step,
    format_time,
    parse_step,
    parse_time,
    row_edges,
    row_start,
)

DAY_S = 86_400
NOW_S = 1_780_000_000  # 2026-05-28T20:26:40Z
SCHEMA = Schema.parse("1m:90d, 1h:5y, 1d:50y")
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "America/Havana", "Asia/Kathmandu", "Australia/Lord_Howe"]
ZONES += ["Pacific/Apia", "America/Sao_Paulo", "Asia/Beirut", "Africa/Casablanca", "Pacific/Kiritimati"]

steps = st.one_of(
    st.builds(Step, st.integers(1, 59), st.sampled_from("smh")),
    st.builds(Step, st.integers(1, 40), st.sampled_from("dwMy")),
)
times_s = st.integers(0, 2**33)


def utc_s(text: str, tz: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).timestamp())


def local(edges_s, tz):
    return [datetime.fromtimestamp(int(edge), ZoneInfo(tz)).strftime("%Y-%m-%d %H:%M") for edge in edges_s]


# --- steps ---


@pytest.mark.parametrize(
    ("given_step", "normalised"),
    [
        (1, "1s"),
        (60, "1m"),
        ("60", "1m"),
        (5_400, "90m"),
        ("5m", "5m"),
        ("90s", "90s"),
        ("120s", "2m"),
        ("60m", "1h"),
        (86_400, "1d"),
        ("86400", "1d"),
        ("24h", "24h"),
        ("1440m", "24h"),
        ("7d", "1w"),
        (604_800, "1w"),
        ("10d", "10d"),
        ("1w", "1w"),
        ("1M", "1M"),
        ("3M", "3M"),
        ("12M", "1y"),
        ("18M", "18M"),
        ("2y", "2y"),
        (np.int64(300), "5m"),
    ],
)
def test_a_step_is_given_back_in_lowest_terms(given_step, normalised):
    assert str(parse_step(given_step)) == normalised


@pytest.mark.parametrize(
    "refused",
    ["", "m", "0", "0m", "-1m", "1.5h", "05m", "1 m", "1min", "1D", "1Y", "١m", "1e3", "1m ", 0, -60, 1.5, True, None],
)
def test_what_is_no_step_is_refused(refused):
    with pytest.raises(QueryError, match="is neither seconds nor a count of"):
        parse_step(refused)


def test_a_step_has_at_most_a_hundred_years():
    assert str(parse_step("100y")) == "100y"
    with pytest.raises(QueryError, match="longer than 100 years"):
        parse_step("101y")


@given(steps)
def test_a_normalised_step_is_parsed_to_itself(step):
    parsed = parse_step(str(step))

    assert parse_step(str(parsed)) == parsed
    assert parsed.nominal_s == step.nominal_s


def test_days_and_weeks_are_fixed_in_utc_only():
    assert parse_step("1d").fixed_s() == DAY_S
    assert parse_step("1w").fixed_s("UTC") == 7 * DAY_S
    assert parse_step("1d").fixed_s("Europe/Berlin") is None
    assert parse_step("24h").fixed_s("Europe/Berlin") == DAY_S
    assert parse_step("1M").fixed_s() is None


@pytest.mark.parametrize(
    ("step", "tz", "unit_s"),
    [
        ("5m", "UTC", 300),
        ("1d", "UTC", DAY_S),
        ("1M", "UTC", DAY_S),
        ("1d", "Europe/Berlin", 3_600),
        ("1y", "America/New_York", 3_600),
        ("1d", "Asia/Kolkata", 1_800),
        ("1d", "Australia/Lord_Howe", 1_800),
        ("1d", "Asia/Kathmandu", 900),
    ],
)
def test_the_unit_of_a_step_divides_every_edge(step, tz, unit_s):
    parsed = parse_step(step)

    assert parsed.unit_s(tz) == unit_s
    assert not (row_edges(parsed, NOW_S - 400 * DAY_S, NOW_S, tz) % unit_s).any()


# --- edges ---


def test_rows_of_minutes_begin_at_multiples_of_the_step():
    edges_s = row_edges(parse_step("5m"), 1_000, 1_501)

    assert edges_s.tolist() == [900, 1_200, 1_500, 1_800]


def test_an_aligned_end_adds_no_row():
    assert row_edges(parse_step("5m"), 900, 1_500).tolist() == [900, 1_200, 1_500]


def test_an_empty_range_has_no_rows():
    assert row_edges(parse_step("5m"), 1_000, 1_000).tolist() == [900]
    assert local(row_edges(parse_step("1d"), NOW_S, NOW_S, "Europe/Berlin"), "Europe/Berlin") == ["2026-05-28 00:00"]


def test_a_start_after_the_end_is_refused_naming_both():
    with pytest.raises(QueryError, match=r"2026-05-28T20:26:40Z, is after the end, 2026-05-28T20:26:39Z"):
        row_edges(parse_step("5m"), NOW_S, NOW_S - 1)


def test_weeks_begin_on_mondays():
    for tz in ZONES:
        edges_s = row_edges(parse_step("1w"), NOW_S - 100 * DAY_S, NOW_S, tz)

        assert {datetime.fromtimestamp(int(edge), ZoneInfo(tz)).weekday() for edge in edges_s} == {0}


@pytest.mark.parametrize(
    ("start", "hours"),
    [("2026-03-28", [24, 23, 24]), ("2026-10-24", [24, 25, 24])],
)
def test_a_day_in_berlin_has_23_or_25_hours_when_the_clock_changes(start, hours):
    start_s = utc_s(start, "Europe/Berlin")

    edges_s = row_edges(parse_step("1d"), start_s, start_s + 72 * 3_600 - 3_600, "Europe/Berlin")

    assert (np.diff(edges_s) // 3_600).tolist() == hours


def test_a_day_on_lord_howe_changes_by_half_an_hour():
    start_s = utc_s("2026-04-04", "Australia/Lord_Howe")

    edges_s = row_edges(parse_step("1d"), start_s, start_s + 2 * DAY_S, "Australia/Lord_Howe")

    assert np.diff(edges_s).tolist()[:2] == [DAY_S, DAY_S + 1_800]


def test_a_day_in_kathmandu_begins_at_a_quarter_past():
    edges_s = row_edges(parse_step("1d"), NOW_S, NOW_S + 1, "Asia/Kathmandu")

    assert [format_time(int(edge)) for edge in edges_s] == ["2026-05-28T18:15:00Z", "2026-05-29T18:15:00Z"]


def test_months_and_years_follow_the_calendar():
    start_s = utc_s("2023-12-15")
    months = row_edges(parse_step("1M"), start_s, utc_s("2024-03-02"))
    years = row_edges(parse_step("1y"), start_s, utc_s("2025-01-01"))

    assert [format_time(int(e))[:10] for e in months] == [
        *("2023-12-01", "2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"),
    ]
    assert [format_time(int(e))[:10] for e in years] == ["2023-01-01", "2024-01-01", "2025-01-01"]


def test_a_day_whose_midnight_is_left_out_begins_when_the_clock_jumps():
    # Lebanon goes from 00:00 to 01:00.
    start_s = utc_s("2024-03-30", "Asia/Beirut")

    edges_s = row_edges(parse_step("1d"), start_s, start_s + 47 * 3_600, "Asia/Beirut")

    assert local(edges_s, "Asia/Beirut") == ["2024-03-30 00:00", "2024-03-31 01:00", "2024-04-01 00:00"]


def test_the_day_that_samoa_left_out_has_no_row():
    start_s = utc_s("2011-12-29", "Pacific/Apia")

    edges_s = row_edges(parse_step("1d"), start_s, start_s + 2 * DAY_S, "Pacific/Apia")

    assert local(edges_s, "Pacific/Apia") == ["2011-12-29 00:00", "2011-12-31 00:00", "2012-01-01 00:00"]


@given(steps, times_s, st.integers(0, 400 * DAY_S), st.sampled_from(ZONES))
def test_edges_cover_the_range_and_no_row_more(step, start_s, length_s, tz):
    assume(length_s // step.nominal_s < 2_000)
    edges_s = row_edges(step, start_s, start_s + length_s, tz)

    assert edges_s.dtype == np.int64
    assert not edges_s.flags.writeable
    assert (np.diff(edges_s) > 0).all()
    assert edges_s[0] <= start_s
    if length_s:
        assert edges_s[1] > start_s
        assert edges_s[-2] < start_s + length_s <= edges_s[-1]


@given(steps, times_s, st.data(), st.sampled_from(ZONES))
def test_two_adjacent_ranges_have_the_rows_of_the_whole(step, start_s, data, tz):
    whole = row_edges(step, start_s, start_s + 20 * step.nominal_s, tz)
    middle = data.draw(st.integers(0, len(whole) - 1))

    before = row_edges(step, int(whole[0]) if whole[0] >= 0 else 0, int(max(whole[middle], 0)), tz)
    after = row_edges(step, int(max(whole[middle], 0)), int(whole[-1]), tz)

    assert [*before.tolist()[:-1], *after.tolist()] == whole.tolist()


@given(st.integers(0, 2**33), st.sampled_from(ZONES), st.sampled_from(["1d", "1w", "1M", "1y", "5d", "3M"]))
def test_a_row_of_the_calendar_begins_with_a_local_date(time_s, tz, step):
    start_s = row_start(parse_step(step), time_s, tz)
    here = ZoneInfo(tz)
    first = datetime.fromtimestamp(start_s, here)
    before = datetime.fromtimestamp(start_s - 1, here)

    # An hour put back over midnight makes a date begin twice; then the second before the row is of that date or later.
    assert first.date() != before.date()


def test_a_fixed_step_of_time_beyond_2038_and_2106_is_aligned_too():
    for time_s in (2**31, 2**32, 2**33):
        assert row_edges(parse_step("1h"), time_s, time_s + 1).tolist() == [
            time_s // 3_600 * 3_600,
            time_s // 3_600 * 3_600 + 3_600,
        ]


def test_an_answer_has_at_most_a_million_rows():
    assert len(row_edges(parse_step("1s"), 5, ROWS_MAX + 5)) == ROWS_MAX + 1
    with pytest.raises(
        QueryError, match="1000001 rows of 1s: an answer has at most 1000000, take a step of 2 seconds or more"
    ):
        row_edges(parse_step("1s"), 5, ROWS_MAX + 6)
    with pytest.raises(QueryError, match="at most 1000000"):
        row_edges(parse_step("1d"), 0, TIME_MAX_S, "Europe/Berlin")


@pytest.mark.parametrize("time_s", [-1, TIME_MAX_S + 1])
def test_a_time_outside_of_the_calendar_is_refused(time_s):
    with pytest.raises(QueryError, match="times are Unix seconds"):
        row_edges(parse_step("1d"), time_s, time_s, "Europe/Berlin")


@pytest.mark.parametrize("step", ["1s", "100y", "1M", "1w", "99d"])
def test_the_first_and_the_last_time_have_rows(step):
    parsed = parse_step(step)
    for tz in ("UTC", "Europe/Berlin"):
        assert row_edges(parsed, 0, 1, tz)[0] <= 0
        assert row_edges(parsed, TIME_MAX_S - 1, TIME_MAX_S, tz)[-1] >= TIME_MAX_S


# --- zones and times ---


@pytest.mark.parametrize("tz", ["Nowhere/City", "../../etc/passwd", "", "America", "a\0b", 5])
def test_an_unknown_time_zone_is_refused_by_name(tz):
    with pytest.raises(QueryError, match="unknown time zone"):
        row_edges(parse_step("1d"), 0, 1, tz)


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        (1_767_225_600, 1_767_225_600),
        (1_767_225_600.9, 1_767_225_600),
        ("1767225600", 1_767_225_600),
        ("1767225600.9", 1_767_225_600),
        ("2026-01-01T00:00:00Z", 1_767_225_600),
        ("2026-01-01t00:00:00z", 1_767_225_600),
        ("2026-01-01 00:00:00.999Z", 1_767_225_600),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600),
        ("2025-12-31T18:30:00-05:30", 1_767_225_600),
        ("2025-12-31T23:59:60Z", 1_767_225_600),
        ("2026-01-01", 1_767_225_600),
        ("0", 0),
    ],
)
def test_a_time_is_unix_seconds_or_rfc_3339(text, time_s):
    assert parse_time(text) == time_s


def test_a_time_without_offset_is_of_the_zone():
    assert parse_time("2026-01-01", tz="Europe/Berlin") == 1_767_225_600 - 3_600
    assert parse_time("2026-07-01T02:00:00", tz="Europe/Berlin") == utc_s("2026-07-01")


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2026-13-01", "2026-01-01T25:00:00Z", "2026-01-01T00:00Z", "2026-1-1", "20260101T000000Z"),
        *("2026-01-01T00:00:61Z", "2026-01-01T00:00:00+99:00", "٢٠٢٦-01-01", "1e9", "nan", "1_000", " 5", "+5"),
        *(float("nan"), float("inf"), None, [], "9" * 400),
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(QueryError):
        parse_time(text)


@given(st.datetimes(datetime(1970, 1, 1), datetime(6000, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC)))
def test_a_time_survives_being_written_and_read(moment):
    time_s = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)

    assert parse_time(format_time(time_s)) == time_s


# --- the choice of a ring ---


def ring_for(step, back_s, tz="UTC"):
    return str(choose_ring(SCHEMA, parse_step(step), NOW_S - back_s, NOW_S, tz))


@pytest.mark.parametrize(
    ("step", "back_s", "tz", "ring"),
    [
        ("1m", DAY_S, "UTC", "1m:90d"),
        ("90m", DAY_S, "UTC", "1m:90d"),
        ("1h", DAY_S, "UTC", "1h:5y"),
        ("6h", 200 * DAY_S, "UTC", "1h:5y"),
        ("1d", DAY_S, "UTC", "1d:50y"),
        ("24h", DAY_S, "Europe/Berlin", "1d:50y"),
        ("1w", DAY_S, "UTC", "1d:50y"),
        ("1M", 3_000 * DAY_S, "UTC", "1d:50y"),
        ("1d", DAY_S, "Europe/Berlin", "1h:5y"),
        ("1y", 700 * DAY_S, "America/New_York", "1h:5y"),
        ("1d", DAY_S, "Asia/Kathmandu", "1m:90d"),
        ("1d", 200 * DAY_S, "Asia/Kathmandu", "1h:5y"),
    ],
)
def test_the_ring_is_the_coarsest_that_divides_the_step_and_reaches(step, back_s, tz, ring):
    assert ring_for(step, back_s, tz) == ring


def test_a_ring_reaches_back_to_its_oldest_slot_and_not_a_second_further():
    oldest_s = SCHEMA.finest.reach_s(NOW_S)

    assert choose_ring(SCHEMA, parse_step("1m"), oldest_s, NOW_S) == SCHEMA.finest
    with pytest.raises(QueryError):
        choose_ring(SCHEMA, parse_step("1m"), oldest_s - 1, NOW_S)


def test_a_ring_that_holds_only_part_of_the_first_row_does_not_reach_it():
    oldest_s = SCHEMA.finest.reach_s(NOW_S)
    inside_the_first_row = oldest_s // 5_400 * 5_400 + 5_399

    assert inside_the_first_row > oldest_s
    with pytest.raises(QueryError):
        choose_ring(SCHEMA, parse_step("90m"), inside_the_first_row, NOW_S)


@pytest.mark.parametrize(
    ("step", "back_s", "tz", "text"),
    [
        ("1m", 100 * DAY_S, "UTC", "no ring holds 1m steps back to 2026-02-17T20:26:00Z; .* reaches it is 1h"),
        ("30s", DAY_S, "UTC", "no ring holds 30s steps back to 2026-05-27T20:26:30Z; .* reaches it is 1m"),
        ("1h", 2_000 * DAY_S, "UTC", "no ring holds 1h steps .* reaches it is 1d"),
        ("1d", 2_000 * DAY_S, "Europe/Berlin", "no ring holds 1d steps of Europe/Berlin .* reaches it is 24h"),
        ("1d", 19_000 * DAY_S, "UTC", "the earliest time held is 1976-06-10T00:00:00Z"),
    ],
)
def test_when_no_ring_will_do_the_finest_step_that_reaches_is_named(step, back_s, tz, text):
    with pytest.raises(QueryError, match=text):
        ring_for(step, back_s, tz)


def test_a_ring_that_is_older_than_unix_time_reaches_back_to_its_beginning():
    schema = Schema.parse("1d:100y")

    for step in ("1d", "1w", "1y"):
        assert choose_ring(schema, parse_step(step), 0, NOW_S) == schema.finest


# --- no step given ---


@pytest.mark.parametrize(
    ("range_s", "tz", "step"),
    [
        (60, "UTC", "1m"),
        (1_000 * 60, "UTC", "1m"),
        (DAY_S, "UTC", "2m"),
        (30 * DAY_S, "UTC", "1h"),
        (365 * DAY_S, "UTC", "12h"),
        (3_650 * DAY_S, "UTC", "1w"),
        (3_650 * DAY_S, "Europe/Berlin", "96h"),
    ],
)
def test_without_a_step_the_finest_natural_one_with_at_most_a_thousand_rows_is_taken(range_s, tz, step):
    end_s = NOW_S // 60 * 60

    assert str(default_step(SCHEMA, end_s - range_s, end_s, NOW_S, tz)) == step


@given(st.integers(0, 49 * 365 * DAY_S), st.integers(0, 2 * DAY_S), st.sampled_from(ZONES))
def test_the_default_step_can_be_answered_wherever_a_ring_reaches(back_s, ahead_s, tz):
    start_s, end_s = NOW_S - back_s, NOW_S + ahead_s

    step = default_step(SCHEMA, start_s, end_s, NOW_S, tz)

    assert len(Rows.between(step, start_s, end_s, tz)) <= ROWS_DEFAULT_MAX
    choose_ring(SCHEMA, step, start_s, NOW_S, tz)


def test_odd_rings_get_multiples_of_their_resolution():
    schema = Schema.parse("7s:700s, 21s:2100s")

    assert str(default_step(Schema.parse("7s:700s"), NOW_S - 600, NOW_S, NOW_S)) == "7s"
    assert default_step(schema, NOW_S - 2_000, NOW_S, NOW_S).nominal_s % 21 == 0


def test_without_a_step_a_start_before_all_rings_is_refused():
    with pytest.raises(QueryError, match="the earliest time held is"):
        default_step(SCHEMA, 0, NOW_S, NOW_S)


@pytest.mark.parametrize(
    ("rings", "step", "back_s", "chosen"),
    [
        ("1m:90d, 1h:5y, 1d:50y", None, DAY_S, "2m"),
        ("1m:90d, 1h:5y, 1d:50y", "1h", DAY_S, "1h"),
        ("1m:90d, 1h:5y, 1d:50y", "1d", DAY_S, "1d"),
        ("1m:1d", None, DAY_S - 120, "2m"),
        ("1m:1d", "1m", DAY_S - 60, "1m"),
        ("1m:2h", None, 7_140, "1m"),
        ("1m:2h, 10m:1d", None, DAY_S - 600, "10m"),
        ("1m:2h, 10m:1d", "1m", 7_140, "1m"),
        ("1m:2h, 10m:1d", "1h", DAY_S - 3_600, "1h"),
        ("1s:1m", None, 59, "1s"),
    ],
)
def test_the_default_range_is_a_day_or_what_is_held_of_it(rings, step, back_s, chosen):
    schema, now_s = Schema.parse(rings), NOW_S // 3_600 * 3_600
    parsed = None if step is None else parse_step(step)

    start_s = default_start(schema, parsed, now_s, now_s)

    assert now_s - start_s == back_s
    taken = parsed or default_step(schema, start_s, now_s, now_s)
    assert str(taken) == chosen
    choose_ring(schema, taken, start_s, now_s)


@given(st.sampled_from(["1m:1d", "1m:2h", "7s:700s", "1m:2h, 10m:1d, 1h:7d", "1h:2d, 1d:30d"]), st.integers(0, DAY_S))
def test_the_default_range_can_always_be_answered(rings, offset_s):
    schema, now_s = Schema.parse(rings), NOW_S + offset_s

    start_s = default_start(schema, None, now_s + 1, now_s)
    step = default_step(schema, start_s, now_s + 1, now_s)

    choose_ring(schema, step, start_s, now_s)
    assert start_s <= now_s
