"""One commit for all requests that were ready, nothing acknowledged before it, no request hurt by another's error."""

import threading

import pytest

import statflow_engine
from statflow_engine import StoreFullError
from statflow_http import create_app
from statflow_http.accounts.accounts import OWNER_ID
from tests.http.loop_server import LIMIT_S, Client, get, looping, post, until

OK = b'{"status":200,"msg":"ok"}'
LIVE = f"{OWNER_ID}:live"


class HeldCommits:
    """An engine whose commits wait until they are let go, as if another process had the write lock."""

    def __init__(self, engine):
        self._engine = engine
        self.gate = threading.Event()
        self.gate.set()
        self.begun = 0
        self.failure = None

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def commit(self):
        self.begun += 1
        assert self.gate.wait(LIMIT_S)
        if self.failure:
            raise self.failure
        self._engine.commit()

    def points(self, name):
        return int(self._engine.query(name, step="1h", namespace=LIVE).counts.sum())

    def names(self):
        return sorted(series.name for series in self._engine.series(LIVE))


@pytest.fixture
def held(tmp_path):
    with statflow_engine.open(tmp_path) as engine:
        yield HeldCommits(engine)
        assert [] == list(engine.check())


@pytest.fixture
def app(held):
    app = create_app(held)
    app.services.accounts.ensure_owner(held.now_s())
    yield app
    app.close()


@pytest.fixture
def key(app, held):
    return app.services.keys.create(OWNER_ID, held.now_s())


@pytest.fixture
def server(app):
    with looping(app) as server:
        yield server


@pytest.fixture
def crowd(server):
    """Twenty clients."""
    clients = [Client(server.port) for _ in range(20)]
    until(lambda: server.connection_count == 20)
    yield clients
    for client in clients:
        client.socket.close()


def held_up(held, crowd, requests):
    """Send a first request whose commit is held; send the others meanwhile; let go."""
    first, *others = crowd
    held.gate.clear()
    first.send(requests[0])
    until(lambda: held.begun == 1)
    for client, request in zip(others, requests[1:], strict=False):
        client.send(request)
    return others[: len(requests) - 1]


def test_what_comes_during_a_commit_shares_the_next_one(held, server, crowd, key):
    request = post("/ez", f"ezkey={key}&stat=shared".encode())
    held_up(held, crowd, [request] * 20)
    until(lambda: len(server.hub.turns._staged) == 19)
    held.gate.set()

    assert [client.answer()[::2] for client in crowd] == [(200, OK)] * 20
    assert held.points("shared") == 20
    assert held.begun == 2


def test_nothing_is_acknowledged_before_its_commit(held, server, crowd, key):
    others = held_up(held, crowd, [post("/ez", f"ezkey={key}&stat=a".encode())] * 20)
    until(lambda: len(server.hub.turns._staged) == 19)
    for client in crowd:
        client.socket.settimeout(0.01)
        with pytest.raises(TimeoutError):
            client.socket.recv(1)
        client.socket.settimeout(LIMIT_S)
    held.gate.set()

    assert {client.answer()[0] for client in (crowd[0], *others)} == {200}


def test_an_error_of_one_is_nobody_elses(held, crowd, key):
    def ez(form):
        return post("/ez", f"ezkey={key}&{form}".encode())

    requests = [
        ez("stat=first"),
        ez("stat=x&count=1"),
        ez("stat=x&value=1"),  # known only when the one before is stored
        ez("stat=y&count=no"),
        post("/ez", b"stat=z"),
        post("/ez", f"ezkey={key}&stat=keyed".encode(), "Idempotency-Key: k"),
        post("/ez", f"ezkey={key}&stat=keyed".encode(), "Idempotency-Key: k"),
        post("/ez", f"ezkey={key}&stat=other".encode(), "Idempotency-Key: k"),
        ez("stat=last"),
    ]
    others = held_up(held, crowd, requests)
    held.gate.set()
    answers = [client.answer() for client in (crowd[0], *others)]

    assert [status for status, _, _ in answers] == [200, 200, 409, 400, 401, 200, 200, 422, 200]
    assert answers[2][2] == b'{"status":500,"msg":"\\"x\\" is a counter: send count"}'
    assert answers[2][1]["access-control-allow-origin"] == "*"
    replayed = ["idempotent-replayed" in headers for _, headers, _ in answers]
    assert replayed.count(True) == 1
    assert held.names() == ["first", "keyed", "last", "x"]


