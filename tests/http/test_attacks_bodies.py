"""Bodies that no client should send, to every operation that takes one."""

import json

import pytest

from statflow_http import create_app
from statflow_http.openapi.document import OPERATIONS
from statflow_http.openapi.operations import JSON
from tests.http.furnishing import concrete, furnished
from tests.http.test_bodies import call

# Hundreds of cases, each with an app of its own.
pytestmark = pytest.mark.slow
MIB = 1 << 20
WITH_BODY = [operation for operation in OPERATIONS if JSON in operation.bodies]
# Those that take more than JSON and msgpack.
OPEN = ("/v1/alerts", "/v1/alerts/preview", "/v1/imports")
TYPED = [operation for operation in WITH_BODY if operation.path not in OPEN or operation.method == "patch"]


@pytest.fixture
def app(engine):
    """One that lets everybody in, so that sign-up reads its body."""
    app = create_app(engine, signup=True)
    yield app
    app.close()


def label(operation):
    return f"{operation.method} {operation.path}"


@pytest.fixture
def send(api):
    """Send bytes to an operation with the owner's key; status and message."""
    known = furnished(api)

    def send(operation, body, content_type=JSON, **headers):
        headers = {"Authorization": f"Bearer {api.key}", "Content-Type": content_type} | headers
        path = concrete(operation.path, known)
        response = api.client.simulate_request(operation.method.upper(), path, body=body, headers=headers)
        return response.status_code, response.json["msg"]

    return send


BAD_JSON = {
    "cut short": (b"{", "not valid JSON"),
    "no object": (b"[]", "the body must be a JSON object"),
    "a number": (b"5", "the body must be a JSON object"),
    "trailing data": (b"{} x", "not valid JSON"),
    "trailing comma": (b'{"stat":"a",}', "not valid JSON"),
    "byte order mark": (b"\xef\xbb\xbf{}", "not valid JSON"),
    "UTF-16": ('{"stat":"a"}'.encode("utf-16"), "not valid UTF-8"),
    # In a field that is read: others are skipped unread.
    "no UTF-8": (b'{"FIELD":"\xff"}', "not valid UTF-8"),
    "lone surrogate": (b'{"x":"\\ud800","stat":"\\ud800"}', "not valid Unicode"),
    "depth of 100,000": (b'{"x":' + b"[" * 100_000, "nested too deeply"),
    "spaces": (b"   ", "request body is empty"),
}


@pytest.mark.parametrize("operation", WITH_BODY, ids=label)
@pytest.mark.parametrize("name", BAD_JSON)
def test_what_is_no_json_is_400_and_told(send, operation, name):
    body, text = BAD_JSON[name]
    field = next(iter(operation.example or {"url": ""}))

    status, message = send(operation, body.replace(b"FIELD", field.encode()))

    assert status == 400
    assert text in message or "character" in message or "must be text" in message, message


@pytest.mark.parametrize("operation", WITH_BODY, ids=label)
def test_every_field_of_the_wrong_sort_is_400(api, send, operation):
    before = api.names()
    for field in operation.example or {"url": ""}:
        for wrong in ([], {}, [1], {"a": 1}):
            if isinstance((operation.example or {}).get(field), list):
                wrong = {"a": 1}
            status, message = send(operation, json.dumps({**(operation.example or {}), field: wrong}))
            assert status == 400, (field, wrong)
            assert message
    assert api.names() == before


@pytest.mark.parametrize("operation", WITH_BODY, ids=label)
def test_an_empty_body_is_told_where_one_is_needed(send, operation):
    status, message = send(operation, b"")

    if operation.is_body_required:
        assert (status, message) == (400, "request body is empty")
    else:
        assert status == 200


@pytest.mark.parametrize("operation", TYPED, ids=label)
def test_other_types_are_415_and_told_which_are_taken(send, operation):
    for content_type in ("text/plain", "application/xml", "multipart/form-data; boundary=x"):
        status, message = send(operation, b"{}", content_type)
        assert status == 415
        assert "application/json" in message


def refused(api, operation, body=None, **environ):
    path = concrete(operation.path, furnished(api))
    headers = {"HTTP_AUTHORIZATION": f"Bearer {api.key}", "CONTENT_TYPE": JSON}
    return call(api.app, method=operation.method.upper(), path=path, body=body, **headers, **environ)


@pytest.mark.parametrize("operation", WITH_BODY, ids=label)
def test_a_body_that_is_too_long_is_413_and_not_read(api, operation):
    status, content = refused(api, operation, CONTENT_LENGTH=str(1 << 62))

    assert status.startswith("413 ")
    assert b"request body too large (limit " in content


@pytest.mark.parametrize("operation", WITH_BODY, ids=label)
@pytest.mark.parametrize("more", [{}, {"CONTENT_LENGTH": "5"}])
def test_a_body_in_chunks_is_411_and_not_read(api, operation, more):
    status, content = refused(api, operation, HTTP_TRANSFER_ENCODING="chunked", **more)

    assert status.startswith("411 ")
    assert b"Content-Length required" in content


@pytest.mark.parametrize("operation", WITH_BODY, ids=label)
def test_a_compressed_body_is_415(api, operation):
    status, content = refused(api, operation, HTTP_CONTENT_ENCODING="gzip", CONTENT_LENGTH="5")

    assert status.startswith("415 ")
    assert b"gzip bodies are not supported" in content


@pytest.mark.parametrize("operation", WITH_BODY, ids=label)
def test_a_body_that_is_cut_short_is_400(api, operation):
    status, content = refused(api, operation, body=b"{}", CONTENT_LENGTH="5")

    assert status.startswith("400 ")
    assert b"shorter than its Content-Length" in content


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\x7fb", "x" * 256, " ", "\u0344" * 128, "a~b~c"])
@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v1/stat", {"stat": "NAME"}),
        ("/v1/stat/value", {"stat": "NAME", "value": 1}),
        ("/v1/stats", {"stats": [{"stat": "a"}, {"stat": "NAME"}]}),
        ("/v1/stats", {"stats": ["a", "NAME"], "v": [1, 1]}),
        ("/ez", {"stat": "NAME"}),
        ("/ez", {"data": [{"stat": "a"}, {"stat": "NAME"}]}),
    ],
)
def test_a_name_that_is_none_is_400_wherever_points_are_written(api, path, document, name):
    response = api.json(path, json.dumps(document).replace('"NAME"', json.dumps(name)))

    assert response.status_code == 400
    assert "stat" in response.json["msg"]
    assert api.names() == []
