"""Clocks that tests hand to an engine instead of `time.time`."""

# 2027-01-15T08:00:00Z, a Friday. After the build date, before which an engine distrusts its clock.
START_S = 1_800_000_000


class StoppedClock:
    """A clock that moves only when it is told to."""

    def __init__(self, now_s: float = START_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        """Move forward, or backward by negative seconds."""
        self.now_s += seconds

    def set(self, now_s: float) -> None:
        """Move to that time."""
        self.now_s = now_s
