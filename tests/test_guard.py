"""The guard of the write path: green as it is, red when a part of it does its work several times."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import guard
from statflow_engine.pure.fold_rows import FoldRows
from statflow_http.api import stathat
from statflow_http.wire import rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_write_path_has_not_become_slower() -> None:
    found = guard.measured()
    print(found)
    assert set(found) == set(guard.RECORDED)
    assert guard.slower(found) == []


def times(count: int, work: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        for _ in range(count - 1):
            work(*args, **kwargs)
        return work(*args, **kwargs)

    return run


def test_a_fold_that_reduces_four_times_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FoldRows, "of", times(4, FoldRows.of))
    assert [sentence.partition(":")[0] for sentence in guard.slower(guard.measured())] == ["batches"]


def test_a_batch_that_is_parsed_three_times_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "batch", times(3, rows.batch))
    monkeypatch.setattr(stathat, "decode_message", times(3, stathat.decode_message))
    assert [sentence.partition(":")[0] for sentence in guard.slower(guard.measured())] == ["json"]
