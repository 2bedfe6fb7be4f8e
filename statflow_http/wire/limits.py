"""How much one request may carry, beyond the bytes of its body, and how much one answer. Pure constants."""

# A JSON batch decodes at about a million points a second: these are 10 ms of a worker.
JSON_POINTS_MAX = 10_000
# What the engine takes in one batch by default; as columns 20 MB.
MSGPACK_POINTS_MAX = 1_000_000

PAGE_DEFAULT = 100
PAGE_MAX = 1_000
# Patterns of one query, and the stats that they may match together.
PATTERNS_MAX = 100
QUERY_STATS_MAX = 1_000
