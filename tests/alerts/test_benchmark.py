"""The benchmark of alerts runs, small, so that it cannot rot."""

import pytest

from benchmarks.alerts import run


@pytest.mark.slow
def test_the_benchmark_runs_small():
    lines = run(rules=70, stats=10)

    assert [line.split("  ")[0] for line in lines[1:]] == [
        "70 value rules, each state stored",
        "70 value rules, nothing new",
        "10 stats for anomalies, 8 weeks of hours",
    ]