def test_a_client_that_leaves_has_counted_all_the_same(held, server, key):
    with Client(server.port) as blocker:
        held.gate.clear()
        blocker.send(post("/ez", f"ezkey={key}&stat=first".encode()))
        until(lambda: held.begun == 1)
        with Client(server.port) as leaver:
            leaver.send(post("/ez", f"ezkey={key}&stat=left".encode()) * 3)
        held.gate.set()
        assert blocker.answer()[0] == 200
    until(lambda: "left" in held.names() and server.connection_count == 0)

    assert held.points("left") == 3


def test_a_client_that_has_said_all_still_gets_its_answer(held, server, key):
    with Client(server.port) as client:
        client.send(post("/ez", f"ezkey={key}&stat=all".encode()) * 2)
        client.socket.shutdown(1)
        assert client.answer()[::2] == (200, OK)
        assert client.answer()[::2] == (200, OK)
        assert client.rest() == b""


def test_a_commit_that_fails_stores_and_acknowledges_nothing(held, server, key):
    held.failure = StoreFullError("storage is nearly full: 5 bytes are free")
    with Client(server.port) as client:
        status, headers, _ = client.send(post("/ez", f"ezkey={key}&stat=a".encode())).answer()
    held._engine.commit()

    assert status == 503
    assert headers["retry-after"] == "30"


def test_a_large_batch_in_a_thread_shares_the_commit_too(held, crowd, key):
    items = ",".join('{"stat":"many"}' for _ in range(9_000))
    batch = post("/v1/stats", b'{"stats":[%s]}' % items.encode(), f"Authorization: Bearer {key}")
    others = held_up(held, crowd, [post("/ez", f"ezkey={key}&stat=one".encode()), batch])
    held.gate.set()

    assert crowd[0].answer()[0] == 200
    assert others[0].answer()[2] == b'{"msg":"ok","multiple":9000}'
    assert held.points("many") == 9_000


def test_a_lock_that_is_not_had_in_time_is_503_and_others_are_served(app, held, key):
    """LMDB has no limit of its own for waiting. Reads need no lock; who writes is told at once until it is back."""
    write = post("/ez", f"ezkey={key}&stat=stuck".encode())
    with looping(app, commit_s=2.0) as server, Client(server.port) as first, Client(server.port) as second:
        held.gate.clear()
        first.send(write)
        until(lambda: held.begun == 1)
        second.send(write)

        for client in (first, second):
            status, headers, body = client.answer()
            assert (status, headers["retry-after"]) == (503, "30")
            assert body == b'{"status":500,"msg":"the store cannot serve now, try again later"}'
        assert second.send(write).answer()[0] == 503
        assert second.send(get("/v1/stats", f"Authorization: Bearer {key}")).answer()[0] == 200
        assert second.send(get("/")).answer()[0] == 200

        held.gate.set()
        until(lambda: not server.hub.turns.is_stuck)
        assert second.send(write).answer()[::2] == (200, OK)
    # The one that was waiting was stored after its 503, as may be; the one behind it with the next commit.
    assert held.points("stuck") == 3


def test_a_mistake_in_one_answer_is_a_500_of_its_own(held, crowd, key, monkeypatch):
    from statflow_http.writes import Outcome

    told = Outcome.stored

    def stored(self, receipt):
        if self.draft.names == ["bad"]:
            raise ZeroDivisionError
        return told(self, receipt)

    monkeypatch.setattr(Outcome, "stored", stored)
    forms = ["first", "bad", "good"]
    others = held_up(held, crowd, [post("/ez", f"ezkey={key}&stat={name}".encode()) for name in forms])
    held.gate.set()

    assert [client.answer()[0] for client in (crowd[0], *others)] == [200, 500, 200]


def test_a_name_that_is_typed_and_not_escaped_is_the_same_stat(held, server, key):
    """curl sends the bytes of ``?stat=café``; what was a 400 of the parser is the stat that a form would name."""
    with Client(server.port) as client:
        for target in (f"/ez?ezkey={key}&stat=café&count=1", f"/ez?ezkey={key}&stat=caf%C3%A9&count=1"):
            assert client.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).answer()[0] == 200

    assert held.names() == ["café"]
    assert held.points("café") == 2
