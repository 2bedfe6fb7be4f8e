"""Who is the sender: keys, scopes, accounts, live and test."""

import pytest

from statflow_http.accounts.keys import Scope

# (method, path, body): something of every route that needs a key.
READS = ["/v1/stats", "/v1/stat/a", "/v1/query?stat=a", "/v1/trash"]
WRITES = [("/v1/stat", '{"stat":"a"}'), ("/v1/stat/value", '{"stat":"a","value":1}'), ("/v1/stats", '{"stats":[]}')]


def get(api, path, headers=None):
    path, _, query = path.partition("?")
    return api.client.simulate_get(path, query_string=query, headers=headers)


@pytest.mark.parametrize("path", READS)
def test_reading_without_a_key_says_that_one_is_missing(api, path):
    response = get(api, path)

    assert (response.status_code, response.json) == (401, {"msg": "missing API key"})
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("path", "body"), WRITES)
def test_writing_without_a_key_says_that_one_is_missing(api, path, body):
    response = api.post(path, body, "application/json")

    assert (response.status_code, response.json) == (401, {"msg": "missing API key"})
    assert response.headers["www-authenticate"] == "Bearer"


def test_unknown_and_revoked_keys_are_answered_by_the_same_bytes(api):
    revoked = api.new_key()
    api.keys.revoke("owner", revoked, api.engine.now_s())

    answers = [get(api, "/v1/stats", {"Authorization": f"Bearer {key}"}) for key in (revoked, "sk_live_x", "ü", " ")]

    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].content == answers[1].content == answers[2].content == b'{"msg":"invalid API key"}'
    assert answers[3].content == b'{"msg":"missing API key"}'


def test_a_revoked_key_is_useless_at_once(api):
    key = api.new_key()
    assert api.json("/v1/stat", {"stat": "a"}, key=key).status_code == 200

    api.keys.revoke("owner", key[:16], api.engine.now_s())

    assert api.json("/v1/stat", {"stat": "a"}, key=key).status_code == 401


@pytest.mark.parametrize("header", ["Bearer {key}", "bearer {key}", "BEARER  {key} "])
def test_the_scheme_is_bearer_in_any_case(api, header):
    assert get(api, "/v1/stats", {"Authorization": header.replace("{key}", api.key)}).status_code == 200


def test_another_scheme_is_not_ours_to_judge(api):
    """A proxy in front may ask for Basic auth of its own."""
    headers = {"Authorization": "Basic dXNlcjpwYXNz"}

    assert get(api, "/v1/stats", headers).status_code == 401
    assert api.form("/ez", "ezkey={key}&stat=a", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/ez", "/v1/stat"])
def test_two_different_keys_are_a_conflict_and_equal_ones_are_not(api, path):
    other = api.new_key()
    body = '{"stat":"a","ezkey":"%s"}' % api.key

    assert api.json(path, body, key=api.key).status_code == 200
    response = api.json(path, body, key=other)
    assert (response.status_code, response.json["msg"]) == (400, "conflicting API keys")


@pytest.mark.parametrize("path", READS)
def test_a_write_key_may_not_read(api, path):
    api.json("/v1/stat", {"stat": "a"})

    response = get(api, path, {"Authorization": f"Bearer {api.new_key(scope=Scope.WRITE)}"})

    assert (response.status_code, response.json) == (403, {"msg": "this API key may only write"})


@pytest.mark.parametrize(("path", "body"), WRITES)
def test_a_read_key_may_not_write(api, path, body):
    response = api.json(path, body, key=api.new_key(scope=Scope.READ))

    assert (response.status_code, response.json) == (403, {"msg": "this API key may only read"})


def test_only_a_full_key_may_delete_and_restore(api):
    api.json("/v1/stat", {"stat": "a"})
    for scope in (Scope.READ, Scope.WRITE):
        assert api.delete("/v1/stat/a", key=api.new_key(scope=scope)).status_code == 403
        assert api.json("/v1/trash/aaaa/restore", "", key=api.new_key(scope=scope)).status_code == 403


@pytest.mark.parametrize("scope", [Scope.WRITE, Scope.FULL])
def test_write_and_full_keys_may_write(api, scope):
    assert api.json("/v1/stat", {"stat": "a"}, key=api.new_key(scope=scope)).status_code == 200


@pytest.mark.parametrize("path", ["/v1/stat/mine", "/v1/query?stat=mine"])
def test_what_belongs_to_another_account_is_not_there(api, path):
    api.json("/v1/stat", {"stat": "mine"})
    other = api.new_account("other")

    response = get(api, path, {"Authorization": f"Bearer {other}"})

    assert (response.status_code, response.json) == (404, {"msg": "no such stat"})
    assert get(api, "/v1/stats", {"Authorization": f"Bearer {other}"}).json["stats"] == []
    assert api.delete("/v1/stat/mine", key=other).status_code == 404
    assert api.names() == ["mine"]


def test_the_trash_of_another_account_is_not_there(api):
    api.json("/v1/stat", {"stat": "mine"})
    stat_id = api.delete("/v1/stat/mine").json["id"]
    other = api.new_account("other")

    assert get(api, "/v1/trash", {"Authorization": f"Bearer {other}"}).json["trash"] == []
    response = api.json(f"/v1/trash/{stat_id}/restore", "", key=other)
    assert (response.status_code, response.json) == (404, {"msg": "no such stat"})


def test_live_and_test_data_are_apart(api):
    test_key = api.new_key(live=False)
    api.json("/v1/stat", {"stat": "a", "count": 1})
    api.json("/v1/stat", {"stat": "a", "count": 10}, key=test_key)
    api.json("/v1/stat", {"stat": "b", "count": 10}, key=test_key)

    assert api.points("a") == (1, 1.0)
    assert api.points("a", "owner:test") == (1, 10.0)
    assert api.names() == ["a"]
    assert [stat["name"] for stat in api.get("/v1/stats", key=test_key).json["stats"]] == ["a", "b"]


def test_a_key_is_never_repeated_in_an_answer(api):
    answers = [
        api.form("/ez", "ezkey={key}x&stat=a"),
        api.form("/ez", "ezkey={key}&stat=a&count={key}"),
        api.form("/ez", "ezkey={key}&stat=a&t={key}"),
        api.json("/v1/stat", {"stat": "a", "count": api.key}),
        api.get("/v1/stats", key=api.key + "x"),
    ]

    assert all(answer.status_code >= 400 for answer in answers)
    assert not any(b"sk_live" in answer.content for answer in answers)
