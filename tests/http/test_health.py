"""``/healthz`` and ``/readyz``."""

import dataclasses

import pytest

from statflow_engine import StoreError
from statflow_http import create_app
from statflow_http.api.health import why_not_ready
from statflow_http.app import App
from statflow_http.routes import routes
from statflow_http.services import Options, Services


def test_a_running_server_is_well_and_ready(api):
    assert api.client.simulate_get("/healthz").json == {"msg": "ok"}
    assert api.client.simulate_get("/readyz").json == {"msg": "ok"}


def test_a_quiet_server_is_ready_though_its_points_wait_to_be_folded_together(api, clock):
    api.engine.count("a", namespace="owner:live")
    clock.advance(3_600)

    assert api.engine.status().fold_lag_s == 3_600
    assert api.client.simulate_get("/readyz").status_code == 200


def test_a_store_that_refuses_writes_is_not_ready(engine):
    status = engine.status()

    assert why_not_ready(status) is None
    assert why_not_ready(dataclasses.replace(status, fold_overdue_s=60)) is None
    assert why_not_ready(dataclasses.replace(status, fold_overdue_s=61)) == "the fold is 61 s behind"
    assert why_not_ready(dataclasses.replace(status, refusal="the disk is full")) == "the disk is full"


def store_that_does_not_open():
    raise StoreError("the disk is on fire")


@pytest.fixture
def broken_client():
    import falcon.testing

    services = Services(store_that_does_not_open, Options(), owns_engine=True)
    app = App(services)
    for path, resource in routes(services, frozenset()):
        app.add_route(path, resource)
    return falcon.testing.TestClient(app)


def test_a_store_that_does_not_open_is_not_ready_but_the_process_is_well(broken_client):
    assert broken_client.simulate_get("/healthz").status_code == 200
    response = broken_client.simulate_get("/readyz")
    assert (response.status_code, response.json) == (503, {"msg": "the store does not open: the disk is on fire"})
    assert response.headers["retry-after"] == "30"


def test_health_needs_no_key_and_no_part(engine):
    import falcon.testing

    app = create_app(engine, parts=())
    client = falcon.testing.TestClient(app)

    assert client.simulate_get("/healthz").status_code == 200
    assert client.simulate_get("/v1/stats").status_code == 404
    app.close()
