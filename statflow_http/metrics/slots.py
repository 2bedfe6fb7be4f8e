"""What is counted, and in which slot of a row. Pure.

Labels have few values, all of them known here: nothing that a client or an account wrote becomes one.
"""

from bisect import bisect_left
from dataclasses import dataclass

from statflow_http.front.protocols import STATHAT_PATHS
from statflow_http.metrics.board import SLOT_COUNT

STATHAT, V1_WRITE, V1, EXPORT, EMBED, SERVICE, OTHER = range(7)
SURFACES = ("stathat", "v1_write", "v1", "export", "embed", "service", "other")
STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")

# Paths that store points by POST.
V1_WRITES = frozenset({"/v1/stat", "/v1/stats", "/v1/stat/value", "/v1/stat/count"})
SERVICE_PATHS = frozenset({"/", "/healthz", "/readyz", "/metrics", "/openapi.json"})
PREFIXES = (
    ("/v1/", V1),
    ("/x/", EXPORT),
    ("/a1/", EXPORT),
    ("/stats/", EXPORT),
    ("/embed/", EMBED),
    ("/javascripts/", EMBED),
)

# Why a request was refused, by the status that says so.
REASONS = {
    400: "bad_request",
    401: "bad_key",
    403: "scope",
    404: "not_found",
    405: "method",
    408: "too_slow",
    409: "conflict",
    411: "length_required",
    413: "too_large",
    414: "too_large",
    415: "media_type",
    422: "idempotency",
    429: "limit",
    431: "too_large",
    499: "client_left",
    500: "internal",
    503: "unavailable",
}
REASON_WORDS = (*dict.fromkeys(REASONS.values()), "other")
REASON_INDEX = {status: REASON_WORDS.index(word) for status, word in REASONS.items()}
REASON_OTHER = len(REASON_WORDS) - 1


@dataclass(frozen=True, slots=True)
class Histogram:
    """Where the samples of a histogram are counted.

    Attributes:
        first: the slot of the first bucket; one more than there are bounds, the last for all above; then the sum.
        bounds: the largest sample of each bucket, ascending.
    """

    first: int
    bounds: tuple[float, ...]

    @property
    def sum_slot(self) -> int:
        """The slot with the sum of the samples, in the unit in which they are added."""
        return self.first + len(self.bounds) + 1

    def bucket(self, sample: float) -> int:
        """The slot in which a sample counts."""
        return self.first + bisect_left(self.bounds, sample)


REQUESTS = 0
POINTS = REQUESTS + len(SURFACES) * len(STATUS_CLASSES)
REFUSALS = POINTS + len(SURFACES)
PIXEL_REJECTIONS = REFUSALS + len(REASON_WORDS)
COMMIT_S = Histogram(
    PIXEL_REJECTIONS + len(REASON_WORDS), (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
)
COMMIT_REQUESTS = Histogram(COMMIT_S.sum_slot + 1, (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000))
CHECKSUM_ERRORS = COMMIT_REQUESTS.sum_slot + 1
WORKER_STARTS = CHECKSUM_ERRORS + 1
CONNECTIONS = WORKER_STARTS + 1
# Of alerts: looks at all rules, rules looked at, nanoseconds that took; by how much the last look began late, in
# milliseconds, and when it was over, in Unix seconds, both of the process that looks.
ALERT_LOOKS = CONNECTIONS + 1
ALERT_RULES = ALERT_LOOKS + 1
ALERT_NS = ALERT_RULES + 1
ALERT_LAG_MS = ALERT_NS + 1
ALERT_SEEN_S = ALERT_LAG_MS + 1
# Tries to deliver a notice, by kind of receiver and what came of it.
NOTICE_KINDS = ("email", "webhook", "apprise")
NOTICE_OUTCOMES = ("delivered", "retried", "failed")
NOTICES = ALERT_SEEN_S + 1
SLOTS_END = NOTICES + len(NOTICE_KINDS) * len(NOTICE_OUTCOMES)
assert SLOTS_END <= SLOT_COUNT, SLOTS_END


def surface(method: str, path: str) -> int:
    """Which surface of the API a request speaks to: an index into `SURFACES`."""
    if path in STATHAT_PATHS:
        return STATHAT
    if path in V1_WRITES and method == "POST":
        return V1_WRITE
    if path in SERVICE_PATHS:
        return SERVICE
    return next((found for prefix, found in PREFIXES if path.startswith(prefix)), OTHER)


def reason(status: int) -> int:
    """Why an answer of this status refuses: an index into `REASON_WORDS`."""
    return REASON_INDEX.get(status, REASON_OTHER)
