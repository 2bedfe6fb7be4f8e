"""``/v1/keys``: list, make, add, change, rotate, revoke; and old secrets in the requests of old clients."""

import base64

import pytest

from statflow_http.accounts.keys import Scope

UKEY = "MTg4NTcgiDyQabcdefgh~~"
DAY_S = 86_400


def patch(api, path, document, key=None):
    headers = {"Authorization": f"Bearer {key or api.key}"}
    return api.client.simulate_patch(path, json=document, headers=headers)


def make(api, key=None, **wanted):
    response = api.json("/v1/keys", wanted, key=key)
    assert response.status_code == 200, response.text
    return response.json


def listed(api, key=None, query=""):
    return api.get("/v1/keys", key=key, query_string=query).json["keys"]


def test_a_key_is_made_shown_once_and_works(api):
    made = make(api, scope="write", label="pixel")

    assert made["msg"] == "ok"
    assert api.json("/v1/stat", {"stat": "a"}, key=made["secret"]).status_code == 200
    (found,) = [key for key in listed(api) if key["id"] == made["id"]]
    assert made["secret"] not in api.get("/v1/keys").text
    assert found == {
        "id": made["secret"][8:16],
        "key": made["secret"][:16] + "…",
        "kind": "key",
        "label": "pixel",
        "scope": "write",
        "live": True,
        "created_at": api.engine.now_s(),
        "expires_at": None,
        "revoked_at": None,
        "last_used_at": api.engine.now_s(),
    }


def test_a_new_key_is_full_and_of_the_data_that_its_maker_is_of(api):
    test_key = api.new_key(live=False)

    assert {make(api)[name] for name in ("scope", "live")} == {"full", True}
    assert make(api, key=test_key)["secret"].startswith("sk_test_")
    assert make(api, live=False)["secret"].startswith("sk_test_")


def test_a_key_of_test_data_neither_makes_nor_sees_keys_of_live_data(api):
    test_key = api.new_key(live=False)

    refused = api.json("/v1/keys", {"live": True}, key=test_key)
    assert (refused.status_code, refused.json["msg"]) == (403, "a key of test data makes keys of test data only")
    assert {key["live"] for key in listed(api, test_key)} == {False}
    assert {key["live"] for key in listed(api)} == {False, True}
    for method in (api.client.simulate_delete, api.client.simulate_patch):
        response = method(
            f"/v1/keys/{api.key[8:16]}", json={"label": "x"}, headers={"Authorization": f"Bearer {test_key}"}
        )
        assert (response.status_code, response.json["msg"]) == (404, "no such key")


def test_the_list_is_paged(api, clock):
    for _ in range(4):
        clock.advance(1)
        make(api)

    ids, cursor = [], ""
    while cursor is not None:
        page = api.get("/v1/keys", query_string=f"limit=2&cursor={cursor}").json
        ids += [key["id"] for key in page["keys"]]
        cursor = page["cursor"]

    assert ids == [key["id"] for key in listed(api)]
    assert len(ids) == 5
    wrong = api.get("/v1/keys", query_string="cursor=nonsense")
    assert (wrong.status_code, wrong.json["msg"]) == (400, "cursor must be one that an earlier page gave")


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"scope": "all"}, "scope must be write, read or full"),
        ({"label": "x" * 101}, "the label of a key has at most 100 characters"),
        ({"label": 5}, "label must be text"),
        ({"live": "yes"}, "live must be true or false"),
        ({"expires_at": 5}, "expires_at must be a time to come, in Unix seconds"),
        ({"expires_at": "soon"}, "expires_at must be a whole number of Unix seconds, or null"),
        ({"kind": "ezkey"}, "secret is missing: the old key, as clients send it"),
        ({"secret": "abcdef"}, "kind must be ezkey, ukey or token"),
        ({"secret": "abcdef", "kind": "key"}, "kind must be ezkey, ukey or token"),
        ({"secret": "abc", "kind": "ezkey"}, "secret must have 4 to 255 characters"),
        (
            {"secret": "abcdef", "kind": "ezkey", "expires_at": 1},
            "expires_at is for keys of ours: an old key is revoked",
        ),
        ({"colour": "red"}, 'unknown field "colour": may be secret, kind, scope, label, live, expires_at'),
        ([], "the body must be a JSON object"),
    ],
)
def test_what_makes_no_key_is_told(api, wanted, text):
    response = api.json("/v1/keys", wanted)

    assert (response.status_code, response.json["msg"]) == (400, text)
    assert len(listed(api)) == 1


