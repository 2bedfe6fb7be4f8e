"""What is refused before a body is parsed: too long, in chunks, compressed, cut short; and paths that are no UTF-8."""

import io

import falcon.testing
import pytest

MIB = 1 << 20
# Path, content type, limit in bytes.
LIMITS = [
    ("/ez", "application/x-www-form-urlencoded", MIB),
    ("/ez", "application/json", 8 * MIB),
    ("/c", "application/x-www-form-urlencoded", MIB),
    ("/v", "application/json", MIB),
    ("/v1/stat", "application/json", MIB),
    ("/v1/stat/value", "application/msgpack", MIB),
    ("/v1/stats", "application/json", 8 * MIB),
    ("/v1/stats", "application/msgpack", 64 * MIB),
]
PATHS = ["/ez", "/c", "/v", "/v1/stat", "/v1/stat/count", "/v1/stats"]


class NeverRead(io.RawIOBase):
    """A body that must not be touched."""

    def read(self, size=-1):
        raise AssertionError("the body was read")


def call(app, *, method="POST", path="/ez", body=None, **environ):
    """Call the app by WSGI, with an environ that no well-behaved client would make."""
    known = falcon.testing.create_environ(path, method=method)
    known |= {"wsgi.input": NeverRead() if body is None else io.BytesIO(body)} | environ
    result = falcon.testing.StartResponseMock()
    content = b"".join(app(known, result))
    return result.status, content


@pytest.mark.parametrize(("path", "content_type", "limit"), LIMITS)
def test_a_body_over_the_limit_is_refused_before_it_is_read(app, path, content_type, limit):
    status, content = call(app, path=path, CONTENT_TYPE=content_type, CONTENT_LENGTH=str(limit + 1))

    assert status.startswith("413 ")
    assert f"request body too large (limit {limit} bytes)".encode() in content


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("more", [{}, {"CONTENT_LENGTH": "5"}])
def test_a_body_in_chunks_is_refused_before_it_is_read(app, path, more):
    status, content = call(app, path=path, CONTENT_TYPE="application/json", HTTP_TRANSFER_ENCODING="chunked", **more)

    assert status.startswith("411 ")
    assert b"Content-Length required" in content


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate, gzip"])
def test_a_compressed_body_is_refused(app, path, encoding):
    status, content = call(
        app, path=path, CONTENT_TYPE="application/json", HTTP_CONTENT_ENCODING=encoding, CONTENT_LENGTH="5"
    )

    assert status.startswith("415 ")
    assert encoding not in ("gzip",) or b"gzip bodies are not supported" in content


def test_identity_is_no_compression(app):
    status, _ = call(app, body=b"stat=a", HTTP_CONTENT_ENCODING="identity", CONTENT_LENGTH="6")

    assert status.startswith("401 ")


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_cut_short_is_refused(app, path):
    status, content = call(app, path=path, body=b"{}", CONTENT_TYPE="application/json", CONTENT_LENGTH="9")

    assert status.startswith("400 ")
    assert b"request body is shorter than its Content-Length" in content


@pytest.mark.parametrize("length", ["x", "-1", "+5", "5, 5", "\u0665"])
def test_a_length_that_is_no_number_is_refused(app, length):
    status, _ = call(app, body=b"", CONTENT_LENGTH=length)

    assert status.startswith("400 ")


@pytest.mark.parametrize("path", ["/ez", "/v1/stat"])
def test_bytes_that_are_no_utf8_are_refused_in_bodies(api, path):
    as_json = api.json(path, b'{"stat":"\xff"}')
    assert (as_json.status_code, as_json.json["msg"]) == (400, "not valid UTF-8")
    if path == "/ez":
        for form in (b"stat=%ff", b"stat=\xff"):
            as_form = api.post(path, form)
            assert (as_form.status_code, as_form.json["msg"]) == (400, 'field "stat" is not valid UTF-8')


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_bytes_that_are_no_utf8_are_refused_in_paths(api, method):
    status, content = call(
        api.app,
        method=method,
        path="/v1/stat/x",
        body=b"",
        PATH_INFO="/v1/stat/caf\xff",
        HTTP_AUTHORIZATION=f"Bearer {api.key}",
    )

    assert (status, content) == ("400 Bad Request", b'{"msg":"not valid UTF-8"}')


def test_a_hundred_thousand_fields_are_refused(api):
    response = api.form("/ez", "ezkey={key}&stat=a" + "&x=1" * 100_000)

    assert (response.status_code, response.json["msg"]) == (400, "at most 100 fields")


def test_json_nested_too_deeply_is_refused(api):
    for path in ("/ez", "/v1/stat", "/v1/stats"):
        response = api.json(path, '{"x":' + "[" * 100_000 + "]" * 100_000 + "}")
        assert (response.status_code, response.json["msg"]) == (400, "JSON nested too deeply")
