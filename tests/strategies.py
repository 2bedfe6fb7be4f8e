"""Hypothesis strategies for what an engine is given: rings, schemas, batches, ranges of time."""

from typing import Any

from hypothesis import strategies as st

from statflow_engine.kinds import Kind
from statflow_engine.pure.rings import EARLY_S, Ring
from statflow_engine.pure.schema import Schema
from tests.clocks import START_S

# Counters are c..., values are v..., so that batches drawn apart agree on kinds.
COUNTER_NAMES = [f"c{number}" for number in range(3)]
VALUE_NAMES = [f"v{number}" for number in range(3)]


def kind_of(name: str) -> Kind:
    """The kind that a drawn name always has."""
    return Kind.COUNTER if name.startswith("c") else Kind.VALUE


def rings() -> st.SearchStrategy[Ring]:
    """Rings of every size, from seconds to days."""
    resolutions = st.sampled_from([1, 5, 7, 10, 60, 300, 3_600, 86_400]) | st.integers(1, 86_400)
    return st.builds(Ring, resolutions, st.integers(1, 5_000))


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Schemas of one to four rings in which each reaches further back than the one before."""
    drawn = [Ring(draw(st.sampled_from([1, 7, 60, 300])), draw(st.integers(1, 300)))]
    for _ in range(draw(st.integers(0, 3))):
        fine = drawn[-1]
        resolution_s = fine.resolution_s * draw(st.sampled_from([2, 5, 6, 24, 60]))
        if resolution_s > 86_400:
            break
        least = -(-(fine.retention_s - fine.resolution_s) // resolution_s) + 1
        drawn.append(Ring(resolution_s, least + draw(st.integers(0, 100))))
    return Schema(tuple(drawn))


_small_whole = st.integers(-1_000, 1_000).map(float)


def values_of(kind: Kind) -> st.SearchStrategy[float]:
    """Numbers of points: mostly whole and small, so that sums are exact; also fractions, negative and huge ones.

    Of counters nothing cancels but small whole numbers: their cells do not tell how large the addends were, so that
    the checker could not know how far two ways of adding may lie apart.
    """
    if kind is Kind.COUNTER:
        return st.one_of(_small_whole, _small_whole, st.floats(0, 1e9), st.sampled_from([0.0, 1e200, 2.0**52]))
    return st.one_of(_small_whole, _small_whole, st.floats(-1e9, 1e9), st.sampled_from([0.0, 1e200, -1e200, 2.0**52]))


def whole_values() -> st.SearchStrategy[float]:
    """Whole numbers, whose sums are exact."""
    return st.integers(-(2**30), 2**30).map(float)


def ages_s(schema: Schema) -> st.SearchStrategy[int]:
    """How far back points lie, in seconds: mostly now, often near a ring's horizon, negative when early."""
    near_horizons = [
        st.integers(max(0, ring.retention_s - 3 * ring.resolution_s), ring.retention_s + ring.resolution_s)
        for ring in schema.rings
    ]
    spread = [st.integers(0, ring.retention_s) for ring in schema.rings]
    return st.one_of(
        st.just(0), st.integers(0, 3 * schema.finest.resolution_s), st.integers(-EARLY_S, 0), *spread, *near_horizons
    )


@st.composite
def batches(
    draw: st.DrawFn,
    schema: Schema,
    now_s: int = START_S,
    numbers: st.SearchStrategy[float] | None = None,
    points_max: int = 30,
) -> dict[str, Any]:
    """Arguments of `Engine.write`: mixed names and kinds; all points are within the coarsest ring and not too early."""
    coarsest = schema.coarsest
    oldest_s = max(1, coarsest.reach_s(now_s))
    count = draw(st.integers(0, points_max))
    names = draw(st.lists(st.sampled_from(COUNTER_NAMES + VALUE_NAMES), min_size=count, max_size=count))
    ages = draw(st.lists(ages_s(schema), min_size=count, max_size=count))
    timestamps_s = [min(max(now_s - age, oldest_s), now_s + EARLY_S) for age in ages]
    return {
        "names": names,
        "kinds": [int(kind_of(name)) for name in names],
        "timestamps_s": None if draw(st.integers(0, 9)) == 0 else timestamps_s,
        "values": [draw(values_of(kind_of(name)) if numbers is None else numbers) for name in names],
    }


@st.composite
def time_ranges(draw: st.DrawFn, schema: Schema, now_s: int = START_S) -> tuple[int, int]:
    """Half-open ranges within what the coarsest ring shows and a day ahead."""
    first_s, last_s = schema.coarsest.reach_s(now_s), now_s + EARLY_S
    ends = draw(st.tuples(st.integers(first_s, last_s), st.integers(first_s, last_s)))
    return min(ends), max(ends)
