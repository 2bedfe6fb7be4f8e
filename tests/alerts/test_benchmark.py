"""The benchmark of alerts runs, small, so that it cannot rot."""

import pytest

from benchmarks.alerts import measure


@pytest.mark.slow
def test_the_benchmark_runs_small(tmp_path):
    results = measure(tmp_path, "tiny")

    assert {workload: sorted(stores) for workload, stores in results.items()} == {
        "ALERTS-first": ["statflow"],
        "ALERTS-rules": ["statflow"],
        "ALERTS-anomalies": ["statflow"],
        "ALERTS-beside-1": ["no look", "statflow"],
        "ALERTS-beside-16": ["no look", "statflow"],
    }
    assert results["ALERTS-rules"]["statflow"]["points"] == 70
