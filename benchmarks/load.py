"""A load generator: connections that each send the next request when the answer to the last one was read.

It speaks to a server on loopback, keeps connections alive, sends bytes that were made before, and raises when an
answer is neither 200 nor 204: a server that refuses quickly is not fast. It shares the machine with the server, as a
load generator from a package would.
"""

import itertools
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.measure import percentiles_ms

PATIENCE_S = 10.0
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


def post(path: str, body: bytes, content_type: str, headers: str = "") -> bytes:
    """The bytes of one request."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def drive_small(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> dict[str, float]:
    """Small requests over many connections from one event loop: requests and answers fit a socket's buffer.

    Returns:
        ``requests``, ``points_per_s`` (requests a second), ``p50_ms``, ``p99_ms``.
    """
    bodies = itertools.cycle(requests)
    sockets = {}
    poller = select.epoll()
    for _ in range(connections):
        connection = connected(port)
        sockets[connection.fileno()] = connection
        poller.register(connection, select.EPOLLIN)
    sent_at = dict.fromkeys(sockets, 0.0)
    answers = dict.fromkeys(sockets, b"")
    laps: list[float] = []
    started = time.perf_counter()
    for number, connection in sockets.items():
        sent_at[number] = time.perf_counter()
        connection.sendall(next(bodies))
    in_flight = connections
    while in_flight:
        for number, _ in poller.poll(PATIENCE_S) or stalled():
            answers[number] += sockets[number].recv(65_536)
            refuse_failure(answers[number])
            if not is_whole(answers[number]):
                continue
            answers[number] = b""
            now = time.perf_counter()
            laps.append(now - sent_at[number])
            if now - started >= seconds:
                in_flight -= 1
                continue
            sent_at[number] = now
            sockets[number].sendall(next(bodies))
    elapsed = time.perf_counter() - started
    poller.close()
    for connection in sockets.values():
        connection.close()
    return {"requests": len(laps), "seconds": elapsed, "points_per_s": len(laps) / elapsed} | percentiles_ms(laps)


class StalledError(Exception):
    """The server answers nobody."""


def stalled() -> list[tuple[int, int]]:
    raise StalledError(f"no answer within {PATIENCE_S} s")


def drive_large(
    port: int, requests: Sequence[bytes], points_a_request: int, connections: int, seconds: float
) -> dict[str, float]:
    """Large requests, a thread a connection: sending one takes the kernel many steps. ``points_per_s`` are points."""
    laps: list[float] = []
    failures: list[BaseException] = []
    started = time.perf_counter()

    def work(first: int) -> None:
        try:
            with connected(port) as connection:
                for request in itertools.cycle([*requests[first:], *requests[:first]]):
                    lap_started = time.perf_counter()
                    connection.sendall(request)
                    answer = b""
                    while not is_whole(answer):
                        answer += connection.recv(65_536)
                        refuse_failure(answer)
                    laps.append(time.perf_counter() - lap_started)
                    if time.perf_counter() - started >= seconds:
                        return
        except BaseException as error:  # handed to the main thread, which raises it
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number % len(requests),)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    elapsed = time.perf_counter() - started
    points = len(laps) * points_a_request
    return {"points": points, "seconds": elapsed, "points_per_s": points / elapsed} | percentiles_ms(laps)


@contextmanager
def half_sent(port: int, count: int) -> Iterator[None]:
    """Connections that have sent the half of a request and now say nothing."""
    request = post("/ez", b"ezkey=nobody&stat=slow&count=1", "application/x-www-form-urlencoded")
    connections = [connected(port) for _ in range(count)]
    for connection in connections:
        connection.sendall(request[: len(request) // 2])
    try:
        yield
    finally:
        for connection in connections:
            connection.close()


def connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def refuse_failure(answer: bytes) -> None:
    """Of a whole answer or its beginning. Nothing at all means that the server has closed the connection."""
    if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 204")):
        raise AssertionError(f"not an answer of 200 or 204: {answer[:500]!r}")


def is_whole(answer: bytes) -> bool:
    """Whether an answer has come with all of its body."""
    head, end, body = answer.partition(HEAD_END)
    if not end:
        return False
    length = head.lower().partition(LENGTH)[2].split(b"\r\n")[0]
    return len(body) >= int(length or 0)
