"""Limits of what clients may send and how long they may take. Pure constants."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB

# gunicorn's own. 255 emoji, percent-encoded, are 3,060 bytes of a request line.
REQUEST_LINE_MAX = 4_094
FIELDS_MAX = 100
FIELD_BYTES_MAX = 8_190
# Of all fields together: browsers with many cookies stay below 16 KiB.
HEAD_BYTES_MAX = 32 * KIB

# A body up to here is read and stored by the loop itself: decoding it takes 2 ms at most. Larger ones get a thread.
QUICK_BODY_MAX = 128 * KIB
# What all large bodies together may occupy while they arrive; small ones are bounded by the number of connections.
LARGE_BODY_MIN = 64 * KIB
BODIES_BYTES_MAX = 256 * MIB

# An upload goes to a disk: bytes of it that are written at once, that may wait for that, and uploads at a time.
UPLOAD_WRITE_SIZE = 256 * KIB
UPLOAD_WAITING_MAX = 4 * MIB
UPLOADS_MAX = 4

# A slower sender is treated like one who stopped: 64 MiB may take 68 minutes, a form 10 seconds.
BODY_BYTES_PER_S_MIN = 16 * KIB
# What a reader must take of what waits for it, within `Patience.write_s`.
READ_BYTES_MIN = 32 * KIB

# Requests of one connection that arrived before earlier ones were answered; then it is not read from.
PIPELINE_MAX = 32
# Bytes of a stream on their way from its thread to the loop.
STREAM_BYTES_MAX = 256 * KIB

# How often the clock is looked at, so that a request needs no timer of its own.
SWEEP_S = 0.5
# Of the time that the master gives for a stop: what closing the store takes.
DRAIN_RESERVE_S = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait, in seconds.

    Attributes:
        head_s: for a head, from its first byte or the beginning of the connection.
        body_s: for a body, before what its size earns it.
        keepalive_s: for the next request.
        write_s: for the client to read something of what waits for it.
        linger_s: while reading what nobody wants, so that the last answer is not lost by a reset.
        drain_idle_s: when we stop: for what a client may just be sending on an idle connection.
        commit_s: for a commit; LMDB itself has no limit for waiting on another process's write lock.
        thread_s: for a thread, when all are busy.
    """

    head_s: float = 10.0
    body_s: float = 10.0
    keepalive_s: float = 75.0
    write_s: float = 30.0
    linger_s: float = 2.0
    drain_idle_s: float = 0.5
    commit_s: float = 5.0
    thread_s: float = 10.0
