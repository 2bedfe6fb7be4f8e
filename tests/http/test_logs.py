"""Logs hold no secrets, tell which request they are about, and come as lines for people or as JSON."""

import io
import json
import logging
from datetime import datetime, timedelta

import pytest
from gunicorn.config import Config

from statflow_http import create_app
from statflow_http.front.request_ids import context, logged_path, request_id
from statflow_http.metrics.metrics import POINTS
from statflow_http.serving.logs import JsonFormatter, JsonLogger, Logger, MaskingFormatter, masked
from tests.http.conftest import Api
from tests.http.silence import BANNER, assert_silent, secrets_in

KEY = "sk_live_" + "a1B2" * 8


@pytest.mark.parametrize(
    "line",
    [
        "GET /c?ukey=SECRET&key=mails",
        "Invalid request line: 'GET /ez?ezkey=SECRET&stat=a HTTP/3.0'",
        "email=SECRET@example.com",
        "Authorization: Bearer SECRET",
        "/x/sk_live_SECRET/statlist",
        "GET /login/SECRET HTTP/1.1",
        "/x/SECRET/statlist",
        'b"sk_test_SECRET"',
    ],
)
def test_a_key_is_masked_wherever_it_stands(line):
    assert "SECRET" not in masked(line)
    assert "sk_" not in masked(line)
    assert "..." in masked(line)


def test_other_text_stays():
    line = "POST /v1/stat/page views took 12 ms"

    assert masked(line) == line


# -- request ids --


@pytest.mark.parametrize(
    "given", ["abc", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "1-67891233-abcdef012345678912345678", "a" * 64]
)
def test_a_sane_request_id_is_kept(given):
    assert request_id({"HTTP_X_REQUEST_ID": given}) == given


@pytest.mark.parametrize("given", ["", " ", "a b", "a\nb", "é", "a" * 65, "<script>", '"', "-a", KEY, "key=x", "٥"])
def test_any_other_is_replaced(given):
    made = request_id({"HTTP_X_REQUEST_ID": given})

    assert made != given
    assert request_id({"HTTP_X_REQUEST_ID": made}) == made


def test_a_request_has_one_id_and_two_requests_have_two():
    environ = {}

    assert request_id(environ) == request_id(environ)
    assert request_id(environ) != request_id({})


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/v1/stat/page views", "/v1/stat/page%20views"),
        ("/v1/stat/a\r\nERROR forged", "/v1/stat/a%0D%0AERROR%20forged"),
        ("/v1/stat/\xc3\xa9", "/v1/stat/%C3%A9"),
        ("/x/OLDTOKEN/statlist", "/x/.../statlist"),
        ("/x/OLDTOKEN", "/x/..."),
        ("/login/TOKEN", "/login/..."),
        ("/v1/stat/" + KEY, "/v1/stat/..."),
    ],
)
def test_a_path_is_logged_in_one_line_without_tokens(path, logged):
    assert logged_path({"PATH_INFO": path}) == logged


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", "/v1/stats", 401),
        ("POST", "/ez", 401),
        ("POST", "/v1/stat", 400),
        ("PUT", "/ez", 405),
    ],
)
def test_errors_tell_the_id_of_their_request(api, method, path, status):
    given = api.client.simulate_request(method, path, headers={"X-Request-Id": "from-the-proxy"})
    made = api.client.simulate_request(method, path)

    assert given.status_code == made.status_code == status
    assert given.headers["x-request-id"] == "from-the-proxy"
    assert made.headers["x-request-id"] not in ("", "from-the-proxy")
    assert "X-Request-Id" in made.headers["access-control-expose-headers"]


def test_an_answer_that_is_well_has_none(api):
    """So that the heads of nearly all answers are the same bytes."""
    assert "x-request-id" not in api.json("/v1/stat", {"stat": "a"}, headers={"X-Request-Id": "a"}).headers


class NoWrites:
    """An engine that fails at storing."""

    def __init__(self, engine):
        self._engine = engine

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def write_batch(self, batch):
        raise ZeroDivisionError("planted")


@pytest.mark.parametrize("path", ["/ez", "/v1/stat"])
def test_the_line_of_an_error_tells_which_request_it_was(engine, caplog, path):
    app = create_app(NoWrites(engine))

    response = Api(app, engine).json(path, {"stat": "a"}, headers={"X-Request-Id": "abc"})

    (record,) = [record for record in caplog.records if record.name == "statflow_http"]
    assert response.headers["x-request-id"] == record.request_id == "abc"
    assert (record.method, record.path) == ("POST", path)
    assert "abc" in record.getMessage()
    app.close()


# -- the two formats --


class Answer:
    status = "404 Not Found"
    sent = 26


def logger_of(cls, **settings):
    """A logger of gunicorn's, whose access log is a text in memory."""
    config = Config()
    config.set("accesslog", "-")
    for name, value in settings.items():
        config.set(name, value)
    logger = cls(config)
    written = io.StringIO()
    for handler in logger.access_log.handlers:
        handler.setStream(written)
    return logger, written