def test_a_key_can_be_changed(api, clock):
    made = make(api, label="old")
    until_s = api.engine.now_s() + 100
    path = f"/v1/keys/{made['id']}"

    assert patch(api, path, {"label": "new", "expires_at": until_s}).json["expires_at"] == until_s
    assert patch(api, path, {"scope": "read"}).json["label"] == "new"
    assert api.json("/v1/stat", {"stat": "a"}, key=made["secret"]).status_code == 403
    clock.advance(100)
    assert api.get("/v1/stats", key=made["secret"]).status_code == 401
    assert patch(api, path, {"expires_at": None}).status_code == 200
    assert api.get("/v1/stats", key=made["secret"]).status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"scope": "all"}, 400, "scope must be write, read or full"),
        ({"scope": None}, 400, "scope must be write, read or full"),
        ({"expires_at": 1}, 400, "expires_at must be a time to come, in Unix seconds"),
        ({"id": "x"}, 400, 'unknown field "id": may be label, scope, expires_at'),
    ],
)
def test_a_change_that_makes_no_sense_is_told(api, change, status, text):
    made = make(api)

    response = patch(api, f"/v1/keys/{made['id']}", change)

    assert (response.status_code, response.json["msg"]) == (status, text)


def test_a_key_is_revoked_at_once_and_for_good(api):
    made = make(api)
    path = f"/v1/keys/{made['id']}"

    assert api.delete(path).json["revoked_at"] == api.engine.now_s()
    assert api.delete(path).status_code == 200
    assert api.get("/v1/stats", key=made["secret"]).status_code == 401
    assert patch(api, path, {"label": "x"}).status_code == 409


def test_a_key_is_rotated_with_a_grace(api, clock):
    made = make(api, scope="write", label="pixel")

    rotated = api.json(f"/v1/keys/{made['id']}/rotate", {"grace_days": 7})

    assert rotated.json["secret"] != made["secret"]
    assert (rotated.json["scope"], rotated.json["label"]) == ("write", "pixel")
    clock.advance(7 * DAY_S - 1)
    assert api.json("/v1/stat", {"stat": "a"}, key=made["secret"]).status_code == 200
    clock.advance(1)
    assert api.json("/v1/stat", {"stat": "a"}, key=made["secret"]).status_code == 401
    assert api.json("/v1/stat", {"stat": "a"}, key=rotated.json["secret"]).status_code == 200


def test_a_rotation_without_a_body_has_a_grace_of_a_day(api):
    made = make(api)

    assert api.json(f"/v1/keys/{made['id']}/rotate", "").status_code == 200

    (old,) = [key for key in listed(api) if key["id"] == made["id"]]
    assert old["expires_at"] == api.engine.now_s() + DAY_S


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"grace_days": 31}, "grace_days must be a whole number from 0 to 30"),
        ({"grace_days": -1}, "grace_days must be a whole number from 0 to 30"),
        ({"grace_days": "x"}, "grace_days must be a whole number of days"),
        ({"grace_days": 1.5}, "grace_days must be a whole number of days"),
    ],
)
def test_a_grace_that_is_none_is_told(api, body, text):
    response = api.json(f"/v1/keys/{api.key[8:16]}/rotate", body)

    assert (response.status_code, response.json["msg"]) == (400, text)


