"""`create_app`: parts, options, an engine of its own, a prefix, and what happens when something breaks."""

import logging

import falcon.testing
import pytest

import statflow_engine
from statflow_engine import CorruptionError, Limits, StoreError, StoreFullError
from statflow_http import create_app
from statflow_http.accounts.accounts import OWNER_ID
from tests.clocks import StoppedClock


def key_of(app):
    app.services.accounts.ensure_owner(0)
    return app.services.keys.create(OWNER_ID, 0)


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """The variables that configure an app without an engine."""
    monkeypatch.setenv("STATFLOW_DATA", str(tmp_path / "data"))
    return monkeypatch.setenv


def test_the_engine_is_opened_on_first_use_and_closed_with_the_app(tmp_path, environment):
    app = create_app()
    assert not (tmp_path / "data").exists()

    assert falcon.testing.TestClient(app).simulate_get("/readyz").status_code == 200
    assert (tmp_path / "data" / "data.mdb").exists()
    assert (tmp_path / "data" / "accounts" / "data.mdb").exists()

    app.close()
    app.close()
    with statflow_engine.open(tmp_path / "data") as engine:
        assert str(engine.schema) == "1m:90d, 1h:5y, 1d:50y"


def test_the_environment_configures_it(environment):
    environment("STATFLOW_SCHEMA", "1m:2h, 10m:1d, 1h:7d")
    environment("STATFLOW_DURABILITY", "interval")
    environment("STATFLOW_INTERVAL_S", "0.5")
    environment("STATFLOW_NO_CONTENT", "1")
    app = create_app()
    client = falcon.testing.TestClient(app)

    response = client.simulate_post("/ez", body=f"ezkey={key_of(app)}&stat=a")

    assert response.status_code == 204
    assert str(app.services.engine.schema) == "1m:2h, 10m:1d, 1h:7d"
    app.close()


def test_a_wrong_variable_is_said_when_the_engine_is_opened(environment):
    environment("STATFLOW_DURABILITY", "sometimes")
    app = create_app()

    with pytest.raises(ValueError, match='must be "fsync" or "interval", not "sometimes"'):
        app.services.engine  # noqa: B018


def test_an_app_closes_no_engine_that_it_was_handed(engine):
    app = create_app(engine)
    falcon.testing.TestClient(app).simulate_get("/readyz")
    app.close()

    assert engine.count("a").points == 1


@pytest.mark.parametrize(
    ("parts", "answers"),
    [
        (("write",), {"/ez": 401, "POST /v1/stats": 401, "/v1/stats": 405, "/v1/stat/a": 405, "/v1/query": 404}),
        (("read",), {"/ez": 404, "POST /v1/stats": 405, "/v1/stats": 401, "/v1/stat/a": 401, "/v1/query": 401}),
    ],
)
def test_parts_can_be_left_out(engine, parts, answers):
    app = create_app(engine, parts=parts)
    client = falcon.testing.TestClient(app)

    found = {}
    for route in answers:
        method, _, path = route.rpartition(" ")
        headers = {"Content-Type": "application/json"}
        body = '{"stats":[]}' if method else None
        found[route] = client.simulate_request(method or "GET", path, body=body, headers=headers).status_code
    assert found == answers
    app.close()


def test_an_unknown_part_is_refused(engine):
    with pytest.raises(ValueError, match=r"^no such parts: mails; there are write, read, manage, pages$"):
        create_app(engine, parts=("write", "mails"))


@pytest.mark.parametrize("parts", [("pages",), ("write", "read", "pages"), ("manage",)])
def test_a_part_without_what_it_needs_is_refused(engine, parts):
    with pytest.raises(ValueError, match=r'^the part "(pages|manage)" needs "(manage|read)"$'):
        create_app(engine, parts=parts)


def test_without_pages_a_browser_is_answered_as_programs_are(engine):
    app = create_app(engine, parts=("write", "read", "manage"))
    client = falcon.testing.TestClient(app)

    assert client.simulate_get("/", headers={"Accept": "text/html"}).text == "StatFlow\n"
    assert client.simulate_get("/login", headers={"Accept": "text/html"}).json == {"msg": "no such path"}
    app.close()


