"""The rings of a store fit together, are printed and read back, or are refused with both offenders named."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine.errors import SchemaError
from statflow_engine.pure.rings import Ring, parse_duration
from statflow_engine.pure.schema import RINGS_MAX, SCHEMA_DEFAULT, Schema
from tests.cells import LAW
from tests.strategies import schemas


@LAW
@given(schemas())
def test_a_schema_is_read_back_from_its_text(schema):
    assert Schema.parse(str(schema)) == schema


@LAW
@given(schemas(), st.integers(0, 2**33))
def test_a_point_that_enters_a_ring_enters_all_coarser_ones_at_every_moment(schema, now_s):
    reaches_s = [ring.reach_s(now_s) for ring in schema.rings]

    assert reaches_s == sorted(reaches_s, reverse=True)


@LAW
@given(schemas(), st.integers(0, 2**33))
def test_a_coarse_span_is_whole_spans_of_the_finer_ring(schema, timestamp_s):
    for fine, coarse in zip(schema.rings, schema.rings[1:], strict=False):
        factor = coarse.resolution_s // fine.resolution_s

        assert fine.span(timestamp_s) // factor == coarse.span(timestamp_s)


def test_the_schema_of_everyday():
    schema = Schema.parse(SCHEMA_DEFAULT)

    assert schema.rings == (Ring(60, 129_600), Ring(3_600, 43_800), Ring(86_400, 18_250))
    assert (schema.finest, schema.coarsest) == (schema.rings[0], schema.rings[-1])
    assert str(schema) == SCHEMA_DEFAULT


def test_spaces_and_units_are_free():
    assert Schema.parse(" 60s:1d ,1h:2w") == Schema.parse("1m:24h, 60m:14d")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1h:5y, 1m:90d", "1m:90d follows 1h:5y, but is not coarser: list the finest ring first"),
        ("1m:1d, 1m:2d", "1m:2d follows 1m:1d, but is not coarser: list the finest ring first"),
        ("1m:1d, 90s:2d", "the resolution of 90s:2d is not a multiple of that of 1m:1d"),
        ("7s:70s, 1m:1d", "the resolution of 1m:1d is not a multiple of that of 7s:70s"),
        ("1m:90d, 1h:30d", "1h:30d does not reach further back than 1m:90d at every moment"),
        ("1m:90d, 1h:90d", "1h:90d does not reach further back than 1m:90d at every moment"),
    ],
)
def test_two_rings_that_do_not_fit_are_both_named(text, said):
    with pytest.raises(SchemaError) as refused:
        Schema.parse(text)

    assert said in str(refused.value)


@pytest.mark.parametrize(("fine", "coarse_resolution"), [("1m:90d", "1h"), ("1m:2h", "1d"), ("5m:3d", "1h")])
def test_the_retention_that_a_refusal_asks_for_is_enough(fine, coarse_resolution):
    with pytest.raises(SchemaError) as refused:
        Schema.parse(f"{fine}, {coarse_resolution}:{coarse_resolution}")

    (asked,) = re.findall(r"needs at least (\w+)", str(refused.value))
    assert parse_duration(asked) > 0
    assert str(Schema.parse(f"{fine}, {coarse_resolution}:{asked}"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", '"" is not a ring such as 1m:90d (resolution:retention)'),
        ("1m:90d,", '"" is not a ring such as 1m:90d (resolution:retention)'),
        ("1m", '"1m" is not a ring such as 1m:90d (resolution:retention)'),
        ("1m:90d 1h:5y", '"90d 1h:5y" is not a duration such as 1m, 90d or 5y'),
        ("1m:90s", "the retention of 1m:90s is not a multiple of its resolution"),
        ("0m:90d", "the retention of 0m:90d is not a multiple of its resolution"),
        ("1x:2y", '"1x" is not a duration such as 1m, 90d or 5y'),
    ],
)
def test_what_is_no_schema_is_refused_with_its_text(text, said):
    with pytest.raises(SchemaError) as refused:
        Schema.parse(text)

    assert str(refused.value) == said


def test_a_schema_has_one_to_eight_rings():
    doubling = tuple(Ring(2**power, 10) for power in range(RINGS_MAX + 1))

    assert len(Schema(doubling[:RINGS_MAX]).rings) == RINGS_MAX
    for wrong in ((), doubling):
        with pytest.raises(SchemaError) as refused:
            Schema(wrong)
        assert str(refused.value) == f"a schema has 1 to {RINGS_MAX} rings, not {len(wrong)}"
