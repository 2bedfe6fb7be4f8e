"""Any CSV: which columns are what, what times and numbers are read, and what is told of lines that are broken."""

import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine import Kind
from statflow_http.errors import RequestError
from statflow_http.moving import csv_files, times
from statflow_http.moving.csv_files import CsvOptions, Layout
from statflow_http.moving.rows import Piece, Problem, Stat

T = 1_700_000_000


def read(text, **options):
    """(layout, {name: [(time, value)]}, {name: kind}, problems) of a file called hits.csv."""
    data = text if isinstance(text, bytes) else text.encode()
    layout, rows, kinds, problems = None, {}, {}, []
    for item in csv_files.items(io.BytesIO(data), "hits.csv", "hits", CsvOptions(**options)):
        if isinstance(item, Layout):
            layout = item
        elif isinstance(item, Piece):
            rows.setdefault(item.ref.removeprefix("="), []).extend(item.rows.tolist())
        elif isinstance(item, Stat):
            kinds[item.name] = item.kind
        elif isinstance(item, Problem):
            problems.append((item.place, item.reason))
    return layout, rows, kinds, problems


@pytest.mark.parametrize(
    ("text", "options", "rows"),
    [
        (f"time,value\n{T},5\n", {}, {"hits": [(T, 5.0)]}),
        (f"stat,timestamp,value\na,{T},5\nb,{T},6\na,{T},7\n", {}, {"a": [(T, 5.0), (T, 7.0)], "b": [(T, 6.0)]}),
        (f"Name;Date;Amount\na;{T};5\n", {}, {"a": [(T, 5.0)]}),
        (f"name\ttime\tvalue\na\t{T}\t5\n", {}, {"a": [(T, 5.0)]}),
        (f"name|time|value\na|{T}|5\n", {}, {"a": [(T, 5.0)]}),
        (f"{T},5\n{T + 60},6\n", {}, {"hits": [(T, 5.0), (T + 60, 6.0)]}),
        (f"a,{T},5\n", {}, {"a": [(T, 5.0)]}),
        (f'time,value,name\n{T},5,"a, ""b"""\n', {}, {'a, "b"': [(T, 5.0)]}),
        (f"\ufefftime,value\r\n{T},5\r\n", {}, {"hits": [(T, 5.0)]}),
        (
            f"when,what,how much\n{T},a,5\n",
            {"time_column": "when", "name_column": "what", "value_column": "3"},
            {"a": [(T, 5.0)]},
        ),
        (f"time,value\n{T},5\n", {"name": "page views"}, {"page views": [(T, 5.0)]}),
        (f"time,value\n{T}999,5\n", {}, {"hits": [(T, 5.0)]}),
        (f"time,value\n{T}.9,5\n", {}, {"hits": [(T, 5.0)]}),
        ("time,value\n2023-11-14T22:13:20Z,5\n", {}, {"hits": [(T, 5.0)]}),
        ("time,value\n2023-11-14 22:13:20,5\n", {}, {"hits": [(T, 5.0)]}),
        ("time,value\n2023-11-14T23:13:20+01:00,5\n", {}, {"hits": [(T, 5.0)]}),
        ("time,value\n2023-11-14 23:13:20,5\n", {"tz": ZoneInfo("Europe/Berlin")}, {"hits": [(T, 5.0)]}),
        ("date,visits\n2023-11-14 22:13:20,5\n", {}, {"visits": [(T, 5.0)]}),
        (f"date\tclicks\n{T}\t5\n", {}, {"clicks": [(T, 5.0)]}),
        ("Day,Sales\n2023-11-14T22:13:20Z,5\n", {}, {"Sales": [(T, 5.0)]}),
        ("Day,Sales\n2023-11-14T22:13:20Z,5\n", {"name": "shop"}, {"shop": [(T, 5.0)]}),
        (f"Created At;Sales\n{T};5\n", {}, {"Sales": [(T, 5.0)]}),
        (f"when,what,how much\n{T},a,5\n", {}, {"how much": [(T, 5.0)]}),
        ("2023-11-14T22:13:20Z;5,5\n2023-11-14T22:13:20Z;6\n", {}, {"hits": [(T, 5.5), (T, 6.0)]}),
        ("2023-11-14T22:13:20Z\t5\n", {}, {"hits": [(T, 5.0)]}),
        ("5;2023-11-14T22:13:20Z\n", {}, {"hits": [(T, 5.0)]}),
        (f"date;price, in EUR\n{T};-5,25\n", {}, {"price, in EUR": [(T, -5.25)]}),
        (f"\n\ntime,value\n{T},5\n", {}, {"hits": [(T, 5.0)]}),
        (f"time,value\n{T},1e3\n{T},-2.5\n{T}, 4 \n", {}, {"hits": [(T, 1000.0), (T, -2.5), (T, 4.0)]}),
    ],
)  # fmt: skip
def test_columns_and_times_are_found_out(text, options, rows):
    found = read(text, **options)

    assert found[1] == rows
    assert found[3] == []


def test_a_column_is_of_numbers_although_one_of_them_is_broken():
    _, rows, _, problems = read(f"when,Sales\n{T},5\n{T},n/a\n{T},6\n")

    assert rows == {"Sales": [(T, 5.0), (T, 6.0)]}
    assert problems == [("hits.csv:3", csv_files.BAD_NUMBER)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'time,value\n{T},"5,5"\n', csv_files.BAD_COMMA),
        (f"time\tvalue\n{T}\t5,5\n", csv_files.BAD_COMMA),
        # Of both kinds in one file nobody knows what 1.234 is.
        (f"time;value\n{T};5,5\n{T};1.234\n", csv_files.BAD_NUMBER),
        (f"time;value\n{T};1.234,5\n", csv_files.BAD_NUMBER),
    ],
)
def test_a_comma_in_a_number_is_read_only_where_it_can_be_nothing_else(text, reason):
    assert [problem[1] for problem in read(text)[3]] == [reason]


