"""What StatHat's real clients put on the wire, byte by byte, over a real socket: all is answered, each point counts.

The forms of these requests are tested elsewhere by way of the app alone; here also what only a connection can show.
"""

import pytest

from statflow_http import create_app
from statflow_http.accounts.accounts import OWNER_ID
from tests.http.loop_server import Client, looping, until

OK = b'{"status":200,"msg":"ok"}'
LIVE = f"{OWNER_ID}:live"


@pytest.fixture
def app(engine):
    app = create_app(engine)
    app.services.accounts.ensure_owner(engine.now_s())
    yield app
    app.close()


@pytest.fixture
def key(app, engine):
    return app.services.keys.create(OWNER_ID, engine.now_s())


@pytest.fixture
def server(app):
    with looping(app) as server:
        yield server


def points(engine, name):
    """(kind, points, sum) of the last hour, or None."""
    if name not in {series.name for series in engine.series(LIVE)}:
        return None
    window = engine.query(name, step="1h", namespace=LIVE)
    return str(window.kind), int(window.counts.sum()), float(window.sums.sum())


def post(path, body, *lines, length=None):
    """A POST as a client without a library writes it."""
    length = len(body) if length is None else length
    head = [f"POST {path} HTTP/1.1", "Host: api.stathat.com", f"Content-Length: {length}"]
    return "\r\n".join([*head, *lines]).encode() + b"\r\n\r\n" + body


def get(target, *lines):
    """A GET whose target is bytes as they are."""
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", b"Host: api.stathat.com", *lines]) + b"\r\n\r\n"


FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"

# name of the habit -> (the request, with KEY for the key; the stat it makes: kind, points, sum)
HABITS = {
    "go_counts_a_million_with_an_exponent": (
        post("/ez", b"count=1e%2B06&ezkey=KEY&stat=n", FORM, "User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip"),
        ("counter", 1, 1e6),
    ),
    "go_counts_little_with_an_exponent": (post("/ez", b"count=1e-05&ezkey=KEY&stat=n", FORM), ("counter", 1, 1e-5)),
    "java_writes_one_as_1.0": (post("/ez", b"ezkey=KEY&stat=n&count=1.0", FORM), ("counter", 1, 1.0)),
    "java_writes_ten_million_as_1.0E7": (post("/ez", b"ezkey=KEY&stat=n&value=1.0E7", FORM), ("value", 1, 1e7)),
    "no_content_type": (post("/ez", b"ezkey=KEY&stat=n&count=2"), ("counter", 1, 2.0)),
    "content_type_with_charset": (
        post("/ez", b'{"ezkey":"KEY","stat":"n","count":2}', "Content-Type: application/json; charset=utf-8"),
        ("counter", 1, 2.0),
    ),
    "the_old_name_email": (post("/ez", b"email=KEY&stat=n&count=2", FORM), ("counter", 1, 2.0)),
    "the_www_host": (
        post("/ez", b"ezkey=KEY&stat=n&count=2", FORM).replace(b"api.stathat", b"www.stathat"),
        ("counter", 1, 2.0),
    ),
    "no_host_of_1.0": (
        b"POST /ez HTTP/1.0\r\nContent-Length: 24\r\n\r\nezkey=KEY&stat=n&count=2",
        ("counter", 1, 2.0),
    ),
    "a_query_string_and_an_empty_body": (post("/ez?ezkey=KEY&stat=n&value=3", b"", FORM), ("value", 1, 3.0)),
    "get_with_a_cache_buster": (get(b"/ez?ezkey=KEY&stat=n&count=2&_=1363118126"), ("counter", 1, 2.0)),
    "get_of_the_ruby_client": (get(b"/c?key=n&ukey=KEY&count=2", b"Accept: */*", b"User-Agent: Ruby"), None),
    "a_trailing_ampersand": (post("/ez", b"ezkey=KEY&stat=n&count=2&", FORM), ("counter", 1, 2.0)),
    "an_empty_count_beside_a_value": (post("/ez", b"ezkey=KEY&stat=n&count=&value=5", FORM), ("value", 1, 5.0)),
    "t_is_null": (post("/ez", b'{"ezkey":"KEY","stat":"n","count":2,"t":null}', JSON), ("counter", 1, 2.0)),
    "t_is_empty": (post("/ez", b"ezkey=KEY&stat=n&count=2&t=", FORM), ("counter", 1, 2.0)),
    "c_with_value": (post("/c", b"key=n&ukey=KEY&value=2", FORM), ("counter", 1, 2.0)),
    "classic_keys_posted_to_ez": (post("/ez", b"key=n&ukey=KEY&count=2", FORM), ("counter", 1, 2.0)),
    "raw_spaces_in_a_form": (post("/ez", b"ezkey=KEY&stat=page views&count=2", FORM), ("counter", 1, 2.0)),
    "plus_for_a_space": (post("/ez", b"ezkey=KEY&stat=page+views&count=2", FORM), ("counter", 1, 2.0)),
    "a_bare_percent": (post("/ez", b"ezkey=KEY&stat=100% sure&count=2", FORM), ("counter", 1, 2.0)),
    "raw_utf_8": (post("/ez", "ezkey=KEY&stat=café&count=2".encode(), FORM), ("counter", 1, 2.0)),
    "a_comma_without_a_tilde": (post("/ez", b"ezkey=KEY&stat=a,b&count=2", FORM), ("counter", 1, 2.0)),
    "head_and_body_in_two_packets": (post("/ez", b"ezkey=KEY&stat=n&count=2", FORM), ("counter", 1, 2.0)),
    "expect_of_curl": (post("/ez", b"ezkey=KEY&stat=n&count=2", FORM, "Connection: close"), ("counter", 1, 2.0)),
    "vb": (post("/ez", b"ezkey=KEY&stat=n&count=2&vb=1", FORM), ("counter", 1, 2.0)),
}
# What the stat is called, where it is not "n".
NAMES = {
    "raw_spaces_in_a_form": "page views",
    "plus_for_a_space": "page views",
    "a_bare_percent": "100% sure",
    "raw_utf_8": "café",
    "a_comma_without_a_tilde": "a,b",
}


