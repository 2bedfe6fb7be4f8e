"""Fixtures for all tests: an engine whose whole store is checked after each test, and a clock that can be set."""

import pytest
from hypothesis import HealthCheck, settings

import statflow_engine
from tests.clocks import StoppedClock

# A test that shares its processor with others may wait in any of its examples, and while one is made.
settings.register_profile("statflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("statflow")

# Rings short enough to be wrapped within a test, with a late point's three cases: in all rings, in two, in one.
SMALL_SCHEMA = "1m:2h, 10m:1d, 1h:7d"


@pytest.fixture
def clock():
    """A stopped clock at a fixed time."""
    return StoppedClock()


@pytest.fixture
def engine(tmp_path, clock):
    """An engine with the schema of everyday; its store is checked when the test is over."""
    with statflow_engine.open(tmp_path, clock=clock) as engine:
        yield engine
        assert list(engine.check()) == []


@pytest.fixture
def small_engine(tmp_path, clock):
    """An engine whose rings reach back hours and days; its store is checked when the test is over."""
    with statflow_engine.open(tmp_path, schema=SMALL_SCHEMA, clock=clock) as engine:
        yield engine
        assert list(engine.check()) == []
