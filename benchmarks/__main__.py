"""The command line: ``python -m benchmarks [engine|http|...|insight] ... [--quick] [--json FILE] [--guard]``."""

import argparse
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import report

SECTIONS = ("engine", "query", "space", "scale", "http", "pages", "alerts", "insight")


def main(arguments: list[str] | None = None) -> int:
    """Run the sections asked for (all of them by default) and print the report."""
    options = parser().parse_args(arguments)
    size = "tiny" if options.tiny else "quick" if options.quick else "full"
    results: dict[str, dict[str, Any]] = {}
    started = time.monotonic()
    try:
        for section in options.sections or SECTIONS:
            print(f"{section} ({size})", file=sys.stderr, flush=True)
            results |= importlib.import_module(f"benchmarks.{section}").run(size, results)
    finally:  # what was measured before a failure took minutes, too
        seconds = time.monotonic() - started
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores, size {size}, {seconds:.0f} s")
        print(*report.lines(results, size), sep="\n")
        if options.json:
            Path(options.json).write_text(json.dumps(results, indent=1))
    return 1 if options.guard and report.missed(results, size) else 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures StatFlow beside the stores that pip can install, in the same run.",
        epilog="example: python -m benchmarks engine query --quick",
    )
    made.add_argument("sections", nargs="*", choices=[*SECTIONS, []], metavar="section", help=", ".join(SECTIONS))
    made.add_argument("--quick", action="store_true", help="a tenth of the work: about a minute")
    made.add_argument("--tiny", action="store_true", help="only shows that every benchmark runs; figures mean nothing")
    made.add_argument("--json", metavar="FILE", help="also write all figures there")
    made.add_argument("--guard", action="store_true", help="exit with 1 when a target is missed")
    return made


if __name__ == "__main__":
    sys.exit(main())
