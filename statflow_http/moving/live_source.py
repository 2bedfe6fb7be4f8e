"""Another server as a source, by its address and an access token.

A StatFlow is asked for its own export, which has everything. Any other server is asked as StatHat's clients did: the
list of stats, page after page; the days of all their history; then the hours and the minutes of what is young enough to
have them, where the days say that there is something. A bucket of 0 is one without data. The minute that runs is left
out there: another import brings it, and whatever came since.
"""

import hashlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import numpy as np

from statflow_http.errors import RequestError
from statflow_http.moving import statflow_files
from statflow_http.moving.rows import Extra, Item, Origin, Piece, Problem, Rows, Stat, points
from statflow_http.moving.sources import Understood
from statflow_http.moving.stathat_files import Dataset, stat_of
from statflow_http.outbound import Outbound, OutboundError, Streamed, target

T = TypeVar("T")

GONE_HOSTS = frozenset({"stathat.com", "www.stathat.com", "api.stathat.com"})
GONE = (
    "StatHat was shut down on 2026-04-04 and answers no more: bring the files that you saved of it "
    "(CSV, stats.csv, JSON; single, in a folder or zipped)"
)

DAY_S = 86_400
# StatHat was younger than this.
HISTORY_DAYS = 20 * 365
# One day less than a store keeps by default, so that whole days are left in the finer ring.
HOURS_DAYS = 5 * 365 - 1
MINUTES_DAYS = 89
# Of one request: 2,161 hours and 10,081 minutes a stat.
HOURS_STEP_DAYS = 90
MINUTES_STEP_DAYS = 7
STATS_AT_ONCE = 5
STATS_MAX = 1_000_000
PAGES_MAX = 10_000

ANSWER_BYTES_MAX = 64 << 20
EXPORT_BYTES_MAX = 16 << 30
ANSWER_S = 120.0
EXPORT_S = 6 * 3_600.0
TRIES = 5
RATE_LIMITED = b"Rate limit exceeded"


@dataclass(frozen=True, slots=True)
class Live:
    """A server that is to be read.

    Attributes:
        base: its address, without a slash at the end.
        token: a StatHat access token, or a key that may read.
    """

    base: str
    token: str

    @classmethod
    def of(cls, url: str, token: str) -> "Live":
        """The server of a URL, which may end in ``/x/TOKEN``.

        Raises:
            RequestError: it is no URL, it is StatHat itself, or there is no token.
        """
        base, _, rest = url.strip().rstrip("/").partition("/x/")
        found = target(base)
        if found.host.lower().rstrip(".") in GONE_HOSTS:
            raise RequestError(GONE)
        token = token.strip() or rest.partition("/")[0]
        if not token:
            raise RequestError("a server is read with a token: its access token, or an API key that may read")
        if not (token.isascii() and token.isprintable()):
            raise RequestError("the token has characters that no token has")
        return cls(base, token)

    @property
    def origin(self) -> str:
        """What tells this account from others, and is no secret."""
        return hashlib.blake2b(f"{self.base.lower()}\0{self.token}".encode(), digest_size=16).hexdigest()


