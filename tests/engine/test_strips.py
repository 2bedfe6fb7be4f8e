"""Strips and books: sealed history comes back, is of the series that it is asked for, and damage is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine.errors import CorruptionError
from statflow_engine.kinds import SERIES_PER_GROUP, Kind
from statflow_engine.pure.strips import cut_strip, cut_strips, decode_strip, encode_book, encode_strip
from statflow_engine.pure.tiles import decode_head
from tests.cells import BITS, HOME, KINDS, LAW, cells_of, flipped, rows_of, whole_or_not

chapters = st.integers(0, 2**30)
chapter_sizes = st.sampled_from([256, 1_024])
counts = st.one_of(st.just(1), st.just(1), st.integers(2, 9), st.integers(1, 2**40))


@st.composite
def strip_rows(draw, kind, chapter, size, column=5):
    """Rows of one series within one chapter: few, many, in a run, or with gaps."""
    offsets = draw(st.one_of(st.sets(st.integers(0, size - 1), min_size=1, max_size=40), st.integers(1, 40).map(range)))
    row_count = len(offsets)
    numbers = draw(st.lists(whole_or_not(), min_size=row_count, max_size=row_count))
    several = draw(st.lists(counts, min_size=row_count, max_size=row_count))
    rows = []
    for offset, number, count in zip(sorted(offsets), numbers, several, strict=True):
        least, most = (number, number) if count == 1 else (number / 4, number / 2)
        extremes = (None, None) if kind is Kind.COUNTER else (least, most)
        rows.append((kind * SERIES_PER_GROUP + column, chapter * size + offset, count, number, *extremes))
    return rows


@LAW
@given(st.data(), KINDS, chapters, chapter_sizes)
def test_a_strip_gives_back_its_rows(data, kind, chapter, size):
    rows = data.draw(strip_rows(kind, chapter, size))
    strip = encode_strip(cells_of(rows), size)

    assert rows_of(decode_strip(strip, "strip x", rows[0][0], chapter, size).cells(rows[0][0])) == rows


@LAW
@given(st.data(), KINDS, chapters, chapter_sizes, BITS)
def test_a_flipped_bit_anywhere_in_a_strip_is_damage(data, kind, chapter, size, bit):
    rows = data.draw(strip_rows(kind, chapter, size))

    with pytest.raises(CorruptionError, match="^strip x"):
        decode_strip(flipped(encode_strip(cells_of(rows), size), bit), "strip x", rows[0][0], chapter, size)


@LAW
@given(st.data(), KINDS, chapters, st.integers(0, 2**20))
def test_a_strip_that_is_cut_short_is_damage(data, kind, chapter, size):
    rows = data.draw(strip_rows(kind, chapter, 1_024))
    strip = encode_strip(cells_of(rows), 1_024)

    with pytest.raises(CorruptionError, match="^strip x"):
        decode_strip(strip[: size % len(strip)], "strip x", rows[0][0], chapter, 1_024)


@LAW
@given(st.data(), KINDS, st.integers(0, 2**32 - 1))
def test_a_strip_of_another_series_is_damage(data, kind, other_id):
    rows = data.draw(strip_rows(kind, 3, 1_024))
    strip = encode_strip(cells_of(rows), 1_024)

    if other_id != rows[0][0]:
        with pytest.raises(CorruptionError, match="^strip x"):
            decode_strip(strip, "strip x", other_id, 3, 1_024)


@pytest.mark.parametrize("step", [1, 2, 3, 16, 17, 100, 1_023])
def test_rows_at_every_distance_come_back(step):
    rows = [(5, period, 1 + period % 2, float(period), None, None) for period in range(0, 1_024, step)]

    assert rows_of(decode_strip(encode_strip(cells_of(rows), 1_024), "strip x", 5, 0, 1_024).cells(5)) == rows


def test_a_chapter_of_regular_numbers_takes_a_tenth_of_a_byte_a_row():
    rows = [(5, period, 1, float(period), None, None) for period in range(1_024)]

    assert len(encode_strip(cells_of(rows), 1_024)) < 110


def test_same_rows_give_same_bytes():
    rows = [(5, period, 1 + period % 3, period / 7, None, None) for period in range(500)]

    assert encode_strip(cells_of(rows), 1_024) == encode_strip(cells_of(rows), 1_024)


# -- books -------------------------------------------------------------------------------------------------------------


@st.composite
def books(draw, kind, chapter):
    """(strips, book): some series of a group have a strip."""
    strips = [b""] * SERIES_PER_GROUP
    for column in draw(st.sets(st.integers(0, SERIES_PER_GROUP - 1), max_size=4)):
        strips[column] = encode_strip(cells_of(draw(strip_rows(kind, chapter, 1_024, column))), 1_024)
    return strips, encode_book(chapter, strips, HOME)


def read_strip(book, column):
    """One strip of a book as a reader gets it, who reads the head first."""
    decode_head(book, "book x", HOME)
    return cut_strip(book, "book x", column)


def read_strips(book):
    """All strips of a book as a reader gets them, who reads the head first."""
    decode_head(book, "book x", HOME)
    return cut_strips(book, "book x")


@LAW
@given(st.data(), KINDS, chapters)
def test_a_book_gives_back_its_strips_all_or_one(data, kind, chapter):
    strips, book = data.draw(books(kind, chapter))

    assert read_strips(book) == strips
    assert [bytes(read_strip(book, column)) for column in range(SERIES_PER_GROUP)] == strips


@LAW
@given(st.data(), KINDS, chapters, BITS)
def test_a_flipped_bit_never_changes_what_is_read_of_a_book(data, kind, chapter, bit):
    strips, book = data.draw(books(kind, chapter))
    damaged = flipped(book, bit)

    for column, wanted in enumerate(strips):
        series_id = kind * SERIES_PER_GROUP + column
        try:
            strip = read_strip(damaged, column)
            cells = decode_strip(strip, "book x", series_id, chapter, 1_024).cells(series_id) if len(strip) else None
        except CorruptionError:
            continue
        assert (cells is None) == (wanted == b"")
        if cells is not None:
            assert rows_of(cells) == rows_of(decode_strip(wanted, "strip", series_id, chapter, 1_024).cells(series_id))


@LAW
@given(st.data(), KINDS, chapters, st.integers(0, 2**20))
def test_a_book_that_is_cut_short_or_longer_is_damage(data, kind, chapter, size):
    _, book = data.draw(books(kind, chapter))

    for damaged in (book[: size % len(book)], book + b"\0"):
        with pytest.raises(CorruptionError, match="^book x"):
            read_strips(damaged)
