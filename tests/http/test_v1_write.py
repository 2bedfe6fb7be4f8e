"""``POST /v1/stat``, ``/v1/stat/count``, ``/v1/stat/value``."""

import json

import msgpack
import pytest

OK = b'{"msg":"ok"}'


@pytest.mark.parametrize(
    ("path", "document", "kind", "total"),
    [
        ("/v1/stat", {"stat": "my_metric", "count": 1}, "counter", 1.0),
        ("/v1/stat", {"stat": "my_metric", "value": 2.5}, "value", 2.5),
        ("/v1/stat", {"stat": "my_metric", "count": 1, "value": 0}, "counter", 1.0),
        ("/v1/stat", {"stat": "my_metric", "count": 0, "value": 42.5}, "value", 42.5),
        ("/v1/stat", {"stat": "my_metric"}, "counter", 1.0),
        ("/v1/stat/value", {"stat": "my_metric", "value": 142.5}, "value", 142.5),
        ("/v1/stat/count", {"stat": "my_metric", "count": "3"}, "counter", 3.0),
        ("/v1/stat/count", {"stat": "my_metric"}, "counter", 1.0),
    ],
)
def test_the_endpoints_of_the_docs_store_a_point(api, path, document, kind, total):
    response = api.json(path, document)

    assert (response.status_code, response.content) == (200, OK)
    assert response.headers["content-type"] == "application/json"
    assert (api.kind("my_metric"), api.points("my_metric")) == (kind, (1, total))


def test_a_missing_content_type_is_json(api):
    headers = {"Authorization": f"Bearer {api.key}"}

    assert api.post("/v1/stat", '{"stat":"a"}', None, headers=headers).content == OK


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/csv", "multipart/form-data"])
@pytest.mark.parametrize("path", ["/v1/stat", "/v1/stat/value", "/v1/stats"])
def test_other_content_types_are_refused_naming_those_that_are_taken(api, path, content_type):
    response = api.post(path, "stat=a", content_type)

    assert response.status_code == 415
    assert response.json == {"msg": "the body must be application/json or application/msgpack"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "request body is empty"),
        ("{", "not valid JSON"),
        ("[]", "the body must be a JSON object"),
        ('{"count":1}', "stat is missing"),
        ('{"stat":""}', "stat is missing"),
        ('{"stat":"  "}', "stat name is empty"),
        ('{"stat":"a","count":NaN}', "count must be a finite number"),
        ('{"stat":"a","value":1e999}', "value must be a finite number"),
        ('{"stat":"a","count":"NaN"}', "count must be a finite number"),
        ('{"stat":"a","count":true}', "count must be a number"),
        ('{"stat":"a","count":1e201}', "count out of range"),
        ('{"stat":"a","t":1e300}', "t must be Unix seconds"),
        ('{"stat":"a","t":9223372036854775808}', "t must be Unix seconds"),
        ('{"stat":"\\ud800"}', "not valid Unicode"),
        ('{"stat":"a\\u0000"}', "stat name has control characters"),
    ],
)
def test_a_mistake_is_a_400_with_its_own_text(api, body, text):
    response = api.json("/v1/stat", body)

    assert response.status_code == 400
    assert response.json["msg"].startswith(text)
    assert api.names() == []


def test_a_value_without_a_number_is_refused(api):
    assert api.json("/v1/stat/value", {"stat": "a"}).json == {"msg": "value is missing"}


def test_the_other_kind_is_a_conflict(api):
    api.json("/v1/stat", {"stat": "x", "value": 1})

    response = api.json("/v1/stat", {"stat": "x", "count": 1})

    assert (response.status_code, response.json) == (409, {"msg": '"x" is a value: send value'})


@pytest.mark.parametrize(("path", "kind", "other"), [("count", "counter", "value"), ("value", "value", "count")])
def test_where_the_path_decides_the_kind_a_conflict_names_the_other_path(api, path, kind, other):
    api.json("/v1/stat", {"stat": "x", other: 1})

    response = api.json(f"/v1/stat/{path}", {"stat": "x", path: 1})

    other_kind = "value" if kind == "counter" else "counter"
    text = f'"x" is a {other_kind}: send {other} to /v1/stat/{other}'
    assert (response.status_code, response.json) == (409, {"msg": text})


MISPLACED = [
    ("count", {"value": 3}),
    ("count", {"value": 0}),
    ("count", {"value": "3", "count": ""}),
    ("count", {"value": 3, "count": 0}),
    ("value", {"count": 3}),
    ("value", {"count": 3, "value": 0}),
    ("value", {"count": 0}),
]


@pytest.mark.parametrize(("path", "fields"), MISPLACED)
def test_a_number_of_the_other_kind_is_sent_to_the_other_path(api, path, fields):
    other = "value" if path == "count" else "count"

    response = api.json(f"/v1/stat/{path}", {"stat": "x"} | fields)

    text = f"/v1/stat/{path} takes {path}: send {other} to /v1/stat/{other}"
    assert (response.status_code, response.json) == (400, {"msg": text})
    assert api.names() == []


@pytest.mark.parametrize("path", ["count", "value"])
def test_a_zero_beside_the_number_that_is_meant_says_nothing(api, path):
    other = "value" if path == "count" else "count"

    assert api.json(f"/v1/stat/{path}", {"stat": "x", path: 3, other: 0}).content == OK
    assert api.json(f"/v1/stat/{path}", {"stat": "y", path: 0, other: 0}).content == OK
    assert (api.kind("x") == "value") == (api.kind("y") == "value") == (path == "value")
    assert api.points("x") == (1, 3.0)


def test_what_is_no_number_on_the_other_path_is_told_as_such(api):
    assert api.json("/v1/stat/value", {"stat": "x", "count": "x"}).json == {"msg": "count must be a number"}


def test_the_tilde_is_applied_here_too(api):
    assert api.json("/v1/stat", {"stat": "sent~total,female", "count": 2}).content == OK
    assert api.points("sent~female") == (1, 2.0)


def test_the_account_decides_how_names_are_joined(api):
    key = api.new_account("from-stathat", tilde_join=" ")

    api.json("/v1/stat", {"stat": "sent~total,female"}, key=key)
    api.json("/v1/stats", {"stats": [{"stat": "seen~total"}]}, key=key)

    assert api.names("from-stathat:live") == ["seen total", "sent female", "sent total"]


def test_msgpack_is_taken(api):
    headers = {"Authorization": f"Bearer {api.key}"}
    body = msgpack.packb({"stat": "a", "value": 1.5})

    assert api.post("/v1/stat", body, "application/msgpack", headers=headers).content == OK
    assert api.points("a") == (1, 1.5)
    bad = api.post("/v1/stat", b"\xc1", "application/msgpack", headers=headers)
    assert bad.status_code == 400


def test_only_two_names_take_a_post(api):
    response = api.json("/v1/stat/other", {"stat": "a"})

    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"


def test_the_key_may_stand_in_the_body(api):
    body = json.dumps({"stat": "a", "ezkey": api.key})

    assert api.post("/v1/stat", body, "application/json").content == OK
