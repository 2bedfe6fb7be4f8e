"""A short life of a store, told to an engine and to the model: it leaves something in every database.

When it is over, the finest ring has an open and several closed tiles, a late tile, and a book; two points wait in
the journal; one series is in the trash and one is dead; a meter has counted and a request is remembered.
"""

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import statflow_engine
from statflow_engine import Engine, Kind
from tests.clocks import START_S, StoppedClock
from tests.model import Model

SCHEMA = "1m:2h, 10m:1d, 1h:7d"
HOUR_S, DAY_S = 3_600, 86_400
END_S = START_S + 22 * HOUR_S

NAMESPACES = ("owner:live", "zoo")
COUNTERS, VALUES = ("clicks", "Größe (µs)"), ("temperature",)

# The request that is remembered.
RETRY: dict[str, Any] = {
    "names": ["clicks", "clicks"],
    "kinds": int(Kind.COUNTER),
    "timestamps_s": [END_S - 30, END_S - 90],
    "values": [5.0, 6.0],
    "namespace": "zoo",
}
RETRY_DECIDED: dict[str, Any] = {"idempotency": "request 17", "meters": [("points of zoo", 1_000)]}


class Teller:
    """Does everything twice: to an engine and to the model."""

    def __init__(self, engine: Engine, model: Model, clock: StoppedClock) -> None:
        self.engine = engine
        self.model = model
        self.clock = clock

    def write(self, points: dict[str, Any], **decided: Any) -> None:
        """Store a batch in both; its kinds are one for all."""
        self.engine.write(**points, **decided)
        kinds = [points["kinds"]] * len(points["names"])
        self.model.write(**{**points, "kinds": kinds}, now_s=self.engine.now_s())

    def points(self, name: str, kind: Kind, ages_s: list[int], values: list[float], namespace: str = "zoo") -> None:
        """Store points of one series, so many seconds old."""
        times_s = [self.engine.now_s() - age_s for age_s in ages_s]
        self.write(
            {
                "names": [name] * len(values),
                "kinds": int(kind),
                "timestamps_s": times_s,
                "values": values,
                "namespace": namespace,
            }
        )

    def delete(self, name: str) -> None:
        """Move a series of the zoo to the trash."""
        self.engine.delete(name, namespace="zoo")
        self.model.delete(name, now_s=self.engine.now_s(), namespace="zoo")


def tell(engine: Engine, clock: StoppedClock) -> Model:
    """Tell the story to an engine of the schema above whose clock stands at its start; what it should answer then."""
    model = Model(engine.schema)
    teller = Teller(engine, model, clock)
    # More counters than a group has, so that there are two groups of them.
    crowd = [f"animal {number}" for number in range(70)]
    teller.write({"names": crowd, "kinds": 0, "timestamps_s": None, "values": [1.0] * 70, "namespace": "zoo"})
    for hour in range(21):
        _tell_hour(teller, hour)
        clock.advance(HOUR_S)
        engine.fold()
    # Late: of a closed span, of a sealed chapter, and too old for one ring and for two.
    teller.points("clicks", Kind.COUNTER, [100 * 60, 110 * 60], [3.0, 4.0])
    teller.points("clicks", Kind.COUNTER, [119 * 60, 5 * HOUR_S, 2 * DAY_S], [2.0, 2.0, 7.0])
    teller.points("temperature", Kind.VALUE, [90 * 60, 0, -DAY_S + 60], [-1.5, 21.5, 22.0])
    engine.fold()
    _tell_deletions(teller)
    clock.set(END_S)
    engine.fold()
    teller.write(RETRY, **RETRY_DECIDED)
    teller.points("temperature", Kind.VALUE, [10], [19.25], "owner:live")
    return model


@lru_cache(maxsize=1)
def told_file() -> bytes:
    """The file of a store to which the story was told; told once a process, for all tests that injure copies of it."""
    clock = StoppedClock()
    with tempfile.TemporaryDirectory() as folder:
        with statflow_engine.open(folder, schema=SCHEMA, clock=clock) as engine:
            tell(engine, clock)
        return (Path(folder) / "data.mdb").read_bytes()


def _tell_hour(teller: Teller, hour: int) -> None:
    ages_s = list(range(0, HOUR_S, 600))
    for namespace in NAMESPACES:
        for name in COUNTERS:
            teller.points(name, Kind.COUNTER, ages_s, [float(hour + 1)] * len(ages_s), namespace)
        for name in VALUES:
            values = [20 + hour / 4 + at * 0.1 for at in range(len(ages_s))]
            teller.points(name, Kind.VALUE, [*ages_s, 0], [*values, -3.5], namespace)


def _tell_deletions(teller: Teller) -> None:
    teller.delete("animal 68")
    teller.engine.purge(0)
    teller.model.purge(-1, now_s=teller.engine.now_s())
    teller.delete("animal 69")


def answers(engine: Engine) -> dict[str, list[list[float]]]:
    """Everything that an engine answers: for each series and ring the rows that are not empty."""
    found = {}
    for namespace in NAMESPACES:
        for ring in engine.schema.rings:
            start_s, end_s = ring.reach_s(engine.now_s()), engine.now_s() + DAY_S
            for window in engine.query_many(["*"], start_s, end_s, step=ring.resolution_s, namespace=namespace):
                columns = [window.times_s, window.counts, window.sums]
                if window.kind is Kind.VALUE:
                    columns += [window.mins, window.maxs]
                rows = zip(*(column.tolist() for column in columns), strict=True)
                found[f"{namespace}/{window.name} {ring}"] = [list(row) for row in rows if row[1]]
    return found


def expected_answers(model: Model, now_s: int) -> dict[str, list[list[float]]]:
    """The same, as the model has it."""
    found = {}
    for namespace, name in model.series:
        kind = model.find(name, namespace).kind
        for ring in model.schema.rings:
            start_s, end_s = ring.reach_s(now_s), now_s + DAY_S
            _, rows = model.query(name, start_s, end_s, ring.resolution_s, now_s=now_s, namespace=namespace)
            found[f"{namespace}/{name} {ring}"] = [
                [at_s, row.count, row.sum, *([min(row.values), max(row.values)] if kind is Kind.VALUE else [])]
                for at_s, row in sorted(rows.items())
            ]
    return found
