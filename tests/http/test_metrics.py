"""``/metrics``: what is counted of requests, points and the store, who may see it, and how it reads."""

import re

import falcon.testing
import pytest

import statflow_engine
from statflow_engine import CorruptionError
from statflow_http import create_app
from statflow_http.accounts.keys import Scope
from statflow_http.metrics import Metrics, slots
from statflow_http.metrics.text import text
from tests.http.conftest import Api
from tests.http.loop_server import Client, get, looping, post

SAMPLE = re.compile(r'statflow_(\w+)(\{\w+="[\w.+]+"(?:,\w+="\w+")?\})? (\S+)')


def told(page):
    """{name and labels: number} of a page, whose every line must be of the format."""
    found = {}
    for line in page.splitlines():
        if not line.startswith("# "):
            name, labels, number = SAMPLE.fullmatch(line).groups()
            found[name + (labels or "")] = float(number)
    return found


def scraped(api):
    response = api.client.simulate_get("/metrics", headers={"Authorization": f"Bearer {api.key}"})
    assert response.status_code == 200, response.text
    return told(response.text)


def test_requests_points_and_refusals_are_counted_by_surface_and_reason(api):
    api.form("/ez", "ezkey={key}&stat=a~x,y,z")
    api.form("/ez", "ezkey=wrong&stat=a")
    api.form("/ez", "ezkey={key}&stat=a&count=x")
    api.json("/v1/stats", {"stats": [{"stat": "a"}, {"stat": "b"}]})
    api.json("/v1/stat", {"stat": "a", "value": 1})
    api.get("/v1/stats")
    api.client.simulate_get("/nope")
    found = scraped(api)

    assert found['requests_total{surface="stathat",status="2xx"}'] == 1
    assert found['requests_total{surface="stathat",status="4xx"}'] == 2
    assert found['requests_total{surface="v1_write",status="2xx"}'] == 1
    assert found['requests_total{surface="v1_write",status="4xx"}'] == 1
    assert found['requests_total{surface="v1",status="2xx"}'] == 1
    assert found['requests_total{surface="other",status="4xx"}'] == 1
    assert found['points_total{surface="stathat"}'] == 3
    assert found['points_total{surface="v1_write"}'] == 2
    refusals = {"bad_key": 1, "bad_request": 1, "conflict": 1, "not_found": 1}
    for word in slots.REASON_WORDS:
        assert found[f'refusals_total{{reason="{word}"}}'] == refusals.get(word, 0)


def test_a_replayed_request_stores_no_points(api):
    for _ in range(2):
        api.json("/v1/stat", {"stat": "a"}, headers={"Idempotency-Key": "once"})

    found = scraped(api)
    assert found['requests_total{surface="v1_write",status="2xx"}'] == 2
    assert found['points_total{surface="v1_write"}'] == 1


def test_what_a_picture_did_not_count_is_counted_by_reason(api):
    for query in ("ukey=sk_live_x&key=a", f"ukey={api.key}&key=a&count=x", f"ukey={api.key}&key=a"):
        api.client.simulate_get("/c", query_string=query, headers={"Accept": "image/*"})

    found = scraped(api)
    assert found['pixel_rejections_total{reason="bad_key"}'] == 1
    assert found['pixel_rejections_total{reason="bad_request"}'] == 1
    assert found['requests_total{surface="stathat",status="2xx"}'] == 3
    assert found['points_total{surface="stathat"}'] == 1


def test_commits_are_a_histogram(api):
    for _ in range(3):
        api.form("/ez", "ezkey={key}&stat=a")

    found = scraped(api)
    assert found["commit_seconds_count"] == found['commit_seconds_bucket{le="+Inf"}'] == 3
    assert 0 < found["commit_seconds_sum"] < 3
    assert found['commit_requests_bucket{le="1"}'] == found["commit_requests_sum"] == 3


def test_buckets_add_up():
    metrics = Metrics()
    for seconds, count in ((0.0005, 1), (0.0006, 2), (0.3, 700), (100.0, 5_000)):
        metrics.committed(seconds, count)

    found = told(text(metrics.board.totals().tolist(), [], None))

    assert found['commit_seconds_bucket{le="0.0005"}'] == 1
    assert found['commit_seconds_bucket{le="0.001"}'] == 2
    assert found['commit_seconds_bucket{le="0.25"}'] == 2
    assert found['commit_seconds_bucket{le="0.5"}'] == 3
    assert found['commit_seconds_bucket{le="5.0"}'] == 3
    assert found['commit_seconds_bucket{le="+Inf"}'] == 4
    assert found["commit_seconds_sum"] == pytest.approx(100.3011)
    assert found['commit_requests_bucket{le="1000"}'] == 3
    assert found["commit_requests_sum"] == 5_703


def test_the_store_is_told_as_it_is_now(api):
    api.form("/ez", "ezkey={key}&stat=a~x,y")
    status = api.engine.status()
    found = scraped(api)

    assert found["store_up"] == 1
    assert found["journal_rows"] == 2
    assert found["store_map_bytes"] == status.map_bytes
    assert found["store_used_bytes"] == status.used_bytes
    assert found["disk_free_bytes"] > 0
    assert found["store_refuses_writes"] == found["fold_lag_seconds"] == 0


def test_damage_is_counted_wherever_it_is_found(api, caplog):
    import logging

    def damage():
        raise CorruptionError("strip 3 of series 5", 16, "checksum")

    for name in ("statflow_engine", "statflow_http"):
        try:
            damage()
        except CorruptionError:
            logging.getLogger(name).exception("folding failed")

    assert scraped(api)["checksum_errors_total"] == 2


