"""The state of a group: what it has reached in each ring."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine.errors import CorruptionError
from statflow_engine.kinds import SERIES_PER_GROUP
from statflow_engine.pure.groups import GroupState
from tests.cells import BITS, LAW, flipped

rings = st.lists(st.tuples(st.integers(0, 2**40), st.lists(st.integers(0, 2**40), max_size=5)), min_size=1, max_size=8)
moments_s = st.lists(st.integers(0, 2**34), min_size=SERIES_PER_GROUP, max_size=SERIES_PER_GROUP)
states = st.builds(
    lambda rings, received_s: GroupState(
        tuple(until for until, _ in rings),
        tuple(tuple(sorted(spans)) for _, spans in rings),
        np.array(received_s, np.int64),
    ),
    rings,
    st.just([0] * SERIES_PER_GROUP) | moments_s,
)


@LAW
@given(states)
def test_a_state_is_read_back_from_its_bytes(state):
    decoded = GroupState.decode(state.encode(), "state of group 3")

    assert (decoded.closed_until, decoded.open_spans) == (state.closed_until, state.open_spans)
    assert decoded.received_s.tolist() == state.received_s.tolist()


@LAW
@given(states, BITS)
def test_a_flipped_bit_anywhere_is_damage(state, bit):
    with pytest.raises(CorruptionError, match="^state of group 3"):
        GroupState.decode(flipped(state.encode(), bit), "state of group 3")


@LAW
@given(states, st.integers(0, 2**20))
def test_a_state_that_is_cut_short_is_damage(state, size):
    stored = state.encode()
    with pytest.raises(CorruptionError, match="^state of group 3"):
        GroupState.decode(stored[: size % len(stored)], "state of group 3")


def test_a_new_group_has_nothing_open_and_received_nothing():
    state = GroupState.new((7, 5, 3))

    assert (state.closed_until, state.open_spans) == ((7, 5, 3), ((), (), ()))
    assert not state.received_s.any()
