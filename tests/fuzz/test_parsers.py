"""Ten seconds of what ``python -m tests.fuzz`` does for as long as one likes."""

import pytest

from statflow_http.errors import RequestError
from tests.fuzz.mutation import fuzz
from tests.fuzz.targets import TARGETS, Target

SECONDS = 10.0


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_reads_or_refuses_whatever_comes(name):
    runs = fuzz(TARGETS[name], SECONDS / len(TARGETS), seed=1)

    assert runs > len(TARGETS[name].corpus)


def test_the_fuzzer_finds_a_mistake_behind_two_refusals():
    def parse(data):
        if not data.startswith(b"{"):
            raise RequestError("no object")
        if b'"stat"' not in data:
            raise RequestError("no stat")
        if b"nan" in data:
            raise OverflowError("planted")

    with pytest.raises(OverflowError, match="planted") as found:
        fuzz(Target(parse, (b"",), (b"{", b'"stat"', b"nan")), 20.0, seed=1)
    assert "seed 1, run " in found.value.__notes__[0]


def test_an_error_of_ours_that_no_client_can_be_told_is_a_finding():
    from statflow_engine import CorruptionError

    def parse(data):
        raise CorruptionError("tile", 0, "not for clients")

    with pytest.raises(AssertionError):
        fuzz(Target(parse, (b"",)), 1.0, seed=1)
