"""Counters as Prometheus' text format 0.0.4. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from statflow_engine import Status
from statflow_http.metrics import slots

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NS_PER_S = 1e9

Samples = Iterable[tuple[str, float]]


def text(
    totals: Sequence[int],
    connections: Sequence[int],
    status: Status | None,
    alert_seen: tuple[int, int] | None = None,
) -> str:
    """The whole page.

    Args:
        totals: of each slot over all processes.
        connections: of each process that lives.
        status: of the store; None: it does not open.
        alert_seen: when alerts were last looked at, in Unix seconds, and how many milliseconds late; None: never.
    """
    parts = (_counters(totals), _processes(totals, connections), _watch(alert_seen), _store(status))
    return "".join(family for part in parts for family in part)


def _watch(alert_seen: tuple[int, int] | None) -> Iterator[str]:
    if alert_seen is not None:
        time_s, lag_ms = alert_seen
        yield _family("alert_evaluated_seconds", "gauge", "When alerts were last looked at, Unix time.", [("", time_s)])
        yield _family("alert_lag_seconds", "gauge", "By how much that look began late.", [("", lag_ms / 1_000)])


def _counters(totals: Sequence[int]) -> Iterator[str]:
    requests = (
        (_labels(surface=surface, status=status), totals[slots.REQUESTS + i * len(slots.STATUS_CLASSES) + j])
        for i, surface in enumerate(slots.SURFACES)
        for j, status in enumerate(slots.STATUS_CLASSES)
    )
    yield _family("requests_total", "counter", "Answers, by surface of the API and class of status.", requests)
    points = _labelled("surface", slots.SURFACES, totals[slots.POINTS :])
    yield _family("points_total", "counter", "Points stored, by surface of the API.", points)
    refusals = _labelled("reason", slots.REASON_WORDS, totals[slots.REFUSALS :])
    yield _family("refusals_total", "counter", "Requests refused, by reason.", refusals)
    rejected = _labelled("reason", slots.REASON_WORDS, totals[slots.PIXEL_REJECTIONS :])
    yield _family("pixel_rejections_total", "counter", "Pictures shown that counted nothing, by reason.", rejected)
    yield _histogram("commit_seconds", "Time of a commit.", slots.COMMIT_S, totals, NS_PER_S)
    yield _histogram("commit_requests", "Requests that share a commit.", slots.COMMIT_REQUESTS, totals, 1)
    yield from _alerts(totals)
    damage = [("", totals[slots.CHECKSUM_ERRORS])]
    yield _family("checksum_errors_total", "counter", "Times that stored bytes were found damaged.", damage)


def _alerts(totals: Sequence[int]) -> Iterator[str]:
    for name, help_, value in (
        ("alert_evaluations_total", "Looks at all alert rules.", totals[slots.ALERT_LOOKS]),
        ("alert_rules_evaluated_total", "Alert rules looked at.", totals[slots.ALERT_RULES]),
        ("alert_evaluation_seconds_total", "Time that took.", totals[slots.ALERT_NS] / NS_PER_S),
    ):
        yield _family(name, "counter", help_, [("", value)])
    tries = (
        (_labels(kind=kind, outcome=outcome), totals[slots.NOTICES + i * len(slots.NOTICE_OUTCOMES) + j])
        for i, kind in enumerate(slots.NOTICE_KINDS)
        for j, outcome in enumerate(slots.NOTICE_OUTCOMES)
    )
    yield _family("notice_tries_total", "counter", "Tries to deliver a notice, by way and by what came of it.", tries)


def _processes(totals: Sequence[int], connections: Sequence[int]) -> Iterator[str]:
    starts = [("", totals[slots.WORKER_STARTS])]
    yield _family("worker_starts_total", "counter", "Processes that began to serve, restarts included.", starts)
    yield _family("workers", "gauge", "Processes that serve.", [("", len(connections))])
    yield _family(
        "open_connections", "gauge", "Clients that are connected to workers of our own.", [("", sum(connections))]
    )


def _store(status: Status | None) -> Iterator[str]:
    yield _family("store_up", "gauge", "Whether the store opens.", [("", status is not None)])
    if status is None:
        return
    for name, help_, value in (
        ("store_refuses_writes", "Whether the store has no room.", status.refusal is not None),
        ("fold_lag_seconds", "Age of the oldest point that is not folded.", status.fold_lag_s),
        ("journal_rows", "Points that are not folded.", status.journal_rows),
        ("store_live_bytes", "Bytes of the store's file that hold data.", status.live_bytes),
        ("store_used_bytes", "Bytes of the store's file that ever held data.", status.used_bytes),
        ("store_map_bytes", "Bytes that the store's file may have.", status.map_bytes),
        ("disk_free_bytes", "Bytes that the store's disk has left.", status.disk_free_bytes),
    ):
        yield _family(name, "gauge", help_, [("", value)])


def _labelled(label: str, words: Sequence[str], totals: Sequence[int]) -> Samples:
    return [(_labels(**{label: word}), total) for word, total in zip(words, totals, strict=False)]


def _histogram(name: str, help_: str, histogram: slots.Histogram, totals: Sequence[int], unit: float) -> str:
    lines: list[tuple[str, float]] = []
    seen = 0
    for position, bound in enumerate((*histogram.bounds, "+Inf")):
        seen += totals[histogram.first + position]
        lines.append((f'_bucket{{le="{bound}"}}', seen))
    lines.append(("_sum", totals[histogram.sum_slot] / unit if unit != 1 else totals[histogram.sum_slot]))
    lines.append(("_count", seen))
    return _family(name, "histogram", help_, lines)


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{word}"' for name, word in labels.items()) + "}"


def _family(name: str, kind: str, help_: str, samples: Samples) -> str:
    """One metric with its samples: (what follows the name, number)."""
    head = f"# HELP statflow_{name} {help_}\n# TYPE statflow_{name} {kind}\n"
    return head + "".join(f"statflow_{name}{rest} {_number(value)}\n" for rest, value in samples)


def _number(value: float) -> str:
    return repr(value) if isinstance(value, float) else str(int(value))
