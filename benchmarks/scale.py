"""Does it stay as fast when there is more: more series, more history, gigabytes, rings that have wrapped?"""

from benchmarks.engine import Results, told


def run(size: str, known: Results) -> Results:
    """A million series beside a hundred thousand, three years beside one, five gigabytes, a second chapter beside the
    first, and a long life on a small ring."""
    results: Results = {
        name: {"statflow": told(name, "statflow", "measure_writes", name, size, "statflow")}
        for name in ("WIDE", "WIDE-1M", "BACKFILL", "BACKFILL-3Y")
        if name not in known
    }
    # By index, because the texts of so many points would take longer to make than the points to store.
    results["BIG"] = {"statflow": told("BIG", "statflow", "measure_writes", "BIG", size, "statflow columns")}
    results["LONG-2"] = {"statflow": told("LONG-2", "statflow", "measure_second_chapter", size)}
    results["LIFE"] = {"statflow": told("LIFE", "statflow", "measure_long_life", size)}
    return results
