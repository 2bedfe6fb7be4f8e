"""What does a look at 100,000 alert rules cost, and an hour's look for anomalies at 100,000 stats, on one core?

``python -m benchmarks.alerts [--rules N] [--stats N]``. The rules are of a hundred accounts with a thousand each, as
many as an account may have, over all windows; every stat has a point in each of the last 300 minutes and in each of 24
hours before. Measured is processor time of the thread, since machines are shared; the waits that a look makes on
purpose, to leave its core to others, are in the elapsed time only. A look that finds nothing new writes nothing; the
first one here stores a state for each rule.
"""

import argparse
import contextlib
import tempfile
import time
from pathlib import Path

import numpy as np

import statflow_engine
from statflow_engine import Engine, Kind
from statflow_http.accounts.accounts import Account
from statflow_http.alerts.anomalies import HOURS_READ, Anomalies
from statflow_http.alerts.evaluation import Evaluator
from statflow_http.alerts.rules import WINDOWS_S, Operator, Rule, RuleKind
from statflow_http.documents import Documents

RULES, STATS = 100_000, 100_000
RULES_PER_ACCOUNT = 1_000
MINUTES, HOURS = 300, 24
# Rows of one batch of counted cells.
BATCH = 50_000


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=int, default=RULES)
    parser.add_argument("--stats", type=int, default=STATS, help="looked at for anomalies; 0 for none")
    arguments = parser.parse_args()
    for line in run(arguments.rules, arguments.stats):
        print(line)


def run(rules: int, stats: int) -> list[str]:
    """The lines of the table."""
    lines = [f"{'look':<44}{'cpu s':>9}{'elapsed s':>11}{'us each':>10}"]
    with tempfile.TemporaryDirectory() as folder:
        lines += measured_rules(Path(folder) / "rules", rules)
        if stats:
            lines += measured_anomalies(Path(folder) / "stats", stats)
    return lines


def measured_rules(folder: Path, count: int) -> list[str]:
    """Looks at so many rules."""
    with statflow_engine.open(folder) as engine, contextlib.closing(Documents(folder / "accounts")) as documents:
        now_s = engine.now_s()
        for account in range(-(-count // RULES_PER_ACCOUNT)):
            size = min(RULES_PER_ACCOUNT, count - account * RULES_PER_ACCOUNT)
            fill(engine, f"a{account}:live", size, now_s)
            make_rules(engine, documents, f"a{account}:live", now_s)
        engine.fold()
        evaluator = Evaluator(engine, documents, can_mail=lambda: False)
        return [
            told(f"{count:,} value rules, each state stored", count, lambda: evaluator.run(now_s)),
            told(f"{count:,} value rules, nothing new", count, lambda: evaluator.run(now_s + 15)),
        ]


def fill(engine: Engine, namespace: str, count: int, now_s: int) -> None:
    """So many counters with a point a minute, and one an hour before that."""
    names = [f"stat {number}" for number in range(count)]
    times_s = np.concatenate([now_s - 60 * np.arange(MINUTES), now_s - 3_600 * np.arange(6, 6 + HOURS)])
    for part in np.array_split(times_s, 4):
        index = np.tile(np.arange(count), len(part))
        engine.write((names, index), Kind.COUNTER, np.repeat(part, count), np.ones(len(index)), namespace=namespace)


def make_rules(engine: Engine, documents: Documents, namespace: str, now_s: int) -> None:
    """A rule for each stat of a namespace, over every window in turn, none of which is met."""
    windows = list(WINDOWS_S)
    with documents.change() as change:
        for number, series in enumerate(engine.series(namespace, limit=RULES_PER_ACCOUNT)):
            rule = Rule(
                f"{number:012d}",
                series.id,
                series.name,
                RuleKind.VALUE,
                windows[number % len(windows)],
                now_s,
                operator=Operator.GREATER,
                threshold=1e9,
            )
            change.put("alert_rules", f"{namespace}/{rule.id}", rule)


def measured_anomalies(folder: Path, count: int) -> list[str]:
    """One hour's look at so many counters with eight weeks of hours."""
    now_s = 1_800_000_000 + 3_600
    opened = statflow_engine.open(folder, clock=lambda: now_s)
    with opened as engine, contextlib.closing(Documents(folder / "accounts")) as documents:
        with documents.change() as change:
            change.put("accounts", "a", Account("a", 0))
        fill_weeks(engine, "a:live", count, now_s)
        looker = Anomalies(engine, documents, can_mail=lambda: False, slice_s=1e9)
        return [told(f"{count:,} stats for anomalies, 8 weeks of hours", count, lambda: looker.run(now_s))]


def fill_weeks(engine: Engine, namespace: str, count: int, now_s: int) -> None:
    """Poisson counts with a daily shape, from one seed."""
    random = np.random.default_rng(7)
    names = [f"stat {number}" for number in range(count)]
    hours_s = now_s // 3_600 * 3_600 - 3_600 * np.arange(HOURS_READ - 1, 0, -1)
    # A batch has at most 50,000 rows: some hours of all stats, or one hour of some.
    width = min(count, BATCH)
    for first in range(0, count, width):
        part = np.arange(first, min(first + width, count))
        for some_s in np.array_split(hours_s, -(-len(hours_s) * len(part) // BATCH)):
            means = 40 * (1.2 + np.sin(some_s[:, None] / 86_400 * 2 * np.pi)) * (1 + part % 7)
            counts = random.poisson(means).astype(np.int64).ravel()
            times_s, index = np.repeat(some_s, len(part)), np.tile(part, len(some_s))
            points = np.maximum(counts, 1)
            engine.write_cells(
                (names, index), Kind.COUNTER, times_s, points, counts.astype(np.float64), namespace=namespace
            )
    engine.fold()


def told(label: str, count: int, look: object) -> str:
    """What a look took, as a line."""
    assert callable(look)
    began, cpu = time.perf_counter(), time.thread_time()
    look()
    cpu_s, elapsed_s = time.thread_time() - cpu, time.perf_counter() - began
    return f"{label:<44}{cpu_s:>9.2f}{elapsed_s:>11.2f}{cpu_s / count * 1e6:>10.1f}"


if __name__ == "__main__":
    main()
