"""The whole engine beside the naive one: whatever happens in whatever order, both give the same answers.

    STATFLOW_MODEL_RUNS=2000 pytest tests/engine/test_model.py -m slow --timeout=0

runs as many examples of 50 steps as it says.
"""

import math
import os
import shutil
import sys
import tempfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import statflow_engine
from statflow_engine import Limits, StatFlowError
from statflow_engine.folding.fold import Folder
from statflow_engine.pure.schema import Schema
from tests.clocks import START_S, StoppedClock
from tests.model import Model, ModelSeries, reach_s
from tests.neighbour import Neighbour, NeighbourError
from tests.strategies import COUNTER_NAMES, VALUE_NAMES, ages_s, batches, kind_of

# The year 4147: leaps end before those that a query can name.
CLOCK_MAX_S = 2**36
RUNS = int(os.environ.get("STATFLOW_MODEL_RUNS", "600"))

# Where the retention is several chapters long (1,024 periods; 256 days), what was sealed is read back.
SCHEMAS = [
    *("1m:2h, 10m:1d, 1h:7d", "1m:2h", "1s:1m", "5s:10m, 1m:3h", "7s:1400s, 70s:14000s", "1h:2d, 1d:30d"),
    *("1s:1h, 1m:2d", "1s:2h, 10s:6h, 1m:1d", "1m:2d, 1h:90d", "1h:90d, 1d:3y"),
]
# Small windows, and writes that fold when so few rows or records wait.
LIMITS = {
    "usual": Limits(),
    "small windows": Limits(fold_rows=10, journal_records=1_000),
    "small journal": Limits(fold_rows=30, journal_records=3),
    "few names cached": Limits(names_cached=2),
}
NAMESPACES = ["", "other"]
names = st.sampled_from(COUNTER_NAMES + VALUE_NAMES)
namespaces = st.sampled_from(["", "", "", "other"])
# A step of a time that is a part of a retention, by which the clock moves.
leaps = st.sampled_from([0.01, 0.3, 1.0, 1.0, 1.5, 3.0, 1_000.0])

# One child for all examples: starting Python and numpy takes longer than an example.
_neighbour: list[Neighbour] = []


@pytest.fixture(scope="module", autouse=True)
def _no_neighbour_is_left_behind():
    yield
    while _neighbour:
        _neighbour.pop().stop()


def neighbour() -> Neighbour:
    """The one child of this test process."""
    if not _neighbour:
        _neighbour.append(Neighbour())
    return _neighbour[0]


