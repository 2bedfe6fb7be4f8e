"""The revision: another number after whatever was stored, by whichever process, and the same while nothing was."""

import subprocess
import sys

import statflow_engine

WRITE = "import statflow_engine, sys\nwith statflow_engine.open(sys.argv[1]) as engine: engine.count('a')"


def test_it_stays_while_nothing_is_stored(engine):
    engine.count("a")
    before = engine.revision()

    engine.query("a")
    engine.series()

    assert engine.revision() == before


def test_it_is_another_one_after_a_point_and_after_a_deletion(engine):
    seen = [engine.revision()]
    for change in (lambda: engine.count("a"), lambda: engine.count("a"), lambda: engine.delete("a")):
        change()
        seen.append(engine.revision())

    assert len(set(seen)) == 4


def test_it_is_another_one_after_another_process_has_written(tmp_path):
    with statflow_engine.open(tmp_path) as engine:
        before = engine.revision()

        subprocess.run([sys.executable, "-c", WRITE, tmp_path], check=True)

        assert engine.revision() != before
