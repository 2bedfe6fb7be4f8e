"""Open, late and closed tiles: rows come back, whole or of one series, and damage is noticed."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from statflow_engine.errors import CorruptionError
from statflow_engine.kinds import SERIES_PER_GROUP, Kind
from statflow_engine.pure.cells import joined
from statflow_engine.pure.tiles import (
    BLOCKS_MAX,
    CLOSED,
    COARSE_BLOCKS_MAX,
    FORM_NAMES,
    LATE,
    OPEN,
    BlockWriter,
    PackedRows,
    appended,
    cut_blocks,
    decode_blocks,
    decode_closed,
    decode_head,
    encode_blocks,
    encode_closed,
    encode_head,
    over_full,
)
from tests.cells import BITS, HOME, KINDS, LAW, cells_of, flipped, reduced_rows, rows_of

spans = st.integers(0, 2**34)
homes = st.integers(0, 2**32 - 1)
columns = st.integers(0, SERIES_PER_GROUP - 1)
unit_sizes = st.sampled_from([64, 256, 1_024])


def tile_rows(kind, span, unit_periods=64, **more):
    """Reduced rows of group ``kind`` within one span or chapter."""
    first = span * unit_periods
    return reduced_rows(kind, periods=(first, first + unit_periods - 1), unit_periods=unit_periods, most=12, **more)


def blocks_rows(stored, kind, unit_periods, column=None):
    """The rows that an open or late tile of group ``kind`` gives to a reader, who reads the head first."""
    decode_head(stored, "tile x", HOME)
    if column is None:
        return rows_of(joined(decode_blocks(stored, "tile x", int(kind), unit_periods), measured=kind is Kind.VALUE))
    to_period, blocks = cut_blocks(stored, "tile x", kind, unit_periods, column)
    rows = []
    for block in blocks:
        counts = [1] * len(block.numbers) if block.counts is None else block.counts.tolist()
        nothing = [None] * len(counts)
        mins, maxs = (nothing if each is None else each.astype(float).tolist() for each in (block.mins, block.maxs))
        periods = (block.numbers.astype(int) + to_period).tolist()
        ids = [kind * SERIES_PER_GROUP + column] * len(counts)
        rows += zip(ids, periods, counts, block.sums.astype(float).tolist(), mins, maxs, strict=True)
    return rows


def closed_rows(stored, kind):
    """The rows that a closed tile of group ``kind`` gives to a reader, who reads the head first."""
    decode_head(stored, "tile x", HOME)
    return rows_of(decode_closed(stored, "tile x", int(kind)))


def cut_rows(stored, kind, column):
    """The rows of one series cut out of a closed tile of group ``kind`` by a reader, who reads the head first."""
    decode_head(stored, "tile x", HOME)
    packed = PackedRows(kind)
    packed.cut(stored, "tile x", kind * SERIES_PER_GROUP + column)
    return rows_of(joined(packed.cells(), measured=kind is Kind.VALUE))


def in_column(rows, column):
    """The rows of one series."""
    return [row for row in rows if row[0] % SERIES_PER_GROUP == column]


# -- the head ----------------------------------------------------------------------------------------------------------


@LAW
@given(st.sampled_from(list(FORM_NAMES)), st.integers(0, 255), spans, homes)
def test_a_head_is_read_back(form, detail, number, home):
    assert decode_head(encode_head(form, detail, number, home), "tile x", home) == (form, detail, number)


@LAW
@given(st.sampled_from(list(FORM_NAMES)), st.integers(0, 255), spans, homes, homes)
def test_a_head_of_another_home_is_damage(form, detail, number, home, other):
    assume(home != other)
    with pytest.raises(CorruptionError, match="^tile x.*checksum"):
        decode_head(encode_head(form, detail, number, home), "tile x", other)


@LAW
@given(st.sampled_from(list(FORM_NAMES)), st.integers(0, 255), spans, st.integers(0, 16 * 8 - 1))
def test_a_flipped_bit_of_a_head_is_damage(form, detail, number, bit):
    with pytest.raises(CorruptionError, match="^tile x"):
        decode_head(flipped(encode_head(form, detail, number, HOME), bit), "tile x", HOME)


@pytest.mark.parametrize("size", range(16))
def test_a_head_that_is_cut_short_is_damage(size):
    with pytest.raises(CorruptionError, match="^tile x"):
        decode_head(encode_head(OPEN, 1, 7, HOME)[:size], "tile x", HOME)


@pytest.mark.parametrize("form", [0, 5, 255])
def test_a_form_that_does_not_exist_is_damage(form):
    with pytest.raises(CorruptionError, match=f"form {form}, wanted one of"):
        decode_head(encode_head(form, 0, 7, HOME), "tile x", HOME)


# -- open and late tiles -----------------------------------------------------------------------------------------------


@LAW
@given(st.data(), KINDS, spans, unit_sizes)
def test_blocks_give_back_their_rows(data, kind, number, unit_periods):
    rows = data.draw(tile_rows(kind, number, unit_periods))
    stored = encode_blocks(OPEN, number, cells_of(rows), unit_periods, HOME)

    assert blocks_rows(stored, kind, unit_periods) == rows


@LAW
@given(st.data(), KINDS, spans, unit_sizes, columns)
def test_one_series_of_blocks_is_found_without_the_others(data, kind, number, unit_periods, column):
    rows = data.draw(tile_rows(kind, number, unit_periods))
    stored = encode_blocks(LATE, number, cells_of(rows), unit_periods, HOME)

    for wanted in {column, rows[0][0] % SERIES_PER_GROUP}:
        assert blocks_rows(stored, kind, unit_periods, wanted) == in_column(rows, wanted)


@pytest.mark.parametrize("kind", list(Kind))
def test_the_last_period_of_the_last_column_of_a_chapter_is_found(kind):
    extreme = 1.0 if kind is Kind.VALUE else None
    rows = [(kind * 64 + 63, 1_023, 1, 1.0, extreme, extreme)]
    stored = encode_blocks(LATE, 0, cells_of(rows), 1_024, HOME)

    assert blocks_rows(stored, kind, 1_024, 63) == rows
    assert blocks_rows(stored, kind, 1_024, 62) == []


@LAW
@given(st.data(), KINDS, spans, st.sampled_from([2, BLOCKS_MAX + 1]))
def test_a_tile_grows_by_blocks_and_keeps_their_order(data, kind, number, block_count):
    stored, wanted = None, []
    for _ in range(block_count):
        assert stored is None or not over_full(stored, 0)
        rows = data.draw(tile_rows(kind, number))
        block = BlockWriter(cells_of(rows), 64).block(0, len(rows))
        stored = appended(stored, OPEN, number, block, HOME)
        wanted += rows

    assert blocks_rows(stored, kind, 64) == wanted
    assert over_full(stored, 0) == (block_count > BLOCKS_MAX)
    assert over_full(stored, 1) == (block_count > COARSE_BLOCKS_MAX)


@LAW
@given(st.data(), KINDS, spans)
def test_a_writer_cuts_the_same_block_as_a_tile_of_these_rows_alone_but_for_its_widths(data, kind, number):
    rows = data.draw(tile_rows(kind, number, least=2))
    writer = BlockWriter(cells_of(rows), 64)
    half = len(rows) // 2

    for first, end in ((0, half), (half, len(rows))):
        tile = appended(None, OPEN, number, writer.block(first, end), HOME)
        assert blocks_rows(tile, kind, 64) == rows[first:end]


@LAW
@given(st.data(), KINDS, spans, BITS)
def test_a_flipped_bit_anywhere_in_blocks_is_damage(data, kind, number, bit):
    first, second = (cells_of(data.draw(tile_rows(kind, number))) for _ in range(2))
    block = BlockWriter(second, 64).block(0, len(second))
    stored = appended(encode_blocks(OPEN, number, first, 64, HOME), OPEN, number, block, HOME)

    with pytest.raises(CorruptionError, match="^tile x"):
        blocks_rows(flipped(stored, bit), kind, 64)


@LAW
@given(st.data(), KINDS, spans, st.integers(0, 2**20), columns)
def test_blocks_that_are_cut_short_are_damage(data, kind, number, size, column):
    stored = encode_blocks(OPEN, number, cells_of(data.draw(tile_rows(kind, number))), 64, HOME)

    for asked in (None, column):
        with pytest.raises(CorruptionError, match="^tile x"):
            blocks_rows(stored[: size % len(stored)], kind, 64, asked)


def test_bytes_behind_the_last_block_are_damage():
    stored = encode_blocks(OPEN, 0, cells_of([(0, 0, 1, 1.0, None, None)]), 64, HOME)

    with pytest.raises(CorruptionError, match="3 bytes after the last of 1 blocks"):
        blocks_rows(stored + b"abc", Kind.COUNTER, 64)


# -- closed tiles ------------------------------------------------------------------------------------------------------


@LAW
@given(st.data(), KINDS, spans)
def test_a_closed_tile_gives_back_its_rows(data, kind, span):
    rows = data.draw(tile_rows(kind, span))

    assert closed_rows(encode_closed(span, cells_of(rows), HOME), kind) == rows


@LAW
@given(st.data(), KINDS, spans, columns)
def test_one_series_is_cut_out_of_a_closed_tile(data, kind, span, column):
    rows = data.draw(tile_rows(kind, span))
    stored = encode_closed(span, cells_of(rows), HOME)

    for wanted in {column, rows[0][0] % SERIES_PER_GROUP}:
        assert cut_rows(stored, kind, wanted) == in_column(rows, wanted)


@LAW
@given(st.data(), KINDS, st.lists(spans, min_size=2, max_size=4, unique=True))
def test_rows_cut_out_of_several_tiles_are_decoded_together(data, kind, numbers):
    packed, wanted = PackedRows(kind), []
    for span in numbers:
        rows = data.draw(tile_rows(kind, span))
        packed.cut(encode_closed(span, cells_of(rows), HOME), "tile x", rows[0][0])
        wanted += in_column(rows, rows[0][0] % SERIES_PER_GROUP)

    # Tiles of one layout are decoded together, so the order may differ; two tiles may have given different series.
    assert sorted(rows_of(joined(packed.cells(), measured=kind is Kind.VALUE))) == sorted(wanted)


@LAW
@given(st.data(), KINDS, spans, BITS)
def test_a_flipped_bit_anywhere_in_a_closed_tile_is_damage(data, kind, span, bit):
    stored = encode_closed(span, cells_of(data.draw(tile_rows(kind, span))), HOME)

    with pytest.raises(CorruptionError, match="^tile x"):
        closed_rows(flipped(stored, bit), kind)


@LAW
@given(st.data(), KINDS, spans, BITS)
def test_a_flipped_bit_never_changes_what_is_cut_out_of_a_closed_tile(data, kind, span, bit):
    rows = data.draw(tile_rows(kind, span))
    column = rows[0][0] % SERIES_PER_GROUP
    damaged = flipped(encode_closed(span, cells_of(rows), HOME), bit)

    try:
        found = cut_rows(damaged, kind, column)
    except CorruptionError:
        return
    assert found == in_column(rows, column)


@LAW
@given(st.data(), KINDS, spans, st.integers(0, 2**20))
def test_a_closed_tile_that_is_cut_short_is_damage(data, kind, span, size):
    stored = encode_closed(span, cells_of(data.draw(tile_rows(kind, span))), HOME)

    with pytest.raises(CorruptionError, match="^tile x"):
        closed_rows(stored[: size % len(stored)], kind)


def test_a_full_tile_has_4096_rows():
    rows = [(64 + column, period, 1, 0.5, 0.5, 0.5) for column in range(64) for period in range(64)]
    stored = encode_closed(0, cells_of(rows), HOME)

    assert decode_head(stored, "tile x", HOME)[0] == CLOSED
    assert closed_rows(stored, Kind.VALUE) == rows
    assert cut_rows(stored, Kind.VALUE, 63) == rows[-64:]
