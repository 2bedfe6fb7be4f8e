"""Does it stay as fast when there is more: more series, a second chapter, rings that have wrapped?"""

from benchmarks.engine import Results, told


def run(size: str, known: Results) -> Results:
    """A million series beside a hundred thousand; the second chapter beside the first; a long life on a small ring."""
    results: Results = {
        name: {"statflow": told(name, "statflow", "measure_writes", name, size, "statflow")}
        for name in ("WIDE", "WIDE-1M")
        if name not in known
    }
    results["LONG-2"] = {"statflow": told("LONG-2", "statflow", "measure_second_chapter", size)}
    results["LIFE"] = {"statflow": told("LIFE", "statflow", "measure_long_life", size)}
    return results