@pytest.mark.parametrize(
    ("form", "status"),
    [("stat=a", 204), ("stat=a&vb=1", 200), ("stat=a&vb=0", 204), ("stat=a&count=x", 400)],
)
def test_no_content_answers_single_writes_with_204_unless_vb_is_1(engine, form, status):
    app = create_app(engine, no_content=True)
    client = falcon.testing.TestClient(app)
    key = key_of(app)

    response = client.simulate_post("/ez", body=f"ezkey={key}&{form}")
    batch = client.simulate_post(
        "/ez", body='{"ezkey":"%s","data":[]}' % key, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == status
    if status == 204:
        assert response.content == b""
        assert "content-type" not in response.headers
    assert batch.json == {"status": 200, "msg": "ok", "multiple": 0}
    app.close()


def test_it_can_be_mounted_under_a_prefix(api):
    environ = falcon.testing.create_environ("/ez", query_string=f"ezkey={api.key}&stat=a&count=x", root_path="/metrics")
    started = falcon.testing.StartResponseMock()

    content = b"".join(api.app(environ, started))

    assert content == b'{"status":500,"msg":"count must be a number"}'


class Broken:
    """An engine that fails in one way at everything."""

    def __init__(self, engine, error):
        self.path = engine.path
        self._error = error

    def __getattr__(self, name):
        def fail(*args, **kwargs):
            raise self._error

        return fail


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (StoreFullError("storage is nearly full"), 503, "storage is nearly full"),
        (StoreError("secret detail"), 503, "the store cannot serve now, try again later"),
        (CorruptionError("secret strip", 3, "secret"), 500, "internal error"),
        (ZeroDivisionError("secret"), 500, "internal error"),
    ],
)
@pytest.mark.parametrize("path", ["/ez", "/v1/stat", "/v1/stats"])
def test_trouble_of_the_store_is_told_without_detail(engine, caplog, error, status, text, path):
    app = create_app(Broken(engine, error))
    client = falcon.testing.TestClient(app)
    points = '"stats":[{"stat":"a"}]' if path == "/v1/stats" else '"stat":"a"'
    body = '{%s,"ezkey":"%s"}' % (points, key_of(app))

    with caplog.at_level(logging.ERROR, "statflow_http"):
        response = client.simulate_post(path, body=body, headers={"Content-Type": "application/json"})

    assert response.status_code == status
    assert response.json["msg"] == text
    assert response.headers.get("retry-after") == ("30" if status == 503 else None)
    assert ("secret" in caplog.text) == (status == 500)
    assert "sk_live" not in caplog.text
    app.close()


def test_a_disk_without_room_refuses_writes_and_still_shows_what_is_there(tmp_path):
    with statflow_engine.open(tmp_path) as engine:
        engine.count("a", namespace="owner:live")
    with statflow_engine.open(tmp_path, limits=Limits(disk_reserve_bytes=1 << 60)) as engine:
        app = create_app(engine)
        client = falcon.testing.TestClient(app)
        key = key_of(app)

        refused = client.simulate_post("/ez", body=f"ezkey={key}&stat=a")
        ready = client.simulate_get("/readyz")
        listed = client.simulate_get("/v1/stats", headers={"Authorization": f"Bearer {key}"})
        app.close()

    assert (refused.status_code, refused.json) == (503, {"status": 500, "msg": "storage is nearly full"})
    assert refused.headers["retry-after"] == "30"
    assert ready.status_code == 503
    assert [stat["name"] for stat in listed.json["stats"]] == ["a"]


def test_a_clock_that_is_wrong_refuses_writes(tmp_path):
    with statflow_engine.open(tmp_path, clock=StoppedClock(1_000_000)) as engine:
        app = create_app(engine)
        response = falcon.testing.TestClient(app).simulate_post("/ez", body=f"ezkey={key_of(app)}&stat=a")
        app.close()

    assert response.status_code == 503