@pytest.mark.parametrize(
    ("text", "options", "kind"),
    [
        (f"time,count\n{T},5\n", {}, Kind.COUNTER),
        (f"time,value\n{T},5\n", {}, None),
        (f"time,value\n{T},5\n", {"kind": Kind.VALUE}, Kind.VALUE),
        (f"time,value,kind\n{T},5,Counter\n", {}, Kind.COUNTER),
        (f"time,value,type\n{T},5,gauge\n", {}, Kind.VALUE),
    ],
)
def test_a_kind_is_told_by_a_column_or_an_option(text, options, kind):
    assert read(text, **options)[2] == {"hits": kind}


def test_a_broken_line_is_told_with_its_number_and_the_rest_is_read():
    lines = [f"{T},5,count", "x,5,count", f"{T},1_000,count", f"{T},nan,count", f"{T},5,thing", f"{T}", ""]
    text = "\n".join(["time,value,kind", *lines, f"{T},٣,count", f"{T},7,count", ""])

    _, rows, _, problems = read(text)

    assert rows == {"hits": [(T, 5.0), (T, 7.0)]}
    assert problems == [
        ("hits.csv:3", csv_files.BAD_TIME),
        ("hits.csv:4", csv_files.BAD_NUMBER),
        ("hits.csv:5", csv_files.BAD_NUMBER),
        ("hits.csv:6", "kind must be counter or value"),
        ("hits.csv:7", "the line has 1 columns, at least 3 are wanted"),
        ("hits.csv:9", csv_files.BAD_NUMBER),
    ]


@pytest.mark.parametrize("text", ["1_000", "٣"])
def test_what_only_python_takes_for_a_number_is_broken_also_among_good_lines(text):
    _, rows, _, problems = read(f"time,value\n{T},5\n{T},{text}\n")

    assert rows == {"hits": [(T, 5.0)]}
    assert problems == [("hits.csv:3", csv_files.BAD_NUMBER)]


def test_an_infinite_number_is_broken_and_not_stored():
    _, rows, _, problems = read(f"time,value\n{T},1e999\n{T},1e201\n{T},inf\n")

    assert rows == {}
    assert [place for place, _ in problems] == ["hits.csv:2", "hits.csv:3", "hits.csv:4"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("when,much\n1,2\n", {}, "no time column found; name it by --time-column, of: when, much"),
        ("time,much,cost\n1,2,3\n", {}, "no value column found; name it by --value-column, of: time, much, cost"),
        ("time,much\n1,x\n", {}, "no value column found; name it by --value-column, of: time, much"),
        ("a,b\n2026-10-01,2026-10-01\n", {}, "no time column found; name it by --time-column, of: a, b"),
        ("\udcff\x1b[2J,b\n1,2\n".encode("utf-8", "surrogateescape"), {}, "of: \ufffd\ufffd[2J, b"),
        ("time,value\n1,2\n", {"name_column": "who"}, 'there is no name column "who"; the file has: time, value'),
        ("time,value\n1,2\n", {"value_column": "3"}, 'there is no value column "3"'),
    ],
)
def test_a_column_that_is_not_there_is_told_with_those_that_are(text, options, message):
    with pytest.raises(RequestError) as caught:
        read(text, **options)

    assert message in str(caught.value)


def test_an_empty_file_is_a_problem():
    assert read("")[3] == [("hits.csv", "the file is empty")]


def test_the_layout_says_in_words_what_was_understood():
    assert read(f"stat,time,value\na,{T},1\n")[0].described() == {
        "name": '"stat"',
        "time": '"time"',
        "value": '"value"',
    }
    assert read(f"{T},1\n")[0].described() == {"time": "column 1", "value": "column 2"}


def test_it_says_what_else_was_understood_and_what_is_not_used():
    assert read(f"time,value\n{T},1\n")[0].remarks() == ()
    assert read(f"note;time;Sales\nx;{T};1,5\n")[0].remarks() == (
        "columns are divided by a semicolon",
        "numbers have a decimal comma",
        'not used: "note"',
    )
    assert read(f"{T}\tx\t1\n")[0].remarks() == ("columns are divided by a tab", "not used: column 2")


def test_many_lines_are_read_in_chunks_and_none_is_lost():
    count = csv_files.CHUNK_ROWS * 2 + 7
    lines = "".join(f"s{number % 3},{T + number},{number}\n" for number in range(count))

    _, rows, _, problems = read("stat,time,value\n" + lines + "broken\n")

    assert sorted(row for found in rows.values() for row in found) == [(T + n, float(n)) for n in range(count)]
    assert problems == [(f"hits.csv:{count + 2}", "the line has 1 columns, at least 3 are wanted")]


@given(st.binary(max_size=300))
def test_no_file_makes_anything_but_items_and_one_kind_of_error(data):
    try:
        read(data)
    except RequestError:
        pass


@given(st.integers(1, 4_102_444_800))
def test_every_second_reads_the_same_in_all_its_forms(time_s):
    iso = datetime.fromtimestamp(time_s, UTC).isoformat()

    assert times.time_s(str(time_s), UTC) == time_s
    assert times.time_s(iso, UTC) == time_s
    if time_s * 1000 >= 10**11:
        assert times.time_s(str(time_s * 1000 + 999), UTC) == time_s
    assert times.times_s([iso, str(time_s)], UTC).tolist() == [time_s] * 2
