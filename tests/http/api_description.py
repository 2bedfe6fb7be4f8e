"""The description of the API beside the app that it describes, for tests: operations, and cases of them."""

import msgpack
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.exceptions import InvalidJSONError
from schemathesis import GenerationMode, checks

from statflow_http.openapi.document import NAMED_PATHS, OPERATIONS
from statflow_http.routes import PARTS, routes
from tests.http.furnishing import DATASET, METHODS

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
LABELS = [f"{operation.method} {operation.path}" for operation in OPERATIONS]


@schemathesis.serializer("application/msgpack")
def packed(context, value):
    """How schemathesis sends what it made up for msgpack: as much of it as msgpack can hold."""
    if isinstance(value, bytes):
        return value
    try:
        return msgpack.packb(value)
    except (OverflowError, ValueError, TypeError):
        return b"\xc1"


def served_operations(services):
    """(method, path) of every route of /v1 that an app has with all its parts; HEAD and OPTIONS go without saying."""
    for path, resource in routes(services, frozenset(PARTS)):
        plain = path.replace(":path}", "}")
        if plain.startswith("/v1/"):
            for method in METHODS:
                if hasattr(resource, f"on_{method}"):
                    yield method, plain


def described_operations():
    """The same of the description; what is said of two names of a stat says what the route of any name does."""
    for operation in OPERATIONS:
        yield operation.method, NAMED_PATHS.get(operation.path, operation.path)


anything = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10) | st.just([])


def example_of(label):
    """The body that the description shows of an operation; None: it has none."""
    return OPERATIONS[LABELS.index(label)].example


def meant(path, known):
    """Values of parameters for one path: what is read must be there, and what is restored must be gone."""
    return known | ({"stat_id": known["living_stat_id"]} if path.startswith("/v1/stats/") else {})


def send_example(schema, label, known, key):
    """Send what the description shows, with parameters that mean something; the checked answer."""
    method, path = label.split(" ")
    operation, known = schema[path][method.upper()], meant(path, known)
    query = {"stat": known["stat"]} if path in ("/v1/query", "/v1/export") else {}
    options = {} if example_of(label) is None else {"body": example_of(label), "media_type": "application/json"}
    if label == "post /v1/imports":
        options = {"body": DATASET, "media_type": "text/csv"}
    case = operation.Case(
        path_parameters={name: value for name, value in known.items() if "{%s}" % name in path},
        query=query,
        headers={"Authorization": f"Bearer {key}"} if OPERATIONS[LABELS.index(label)].scope else {},
        **options,
    )
    return case.call_and_validate(checks=CHECKS)


def explore(schema, label, known, key, cases):
    """Send so many cases of an operation, good ones and bad ones, some of them about what is there.

    Args:
        schema: of schemathesis, over the app.
        label: which operation.
        known: values of parameters that mean something there, by name.
        key: of scope full.
        cases: how many.

    Returns:
        Every status that was answered.
    """
    method, path = label.split(" ")
    operation, known = schema[path][method.upper()], meant(path, known)
    seen = set()

    @settings(max_examples=cases, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def probe(data):
        is_good = data.draw(st.integers(0, 3)) > 0
        mode = GenerationMode.POSITIVE if is_good else GenerationMode.NEGATIVE
        case = data.draw(operation.as_strategy(generation_mode=mode))
        for name in case.path_parameters or ():
            if name in known and data.draw(st.booleans()):
                case.path_parameters[name] = known[name]
        example = example_of(label)
        if example is not None and is_good and data.draw(st.booleans()):
            case.body = {**example, **data.draw(st.dictionaries(st.sampled_from(sorted(example)), anything))}
        case.headers["Authorization"] = f"Bearer {key}"
        try:
            seen.add(case.call_and_validate(checks=CHECKS).status_code)
        except InvalidJSONError:  # no client can send NaN or infinity
            return

    probe()
    return seen
