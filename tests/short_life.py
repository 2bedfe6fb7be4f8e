"""A short life of a store in steps, so that an accident can be put between any two calls of it.

A child takes the steps on an engine and tells when each is done; the model takes them too. After the accident the store
must be as the model is after the last step that was told, or after the one that was in hand.

Run as a module on the faulty disk, this file is the child: ``python -m tests.short_life FOLDER LOG [SYNC]``.
"""

import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import lmdb
import numpy as np

import statflow_engine
import statflow_engine.folding.fold
from statflow_engine import Engine, Kind, Limits
from tests import faulty_disk
from tests.clocks import START_S, StoppedClock
from tests.model import Model
from tests.story import expected_answers

SCHEMA = "1m:2h, 10m:1d, 1h:7d"
NAMESPACE = "zoo"
HOUR_S = 3_600
COUNTERS, VALUES = [f"counter {number}" for number in range(8)], [f"value {number}" for number in range(4)]
METER = "points of zoo"

# A fold step ends behind its first group, so that a window takes several transactions.
STEP_BYTES = 1


@dataclass(frozen=True)
class Step:
    """One thing that a caller does, at its moment."""

    action: Literal["write", "fold", "delete", "restore", "purge"]
    now_s: int
    points: Mapping[str, Any] = field(default_factory=dict)
    decided: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


def _batch(kind: Kind, names: list[str], now_s: int, ages_s: list[int], value: float) -> dict[str, Any]:
    """A point for each of the names at each of the ages."""
    count = len(ages_s)
    return {
        "names": [name for name in names for _ in ages_s],
        "kinds": int(kind),
        "timestamps_s": [now_s - age_s for _ in names for age_s in ages_s],
        "values": [value + at for at in range(count)] * len(names),
        "namespace": NAMESPACE,
    }


def _hour(number: int) -> list[Step]:
    """Points of two kinds, and a fold; the hours close spans, and two of them seal chapters."""
    now_s = START_S + number * HOUR_S
    ages_s = list(range(0, HOUR_S, 600 if number % 4 else 20))
    steps = [
        Step("write", now_s, _batch(Kind.COUNTER, COUNTERS, now_s, ages_s, number + 1.0)),
        Step("write", now_s + 30, _batch(Kind.VALUE, VALUES, now_s, ages_s[:6], 20.5 + number)),
    ]
    return [*steps, Step("fold", now_s + 60)] if number % 3 else steps


def _steps() -> tuple[Step, ...]:
    end_s = START_S + 21 * HOUR_S
    late = _batch(Kind.COUNTER, ["counter 1"], end_s, [100 * 60, 5 * HOUR_S, 30 * HOUR_S], 2.0)
    retry = _batch(Kind.COUNTER, ["counter 2"], end_s, [30, 90], 5.0)
    return (
        *(step for number in (0, 1, 2, 3, 4, 18, 19, 20) for step in _hour(number)),
        Step("write", end_s, late),
        Step("fold", end_s),
        Step("write", end_s, retry, {"idempotency": "request 17", "meters": [(METER, 1_000)]}),
        Step("delete", end_s, name="counter 3"),
        Step("delete", end_s, name="value 0"),
        Step("purge", end_s + 1),
        Step("delete", end_s + 2, name="counter 4"),
        Step("write", end_s + 3, _batch(Kind.VALUE, VALUES[1:], end_s, [0, 60], 1.5)),
        Step("restore", end_s + 4, name="counter 4"),
        Step("fold", end_s + 5),
        Step("write", end_s + 2 * HOUR_S, _batch(Kind.COUNTER, ["counter 4", "counter 5"], end_s, [0], 9.0)),
        Step("fold", end_s + 2 * HOUR_S),
    )


STEPS = _steps()
REMEMBERED = next(number for number, step in enumerate(STEPS, 1) if step.decided)


# -- the steps, on an engine --


def live(engine: Engine, clock: StoppedClock, tell: Callable[[int], object]) -> None:
    """Take all steps; ``tell`` hears the number of each when it is done, from 1."""
    for number, step in enumerate(STEPS, 1):
        clock.set(step.now_s)
        take(engine, step)
        tell(number)


def take(engine: Engine, step: Step) -> None:
    """Take one step."""
    if step.action == "write":
        engine.write(**step.points, **step.decided)
    elif step.action == "fold":
        engine.fold()
    elif step.action == "delete":
        engine.delete(step.name, namespace=NAMESPACE)
    elif step.action == "purge":
        engine.purge(0)
    else:
        (trashed,) = engine.trash(NAMESPACE)
        engine.restore(trashed.id, namespace=NAMESPACE)


def opened(folder: Path | str, clock: StoppedClock) -> Engine:
    """The store, whatever the disk under the test has left."""
    limits = Limits(disk_reserve_bytes=0, disk_reserve_fraction=0.0)
    return statflow_engine.open(folder, schema=SCHEMA, clock=clock, limits=limits)


# -- and on the model --


