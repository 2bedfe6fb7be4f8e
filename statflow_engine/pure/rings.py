"""Everything that divides or wraps is in this file: timestamp to period, span, chapter and place.

It holds no data and does no I/O, so that the same arithmetic serves writing, reading and checking.
"""

from dataclasses import dataclass, field

from statflow_engine.errors import SchemaError

PERIODS_PER_SPAN = 64

# Points may carry a timestamp of up to one day ahead; every ring has room for them beside its retention.
EARLY_S = 86_400

# Sixteen spans make a strip of 1,024 periods: pcodec needs about that many numbers to pay (64 values cost 2.8 times the
# bytes of 1,024). A year of days is shorter than that and would never be sealed, so coarse rings have shorter chapters.
SPANS_PER_CHAPTER = 16
SPANS_PER_COARSE_CHAPTER = 4
COARSE_RESOLUTION_S = 86_400

# A span's number in its chapter, and 0xFE and 0xFF beside it, share one byte of a stored key.
assert SPANS_PER_CHAPTER < 0xFE

RESOLUTION_S_MAX = 366 * 86_400
RETENTION_S_MAX = 1_000 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class Ring:
    """The geometry of one resolution; it holds no data.

    A timestamp falls in period ``timestamp_s // resolution_s``; 64 periods are a span, and some
    spans a chapter. What belongs to a chapter lies at place ``chapter % place_count`` and repeats
    its number, so what an earlier lap left behind is recognised when it is read.

    Attributes:
        spans_per_chapter: spans that are sealed together.
        periods_per_chapter: periods that a strip covers.
        place_count: places for chapters.

    Invariants:
        * two chapters share a place only if they are whole laps apart;
        * the retention, and the day that a point may be early, fit into one lap.
    """

    resolution_s: int
    slot_count: int
    spans_per_chapter: int = field(init=False, repr=False, compare=False)
    periods_per_chapter: int = field(init=False, repr=False, compare=False)
    place_count: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.resolution_s <= RESOLUTION_S_MAX:
            raise SchemaError(f"the resolution of {self} is {self.resolution_s} s, not 1 s to {RESOLUTION_S_MAX} s")
        if self.slot_count < 1:
            raise SchemaError(f"{self} keeps {self.slot_count} periods, not at least 1")
        if self.retention_s > RETENTION_S_MAX:
            raise SchemaError(f"{self} keeps {self.retention_s} s, more than {RETENTION_S_MAX} s")
        spans = SPANS_PER_CHAPTER if self.resolution_s < COARSE_RESOLUTION_S else SPANS_PER_COARSE_CHAPTER
        covered_s = self.retention_s + EARLY_S
        object.__setattr__(self, "spans_per_chapter", spans)
        object.__setattr__(self, "periods_per_chapter", spans * PERIODS_PER_SPAN)
        # Retention and earliness in whole chapters, rounded up, and one more, because both ends may lie within one.
        object.__setattr__(self, "place_count", -(-covered_s // (self.resolution_s * self.periods_per_chapter)) + 1)

    def __str__(self) -> str:
        return f"{duration_text(self.resolution_s)}:{duration_text(self.retention_s)}"

    @property
    def retention_s(self) -> int:
        """How far back the ring reaches, in seconds."""
        return self.resolution_s * self.slot_count

    def period(self, timestamp_s: int) -> int:
        """The period that a timestamp falls in."""
        return timestamp_s // self.resolution_s

    def first_period(self, now_s: int) -> int:
        """The oldest period that the ring shows at a moment; never below 0."""
        return max(0, now_s // self.resolution_s - self.slot_count + 1)

    def reach_s(self, now_s: int) -> int:
        """The oldest timestamp that the ring shows at a moment."""
        return self.first_period(now_s) * self.resolution_s

    def span(self, timestamp_s: int) -> int:
        """The span that a timestamp falls in."""
        return timestamp_s // (self.resolution_s * PERIODS_PER_SPAN)

    def chapter_of_period(self, period: int) -> int:
        """The chapter that a period belongs to."""
        return period // self.periods_per_chapter

    def chapter_of_span(self, span: int) -> int:
        """The chapter that a span belongs to."""
        return span // self.spans_per_chapter

    def item(self, span: int) -> int:
        """A span's number within its chapter, from 0."""
        return span % self.spans_per_chapter

    def place(self, chapter: int) -> int:
        """Where a chapter lies; shared with the chapters that are whole laps away."""
        return chapter % self.place_count


_UNITS_S = (("y", 365 * 86_400), ("w", 7 * 86_400), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def duration_text(duration_s: int) -> str:
    """A duration in the largest unit that divides it, such as ``90d``; seconds when none does."""
    for unit, unit_s in _UNITS_S:
        if unit != "w" and duration_s > 0 and duration_s % unit_s == 0:
            return f"{duration_s // unit_s}{unit}"
    return f"{duration_s}s"


def parse_duration(text: str) -> int:
    """Seconds of a text such as ``1m``, ``90d`` or ``5y`` (365 days a year).

    Raises:
        SchemaError: the text is not a whole number with one of the units s m h d w y.
    """
    number, unit = text[:-1], text[-1:]
    unit_s = dict(_UNITS_S).get(unit)
    if unit_s is None or not (number.isascii() and number.isdigit()):
        raise SchemaError(f'"{text}" is not a duration such as 1m, 90d or 5y')
    return int(number) * unit_s
