"""Whatever comes in, the answer is one that the API knows: never a 500, JSON or a picture, never half a batch."""

import json

import msgpack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statflow_http.api.pixel import GIF

EXPECTED = {200, 400, 401, 403, 404, 405, 409, 411, 413, 415, 422}
WRITES = ["/ez", "/c", "/v", "/v1/stat", "/v1/stat/value", "/v1/stat/count", "/v1/stats"]
READS = ["/v1/stats", "/v1/stat/a", "/v1/query", "/v1/trash"]
TYPES = ["application/json", "application/msgpack", "application/x-www-form-urlencoded", "text/plain", ""]

FIELDS = st.sampled_from(
    ["ezkey", "email", "ukey", "stat", "key", "count", "value", "t", "vb", "data", "stats", "kind", "v", "x"]
)
numbers = st.floats() | st.integers(-(2**70), 2**70) | st.sampled_from(["1", "1e5", "nan", "٥", "", "-0"])
leaves = st.none() | st.booleans() | numbers | st.text(max_size=20) | st.sampled_from(["a", "a~b,c", "~", "a~b~c"])
documents = st.dictionaries(FIELDS, leaves | st.lists(leaves | st.dictionaries(FIELDS, leaves), max_size=4), max_size=6)
forms = st.lists(st.tuples(FIELDS, st.text(max_size=10) | st.sampled_from(["%FF", "%", "+", "a~b", "1"])), max_size=6)
params = st.lists(
    st.tuples(
        st.sampled_from(
            ["from", "to", "step", "agg", "fill", "tz", "q", "limit", "cursor", "stat", "combine", "shift", "format"]
        ),
        st.text(max_size=8)
        | st.sampled_from(["1h", "1M", "0", "9e9", "sum", "*", "[", "a", "1w", "csv", "UTC", "1800000000"]),
    ),
    max_size=5,
)
app_settings = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def packable(document):
    try:
        return msgpack.packb(document)
    except (OverflowError, ValueError):  # whole numbers beyond 64 bits, lone surrogates
        return b"\xc1"


bodies = st.one_of(
    documents.map(json.dumps).map(str.encode),
    documents.map(packable),
    forms.map(lambda pairs: "&".join(f"{name}={text}" for name, text in pairs).encode("utf-8", "replace")),
    st.binary(max_size=60),
)


def assert_known(response):
    assert response.status_code in EXPECTED, response.text
    if response.content != GIF and response.headers.get("content-type") == "application/json":
        json.loads(response.content, parse_constant=lambda name: pytest_fail(name))


def pytest_fail(name):
    raise AssertionError(f"{name} in an answer")


@app_settings
@given(st.sampled_from(WRITES), st.sampled_from(TYPES), bodies)
def test_any_body_is_stored_or_refused(api, path, content_type, body):
    before = len(api.names())

    response = api.post(path, body, content_type, headers={"Authorization": f"Bearer {api.key}"})

    assert_known(response)
    if response.status_code != 200:
        assert len(api.names()) == before


@app_settings
@given(st.sampled_from(WRITES[:3]), forms, st.sampled_from(["", "image/*", "application/json"]))
def test_any_query_string_is_stored_or_refused(api, path, pairs, accept):
    query = "&".join(f"{name}={text}" for name, text in pairs).encode("utf-8", "replace").decode("latin-1")
    headers = {"Authorization": f"Bearer {api.key}", "Accept": accept}

    assert_known(api.client.simulate_get(path, query_string=query, headers=headers))


@app_settings
@given(st.sampled_from(READS), params)
def test_any_question_is_answered_or_refused(api, path, pairs):
    api.json("/v1/stat", {"stat": "a"})

    assert_known(api.client.simulate_get(path, params=pairs_of(pairs), headers={"Authorization": f"Bearer {api.key}"}))


def pairs_of(pairs):
    found = {}
    for name, text in pairs:
        found.setdefault(name, []).append(text)
    return found