@dataclass(frozen=True)
class State:
    """All that a caller could ask."""

    answers: dict[str, list[list[float]]]
    trash: list[str]
    metered: int


@cache
def _models() -> list[Model]:
    """The model after each step, from none."""
    model = Model(statflow_engine.Schema.parse(SCHEMA))
    models = [deepcopy(model)]
    for step in STEPS:
        _take_on_model(model, step)
        models.append(deepcopy(model))
    return models


def _take_on_model(model: Model, step: Step) -> None:
    if step.action == "write":
        kinds = [step.points["kinds"]] * len(step.points["names"])
        model.write(**{**step.points, "kinds": kinds}, now_s=step.now_s)
    elif step.action == "delete":
        model.delete(step.name, now_s=step.now_s, namespace=NAMESPACE)
    elif step.action == "purge":
        model.purge(0, now_s=step.now_s)
    elif step.action == "restore":
        model.restore(model.trash[0])


@cache
def state_after(number: int, now_s: int) -> State:
    """What a store answers at a moment that has taken so many steps."""
    model = _models()[number]
    metered = len(STEPS[REMEMBERED - 1].points["names"]) if number >= REMEMBERED else 0
    return State(expected_answers(model, now_s), [series.name for series in model.trash], metered)


def state_of(engine: Engine) -> State:
    """What a store answers now."""
    return State(_answers(engine), [each.name for each in engine.trash(NAMESPACE)], engine.meter(METER))


def _answers(engine: Engine) -> dict[str, list[list[float]]]:
    found = {}
    for ring in engine.schema.rings:
        start_s, end_s = ring.reach_s(engine.now_s()), engine.now_s() + HOUR_S
        for window in engine.query_many(["*"], start_s, end_s, step=ring.resolution_s, namespace=NAMESPACE):
            columns = [window.times_s, window.counts, window.sums]
            columns += [window.mins, window.maxs] if window.kind is Kind.VALUE else []
            rows = np.array(columns)[:, window.counts > 0]
            found[f"{NAMESPACE}/{window.name} {ring}"] = rows.T.tolist()
    return found


# -- after the accident --


def know_all_states() -> None:
    """Work out what will be expected, before children are forked that would each do it again."""
    for told in range(-1, len(STEPS) + 1):
        _candidates(told)


def _candidates(told: int) -> tuple[int, dict[int, State]]:
    """A moment, and for numbers of steps what the store answers then."""
    first, last = max(0, told), min(len(STEPS), told + 1)
    now_s = STEPS[max(0, last - 1)].now_s
    return now_s, {number: state_after(number, now_s) for number in range(first, last + 1)}


def complaint(folder: Path | str, told: int) -> str:
    """What is wrong with a store whose child had told ``told`` steps, -1: not even that it was open; empty: nothing.

    The store is opened, asked everything, checked, written to, folded and checked again.
    """
    now_s, candidates = _candidates(told)
    with opened(folder, StoppedClock(now_s)) as engine:
        wrong = list(engine.check())
        if wrong:
            return f"check: {wrong}"
        found = state_of(engine)
        taken = [number for number, state in candidates.items() if state == found]
        if not taken:
            return _difference(found, candidates[max(0, told)])
        return _complaint_of_use(engine, taken[-1])


def _difference(found: State, wanted: State) -> str:
    if found.answers.keys() != wanted.answers.keys():
        return f"series {sorted(found.answers.keys() ^ wanted.answers.keys())} are there or missing"
    rows = [
        f"{key}: {found.answers[key]}, not {want}" for key, want in wanted.answers.items() if found.answers[key] != want
    ]
    rest = [f"{mine}, not {other}" for mine, other in ((found.trash, wanted.trash), (found.metered, wanted.metered))]
    return f"neither the last told step nor the next: {(rows or rest)[0]}"


def _complaint_of_use(engine: Engine, taken: int) -> str:
    """Whether the store can be used on: written to, folded, and it says the same as before."""
    before = _answers(engine)
    if taken >= REMEMBERED:
        step = STEPS[REMEMBERED - 1]
        if not engine.write(**step.points, **step.decided).replayed:
            return "a remembered request was stored again"
    engine.write(["probe", "probe"], 0, None, [1.0, 2.0], namespace="probe")
    engine.fold()
    if _answers(engine) != before:
        return "folding changed an answer"
    if engine.query("probe", namespace="probe").sums.sum() != 3.0:
        return "a new point is not there"
    return "; ".join(engine.check())


# -- the child on the faulty disk --


def main(folder: str, log: str, sync: str = "sync") -> None:
    """Live on the faulty disk, which notes all; with ``nosync`` by an lmdb that syncs nothing."""
    statflow_engine.folding.fold.QUIET_STEP_BYTES = STEP_BYTES
    if sync == "nosync":
        lmdb.open = partial(lmdb.open, sync=False)
    faulty_disk.record(Path(log))
    clock = StoppedClock()
    with opened(folder, clock) as engine:
        faulty_disk.mark(0)
        live(engine, clock, faulty_disk.mark)


if __name__ == "__main__":
    main(*sys.argv[1:])