def keyed(request, key):
    """The request with the key in it, and its Content-Length as much longer."""
    head, _, body = request.partition(b"\r\n\r\n")
    longer = body.count(b"KEY") * (len(key) - 3)
    lines = [
        b"Content-Length: %d" % (int(line[15:]) + longer) if line.startswith(b"Content-Length:") else line
        for line in head.split(b"\r\n")
    ]
    return (b"\r\n".join(lines) + b"\r\n\r\n" + body).replace(b"KEY", key.encode())


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_of_a_client_is_answered_in_25_bytes_and_counted(server, engine, key, habit):
    request, wanted = HABITS[habit]
    with Client(server.port) as client:
        status, headers, body = client.send(keyed(request, key)).answer()

    # The pixel of a key of ours: what Ruby's GET gets with an old key, test_pixel.py has.
    is_picture = habit == "get_of_the_ruby_client"
    assert status == 200
    assert is_picture or (body, headers["content-length"], headers["content-type"]) == (OK, "25", "application/json")
    assert points(engine, NAMES.get(habit, "n")) == (wanted or ("counter", 1, 2.0))


BATCHES = {
    "the_documentations_with_its_trailing_comma": (
        b'{"ezkey":"KEY","data":[{"stat":"page view","count":2},\n'
        b' {"stat":"messages sent~total,female,europe","count":1},\n {"stat":"load","value":0.732},]}',
        3,
        {
            "page view": ("counter", 1, 2.0),
            "messages sent~total": ("counter", 1, 1.0),
            "messages sent~female": ("counter", 1, 1.0),
            "messages sent~europe": ("counter", 1, 1.0),
            "load": ("value", 1, 0.732),
        },
    ),
    "an_item_with_only_a_stat": (b'{"ezkey":"KEY","data":[{"stat":"n"},{"stat":"n"}]}', 2, {"n": ("counter", 2, 2.0)}),
    "an_empty_one": (b'{"ezkey":"KEY","data":[]}', 0, {}),
    "a_thousand_items": (
        b'{"ezkey":"KEY","data":[%s]}' % b",".join([b'{"stat":"n","count":1}'] * 1_000),
        1_000,
        {"n": ("counter", 1_000, 1_000.0)},
    ),
}


@pytest.mark.parametrize("habit", BATCHES)
def test_a_batch_is_counted_and_told_how_many(server, engine, key, habit):
    body, count, stats = BATCHES[habit]
    with Client(server.port) as client:
        answer = client.send(keyed(post("/ez", body, JSON), key)).answer()

    assert (answer[0], answer[2]) == (200, b'{"status":200,"msg":"ok","multiple":%d}' % count)
    assert {series.name: points(engine, series.name) for series in engine.series(LIVE)} == stats


