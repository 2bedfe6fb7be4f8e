"""What does a point cost on the disk once it is folded, closed and sealed, and what in memory?

Live bytes are the pages in use, told by LMDB itself: files of LMDB do not shrink, and pages that are free are used
again. HOT and WIDE of the engine section are judged too; this section adds BACKFILL by kind, because counters and
values compress differently.
"""

from benchmarks.engine import Results, measure_beside, told
from benchmarks.stores import installed


def run(size: str, known: Results) -> Results:
    """Live bytes of a year of minutes of counters alone and of values alone; HOT and WIDE beside their peers."""
    results: Results = {
        kind: {"statflow": told(kind, "statflow", "measure_writes", kind, size, "statflow")}
        for kind in ("COUNTERS", "VALUES")
    }
    for workload in {"BACKFILL", "HOT", "WIDE"} - known.keys():
        results[workload] = measure_beside(workload, size, [peer for peer in ("whisper", "sqlite") if installed(peer)])
    return results