@pytest.fixture(autouse=True)
def loggers_as_before():
    """gunicorn's loggers are global, and ours are made to follow them."""
    names = ("gunicorn.error", "gunicorn.access", "statflow_http", "statflow_engine")
    before = [(logging.getLogger(name), dict(logging.getLogger(name).__dict__)) for name in names]
    yield
    for logger, state in before:
        logger.handlers, logger.propagate, logger.level = state["handlers"], state["propagate"], state["level"]
        logger._cache.clear()


ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/x/OLDTOKEN/data/a\nb",
    "QUERY_STRING": f"ukey={KEY}",
    "HTTP_REFERER": "http://shop.example",
    "HTTP_USER_AGENT": "SECRET agent",
    "HTTP_X_REQUEST_ID": "abc",
    "REMOTE_ADDR": "10.0.0.7",
    "SERVER_PROTOCOL": "HTTP/1.1",
    POINTS: 3,
}


def test_the_access_log_as_json():
    logger, written = logger_of(JsonLogger)

    logger.access(Answer(), None, dict(ENVIRON), timedelta(microseconds=1_500))

    (line,) = written.getvalue().splitlines()
    told = json.loads(line)
    assert datetime.fromisoformat(told.pop("time")).tzinfo is not None
    assert told == {
        "level": "info",
        "logger": "gunicorn.access",
        "message": "GET /x/.../data/a%0Ab 404",
        "request_id": "abc",
        "method": "GET",
        "path": "/x/.../data/a%0Ab",
        "status": 404,
        "duration_ms": 1.5,
        "points": 3,
        "bytes": 26,
        "client": "10.0.0.7",
    }


def test_the_access_log_as_text():
    from statflow_http.serving.logs import ACCESS_FORMAT

    logger, written = logger_of(Logger, access_log_format=ACCESS_FORMAT)

    logger.access(Answer(), None, dict(ENVIRON), timedelta(microseconds=1_500))

    (line,) = written.getvalue().splitlines()
    assert line.startswith("10.0.0.7 [")
    assert line.endswith('] "GET /x/.../data/a%0Ab HTTP/1.1" 404 26 1500 3 abc')


@pytest.mark.parametrize("formatter", [MaskingFormatter("%(message)s"), JsonFormatter()])
def test_keys_in_messages_arguments_and_tracebacks_are_masked(formatter):
    try:
        raise ValueError(f"no good: {KEY}")
    except ValueError as error:
        made = (type(error), error, error.__traceback__)
    record = logging.LogRecord("statflow_http", logging.ERROR, __file__, 1, "key=%s", (KEY,), made)

    line = formatter.format(record)

    assert secrets_in(line) == []
    assert "no good: ..." in line
    assert "Traceback" in line


def test_a_line_of_json_is_one_line_whatever_is_in_it():
    record = logging.LogRecord("a", logging.WARNING, __file__, 1, "two\nlines \u2028 %s", ("é",), None)

    told = JsonFormatter().format(record)

    assert told.isascii()
    assert "\n" not in told
    assert json.loads(told)["message"] == "two\nlines \u2028 é"


@pytest.mark.parametrize("name", ["statflow_http", "statflow_engine"])
def test_what_our_packages_log_goes_where_gunicorns_errors_go(name):
    logger, _ = logger_of(JsonLogger)
    written = io.StringIO()
    for handler in logger.error_log.handlers:
        handler.setStream(written)

    logging.getLogger(name).warning("folding failed", extra=context({"PATH_INFO": "/ez", "HTTP_X_REQUEST_ID": "abc"}))

    told = json.loads(written.getvalue())
    assert (told["level"], told["logger"], told["message"]) == ("warning", name, "folding failed")
    assert (told["request_id"], told["path"]) == ("abc", "/ez")


# -- the check that all tests get --


@pytest.mark.parametrize(
    "line",
    [
        f"GET /ez?ezkey={KEY}",
        KEY.replace("live", "test"),
        "GET /x/OLDTOKEN/statlist",
        "GET /login/" + "aB3_-" * 8 + "abc",
        "session=owner.ab12." + "aB3_-" * 8 + "abc",
        "$argon2id$v=19$m=1",
        "password=correct horse",
    ],
)
def test_a_printed_secret_is_noticed(line):
    with pytest.raises(AssertionError, match="1 secrets were printed"):
        assert_silent(["well", line])


def test_the_banner_may_show_the_first_key():
    assert_silent([f"API key: {KEY}", f"  curl -X POST http://127.0.0.1:1/v1/stat -H 'Authorization: Bearer {KEY}' \\"])
    assert not BANNER.search(f"the API key: {KEY}")


def test_a_secret_in_an_extra_or_an_argument_is_heard(no_secret_is_logged):
    logging.getLogger("statflow_http").error("failed", extra={"query": f"ukey={KEY}"})

    (line,) = no_secret_is_logged.lines
    no_secret_is_logged.lines.clear()
    assert secrets_in(line) == ["sk_live_a1B2…"]
