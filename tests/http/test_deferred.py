"""The seam for a server that commits once for many requests: the app leaves what waits in the environ."""

import falcon.testing
import pytest

from statflow_http.writes import COMMITS_LATER, DEFERRED

OK = b'{"status":200,"msg":"ok"}'


class Batcher:
    """What such a server does: run the app on all requests that are ready, commit once, then answer them."""

    def __init__(self, api):
        self.api = api
        self.waiting = []

    def request(self, form, **headers):
        environ = falcon.testing.create_environ("/ez", method="POST", body=form, headers=headers)
        environ[COMMITS_LATER] = True
        started = falcon.testing.StartResponseMock()
        content = b"".join(self.api.app(environ, started))
        self.waiting.append((environ, started, content))

    def answers(self):
        """(status, body, replayed) of each request, after one commit."""
        self.api.engine.commit()
        found = []
        for environ, started, content in self.waiting:
            deferred = environ.get(DEFERRED)
            other = deferred.settle() if deferred else None
            if other is None:
                found.append((int(started.status[:3]), content, False))
            else:
                found.append((other.status, other.body, ("Idempotent-Replayed", "true") in other.headers))
        return found


@pytest.fixture
def batcher(api):
    return Batcher(api)


def test_many_requests_share_one_commit(api, batcher):
    for number in range(50):
        batcher.request(f"ezkey={api.key}&stat=s{number % 3}&count=1")
    assert all(DEFERRED in environ for environ, _, _ in batcher.waiting)

    assert batcher.answers() == [(200, OK, False)] * 50
    assert [api.points(f"s{number}")[0] for number in range(3)] == [17, 17, 16]


def test_nothing_is_stored_before_the_commit(api, batcher):
    batcher.request(f"ezkey={api.key}&stat=a")

    assert not batcher.waiting[0][0][DEFERRED].pending.done
    batcher.answers()
    assert batcher.waiting[0][0][DEFERRED].pending.done


def test_what_fails_in_the_commit_fails_alone(api, batcher):
    batcher.request(f"ezkey={api.key}&stat=x&count=1")
    batcher.request(f"ezkey={api.key}&stat=x&value=1")
    batcher.request(f"ezkey={api.key}&stat=y&count=1")

    answers = batcher.answers()

    assert [status for status, _, _ in answers] == [200, 409, 200]
    assert answers[1][1] == b'{"status":500,"msg":"\\"x\\" is a counter: send count"}'
    assert api.names() == ["x", "y"]


def test_a_retry_within_one_commit_is_replayed(api, batcher):
    form = f"ezkey={api.key}&stat=a&count=1"
    for body in (form, form, form + "0"):
        batcher.request(body, **{"Idempotency-Key": "k"})

    assert [(status, replayed) for status, _, replayed in batcher.answers()] == [
        (200, False),
        (200, True),
        (422, False),
    ]
    assert api.points("a") == (1, 1.0)


def test_what_is_refused_before_the_commit_waits_for_nothing(api, batcher):
    batcher.request(f"ezkey={api.key}&stat=a&count=x")
    batcher.request("stat=a")

    assert [DEFERRED in environ for environ, _, _ in batcher.waiting] == [False, False]
    assert [status for status, _, _ in batcher.answers()] == [400, 401]
