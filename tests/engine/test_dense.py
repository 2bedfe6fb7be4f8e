"""The rows of one series: strands, blocks and loose cells give together what their cells give one by one."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine.kinds import Kind
from statflow_engine.pure.dense import ONE_BY_ONE_MAX, SeriesRows, add_sums
from statflow_engine.pure.steps import Rows, parse_step
from statflow_engine.pure.strands import Strand
from statflow_engine.pure.tiles import BlockWriter, appended, cut_blocks
from tests.cells import HOME, KINDS, LAW, cells_of, reduced_rows

SPAN = 400
FIRST = SPAN * 64
STEPS = ["1m", "5m", "1h", "1d"]


def answer(step, kind, *, first=FIRST - 10, periods=150):
    rows = Rows.between(parse_step(step), first * 60, (first + periods) * 60, "UTC")
    return SeriesRows(rows, 60, kind)


def strand_of(rows):
    """The strand of one series' reduced rows, in as few columns as tell them."""
    cells = cells_of(rows)
    is_run = int(cells.periods[-1] - cells.periods[0]) + 1 == len(cells)
    counts = None if cells.single else cells.counts
    return Strand(int(cells.periods[0]), None if is_run else cells.periods, counts, cells.sums, cells.mins, cells.maxs)


def of_one_series(rows):
    return [row for row in rows if row[0] == rows[0][0]]


def refuse_difference(found, kind, edges_s, rows, factor=1):
    """Compare the columns of an answer with its rows, added up one by one."""
    counts, sums, mins, maxs = found
    for index, start_s in enumerate(edges_s[:-1].tolist()):
        own = [row for row in rows if start_s <= row[1] // factor * factor * 60 < edges_s[index + 1]]
        assert counts[index] == sum(row[2] for row in own)
        assert math.isclose(sums[index], math.fsum(row[3] for row in own), rel_tol=1e-12, abs_tol=1e-6)
        if kind is Kind.VALUE:
            assert np.array_equal(mins[index], min((row[4] for row in own), default=math.nan), equal_nan=True)
            assert np.array_equal(maxs[index], max((row[5] for row in own), default=math.nan), equal_nan=True)
        else:
            assert mins is None
            assert maxs is None


@LAW
@given(st.data(), KINDS, st.sampled_from(STEPS), st.integers(1, 4))
def test_pieces_of_every_form_are_added_up(data, kind, step, piece_count):
    found, wanted = answer(step, kind), []
    for _ in range(piece_count):
        rows = of_one_series(data.draw(reduced_rows(kind, periods=(FIRST, FIRST + 63), unit_periods=64, most=12)))
        form = data.draw(st.sampled_from(["strand", "block", "cells"]))
        if form == "strand":
            found.add_strand(strand_of(rows))
        elif form == "cells":
            found.add_cells(cells_of(rows))
        else:
            stored = appended(None, 1, SPAN, BlockWriter(cells_of(rows), 64).block(0, len(rows)), HOME)
            to_period, blocks = cut_blocks(stored, "tile x", kind, 64, rows[0][0] % 64)
            for block in blocks:
                found.add_block(block, to_period, 1)
        wanted += rows
    refuse_difference(found.columns(), kind, found.rows.edges_s, wanted)


@LAW
@given(KINDS, st.integers(-120, 120), st.integers(1, 200), st.booleans())
def test_a_run_that_reaches_over_either_end_gives_what_lies_inside(kind, shift, length, single):
    first = FIRST - 10 + shift

    def row(index):
        number = float(index)
        extremes = (None, None) if kind is Kind.COUNTER else (number, number) if single else (number - 1, number + 1)
        return int(kind) * 64, first + index, 1 if single else index + 1, number, *extremes

    rows = [row(index) for index in range(length)]
    found = answer("1m", kind, periods=40)
    found.add_strand(strand_of(rows))
    refuse_difference(found.columns(), kind, found.rows.edges_s, rows)


@LAW
@given(st.data(), KINDS, st.sampled_from([5, 60]))
def test_blocks_of_a_finer_ring_are_rolled_up(data, kind, factor):
    rows = of_one_series(data.draw(reduced_rows(kind, periods=(FIRST, FIRST + 63), unit_periods=64, most=12)))
    stored = appended(None, 1, SPAN, BlockWriter(cells_of(rows), 64).block(0, len(rows)), HOME)
    to_period, blocks = cut_blocks(stored, "tile x", kind, 64, rows[0][0] % 64)
    edges = Rows.between(parse_step(60 * factor), FIRST * 60, (FIRST + 64) * 60, "UTC")
    found = SeriesRows(edges, 60 * factor, kind)
    for block in blocks:
        found.add_block(block, to_period, factor)
    refuse_difference(found.columns(), kind, edges.edges_s, rows)


def test_nothing_added_gives_empty_rows():
    counts, sums, mins, maxs = answer("1m", Kind.VALUE).columns()
    assert counts.sum() == 0
    assert sums.sum() == 0
    assert np.isnan(mins).all()
    assert np.isnan(maxs).all()


def test_a_run_far_outside_is_passed_over():
    found = answer("1m", Kind.COUNTER)
    found.add_strand(Strand(FIRST - 10_000, None, None, np.ones(64), None, None))
    found.add_strand(Strand(FIRST + 10_000, None, None, np.ones(64), None, None))
    assert found.columns()[0].sum() == 0


def test_so_many_sums_of_one_row_are_added_in_pairs():
    sums = np.full(ONE_BY_ONE_MAX * 64, 0.1)
    dense = np.zeros(2)
    add_sums(dense, np.ones(len(sums), np.int64), sums)
    assert dense[0] == 0
    assert math.isclose(dense[1], len(sums) * 0.1, rel_tol=1e-14)
