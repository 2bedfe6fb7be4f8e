"""Order and grouping do not matter: any permutation and splitting of the same points gives the same answers."""

import math
import tempfile

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import statflow_engine
from statflow_engine import Kind
from tests.clocks import START_S, StoppedClock
from tests.strategies import batches, schemas, whole_values

SCHEMA = statflow_engine.Schema.parse("1m:2h, 10m:1d, 1h:7d")
unhurried = settings(max_examples=25, suppress_health_check=list(HealthCheck))


def everything(engine):
    """(name, ring) to the columns of its window."""
    now_s = engine.now_s()
    found = {}
    for ring in engine.schema.rings:
        end_s = min(now_s + 86_400, ring.reach_s(now_s) + 3_000 * ring.resolution_s)
        for window in engine.query_many(["*"], ring.reach_s(now_s), end_s, step=ring.resolution_s):
            extremes = [window.mins, window.maxs] if window.kind is Kind.VALUE else []
            found[window.name, ring] = [window.counts, window.sums, *extremes]
    return found


def stored(batch, pieces, folds, schema=SCHEMA):
    """Everything that a fresh engine says of the points, written in those pieces with folds after some."""
    with tempfile.TemporaryDirectory() as folder:
        clock = StoppedClock()
        with statflow_engine.open(folder, schema=schema, clock=clock) as engine:
            for piece, fold in zip(pieces, folds, strict=True):
                columns = {key: [batch[key][row] for row in piece] for key in batch}
                engine.write(**columns)
                if fold:
                    engine.fold()
            answers = everything(engine)
            assert list(engine.check()) == []
    return answers


def split(data, rows):
    """The rows in any order, in any pieces, and whether to fold after each."""
    order = data.draw(st.permutations(rows))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=5)))
    pieces = [order[first:last] for first, last in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    return pieces, data.draw(st.lists(st.booleans(), min_size=len(pieces), max_size=len(pieces)))


def timed(batch):
    return {**batch, "timestamps_s": batch["timestamps_s"] or [START_S] * len(batch["names"])}


def assert_alike(one, other, batch):
    assert one.keys() == other.keys()
    magnitude = math.fsum(abs(value) for value in batch["values"])
    for key, columns in one.items():
        counts, sums, *extremes = columns
        other_counts, other_sums, *other_extremes = other[key]
        np.testing.assert_array_equal(counts, other_counts)
        np.testing.assert_allclose(sums, other_sums, rtol=0, atol=1e-12 * magnitude)
        for mine, theirs in zip(extremes, other_extremes, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@given(batches(SCHEMA), st.data())
@unhurried
def test_any_permutation_and_splitting_gives_the_same(batch, data):
    batch = timed(batch)
    rows = list(range(len(batch["names"])))
    pieces, folds = split(data, rows)

    assert_alike(stored(batch, [rows], [False]), stored(batch, pieces, folds), batch)


@given(batches(SCHEMA, numbers=whole_values()), st.data())
@unhurried
def test_sums_of_whole_numbers_are_the_same_to_the_last_bit(batch, data):
    batch = timed(batch)
    rows = list(range(len(batch["names"])))
    pieces, folds = split(data, rows)

    one, other = stored(batch, [rows], [True]), stored(batch, pieces, folds)

    for key, columns in one.items():
        np.testing.assert_array_equal(columns[1], other[key][1])


@given(st.data())
@unhurried
def test_it_holds_for_any_schema(data):
    schema = data.draw(schemas())
    batch = timed(data.draw(batches(schema)))
    rows = list(range(len(batch["names"])))
    pieces, folds = split(data, rows)

    assert_alike(stored(batch, [rows], [True], schema), stored(batch, pieces, folds, schema), batch)
