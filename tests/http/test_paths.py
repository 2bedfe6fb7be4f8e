"""Paths: names with slashes and dots, methods, unknown routes, headers of every answer, CORS."""

import pytest

NAMES = [
    "a/b",
    "value",
    "count",
    "a/value",
    "../x",
    "100%",
    "a b",
    "é",
    "🎉" * 255,
    'say "hi"',
    "<script>",
    "a?b#c",
    "x;y",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_stat_of_any_name_is_read_at_its_path(api, name):
    api.json("/v1/stat", {"stat": name, "count": 2})

    response = api.get("/v1/stat/" + _escaped(name))

    assert response.status_code == 200
    assert response.json["name"] == name
    assert sum(point["value"] for point in response.json["points"]) == 2.0


def test_a_name_that_looks_like_a_file_is_only_a_name(api):
    response = api.get("/v1/stat/..%2f..%2fetc%2fpasswd")

    assert (response.status_code, response.json) == (404, {"msg": "no such stat"})


def test_a_path_is_trimmed_and_composed_as_names_are(api):
    api.json("/v1/stat", {"stat": "caf\u00e9"})

    assert api.get("/v1/stat/cafe%CC%81%20").json["name"] == "caf\u00e9"


def test_a_tilde_is_only_a_character_to_reads(api):
    api.json("/v1/stat", {"stat": "sent~total,female"})

    assert api.get("/v1/stat/sent~total").status_code == 200
    assert api.get("/v1/stat/sent~total,female").status_code == 404


@pytest.mark.parametrize("path", ["/nope", "/v1", "/v1/nope", "/ez/", "/x/TOKEN/none"])
def test_an_unknown_path_is_404(api, path):
    response = api.client.simulate_get(path)

    assert (response.status_code, response.json) == (404, {"msg": "no such path"})


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@pytest.mark.parametrize("method", ["FOO", "PUT", "TRACE"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/ez", {"GET", "HEAD", "POST"}),
        ("/v1/stat", {"POST"}),
        ("/v1/stat/a", {"GET", "HEAD", "POST", "PATCH", "DELETE"}),
    ],
)
def test_an_unknown_method_is_405_and_told_which_are_known(api, method, path, allowed):
    response = api.client.simulate_request(method, path)

    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == allowed | {"OPTIONS"}
    assert response.json["msg"] == "method not allowed"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/v1/stats", "/v1/stat/a", "/v1/trash"])
def test_head_works_where_get_does(api, path):
    api.json("/v1/stat", {"stat": "a"})
    headers = {"Authorization": f"Bearer {api.key}"}

    response = api.client.simulate_head(path, headers=headers)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == api.get(path).headers["content-length"]


@pytest.mark.parametrize("path", ["/", "/ez", "/v1/stats", "/nope", "/healthz"])
def test_every_answer_carries_the_headers_of_caution(api, path):
    headers = api.client.simulate_get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/ez", "/c", "/v", "/v1/stat", "/v1/stat/value", "/v1/stats", "/v1/query"])
def test_any_origin_may_use_the_api(api, path):
    preflight = api.client.simulate_options(
        path,
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
        },
    )

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert ("GET" if path == "/v1/query" else "POST") in preflight.headers["access-control-allow-methods"]
    allowed = preflight.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "idempotency-key"} <= set(allowed)
    assert "access-control-allow-credentials" not in preflight.headers


def test_errors_may_be_read_by_any_origin_too(api):
    response = api.post("/ez", "stat=a", headers={"Origin": "https://shop.example"})

    assert response.status_code == 401
    assert response.headers["access-control-allow-origin"] == "*"


def _escaped(name):
    from urllib.parse import quote

    return quote(name, safe="")
