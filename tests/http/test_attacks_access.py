"""Who may not: every operation without a key, with a bad one, with another account's, with one of test data."""

import pytest

from statflow_http.openapi.document import OPERATIONS
from tests.http.conftest import Api
from tests.http.furnishing import concrete, furnished
from tests.http.silence import secrets_in

# Hundreds of cases, each with an app of its own.
pytestmark = pytest.mark.slow
KEYED = [operation for operation in OPERATIONS if operation.scope is not None]
OF_AN_ID = [operation for operation in KEYED if "{" in operation.path]
LABELS = {id(operation): f"{operation.method} {operation.path}" for operation in OPERATIONS}


def label(operation):
    return LABELS[id(operation)]


def ask(api, operation, path, key=None):
    """Send an operation's example."""
    headers = {"Content-Type": "application/json"} if operation.bodies else {}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    body = None
    if operation.bodies:
        import json

        body = json.dumps(operation.example or {"url": "https://stats.example.com"})
    return api.client.simulate_request(operation.method.upper(), path, headers=headers, body=body)


@pytest.mark.parametrize("operation", KEYED, ids=label)
def test_without_a_key_it_is_said_that_one_is_missing(api, operation):
    response = ask(api, operation, operation.path.replace("{", "").replace("}", ""))

    assert (response.status_code, response.json) == (401, {"msg": "missing API key"})
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("operation", KEYED, ids=label)
def test_unknown_and_revoked_keys_get_the_same_bytes(api, operation):
    revoked = api.new_key()
    api.keys.revoke("owner", revoked, api.engine.now_s())
    path = operation.path.replace("{", "").replace("}", "")

    answers = [ask(api, operation, path, key) for key in (revoked, "sk_live_" + "a" * 32, "x")]

    assert {(answer.status_code, answer.content) for answer in answers} == {(401, b'{"msg":"invalid API key"}')}
    heads = [{name: value for name, value in answer.headers.items() if name != "x-request-id"} for answer in answers]
    assert heads[0] == heads[1] == heads[2]


@pytest.mark.parametrize("operation", KEYED, ids=label)
def test_a_cookie_is_no_key(api, operation):
    path = operation.path.replace("{", "").replace("}", "")
    response = api.client.simulate_request(
        operation.method.upper(), path, headers={"Cookie": f"key={api.key}; session={api.key}"}, body="{}"
    )

    assert response.status_code in (400, 401)
    assert "ok" not in response.text


@pytest.fixture
def both(app, engine):
    """(the owner's account with something of everything, where that is found, the key of a stranger)."""
    api = Api(app, engine)
    return api, furnished(api), api.new_account("stranger")


@pytest.mark.parametrize("operation", OF_AN_ID, ids=label)
def test_what_another_account_has_is_not_there(both, operation):
    """404 and not 403, with the very bytes of what does not exist."""
    api, known, stranger = both
    nowhere = dict.fromkeys(known, "aaaaaaaaaaaa") | {"living_stat_id": "aaaaaaaa"}

    found = ask(api, operation, concrete(operation.path, known), stranger)
    missing = ask(api, operation, concrete(operation.path, nowhere), stranger)

    assert found.status_code == 404
    assert (found.status_code, found.content) == (missing.status_code, missing.content)


# What a key of test data gets where a key of live data of the same account would be answered.
FORBIDDEN_TO_TEST = {"removeMember": 403}
# Who is told of alerts is the account's, not of its live or its test data.
OF_ACCOUNT = ("receiver_id",)
# Shown once, to whom they are made for.
MAKES_A_SECRET = ("makeKey", "rotateKey", "addMember")


@pytest.mark.parametrize(
    "operation", [each for each in OF_AN_ID if not any(name in each.path for name in OF_ACCOUNT)], ids=label
)
def test_what_is_live_is_not_there_for_test_keys(both, operation):
    api, known, _ = both

    response = ask(api, operation, concrete(operation.path, known), api.new_key(live=False))

    assert response.status_code == FORBIDDEN_TO_TEST.get(operation.id, 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/x/{token}/stats/{stat_id}"),
        ("GET", "/x/{token}/data/{stat_ids}"),
        ("DELETE", "/x/{token}/stats/{stat_id}"),
        ("GET", "/x/{token}/alerts/{alert_id}"),
        ("DELETE", "/x/{token}/alerts/{alert_id}"),
        ("GET", "/stats/{stat_id}/csv/{period}"),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_the_export_api_shows_nothing_of_others(both, method, path, live):
    api, known, stranger = both
    token = stranger if live else api.new_key(live=False)

    response = api.client.simulate_request(method, concrete(path, known | {"token": token}))

    assert response.status_code in (404, 405)
    assert "page views" not in response.text


@pytest.mark.parametrize("path", ["/a1/stats/{stat_id}/dataset", "/a1/stats/{stat_id}/dataset_full"])
def test_the_command_lines_api_shows_nothing_of_others(both, path):
    import base64

    api, known, stranger = both
    for user in (f"{stranger}:", f":{stranger}", f"x:{stranger}"):
        headers = {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}
        response = api.client.simulate_get(concrete(path, known), headers=headers)
        assert response.status_code in (401, 404)
        assert "page views" not in response.text


def test_a_list_holds_nothing_of_others(both):
    api, _, stranger = both
    for key in (stranger, api.new_key(live=False)):
        for path in ("/v1/stats", "/v1/trash", "/v1/alerts", "/v1/annotations", "/v1/imports", "/v1/export"):
            text = api.get(path, key=key).text
            for mine in ("page views", "gone", "deployed"):
                assert mine not in text, path


@pytest.mark.parametrize("path", ["/ez", "/c", "/v"])
@pytest.mark.parametrize("name", ["ezkey", "ukey", "email"])
def test_a_key_given_twice_is_refused(api, path, name):
    response = api.form(path, f"{name}={{key}}&{name}={{key}}&stat=a&value=1")

    assert response.status_code == 400
    assert response.json["msg"] == f'field "{name}" given twice'
    assert api.names() == []


@pytest.mark.parametrize("operation", KEYED, ids=label)
def test_a_key_is_in_no_answer_but_the_one_that_makes_it(both, operation):
    api, known, _ = both

    response = ask(api, operation, concrete(operation.path, known), api.key)

    assert api.key not in response.text
    assert len(secrets_in(response.text)) == (1 if operation.id in MAKES_A_SECRET else 0)
