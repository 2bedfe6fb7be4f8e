"""Revisions: another one after whatever was stored, or after a series came or went, and the same while nothing was."""

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


# -- of the series --


def test_that_of_the_series_stays_when_points_arrive(engine):
    engine.count("a")
    before = engine.series_revision()

    engine.count("a")

    assert engine.series_revision() == before


def test_that_of_the_series_is_another_one_after_one_came_or_went(engine):
    seen = [engine.series_revision()]
    trashed = []
    for change in (
        lambda: engine.count("a"),
        lambda: trashed.append(engine.delete("a")),
        lambda: engine.restore(trashed[0].id),
        # As many as before, but not the same ones.
        lambda: (engine.delete("a"), engine.count("b")),
    ):
        change()
        seen.append(engine.series_revision())

    assert len(set(seen)) == 5


def test_that_of_a_namespace_does_not_know_what_comes_elsewhere(engine):
    before = engine.series_revision("one")

    engine.count("a", namespace="two")

    assert engine.series_revision("one") == before
