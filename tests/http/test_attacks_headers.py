"""What every answer of every route says to browsers and caches; methods and paths that there are not."""

import re

import pytest

from statflow_http import create_app
from tests.http.conftest import Api
from tests.http.furnishing import all_routes, concrete, furnished
from tests.http.loop_server import Client, looping, post
from tests.http.test_worker_smuggling import REFUSED, REFUSED_BY_OURS

# Shown on other sites, and the same for everybody for a while.
SHARED = re.compile(r"/embed/|/javascripts/|/stats/")


@pytest.fixture
def asked(app, engine):
    """(method, path with braces, answer) of every route, with a key and without one."""
    api = Api(app, engine)
    known = furnished(api)
    found = []
    for method, path in sorted(all_routes(app.services)):
        for headers in ({}, {"Authorization": f"Bearer {api.key}"}):
            answer = api.client.simulate_request(method, concrete(path, known), headers=headers, body="{}")
            found.append((method, path, answer))
    return found


def test_no_route_fails_and_every_answer_has_the_headers_of_caution(asked):
    assert len(asked) > 80
    for method, path, answer in asked:
        assert answer.status_code < 500, (method, path, answer.text)
        assert answer.headers["x-content-type-options"] == "nosniff", (method, path)
        assert answer.headers["referrer-policy"] == "no-referrer", (method, path)
        assert "set-cookie" not in answer.headers, (method, path)
        assert "server" not in answer.headers, (method, path)


def test_what_is_not_for_everybody_is_kept_by_no_cache(asked):
    for method, path, answer in asked:
        if not SHARED.match(path):
            assert answer.headers["cache-control"] == "no-store", (method, path)
        elif answer.status_code == 200:
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin", (method, path)


def test_errors_name_their_request(asked):
    for method, path, answer in asked:
        assert ("x-request-id" in answer.headers) == (answer.status_code >= 400), (method, path)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_hsts_is_told_by_tls_and_only_there(app, engine, scheme):
    api = Api(app, engine)
    known = furnished(api)
    for method, path in all_routes(app.services):
        answer = api.client.simulate_request(method, concrete(path, known), protocol=scheme, body="{}")
        assert answer.headers.get("strict-transport-security") == ("max-age=31536000" if scheme == "https" else None), (
            method,
            path,
        )


def test_hsts_is_told_by_our_worker_behind_a_proxy_too(app):
    with looping(app) as server, Client(server.port) as client:
        for path in ("/ez", "/v1/stats", "/nope"):
            _, headers, _ = client.send(post(path, b"", "X-Forwarded-Proto: https")).answer()
            assert headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("name", [*REFUSED, *REFUSED_BY_OURS])
def test_what_our_worker_answers_itself_has_them_too(app, name):
    request, _ = (REFUSED | REFUSED_BY_OURS)[name]
    with looping(app) as server, Client(server.port) as client:
        _, headers, body = client.send(request).answer()

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"]
    assert b"Traceback" not in body


# What no script of another page has to do with: the operator's numbers, and what links in mails do.
OF_ONE_ORIGIN = ("/metrics", "/act/{token}")


def test_any_origin_may_ask_with_a_key_and_no_origin_with_a_cookie(asked, app, engine):
    client = Api(app, engine).client
    for method, path, answer in asked:
        if path in OF_ONE_ORIGIN:
            assert "access-control-allow-origin" not in answer.headers
        else:
            assert answer.headers["access-control-allow-origin"] == "*", (method, path)
        assert "access-control-allow-credentials" not in answer.headers
    for method, path in all_routes(app.services):
        preflight = client.simulate_options(
            path.replace("{", "").replace("}", ""),
            headers={"Origin": "https://shop.example", "Access-Control-Request-Method": method},
        )
        assert preflight.status_code == 200, path
        if path not in OF_ONE_ORIGIN:
            assert method in preflight.headers["access-control-allow-methods"], path


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@pytest.mark.parametrize("method", ["FOO", "TRACE", "PROPFIND", "PUT"])
def test_a_method_that_a_route_has_not_is_405_and_told_which_it_has(app, engine, method):
    api = Api(app, engine)
    known = furnished(api)
    routes = {}
    for allowed, path in all_routes(app.services):
        routes.setdefault(path, set()).add(allowed)
    for path, methods in routes.items():
        if method in methods:
            continue
        answer = api.client.simulate_request(method, concrete(path, known))
        assert answer.status_code == 405, path
        told = set(answer.headers["allow"].split(", "))
        assert methods <= told <= methods | {"HEAD", "OPTIONS"}, path


def test_head_is_answered_where_get_is_without_a_body(app, engine):
    api = Api(app, engine)
    known = furnished(api)
    headers = {"Authorization": f"Bearer {api.key}"}
    for method, path in all_routes(app.services):
        if method != "GET":
            continue
        got = api.client.simulate_get(concrete(path, known), headers=headers)
        answer = api.client.simulate_head(concrete(path, known), headers=headers)
        assert answer.content == b"", path
        # A write by GET counts, and a HEAD of it must not, so that it is not even read.
        if path not in ("/ez", "/c", "/v"):
            assert answer.status_code == got.status_code, path
            assert answer.headers["content-type"] == got.headers["content-type"], path


@pytest.mark.parametrize("path", ["/nope", "/v1", "/v1/", "/v2/stats", "/ez/x", "/.env", "/wp-login.php", "/%2e%2e/"])
def test_an_unknown_path_is_404_in_json(api, path):
    answer = api.client.simulate_get(path)

    assert (answer.status_code, answer.json) == (404, {"msg": "no such path"})


@pytest.mark.parametrize("parts", [(), ("write",), ("read",)])
def test_the_headers_are_there_whatever_parts_are(engine, parts):
    app = create_app(engine, parts=parts)
    api = Api(app, engine)
    for path in ("/", "/ez", "/v1/stats", "/nope", "/openapi.json"):
        assert api.client.simulate_get(path).headers["x-content-type-options"] == "nosniff"
    app.close()