class EngineBesideModel(RuleBasedStateMachine):
    """Each rule does the same to both; queries compare, and the store is checked at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = StoppedClock(START_S)
        self.path = tempfile.mkdtemp(prefix="statflow-model-")
        self.engine = None
        self.latest_clock_s = START_S
        self.neighbour_is_open = False
        self.ids: dict[int, ModelSeries] = {}
        self.keys: dict[str, tuple[int, dict]] = {}

    @initialize(schema=st.sampled_from(SCHEMAS), limits=st.sampled_from(sorted(LIMITS)))
    def open_a_store(self, schema, limits):
        self.limits = LIMITS[limits]
        self.schema = Schema.parse(schema)
        self.model = Model(self.schema)
        self.engine = statflow_engine.open(self.path, schema=schema, clock=self.clock, limits=self.limits)

    # --- writing ---

    @rule(data=st.data(), namespace=namespaces)
    def write_a_batch(self, data, namespace):
        batch = data.draw(batches(self.schema, self.clock.now_s))
        self.model.write(**batch, now_s=self.clock.now_s, namespace=namespace)

        receipt = self.engine.write(**batch, namespace=namespace)

        assert receipt.points == len(batch["names"])
        self._meet_new_series(namespace)

    @rule(data=st.data(), namespace=namespaces)
    def write_a_batch_of_cells(self, data, namespace):
        batch = data.draw(batches(self.schema, self.clock.now_s))
        self.model.write(**batch, now_s=self.clock.now_s, namespace=namespace)
        times_s = batch["timestamps_s"] or [self.clock.now_s] * len(batch["names"])
        cells = {}
        for name, kind, time_s, value in zip(batch["names"], batch["kinds"], times_s, batch["values"], strict=True):
            cells.setdefault((name, kind, time_s), []).append(value)
        columns = [list(column) for column in zip(*cells, strict=True)] or [[], [], []]
        numbers = [[pick(values) for values in cells.values()] for pick in (len, math.fsum, min, max)]

        receipt = self.engine.write_cells(*columns, *numbers, namespace=namespace)

        assert receipt.points == len(cells)
        self._meet_new_series(namespace)

    @rule(name=names, age=st.data(), number=st.integers(-5, 5))
    def write_one_point(self, name, age, number):
        oldest_s = self.schema.coarsest.reach_s(self.clock.now_s)
        time_s = max(self.clock.now_s - age.draw(ages_s(self.schema)), oldest_s)
        self.model.write([name], [kind_of(name)], [time_s], [number], now_s=self.clock.now_s)
        if name in COUNTER_NAMES:
            self.engine.count(name, number, time_s)
        else:
            self.engine.value(name, number, time_s)
        self._meet_new_series("")

    @rule(
        name=names, copies=st.integers(2, 300), stride=st.sampled_from([1, 1, 3, 20, -5]), first_s=st.integers(0, 200)
    )
    def write_many_points_of_one_series(self, name, copies, stride, first_s):
        now_s, ring = self.clock.now_s, self.schema.finest
        oldest_s = self.schema.coarsest.reach_s(now_s)
        times_s = now_s - first_s - stride * ring.resolution_s * np.arange(copies)
        times_s = np.clip(times_s, oldest_s, now_s + 86_400)
        self.model.write(
            [name] * copies, [kind_of(name)] * copies, times_s.tolist(), [float(i) for i in range(copies)], now_s=now_s
        )
        names_and_index = ([name], np.zeros(copies, np.int64))
        self.engine.write(names_and_index, kind_of(name), times_s, np.arange(copies, dtype=float))
        self._meet_new_series("")

    @rule(data=st.data(), what=st.sampled_from(["too old", "too early", "not finite", "the other kind"]))
    def a_refused_batch_stores_nothing(self, data, what):
        batch = data.draw(batches(self.schema, self.clock.now_s, points_max=5))
        now_s = self.clock.now_s
        oldest_s = self.schema.coarsest.reach_s(now_s)
        bad = {
            "too old": ("c0", 0, oldest_s - 1, 1.0),
            "too early": ("c0", 0, now_s + 86_401, 1.0),
            "not finite": ("c0", 0, now_s, math.inf),
            "the other kind": ("c0", 1, now_s, 1.0),
        }[what]
        if what == "the other kind":
            self.model.write(["c0"], [0], None, [1.0], now_s=now_s)
            self.engine.count("c0")
            self._meet_new_series("")
        times_s = batch["timestamps_s"] or [now_s] * len(batch["names"])
        columns = zip(batch["names"], batch["kinds"], times_s, batch["values"], strict=True)
        batch = [list(column) for column in zip(*columns, bad, strict=True)]

        for side in (lambda: self.model.write(*batch, now_s=now_s), lambda: self.engine.write(*batch)):
            with pytest.raises((statflow_engine.PointError, statflow_engine.KindError)) as caught:
                side()
            assert caught.value.index == len(batch[0]) - 1

    @rule(data=st.data(), key=st.sampled_from(["k1", "k2", "k3"]))
    def a_batch_with_a_key_is_stored_once(self, data, key):
        stored_s, batch = self.keys.get(key, (None, None))
        now_s = self.clock.now_s
        # A key that ever was a day old may be forgotten, also when the clock is put back after that.
        if stored_s is not None and self.latest_clock_s - stored_s >= 86_400:
            return
        oldest_s = self.schema.coarsest.reach_s(now_s)
        if batch is not None and not all(oldest_s <= t <= now_s + 86_400 for t in batch["timestamps_s"]):
            return
        if batch is None:
            batch = data.draw(batches(self.schema, now_s, points_max=5))
            batch["timestamps_s"] = batch["timestamps_s"] or [now_s] * len(batch["names"])
            self.keys[key] = (now_s, batch)
            self.model.write(**batch, now_s=now_s)

        receipt = self.engine.write(**batch, idempotency=key)

        assert receipt.replayed == (stored_s is not None)
        assert receipt.points == len(batch["names"])
        self._meet_new_series("")

    # --- what must be invisible ---

    @rule()
    def fold(self):
        self.engine.fold()

    @rule(size_max=st.sampled_from([1, 600]))
    def fold_a_step(self, size_max):
        # By the back door: a walk left half done, as by a process that died.
        engine = self.engine
        Folder(engine._environment, engine.schema, engine._journal, engine._catalog).step(size_max)

    @rule()
    def reopen(self):
        self.engine.close()
        self.engine = statflow_engine.open(self.path, clock=self.clock, limits=self.limits)
        assert self.engine.schema == self.schema

    @rule()
    def check(self):
        assert list(self.engine.check()) == []

    # --- time ---

    @rule(seconds=st.integers(1, 200))
    def some_time_passes(self, seconds):
        self._advance(seconds)

    @rule(data=st.data(), part=leaps)
    def much_time_passes(self, data, part):
        ring = data.draw(st.sampled_from(self.schema.rings))
        self._advance(int(ring.retention_s * part))

    def _advance(self, seconds):
        if self.clock.now_s + seconds > CLOCK_MAX_S:
            return
        self.clock.advance(seconds)
        self.latest_clock_s = max(self.latest_clock_s, self.clock.now_s)

    @rule(data=st.data(), laps=st.sampled_from([1, 1, 2, 5]), back=st.booleans())
    def whole_laps_pass(self, data, laps, back):
        # After them what is read and written lies in the very places of what was.
        ring = data.draw(st.sampled_from(self.schema.rings))
        seconds = laps * ring.place_count * ring.periods_per_chapter * ring.resolution_s
        if not back:
            self._advance(seconds)
        elif self.clock.now_s - seconds >= START_S:
            self._advance(-seconds)

    @precondition(lambda self: self.clock.now_s > START_S + 100_000)
    @rule(data=st.data())
    def the_clock_is_put_back(self, data):
        most = min(self.clock.now_s - START_S, 2 * self.schema.coarsest.retention_s)
        self._advance(-data.draw(st.integers(1, most)))

    # --- deleting ---

    @rule(name=names, namespace=namespaces)
    def delete(self, name, namespace):
        try:
            gone = self.model.delete(name, now_s=self.clock.now_s, namespace=namespace)
        except StatFlowError as error:
            with pytest.raises(type(error)):
                self.engine.delete(name, namespace=namespace)
            return
        trashed = self.engine.delete(name, namespace=namespace)

        assert self.ids[trashed.id] is gone
        assert (trashed.name, trashed.kind, trashed.deleted_s) == (name, gone.kind, self.clock.now_s)

    @rule(name=names)
    def delete_for_good(self, name):
        if ("", name) in self.model.series:
            self.delete(name=name, namespace="")
            self.purge(older_than_s=0)

    @rule(data=st.data())
    def restore(self, data):
        if not self.ids:
            return
        series_id = data.draw(st.sampled_from(sorted(self.ids)))
        series = self.ids[series_id]
        try:
            self.model.restore(series)
        except StatFlowError as error:
            with pytest.raises(type(error)):
                self.engine.restore(series_id, namespace=series.namespace)
            return
        restored = self.engine.restore(series_id, namespace=series.namespace)

        assert (restored.id, restored.name, restored.kind) == (series_id, series.name, series.kind)

    @rule(older_than_s=st.sampled_from([0, 3_600, 172_800]))
    def purge(self, older_than_s):
        expected = self.model.purge(older_than_s, now_s=self.clock.now_s)

        assert self.engine.purge(older_than_s) == expected

    # --- a second process ---

    @rule(data=st.data(), namespace=namespaces)
    def the_neighbour_writes(self, data, namespace):
        batch = data.draw(batches(self.schema, self.clock.now_s))
        self.model.write(**batch, now_s=self.clock.now_s, namespace=namespace)
        self._neighbour("write", **batch, namespace=namespace)
        self._meet_new_series(namespace)

    @rule()
    def the_neighbour_folds(self):
        self._neighbour("fold")

    @rule(name=names)
    def the_neighbour_deletes(self, name):
        try:
            self.model.delete(name, now_s=self.clock.now_s)
        except StatFlowError as error:
            with pytest.raises(NeighbourError, match=type(error).__name__):
                self._neighbour("delete", name)
            return
        self._neighbour("delete", name)

    @rule()
    def the_neighbour_reopens(self):
        if self.neighbour_is_open:
            neighbour().close()
            self.neighbour_is_open = False

    @rule(data=st.data(), name=names, namespace=namespaces)
    def the_neighbour_answers(self, data, name, namespace):
        self._compare(self._neighbour, data, name, namespace)

    def _neighbour(self, method, *args, **options):
        if not self.neighbour_is_open:
            neighbour().open(self.path, self.clock.now_s, limits=self.limits)
            self.neighbour_is_open = True
        return neighbour().call(method, *args, now_s=self.clock.now_s, **options)

    # --- asking ---

    @rule(data=st.data(), name=names, namespace=namespaces)
    def a_range_is_as_the_model_has_it(self, data, name, namespace):
        self._compare(self._engine_call, data, name, namespace)

    @rule()
    def every_ring_is_as_the_model_has_it(self):
        for (namespace, name), series in self.model.series.items():
            for ring in self.schema.rings:
                start_s, end_s = reach_s(ring, self.clock.now_s), self.clock.now_s + 86_400
                end_s = min(end_s, start_s + 10_000 * ring.resolution_s)
                if series.points:
                    self._compare_rows(self._engine_call, name, namespace, start_s, end_s, ring.resolution_s)

    @rule(data=st.data(), name=names)
    def two_adjacent_ranges_make_the_whole(self, data, name):
        if ("", name) not in self.model.series:
            return
        ring = data.draw(st.sampled_from(self.schema.rings))
        step_s = ring.resolution_s
        first = reach_s(ring, self.clock.now_s) // step_s
        cuts = sorted(data.draw(st.lists(st.integers(0, ring.slot_count + 20), min_size=3, max_size=3)))
        a, b, c = ((first + cut) * step_s for cut in cuts)

        before, after, whole = (
            self.engine.query(name, start_s, end_s, step=step_s) for start_s, end_s in ((a, b), (b, c), (a, c))
        )

        for column in ("times_s", "counts", "sums"):
            joined = np.concatenate([getattr(before, column), getattr(after, column)])
            np.testing.assert_array_equal(joined, getattr(whole, column))

    @rule(namespace=st.sampled_from(NAMESPACES))
    def the_series_are_listed(self, namespace):
        expected = {name: series for (of, name), series in self.model.series.items() if of == namespace}
        listed = self.engine.series(namespace)

        assert {series.name for series in listed} == set(expected)
        assert [series.id for series in listed] == sorted(series.id for series in listed)
        for series in listed:
            assert (series.kind, series.created_s) == (expected[series.name].kind, expected[series.name].created_s)
            assert self.ids[series.id] is expected[series.name]
        trash = sorted(series.name for series in self.model.trash if series.namespace == namespace)
        assert sorted(series.name for series in self.engine.trash(namespace)) == trash

    def _engine_call(self, method, *args, **options):
        return getattr(self.engine, method)(*args, **options)

    def _compare(self, call, data, name, namespace):
        ring = data.draw(st.sampled_from(self.schema.rings))
        step_s = ring.resolution_s * data.draw(st.sampled_from([1, 1, 2, 3, 5]))
        first_s, last_s = reach_s(ring, self.clock.now_s) - 2 * step_s, self.clock.now_s + 86_400
        start_s = data.draw(st.integers(first_s, last_s))
        end_s = start_s + data.draw(st.integers(0, 500 * step_s))
        self._compare_rows(call, name, namespace, start_s, end_s, step_s)

    def _compare_rows(self, call, name, namespace, start_s, end_s, step_s):
        now_s = self.clock.now_s
        try:
            starts_s, rows = self.model.query(name, start_s, end_s, step_s, now_s=now_s, namespace=namespace)
        except StatFlowError as error:
            with pytest.raises((type(error), NeighbourError)):
                call("query", name, start_s, end_s, step=step_s, namespace=namespace)
            return
        window = call("query", name, start_s, end_s, step=step_s, namespace=namespace)

        assert (window.name, window.kind, window.now_s) == (name, kind_of(name), now_s)
        np.testing.assert_array_equal(window.times_s, starts_s)
        empty = np.ones(len(window), bool)
        empty[[starts_s.index(row_start_s) for row_start_s in rows]] = False
        assert not window.counts[empty].any()
        assert not window.sums[empty].any()
        assert np.isnan(window.means[empty]).all()
        for row_start_s, row in rows.items():
            self._compare_row(window, starts_s.index(row_start_s), row)

    def _compare_row(self, window, index, row):
        if not row.certain:
            assert 0 <= window.counts[index] <= row.count, (window, row)
            return
        assert window.counts[index] == row.count, (window, row)
        exact = row.magnitude < 2**53 and all(value == int(value) for value in row.values)
        tolerance = 0.0 if exact else 1e-12 * row.magnitude
        assert abs(window.sums[index] - row.sum) <= tolerance, (window, row)
        if window.kind is statflow_engine.Kind.VALUE:
            assert window.mins[index] == min(row.values), (window, row)
            assert window.maxs[index] == max(row.values), (window, row)

    def _meet_new_series(self, namespace):
        """Learn the ids of series that are new: no id is ever given twice."""
        known = {id(series) for series in self.ids.values()}
        for (of, name), series in self.model.series.items():
            if of == namespace and id(series) not in known:
                series_id = self.engine.find(name, namespace=namespace).id
                assert series_id not in self.ids
                self.ids[series_id] = series

    def teardown(self):
        try:
            # Not after a failure, whose message a second one would hide.
            if self.engine is not None and sys.exc_info()[0] is None:
                self.every_ring_is_as_the_model_has_it()
                self.engine.fold()
                self.every_ring_is_as_the_model_has_it()
                assert list(self.engine.check()) == []
        finally:
            if self.neighbour_is_open:
                with suppress(NeighbourError):
                    neighbour().close()
            if self.engine is not None:
                self.engine.close()
            shutil.rmtree(self.path)


def run(examples: int) -> None:
    """Run the machine on so many examples of 50 steps."""
    run_state_machine_as_test(
        EngineBesideModel,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        ),
    )


def test_an_engine_answers_as_the_model_does():
    run(20)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_an_engine_answers_as_the_model_does_in_many_runs():
    run(RUNS)
