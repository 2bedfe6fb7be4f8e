"""The rings of a store, finest first: parsed, printed, and refused when they do not fit together. Pure."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from statflow_engine.errors import SchemaError
from statflow_engine.pure.rings import Ring, duration_text, parse_duration

SCHEMA_DEFAULT = "1m:90d, 1h:5y, 1d:50y"

# A ring's index is one byte of a stored key; more than a handful has no use.
RINGS_MAX = 8


@dataclass(frozen=True, slots=True)
class Schema:
    """The rings of a store, finest first. One schema a store.

    Invariants:
        * each resolution is a multiple of the one before;
        * each ring reaches further back than the one before, at every moment;
        * a span of a coarser ring is whole spans of the finer one, which follows from the first.
    """

    rings: tuple[Ring, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.rings) <= RINGS_MAX:
            raise SchemaError(f"a schema has 1 to {RINGS_MAX} rings, not {len(self.rings)}")
        for fine, coarse in pairwise(self.rings):
            _refuse_misfit(fine, coarse)

    @classmethod
    def parse(cls, text: str) -> Self:
        """A schema from text such as ``1m:90d, 1h:5y, 1d:50y``.

        Raises:
            SchemaError: a ring cannot be read, or two do not fit together; both are named.
        """
        return cls(tuple(_parse_ring(part.strip()) for part in text.split(",")))

    def __str__(self) -> str:
        return ", ".join(str(ring) for ring in self.rings)

    @property
    def finest(self) -> Ring:
        """The ring that journal rows are folded into first."""
        return self.rings[0]

    @property
    def coarsest(self) -> Ring:
        """The ring that reaches furthest back."""
        return self.rings[-1]


def _parse_ring(text: str) -> Ring:
    resolution, colon, retention = text.partition(":")
    if not colon:
        raise SchemaError(f'"{text}" is not a ring such as 1m:90d (resolution:retention)')
    resolution_s, retention_s = parse_duration(resolution), parse_duration(retention)
    if resolution_s < 1 or retention_s % resolution_s:
        raise SchemaError(f"the retention of {text} is not a multiple of its resolution")
    return Ring(resolution_s, retention_s // resolution_s)


def _refuse_misfit(fine: Ring, coarse: Ring) -> None:
    if coarse.resolution_s <= fine.resolution_s:
        raise SchemaError(f"{coarse} follows {fine}, but is not coarser: list the finest ring first")
    if coarse.resolution_s % fine.resolution_s:
        raise SchemaError(f"the resolution of {coarse} is not a multiple of that of {fine}")
    # Both ends are aligned to whole periods, so the coarse ring must be longer by nearly one of its periods to reach
    # further back at every moment: a point that enters a ring must enter all coarser ones.
    if coarse.retention_s - coarse.resolution_s < fine.retention_s - fine.resolution_s:
        need_s = fine.retention_s - fine.resolution_s + coarse.resolution_s
        need = duration_text(-(-need_s // coarse.resolution_s) * coarse.resolution_s)
        raise SchemaError(f"{coarse} does not reach further back than {fine} at every moment: it needs at least {need}")