@pytest.mark.parametrize("path", ["/ez", "/v1/stat"])
def test_names_keys_and_accounts_are_not_in_it(api, path):
    api.json(path, {"stat": "secret plans"})
    page = api.get("/metrics").text

    for secret in ("secret", "plans", "owner", api.key, api.key[8:16], "sk_live", "sk_test"):
        assert secret not in page


def test_every_family_has_help_and_a_type(api):
    page = api.get("/metrics").text
    families = re.findall(r"# TYPE statflow_(\w+) (counter|gauge|histogram)", page)

    assert len(families) == len(set(families)) == len(re.findall("# HELP", page)) >= 15
    for name, kind in families:
        assert (kind == "counter") == name.endswith("_total")
    for name in told(page):
        base = re.sub(r"(_bucket|_sum|_count)?(\{.*)?$", "", name)
        assert base in dict(families)


def test_it_is_the_text_format_of_prometheus(api):
    response = api.get("/metrics")

    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in response.headers
    assert api.client.simulate_head("/metrics").headers["content-length"]


PROXIED = {"X-Forwarded-For": "127.0.0.1"}


@pytest.mark.parametrize(
    ("metrics_for", "remote", "headers", "key", "status"),
    [
        ("local", "127.0.0.1", {}, None, 200),
        ("local", "::1", {}, None, 200),
        ("local", "192.168.1.2", {}, None, 401),
        ("local", "", {}, None, 401),  # a proxy at a Unix socket
        ("local", "127.0.0.1", PROXIED, None, 401),
        ("local", "127.0.0.1", {"Forwarded": "for=127.0.0.1"}, None, 401),
        ("local", "192.168.1.2", {}, "read", 200),
        ("local", "127.0.0.1", PROXIED, "full", 200),
        ("local", "192.168.1.2", {}, "write", 403),
        ("local", "192.168.1.2", {}, "other", 403),
        ("local", "192.168.1.2", {}, "wrong", 401),
        ("key", "127.0.0.1", {}, None, 401),
        ("key", "127.0.0.1", {}, "read", 200),
        ("open", "192.168.1.2", PROXIED, None, 200),
        ("off", "127.0.0.1", {}, "full", 404),
    ],
)
def test_who_may_see_it(engine, metrics_for, remote, headers, key, status):
    app = create_app(engine, metrics_for=metrics_for)
    api = Api(app, engine)
    keys = {
        "read": lambda: api.new_key(scope=Scope.READ),
        "write": lambda: api.new_key(scope=Scope.WRITE),
        "full": lambda: api.key,
        "other": lambda: api.new_account("other"),
        "wrong": lambda: "sk_live_wrong",
    }
    if key is not None:
        headers = headers | {"Authorization": f"Bearer {keys[key]()}"}
    response = api.client.simulate_get("/metrics", headers=headers, remote_addr=remote)

    assert response.status_code == status
    assert ("statflow_" in response.text) == (status == 200)
    app.close()


def test_an_unknown_choice_is_refused(engine, monkeypatch):
    with pytest.raises(ValueError, match=r"^metrics are for one of local, key, open, off, not all$"):
        create_app(engine, metrics_for="all")
    monkeypatch.setenv("STATFLOW_METRICS", "off")
    app = create_app(engine)
    assert falcon.testing.TestClient(app).simulate_get("/metrics").status_code == 404
    app.close()


def test_it_is_told_also_while_the_store_does_not_open():
    from statflow_http.app import App
    from statflow_http.routes import routes
    from statflow_http.services import Options, Services

    def store_that_does_not_open():
        raise statflow_engine.StoreError("the disk is on fire")

    services = Services(store_that_does_not_open, Options(), owns_engine=True)
    app = App(services)
    for path, resource in routes(services, frozenset()):
        app.add_route(path, resource)
    response = falcon.testing.TestClient(app).simulate_get("/metrics", remote_addr="127.0.0.1")

    assert told(response.text)["store_up"] == 0
    assert "journal_rows" not in told(response.text)


def test_our_worker_also_counts_what_never_reaches_the_app(app, engine):
    api = Api(app, engine)
    with looping(app) as server, Client(server.port) as client:
        body = f"ezkey={api.key}&stat=a~x,y".encode()
        assert client.send(post("/ez", body)).answer()[0] == 200
        assert client.send(post("/ez", b"stat=a")).answer()[0] == 401
        with Client(server.port) as bad:
            assert bad.send(b"GET /ez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n").answer()[0] == 400
            found = told(client.send(get("/metrics")).answer()[2].decode())

    assert found['requests_total{surface="stathat",status="2xx"}'] == 1
    assert found['requests_total{surface="stathat",status="4xx"}'] == 1
    assert found['refusals_total{reason="bad_request"}'] == 1
    assert found['points_total{surface="stathat"}'] == 2
    assert found["commit_requests_sum"] == found["commit_seconds_count"] == 1
    assert found["open_connections"] >= 1


def test_another_app_under_our_worker_is_none_of_ours():
    def app(environ, start_response):
        start_response("200 OK", [])
        return [str(environ["statflow.counted"]).encode()]

    with looping(app) as server, Client(server.port) as client:
        assert client.send(get("/")).answer()[2] == b"False"


def test_our_app_behind_anothers_middleware_counts_itself(app, engine):
    api = Api(app, engine)
    with looping(lambda environ, start: app(environ, start)) as server, Client(server.port) as client:
        client.send(post("/ez", f"ezkey={api.key}&stat=a".encode())).answer()
        found = told(client.send(get("/metrics")).answer()[2].decode())

    assert found['requests_total{surface="stathat",status="2xx"}'] == 1
