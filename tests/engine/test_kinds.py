"""An id tells its kind, its group and its column, and no two series share one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statflow_engine.kinds import (
    SERIES_PER_GROUP,
    Kind,
    column_of,
    group_of,
    kind_of,
    kind_of_group,
    ordinal_of,
    series_id,
)
from tests.cells import LAW

kinds = st.sampled_from(list(Kind))
ordinals = st.integers(0, 2**31)


@LAW
@given(kinds, ordinals)
def test_an_id_gives_back_kind_and_ordinal(kind, ordinal):
    id_ = series_id(kind, ordinal)

    assert (kind_of(id_), ordinal_of(id_)) == (kind, ordinal)


@LAW
@given(st.tuples(kinds, ordinals), st.tuples(kinds, ordinals))
def test_two_series_never_share_an_id(one, other):
    assert (series_id(*one) == series_id(*other)) == (one == other)


@LAW
@given(st.integers(0, 2**32 - 1))
def test_every_id_is_that_of_some_series(id_):
    assert series_id(kind_of(id_), ordinal_of(id_)) == id_


@LAW
@given(st.integers(0, 2**32 - 1))
def test_an_id_is_its_group_and_its_column(id_):
    assert group_of(id_) * SERIES_PER_GROUP + column_of(id_) == id_
    assert 0 <= column_of(id_) < SERIES_PER_GROUP


@LAW
@given(kinds, ordinals)
def test_later_series_of_a_kind_have_higher_ids(kind, ordinal):
    assert series_id(kind, ordinal) < series_id(kind, ordinal + 1)


@LAW
@given(kinds, st.integers(0, 2**25))
def test_sixty_four_series_that_follow_each_other_are_a_group_of_one_kind(kind, block):
    ids = [series_id(kind, block * SERIES_PER_GROUP + column) for column in range(SERIES_PER_GROUP)]

    (group,) = {group_of(id_) for id_ in ids}
    assert kind_of_group(group) is kind
    assert [column_of(id_) for id_ in ids] == list(range(SERIES_PER_GROUP))


@pytest.mark.parametrize(("kind", "text"), [(Kind.COUNTER, "counter"), (Kind.VALUE, "value")])
def test_a_kind_is_printed_as_users_say_it(kind, text):
    assert str(kind) == text
    assert f"{kind}" == text


def test_the_numbers_of_kinds_are_stored_and_never_change():
    assert {kind.name: int(kind) for kind in Kind} == {"COUNTER": 0, "VALUE": 1}
