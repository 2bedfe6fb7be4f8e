"""The benchmarks run, small, so that none can rot; and short versions guard the ratios that matter."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import engine, query, report
from benchmarks.__main__ import SECTIONS
from benchmarks.targets import TARGETS, Results, Target, speed
from benchmarks.workloads import FACTORIES, SIZES, make

GUARDED = [target for target in TARGETS if target.floor is not None]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_runs_and_judges_its_targets(section: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"

    command = [sys.executable, "-m", "benchmarks", section, "--tiny", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "verdict" in done.stdout
    assert json.loads(file.read_text())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_guarded_ratio_has_fallen_below_its_floor() -> None:
    """On ratios to what ran beside it, never on absolute times: those say how busy the machine was."""
    results: Results = {
        workload: engine.measure_beside(workload, "quick", ["whisper", "sqlite"])
        for workload in ("HOT", "HOT-1000", "WIDE", "BACKFILL", "LONG")
    } | query.run("quick", {})

    print(*report.lines(results, "quick"), sep="\n")
    assert {target.workload for target in GUARDED} <= results.keys()
    fallen = [
        f"{target.workload}: {target.measured(results)}, {target}" for target in GUARDED if below(target, results)
    ]
    assert fallen == []


def below(target: Target, results: Results) -> bool:
    measured = target.measured(results)
    assert measured is not None
    assert target.floor is not None
    return measured < target.floor if target.at_least is not None else measured > target.floor


@pytest.mark.parametrize("name", FACTORIES)
def test_a_workload_is_the_same_every_time(name: str) -> None:
    for one, other in zip(make(name, "tiny").batches(), make(name, "tiny").batches(), strict=True):
        np.testing.assert_array_equal(one.series, other.series)
        np.testing.assert_array_equal(one.times_s, other.times_s)
        np.testing.assert_array_equal(one.values, other.values)


@pytest.mark.parametrize("name", FACTORIES)
def test_a_workload_never_runs_ahead_of_its_clock(name: str) -> None:
    workload = make(name, "tiny")

    for points in [*workload.history(), *workload.batches()]:
        assert points.times_s.max() <= points.now_s
        assert points.series.max() < workload.series_count


def test_the_sizes_name_only_workloads_that_exist() -> None:
    for sizes in SIZES.values():
        assert sizes.keys() <= FACTORIES.keys()


def test_a_target_is_a_ratio_to_the_peer_of_the_same_run() -> None:
    target = Target("HOT", speed, "points/s", at_least=8, peer="whisper")
    results = {"HOT": {"statflow": {"points_per_s": 90.0}, "whisper": {"points_per_s": 10.0}}}

    assert target.measured(results) == 9
    assert target.is_met(9)
    assert not target.is_met(7.9)


def test_a_target_without_its_peer_is_not_judged() -> None:
    target = Target("HOT", speed, "points/s", at_least=8, peer="duckdb")

    assert target.measured({"HOT": {"statflow": {"points_per_s": 90.0}}}) is None


def test_a_missed_target_is_told() -> None:
    results = {"CHURN": {"statflow": {"points_per_s": 50_000.0}}}

    assert report.missed(results, "full") == ["CHURN: 5e+04, wanted >= 100000 new names/s"]
    assert any("MISSED" in line for line in report.lines(results, "full"))
