"""Turns figures into text: each workload beside its peers, then the table of targets."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.targets import TARGETS, Results, Target


def lines(results: Results, size: str) -> Iterator[str]:
    """The whole report, a line at a time."""
    for workload, stores in results.items():
        yield ""
        yield f"{workload}"
        for store, figures in stores.items():
            yield f"  {store:<17}{described(figures)}{ratio_to_ours(stores, store)}"
            if "keeps" in figures and store != "statflow":
                yield f"  {'':<17}keeps {figures['keeps']}"
    yield from target_lines(results, size)


def described(figures: Mapping[str, Any]) -> str:
    """One store's figures in one line, in a fixed order; what was not measured is left out."""
    points = figures.get("points", 0)
    parts = []
    if "points_per_s" in figures:
        parts.append(f"{amount(figures['points_per_s']):>8}/s")
    if "slowest" in figures:
        parts.append(f"({amount(figures['slowest'])}-{amount(figures['fastest'])})")
    if "p50_ms" in figures:
        parts.append(f"p50 {figures['p50_ms']:.3f} ms, p99 {figures['p99_ms']:.3f} ms")
    if "batch_ms_p50" in figures:
        parts.append(f"batch p50 {figures['batch_ms_p50']:.2f} ms, p99 {figures['batch_ms_p99']:.2f} ms")
    if "written_bytes" in figures:
        parts.append(f"{figures['written_bytes'] / points:.1f} B written a point")
    if "live_bytes" in figures:
        parts.append(f"{amount(figures['live_bytes'])}B live")
    if "sent_bytes" in figures:
        parts.append(f"{amount(figures['sent_bytes'])}B sent")
    if "peak_bytes" in figures:
        parts.append(f"{figures['peak_bytes'] / 1e6:.0f} MB private")
    return "  ".join(parts)


def ratio_to_ours(stores: Mapping[str, Mapping[str, Any]], store: str) -> str:
    ours, theirs = stores.get("statflow"), stores[store]
    if ours is None or store == "statflow":
        return ""
    if "points_per_s" in ours and "points_per_s" in theirs:
        return f"   statflow {ours['points_per_s'] / theirs['points_per_s']:.2f}x"
    if "p50_ms" in ours and "p50_ms" in theirs:
        return f"   statflow takes {ours['p50_ms'] / theirs['p50_ms']:.2f}x"
    return ""


def amount(number: float) -> str:
    """1234567 as 1.23 M."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g} "


def judged(results: Results, size: str) -> list[tuple[Target, float]]:
    """The targets that can be judged: measured, beside their peer, at a size at which they mean something."""
    measured = ((target, target.measured(results)) for target in TARGETS if size == "full" or not target.full_only)
    return [(target, figure) for target, figure in measured if figure is not None]


def target_lines(results: Results, size: str) -> Iterator[str]:
    yield ""
    yield f"{'workload':<22}{'measured':>10}  {'verdict':<8}target"
    for target, figure in judged(results, size):
        verdict = "met" if target.is_met(figure) else "MISSED"
        yield f"{target.workload:<22}{figure:>10.3g}  {verdict:<8}{target}"


def missed(results: Results, size: str) -> list[str]:
    """The targets that were not reached, in words."""
    return [
        f"{target.workload}: {figure:.3g}, wanted {target}"
        for target, figure in judged(results, size)
        if not target.is_met(figure)
    ]
