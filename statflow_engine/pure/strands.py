"""A strand: cells of one series in order of time, in as few columns as tell them. Pure.

Most of sealed history is consecutive periods of one point each, of which the sums say everything. Whoever needs plain
cells makes them; an answer about one series is made from strands as they are.
"""

from dataclasses import dataclass

import numpy as np

from statflow_engine.pure.cells import Cells, Floats, Ints


@dataclass(frozen=True, slots=True)
class Strand:
    """Cells of one series, at least one, each period once.

    Attributes:
        first: the first period.
        periods: int64, ascending; None: they follow each other without a gap.
        counts: int64, at least 1; None: every one is 1.
        sums, mins, maxs: float64; for counters mins and maxs are None.
    """

    first: int
    periods: Ints | None
    counts: Ints | None
    sums: Floats
    mins: Floats | None
    maxs: Floats | None

    def __len__(self) -> int:
        return len(self.sums)

    def cells(self, series_id: int) -> Cells:
        """The same as reduced cells."""
        row_count = len(self)
        periods = np.arange(self.first, self.first + row_count) if self.periods is None else self.periods
        counts = np.ones(row_count, np.int64) if self.counts is None else self.counts
        return Cells(np.full(row_count, series_id), periods, counts, self.sums, self.mins, self.maxs)