def node_post(form):
    """As StatHat's Node client writes: nothing encoded, and characters counted where bytes are meant."""
    return post("/ez", form.encode(), FORM, "Connection: keep-alive", length=len(form))


# The form that the Node client sends, and what the server was told to read of it.
POLLUTED = [
    ("ezkey=KEY&stat=café&count=1", ("counter", 1, 1.0)),  # the count is empty, which is a count of 1
    ("ezkey=KEY&stat=café&count=12", ("counter", 1, 1.0)),  # nobody can know that a digit is missing
    ("ezkey=KEY&stat=café&count=1&t=1800000000", ("counter", 1, 1.0)),  # t=180000000 is 1975: refused, see below
]


@pytest.mark.parametrize(("form", "stored"), POLLUTED[:2])
@pytest.mark.parametrize("pause", [True, False])
def test_the_byte_that_node_does_not_count_spoils_no_later_request(server, engine, key, form, stored, pause):
    """It arrives in front of the next request of the connection, which is closed: the client sends that one anew."""
    polluted = node_post(form.replace("KEY", key))
    following = node_post(f"ezkey={key}&stat=next&count=5")
    with Client(server.port) as client:
        client.send(polluted)
        if pause:
            assert client.answer()[::2] == (200, OK)
            client.send(following)
        else:
            client.send(following)
            assert client.answer()[::2] == (200, OK)
        rest = client.rest()
    assert b"200 OK" not in rest
    with Client(server.port) as again:
        assert again.send(following).answer()[::2] == (200, OK)

    assert points(engine, "café") == stored
    assert points(engine, "next") == ("counter", 1, 5.0)


def test_a_truncated_t_is_refused_and_not_stored_in_1975(server, engine, key):
    form = POLLUTED[2][0].replace("KEY", key)
    with Client(server.port) as client:
        status, _, body = client.send(node_post(form)).answer()

    assert (status, b"t is older than the retention" in body) == (400, True)
    assert points(engine, "café") is None


def test_the_same_bytes_on_a_connection_of_their_own_harm_nobody(server, engine, key):
    for _ in range(3):
        with Client(server.port) as client:
            assert client.send(node_post(f"ezkey={key}&stat=café&count=1")).answer()[::2] == (200, OK)

    assert points(engine, "café") == ("counter", 3, 3.0)


def test_who_writes_and_closes_without_reading_has_counted(server, engine, key):
    for _ in range(5):
        with Client(server.port) as client:
            client.send(keyed(post("/ez", b"ezkey=KEY&stat=n&count=2", FORM), key))
    until(lambda: points(engine, "n") == ("counter", 5, 10.0))


def test_a_kept_connection_takes_one_request_after_the_other(server, engine, key):
    request = keyed(post("/ez", b"ezkey=KEY&stat=n&count=2", FORM, "Connection: Keep-Alive"), key)
    with Client(server.port) as client:
        assert [client.send(request).answer()[2] for _ in range(20)] == [OK] * 20

    assert points(engine, "n") == ("counter", 20, 40.0)


def test_the_root_is_reached_by_get_and_head(server):
    with Client(server.port) as client:
        assert client.send(get(b"/")).answer()[0] == 200
        assert client.send(get(b"/").replace(b"GET", b"HEAD")).answer(is_head=True)[0] == 200


# -- reading --

NAMED = {
    "plus": b"page+views",
    "percent_20": b"page%20views",
    "percent_utf_8": b"caf%C3%A9",
    "utf_8_as_typed": "café".encode(),
    "slash": b"a/b",
    "quoted_slash": b"a%2Fb",
}


@pytest.mark.parametrize("way", NAMED)
def test_a_name_is_read_however_it_is_written(server, engine, key, way):
    for name in ("page views", "café", "a/b"):
        engine.count(name, namespace=LIVE)
    with Client(server.port) as client:
        status, _, body = client.send(get(b"/x/%s/stat?name=%s" % (key.encode(), NAMED[way]))).answer()

    assert (status, b'"counter":true' in body) == (200, True)


def test_a_space_that_stands_raw_in_a_target_ends_the_connection(server, engine, key):
    """A request line has three words: a parser that guesses is one by which requests are smuggled."""
    engine.count("page views", namespace=LIVE)
    with Client(server.port) as client:
        status, headers, _ = client.send(get(b"/x/%s/stat?name=page views" % key.encode())).answer()

        assert (status, headers["connection"]) == (400, "close")
