"""Journal records: what was accepted comes back, and damage is noticed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine.errors import CorruptionError
from statflow_engine.pure.records import decode_columns, decode_head, encode_few, encode_record, points_of
from tests.cells import BITS, LAW, flipped

points = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 2**34), st.floats(-1e200, 1e200))
moments_s = st.integers(1, 2**34)


def record_of(drawn, received_s=1_800_000_000, rows_before=0):
    """The record of some (id, timestamp, value)."""
    ids, timestamps_s, values = (np.array(column) for column in zip(*drawn, strict=True))
    return encode_record(ids, timestamps_s, values, received_s=received_s, rows_before=rows_before)


def decode_records(stored):
    """The points of stored records, each with what it is for errors."""
    return points_of([decode_columns(record, where) for record, where in stored])


def rows_of(decoded):
    """(id, timestamp, value, received) of decoded points."""
    columns = (decoded.series_ids, decoded.timestamps_s, decoded.values, decoded.received_s)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@LAW
@given(st.lists(points, min_size=1, max_size=50), moments_s)
def test_points_come_back_in_the_order_in_which_they_came(drawn, received_s):
    decoded = decode_records([(record_of(drawn, received_s), "record 1")])

    assert rows_of(decoded) == [(*point, received_s) for point in drawn]


@LAW
@given(st.lists(points, min_size=1, max_size=9), moments_s, st.integers(0, 2**60))
def test_a_few_points_make_the_same_bytes_one_by_one_as_by_columns(drawn, received_s, rows_before):
    few = encode_few(drawn, received_s=received_s, rows_before=rows_before)

    assert few == record_of(drawn, received_s, rows_before)


@LAW
@given(st.lists(st.tuples(st.lists(points, min_size=1, max_size=9), moments_s), max_size=5))
def test_records_follow_each_other_each_with_its_own_moment(drawn):
    stored = [(record_of(own, received_s), f"record {at}") for at, (own, received_s) in enumerate(drawn)]

    assert rows_of(decode_records(stored)) == [(*point, received_s) for own, received_s in drawn for point in own]


@LAW
@given(st.lists(points, min_size=1, max_size=9), moments_s, st.integers(0, 2**60))
def test_the_head_tells_rows_and_moment(drawn, received_s, rows_before):
    head = decode_head(record_of(drawn, received_s, rows_before), "record 1")

    assert (head.row_count, head.received_s, head.rows_before) == (len(drawn), received_s, rows_before)
    assert head.rows_after == rows_before + len(drawn)


@LAW
@given(st.lists(points, min_size=1, max_size=9), BITS)
def test_a_flipped_bit_anywhere_is_damage(drawn, bit):
    with pytest.raises(CorruptionError, match="^record 7"):
        decode_records([(flipped(record_of(drawn), bit), "record 7")])


@LAW
@given(st.lists(points, min_size=1, max_size=9), st.integers(0, 2**20))
def test_a_record_that_is_cut_short_is_damage(drawn, size):
    record = record_of(drawn)
    with pytest.raises(CorruptionError, match="^record 7"):
        decode_records([(record[: size % len(record)], "record 7")])


def test_a_record_that_is_too_long_is_damage():
    with pytest.raises(CorruptionError, match="^record 7"):
        decode_records([(record_of([(1, 2, 3.0)]) + b"\0", "record 7")])


@pytest.mark.parametrize(("apart_s", "bytes_each"), [(0, 16), (2**32 - 1, 16), (2**32, 20)])
def test_timestamps_take_four_bytes_unless_they_lie_far_apart(apart_s, bytes_each):
    empty, both = record_of([(1, 5, 1.0)]), record_of([(1, 5, 1.0), (1, 5 + apart_s, 1.0)])

    assert len(both) - (len(empty) - 16) == 2 * bytes_each
    assert decode_records([(both, "record 1")]).timestamps_s.tolist() == [5, 5 + apart_s]