class LiveSource:
    """Reads a server.

    Args:
        live: which.
        outbound: the client.
        now_s: Unix seconds.
        known_until: by a stat's name, up to when this origin was brought already.
        sleep: waits so many seconds, when the server wants less haste.
        is_own: whether to ask for StatFlow's own export first.
    """

    def __init__(
        self,
        live: Live,
        outbound: Outbound,
        now_s: int,
        *,
        known_until: Callable[[str, str], int] = lambda name, origin: 0,
        sleep: Callable[[float], None] = time.sleep,
        is_own: bool = True,
    ) -> None:
        self._live = live
        self._outbound = outbound
        self._until_s = now_s // 60 * 60
        self._today_s = now_s // DAY_S * DAY_S
        self._known_until = known_until
        self._sleep = sleep
        self._is_own = is_own

    def items(self) -> Iterator[Item | Understood]:
        """Everything that the server tells.

        Raises:
            RequestError: the token is not accepted, or it is no such server.
            OutboundError: it does not answer, or breaks off.
        """
        yield from self._own_export() if self._is_own else self._stathat()

    # -- StatFlow's own export --

    def _own_export(self) -> Iterator[Item | Understood]:
        url = f"{self._live.base}/v1/export?format=ndjson"
        headers = {"Authorization": f"Bearer {self._live.token}"}
        with self._outbound.stream("GET", url, headers=headers, bytes_max=EXPORT_BYTES_MAX, total_s=EXPORT_S) as answer:
            is_own = answer.status == 200 and "ndjson" in answer.headers.get("content-type", "")
            if is_own:
                yield Understood(self._live.base, "StatFlow export")
                yield from _unbroken(statflow_files.ndjson_items(io.BufferedReader(_Body(answer)), self._live.base))
        if not is_own:
            yield from self._stathat()

    # -- StatHat's export API --

    def _stathat(self) -> Iterator[Item | Understood]:
        yield Understood(self._live.base, "StatHat's export API")
        yield Origin(self._live.origin, self._until_s)
        stats = list(islice(self._statlist(), STATS_MAX))
        for group in _groups([stat for stat, _ in stats], [stat_id for _, stat_id in stats]):
            yield from self._group(*group)
        yield from self._alerts()

    def _statlist(self) -> Iterator[tuple[Stat, str]]:
        """(stat, id), page after page until an empty one: pages have any size."""
        offset = 0
        for _ in range(PAGES_MAX):
            page = self._get(f"statlist?offset={offset}", list[dict[str, Any]])
            if not page:
                return
            offset += len(page)
            for entry in page:
                stat = stat_of(entry)
                if stat is not None and stat.name:
                    yield stat, str(entry.get("id", ""))

    def _alerts(self) -> Iterator[Item]:
        try:
            found = self._get("alerts", list[dict[str, Any]])
        except RequestError as error:
            yield Problem(f"alerts are not to be had: {error}", self._live.base, 0)
            return
        yield from (Extra("alert", each) for each in found)

    def _group(self, stats: Sequence[Stat], stat_ids: Sequence[str]) -> Iterator[Item]:
        """A few stats, which are asked for together."""
        froms = [self._known_until(stat.name, self._live.origin) for stat in stats]
        yield from stats
        path = "/".join(quote(stat_id, safe="") for stat_id in stat_ids)
        days = self._data(path, len(stats), self._today_s - HISTORY_DAYS * DAY_S, HISTORY_DAYS, "1d")
        hours_s = self._today_s - HOURS_DAYS * DAY_S
        minutes_s = self._today_s - MINUTES_DAYS * DAY_S
        for stat, from_s, rows in zip(stats, froms, days, strict=True):
            yield Piece(stat.ref, rows[(rows["t"] < hours_s) & (rows["t"] >= from_s)])
        filled = np.unique(np.concatenate([rows["t"][rows["t"] + DAY_S > min(froms)] for rows in days]))
        for begins_s, ends_s, step_days, step in (
            (hours_s, minutes_s, HOURS_STEP_DAYS, "1h"),
            (minutes_s, self._today_s + DAY_S, MINUTES_STEP_DAYS, "1m"),
        ):
            for start_s in range(begins_s, ends_s, step_days * DAY_S):
                end_s = min(start_s + step_days * DAY_S, ends_s, self._until_s)
                if not bool(((filled >= start_s) & (filled < end_s)).any()):
                    continue
                for stat, from_s, rows in zip(
                    stats, froms, self._data(path, len(stats), start_s, step_days, step), strict=True
                ):
                    yield Piece(stat.ref, rows[(rows["t"] < end_s) & (rows["t"] >= from_s)])

    def _data(self, path: str, count: int, start_s: int, days: int, step: str) -> list[Rows]:
        """Rows of each stat over some days, those without data left out."""
        query = urlencode({"t": f"{days}d{step}", "start": start_s})
        found = self._get(f"data/{path}?{query}", list[Dataset])
        if len(found) != count:
            raise OutboundError(f"{self._live.base} answers {len(found)} datasets for {count} stats")
        return [_rows(dataset) for dataset in found]

    def _get(self, what: str, cls: type[T]) -> T:
        """One answer; tries again when the server is busy or a connection breaks."""
        url = f"{self._live.base}/x/{quote(self._live.token, safe='')}/{what}"
        for attempt in range(1, TRIES + 1):
            try:
                reply = self._outbound.request("GET", url, bytes_max=ANSWER_BYTES_MAX, total_s=ANSWER_S)
            except OutboundError:
                if attempt == TRIES:
                    raise
                self._sleep(attempt)
                continue
            is_busy = reply.status in (429, 502, 503, 504) or (RATE_LIMITED in reply.body[:200])
            if not is_busy:
                break
            self._sleep(_wait_s(reply.headers.get("retry-after", ""), attempt))
        if is_busy:
            raise OutboundError(f"{self._live.base} is busy: it answers with status {reply.status}")
        if reply.status in (401, 403):
            raise RequestError(f"{self._live.base} does not accept the token")
        if reply.status != 200:
            raise RequestError(
                f"{self._live.base} has no export API: status {reply.status} for {what.partition('?')[0]}"
            )
        try:
            return msgspec.json.decode(reply.body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise RequestError(f"{self._live.base} has no export API: the answer is not what it should be") from None


def _unbroken(items: Iterator[Item]) -> Iterator[Item]:
    """The items of an export that comes whole; raises `OutboundError` where it does not."""
    for item in items:
        if isinstance(item, Problem) and item.reason == statflow_files.CUT_SHORT:
            raise OutboundError("the export breaks off")
        yield item


class _Body(io.RawIOBase):
    """A streamed answer as a file."""

    def __init__(self, answer: Streamed) -> None:
        self._chunks = answer.chunks()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._chunks, b"")
        taken = self._rest[: len(buffer)]
        self._rest = self._rest[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)


def _rows(dataset: Dataset) -> Rows:
    rows = points([int(point.time) for point in dataset.points], [point.value or 0.0 for point in dataset.points])
    has_data = rows["sum"] != 0
    return rows.compress(has_data)


def _wait_s(retry_after: str, attempt: int) -> float:
    return min(float(retry_after), 60.0) if retry_after.isascii() and retry_after.isdigit() else 2.0 * attempt


def _groups(stats: list[Stat], stat_ids: list[str]) -> Iterator[tuple[list[Stat], list[str]]]:
    for start in range(0, len(stats), STATS_AT_ONCE):
        yield stats[start : start + STATS_AT_ONCE], stat_ids[start : start + STATS_AT_ONCE]
