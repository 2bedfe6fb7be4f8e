"""Writes the store of format 1 that later versions must read, and what it must answer.

Run once, before format 1 was released:

    python -m tests.engine.golden.write_v1

Never again afterwards: a store of an earlier version is worth something only if that version wrote it.
"""

import json
import tempfile
from pathlib import Path

import lmdb

import statflow_engine
from tests.clocks import StoppedClock
from tests.story import SCHEMA, answers, expected_answers, tell

FOLDER = Path(__file__).parent / "v1"


def main() -> None:
    """Tell the story to a new store, and keep a copy without free pages."""
    clock = StoppedClock()
    with tempfile.TemporaryDirectory() as folder:
        with statflow_engine.open(folder, schema=SCHEMA, clock=clock) as engine:
            model = tell(engine, clock)
            expected = expected_answers(model, engine.now_s())
            assert [] == list(engine.check())
            assert sorted(expected) == sorted(answers(engine))
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "data.mdb").unlink(missing_ok=True)
        with lmdb.open(folder, max_dbs=12, lib_version=0) as env:
            env.copy(str(FOLDER), compact=True)
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(rows)}" for key, rows in sorted(expected.items()))
    (FOLDER / "answers.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