def test_a_whole_key_is_no_id_so_that_none_stands_in_a_path(api):
    made = make(api)

    assert api.delete(f"/v1/keys/{made['secret']}").status_code == 404
    assert api.get("/v1/stats", key=made["secret"]).status_code == 200


@pytest.mark.parametrize("scope", [Scope.WRITE, Scope.READ])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_key_of_less_than_full_scope_has_no_business_here(api, scope, method):
    key = api.new_key(scope=scope)
    headers = {"Authorization": f"Bearer {key}"}

    answer = api.client.simulate_request(method, "/v1/keys", headers=headers, json={})

    assert (answer.status_code, answer.json) == (403, {"msg": "this needs an API key of scope full"})


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/v1/keys", "GET, HEAD, POST"), ("/v1/keys/x", "DELETE, PATCH"), ("/v1/keys/x/rotate", "POST")],
)
def test_a_page_of_another_origin_may_ask(api, path, methods):
    answer = api.client.simulate_options(path, headers={"Origin": "https://example.com"})

    assert answer.headers["access-control-allow-origin"] == "*"
    assert set(methods.split(", ")) <= set(answer.headers["access-control-allow-methods"].split(", "))
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers


# -- old secrets --

WRITES = {
    "ez": ("/ez", "ezkey={secret}&stat=a", "application/x-www-form-urlencoded"),
    "ez by its old name": ("/ez", "email={secret}&stat=a", "application/x-www-form-urlencoded"),
    "ez json": ("/ez", '{"ezkey":"{secret}","stat":"a"}', "application/json"),
    "ez batch": ("/ez", '{"ezkey":"{secret}","data":[{"stat":"a"}]}', "application/json"),
    "classic counter": ("/c", "ukey={secret}&key=a", "application/x-www-form-urlencoded"),
    "classic value": ("/v", "ukey={secret}&key=a&value=1", "application/x-www-form-urlencoded"),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("secret", [UKEY, "ada@example.com", "plain~key"])
def test_an_old_client_goes_on_with_only_the_host_changed(api, write, secret):
    assert make(api, secret=secret, kind="ezkey")["scope"] == "write"
    path, body, content_type = WRITES[write]

    answer = api.post(path, body.replace("{secret}", secret), content_type)

    assert answer.status_code == 200, answer.text
    assert api.points("a")[0] == 1


def test_an_old_key_may_write_and_not_read_and_a_token_the_reverse(api):
    make(api, secret=UKEY, kind="ukey")
    make(api, secret="an old access token", kind="token")
    api.json("/v1/stat", {"stat": "a"})

    assert api.get("/v1/stats", key=UKEY).status_code == 403
    assert api.get("/v1/stats", key="an old access token").status_code == 200
    assert api.form("/ez", "ezkey=an old access token&stat=a").status_code == 401
    basic = base64.b64encode(b"an old access token:").decode()
    assert api.client.simulate_get("/a1/stats", headers={"Authorization": f"Basic {basic}"}).status_code == 200
    assert api.client.simulate_get("/x/an%20old%20access%20token/statlist").status_code == 200


def test_an_old_key_is_never_told_again(api):
    made = make(api, secret=UKEY, kind="ukey", label="old")

    assert "secret" not in made
    assert UKEY not in api.get("/v1/keys").text
    assert (made["kind"], made["key"]) == ("ukey", "ukey MTg4…")


def test_an_old_key_of_another_account_is_refused_without_telling_whose(api):
    other = api.new_account("other")
    make(api, secret=UKEY, kind="ukey")

    refused = api.json("/v1/keys", {"secret": UKEY, "kind": "ukey"}, key=other)

    assert (refused.status_code, refused.json) == (409, {"msg": "this key cannot be added: it is in use"})


def test_revoking_an_old_key_ends_it(api):
    made = make(api, secret=UKEY, kind="ukey")

    assert api.delete(f"/v1/keys/{made['id']}").status_code == 200
    assert api.form("/ez", f"ezkey={UKEY}&stat=a").json == {"status": 500, "msg": "invalid keys"}
