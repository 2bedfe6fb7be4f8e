"""Clients that are slow, on purpose or not: they wait for themselves, and nobody waits for them."""

import threading
import time

import pytest

from tests.http.loop_server import LIMIT_S, Client, get, looping, post, stalled, until

MIB = 2**20


def plain(environ, start_response):
    """An app that reads what it gets."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [b"%d" % len(body)]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HT", 408),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-", 408),
        (b"POST /ez HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", 408),
        (get("/") + b"GET", 200),
    ],
)
def test_who_stops_half_way_is_told_and_closed(sent, status):
    with looping(plain, head_s=1.0, body_s=0.2) as server, Client(server.port) as client:
        assert client.send(sent).answer()[0] == status
        rest = client.rest()
        assert b" 408 " in rest if status == 200 else rest == b""


def test_dripping_earns_no_time():
    with looping(plain, head_s=1.0) as server, Client(server.port) as client:
        client.socket.settimeout(0.01)
        received = b""
        for byte in b"GET /" + b"a" * 500:
            client.send(bytes([byte]))
            try:
                received = client.socket.recv(100)
            except TimeoutError:
                continue
            break

    assert received.startswith(b"HTTP/1.1 408 ")


def test_a_large_body_has_time_for_its_size():
    """At 16 KiB a second, 1 MB is a minute more than the 0.1 s here; the last byte comes after 0.3 s."""
    body = b"a" * 1_000_000
    with looping(plain, body_s=0.1) as server, Client(server.port) as client:
        client.send(post("/ez", body)[:-1])
        time.sleep(0.3)
        assert client.send(b"a").answer()[2] == b"%d" % len(body)


def test_who_says_nothing_is_closed_without_a_word():
    with looping(plain, head_s=0.05) as server:
        with Client(server.port) as client:
            assert client.rest() == b""
        until(lambda: server.connection_count == 0)
    with looping(plain, keepalive_s=0.05) as server:
        with Client(server.port) as client:
            assert client.send(get("/")).answer()[0] == 200
            assert client.rest() == b""
        until(lambda: server.connection_count == 0)


def test_half_sent_requests_harm_nobody():
    with looping(plain) as server, Client(server.port) as client:

        def lap_s():
            started = time.monotonic()
            assert client.send(post("/ez", b"abc")).answer()[2] == b"3"
            return time.monotonic() - started

        alone_s = min(lap_s() for _ in range(200))
        halves = [Client(server.port).send(b"POST /ez HTTP/1.1\r\nContent-Le") for _ in range(200)]
        until(lambda: server.connection_count == 201)
        beside_s = min(lap_s() for _ in range(200))
        for half in halves:
            half.socket.close()

    # The quickest of many: what a lap costs whatever else the machine does.
    assert beside_s < 10 * alone_s


class Flood:
    """An app with more to say than any buffer holds, which knows how much of it was taken and whether it was closed."""

    def __init__(self, pieces):
        self.pieces = pieces
        self.made = 0
        self.is_closed = False

    def __call__(self, environ, start_response):
        start_response("200 OK", [])
        return self

    def __iter__(self):
        for _ in range(self.pieces):
            self.made += 1
            yield b"a" * 100_000

    def close(self):
        self.is_closed = True


def test_a_stream_waits_for_its_reader():
    flood = Flood(500)
    with looping(flood) as server, Client(server.port) as client:
        client.send(get("/stream"))
        until(lambda: flood.made)
        made = stalled(lambda: flood.made)
        assert len(client.answer()[2]) == 50_000_000
        assert client.send(get("/stream")).answer()[0] == 200

    assert made < 250  # the buffers of both sockets, and 256 KiB of ours
    assert flood.is_closed


def test_a_stream_whose_reader_reads_nothing_is_broken_off():
    flood = Flood(500)
    with looping(flood, write_s=0.1) as server, Client(server.port) as client:
        client.send(get("/stream"))
        until(lambda: flood.is_closed)
        until(lambda: server.connection_count == 0)

    assert flood.made < 500


def test_a_stream_whose_reader_leaves_is_broken_off():
    flood = Flood(500)
    with looping(flood) as server:
        with Client(server.port) as client:
            client.send(get("/stream"))
            until(lambda: flood.made > 2)
        until(lambda: flood.is_closed)
        until(lambda: server.connection_count == 0)


def test_an_answer_that_nobody_reads_is_not_kept_for_ever():
    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"a" * 50 * MIB]

    with looping(app, write_s=0.1) as server, Client(server.port) as client:
        client.send(get("/"))
        until(lambda: server.answered == 1)
        until(lambda: server.connection_count == 0)


def test_who_asks_and_never_reads_is_not_answered_for_ever():
    """A thousand requests in one go: the ones behind a full buffer wait."""

    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"a" * MIB]

    with looping(app) as server, Client(server.port) as client:
        client.send(get("/") * 1_000)
        until(lambda: server.answered)
        assert stalled(lambda: server.answered) < 100


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_stream_arrives_whole_and_the_next_request_is_served(version):
    def app(environ, start_response):
        start_response("200 OK", [])
        return (b"%d," % number for number in range(1_000))

    with looping(app) as server, Client(server.port) as client:
        client.send(get("/stream", version=version))
        _, headers, body = client.answer()
        assert body == b"".join(b"%d," % number for number in range(1_000))
        assert headers.get("transfer-encoding") == ("chunked" if version == "1.1" else None)
        if version == "1.1":
            assert client.send(get("/stream")).answer()[0] == 200


@pytest.mark.parametrize("length", ["3", "1000"])
def test_a_stream_of_another_length_than_it_says_is_broken_off(length):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", length)])
        return iter([b"ab", b"cd"])

    with looping(app) as server, Client(server.port) as client:
        client.send(get("/stream"))
        received = client.rest()
    assert len(received.partition(b"\r\n\r\n")[2]) < int(length)


def test_a_stream_that_fails_half_way_has_no_end():
    def app(environ, start_response):
        start_response("200 OK", [])
        return (b"a" if number < 5 else 1 // 0 for number in range(10))

    with looping(app) as server, Client(server.port) as client:
        client.send(get("/stream"))
        assert not client.rest().endswith(b"0\r\n\r\n")


def test_a_stream_that_fails_before_its_first_piece_is_a_500():
    def app(environ, start_response):
        start_response("200 OK", [])
        return (1 // 0 for _ in range(10))

    with looping(app) as server, Client(server.port) as client:
        assert client.send(get("/stream")).answer()[0] == 500


def test_head_of_a_stream_has_no_body():
    def app(environ, start_response):
        start_response("200 OK", [])
        return iter([b"a", b"b"])

    with looping(app) as server, Client(server.port) as client:
        assert client.send(get("/stream", method="HEAD")).answer(is_head=True)[0] == 200
        assert client.send(get("/stream")).answer()[2] == b"ab"


def test_slow_requests_leave_the_loop_to_others():
    """Both threads are taken; what needs none is served, and who waits too long for one is told."""
    entered, gate = [], threading.Event()

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            entered.append(1)
            gate.wait(LIMIT_S)
        start_response("200 OK", [])
        return [b"done"]

    with looping(app, threads=2, thread_s=1.0) as server:
        slow = [Client(server.port).send(get("/slow")) for _ in range(2)]
        until(lambda: len(entered) == 2)
        with Client(server.port) as quick, Client(server.port) as late:
            assert quick.send(post("/ez", b"a")).answer()[2] == b"done"
            assert late.send(get("/slow")).answer()[0] == 503
        gate.set()
        for client in slow:
            assert client.answer()[2] == b"done"
            client.socket.close()


def test_large_bodies_beyond_all_bounds_are_refused():
    """256 MiB are held at once; five clients that send 60 MiB each are one too many."""
    head = b"POST /v1/stats HTTP/1.1\r\nContent-Type: application/msgpack\r\nContent-Length: %d\r\n\r\n" % (61 * MIB)
    with looping(plain) as server:
        clients = [Client(server.port).send(head) for _ in range(5)]
        for client in clients[:4]:
            for _ in range(60):
                client.send(b"a" * MIB)
        try:
            for _ in range(60):
                clients[4].send(b"a" * MIB)
            told = clients[4].answer()[0]
        except (BrokenPipeError, ConnectionResetError):
            told = 503  # the answer was lost with the connection, as it may be for who goes on sending
        assert told == 503
        for client in clients[:4]:
            client.socket.settimeout(0.05)
            with pytest.raises(TimeoutError):
                client.answer()
        for client in clients:
            client.socket.close()
        until(lambda: server.connection_count == 0)
        with Client(server.port) as client:
            assert client.send(post("/ez", b"a")).answer()[0] == 200
