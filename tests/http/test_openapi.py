"""``/openapi.json`` describes every route of /v1, and what is answered is what it says."""

import os

import falcon.testing
import pytest
import schemathesis

import statflow_engine
from statflow_http import create_app
from statflow_http.accounts.keys import Scope
from statflow_http.openapi.document import OPERATIONS, description
from tests.http.api_description import LABELS, described_operations, explore, send_example, served_operations
from tests.http.conftest import Api
from tests.http.furnishing import furnished

# An import reads what it is given in a thread, and asks other servers: it has tests of its own.
EXPLORED = [label for label in LABELS if label != "post /v1/imports"]
CASES = 12
CASES_FULL = int(os.environ.get("STATFLOW_API_CASES", "100"))


def test_every_route_of_v1_is_described_and_nothing_else(api):
    assert set(described_operations()) == set(served_operations(api.app.services))


def test_no_operation_and_no_id_is_described_twice():
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({operation.id for operation in OPERATIONS}) == len(OPERATIONS)


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(api):
    response = api.client.simulate_get("/openapi.json")
    told = response.json

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert told["openapi"] == "3.1.0"
    references = list(found_references(told))
    assert len(references) > 50
    for reference in references:
        place = told
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def found_references(part):
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from found_references(each)


def test_every_operation_tells_how_it_is_refused():
    for operation in OPERATIONS:
        told = operation.told()
        assert {"400", "429", "503"} <= told["responses"].keys()
        assert ("401" in told["responses"]) == (operation.scope is not None) == bool(told["security"])
        assert ("413" in told["responses"]) == ("requestBody" in told)
        assert ("404" in told["responses"]) or "{" not in operation.path


@pytest.mark.parametrize("parts", [(), ("write",), ("read",), ("read", "manage")])
def test_only_what_is_served_is_described(engine, parts):
    app = create_app(engine, parts=parts)
    told = falcon.testing.TestClient(app).simulate_get("/openapi.json").json["paths"]
    app.close()

    assert ("post" in told.get("/v1/stats", {})) == ("write" in parts)
    assert ("get" in told.get("/v1/stats", {})) == ("read" in parts)
    assert ("/v1/stat/count" in told) == ("write" in parts)
    assert ("/v1/keys" in told) == ("manage" in parts)


def test_it_tells_where_the_app_is_mounted(api):
    environ = falcon.testing.create_environ("/openapi.json", root_path="/metrics")
    told = b"".join(api.app(environ, falcon.testing.StartResponseMock()))

    assert b'"servers":[{"url":"/metrics"}]' in told


@pytest.mark.parametrize("operation", OPERATIONS, ids=LABELS)
def test_the_scope_that_is_told_is_the_one_that_is_needed(api, operation):
    """With a key of too small a scope the answer is 403, and nothing else is looked at before."""
    path = operation.path.replace("{name}", "a").replace("{", "").replace("}", "")
    weaker = {Scope.READ: Scope.WRITE, Scope.FULL: Scope.READ, Scope.WRITE: Scope.READ}
    if operation.scope is None:
        assert api.client.simulate_request(operation.method.upper(), path, body="{}").status_code in (400, 403)
        return
    headers = {
        "Authorization": f"Bearer {api.new_key(scope=weaker[operation.scope])}",
        "Content-Type": "application/json",
    }
    body = "{}" if operation.bodies else None
    response = api.client.simulate_request(operation.method.upper(), path, headers=headers, body=body)

    assert response.status_code == 403, response.text


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    """(schema, what means something there, key) of an app with something of everything; its clock runs."""
    with statflow_engine.open(tmp_path_factory.mktemp("explored")) as engine:
        app = create_app(engine)
        api = Api(app, engine)
        schema = schemathesis.openapi.from_wsgi("/openapi.json", app=app)
        yield schema, furnished(api, with_import=True), api.key
        app.close()
        assert list(engine.check()) == []


@pytest.mark.parametrize("label", EXPLORED)
def test_what_is_answered_is_what_is_described(explored, label):
    seen = explore(*[explored[0], label, *explored[1:]], cases=CASES)

    assert seen & {200, 400, 403, 404}


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("label", EXPLORED)
def test_what_is_answered_is_what_is_described_also_at_length(explored, label):
    """STATFLOW_API_CASES says how many cases each operation gets; before a release 1,000."""
    assert explore(*[explored[0], label, *explored[1:]], cases=CASES_FULL)


@pytest.mark.parametrize("label", LABELS)
def test_the_example_of_each_operation_is_done(engine, label):
    app = create_app(engine, signup=True)
    api = Api(app, engine)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app=app)
    known = furnished(api, with_import="import_id" in label)

    assert send_example(schema, label, known, api.key).status_code in (200, 202)
    app.close()


def test_a_description_that_is_wrong_is_noticed(api):
    """The same request against a description that leaves a field of the answer out."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app=api.app)
    answer = schema.raw_schema["paths"]["/v1/account"]["get"]["responses"]["200"]["content"]["application/json"]
    del answer["schema"]["properties"]["tz"]
    answer["schema"]["required"].remove("tz")

    with pytest.raises(BaseExceptionGroup, match="Schemathesis found 1 distinct failure"):
        send_example(schema, "get /v1/account", {}, api.key)


def test_a_description_can_be_made_of_a_part():
    told = description(OPERATIONS[:1], "/base")

    assert list(told["paths"]) == ["/v1/stat"]
    assert told["servers"] == [{"url": "/base"}]
