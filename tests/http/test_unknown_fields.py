"""Unknown fields: what changes settings refuses them, naming those it knows; what stores points passes over them."""

import json

import pytest

from statflow_http import create_app
from statflow_http.api.v1_alerts import RuleMessage
from statflow_http.openapi import writing
from statflow_http.openapi.document import OPERATIONS, description
from statflow_http.openapi.operations import JSON
from tests.http.furnishing import concrete, furnished


def sorts_of_body(operations):
    return [operation for operation in operations if isinstance(operation.bodies.get(JSON), type)]


def label(operation):
    return f"{operation.method} {operation.path}"


MANAGEMENT = sorts_of_body(each for each in OPERATIONS if each not in writing.OPERATIONS)
ALERT_JSON = '{"stat":"page views","kind":"data","time_window":"1h","colour":1}'
ALERT_FORM = "stat=page views&kind=data&time_window=1h"


@pytest.fixture
def app(engine):
    """One that lets everybody in, so that sign-up reads its body."""
    app = create_app(engine, signup=True)
    yield app
    app.close()


@pytest.fixture
def send(api):
    known = furnished(api)

    def send(operation, document):
        headers = {"Authorization": f"Bearer {api.key}", "Content-Type": JSON}
        body = json.dumps(document)
        path = concrete(operation.path, known)
        return api.client.simulate_request(operation.method.upper(), path, headers=headers, body=body)

    return send


def test_there_are_such_operations():
    assert len(MANAGEMENT) >= 20


@pytest.mark.parametrize("operation", MANAGEMENT, ids=label)
def test_a_change_refuses_a_field_that_is_none_and_names_those_that_are(send, operation):
    answer = send(operation, {**(operation.example or {}), "unheard_of": 1})

    fields = ", ".join(operation.bodies[JSON].__struct_fields__)
    assert (answer.status_code, answer.json) == (400, {"msg": f'unknown field "unheard_of": may be {fields}'})


@pytest.mark.parametrize("operation", MANAGEMENT, ids=label)
def test_the_description_says_so(operation):
    schemas = description([operation])["components"]["schemas"]

    assert schemas[operation.bodies[JSON].__name__]["additionalProperties"] is False


@pytest.mark.parametrize("operation", sorts_of_body(writing.OPERATIONS), ids=label)
def test_points_may_have_fields_that_are_none(send, operation):
    assert send(operation, operation.example | {"cache_buster": 1}).status_code == 200


def test_a_long_name_is_not_said_in_full(send):
    patch = next(each for each in MANAGEMENT if each.id == "changeDashboard")

    text = send(patch, {"x" * 100_000: 1}).json["msg"]

    assert text == f'unknown field "{"x" * 60}…": may be name, tiles'


def test_a_form_of_an_alert_refuses_them_too_but_for_a_key(api):
    furnished(api)
    bearer = {"Authorization": f"Bearer {api.key}"}

    refused = api.post("/v1/alerts", ALERT_FORM + "&colour=red", headers=bearer)

    fields = ", ".join(RuleMessage.__struct_fields__)
    assert (refused.status_code, refused.json) == (400, {"msg": f'unknown field "colour": may be {fields}'})
    assert api.post("/v1/alerts", ALERT_FORM + f"&ezkey={api.key}", headers=bearer).status_code == 200


@pytest.mark.parametrize("body", [ALERT_FORM + "&colour=red", ALERT_JSON])
def test_stathats_own_paths_take_what_its_clients_send(api, body):
    furnished(api)
    content_type = JSON if body.startswith("{") else "application/x-www-form-urlencoded"

    assert api.post(f"/x/{api.key}/alerts", body, content_type).status_code == 200


def test_the_preview_of_an_alert_takes_a_form_as_described(api):
    furnished(api)

    answer = api.post("/v1/alerts/preview", ALERT_FORM, headers={"Authorization": f"Bearer {api.key}"})

    assert (answer.status_code, "openings" in answer.json) == (200, True)
