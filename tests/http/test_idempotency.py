"""``Idempotency-Key``: a retry counts once and is told so."""

import msgpack
import pytest

DAY_S = 86_400

SURFACES = {
    "form": ("/ez", "ezkey={key}&stat=a&count=1", "application/x-www-form-urlencoded"),
    "classic": ("/c", "ukey={key}&key=a&count=1", "application/x-www-form-urlencoded"),
    "ez batch": ("/ez", '{"ezkey":"{key}","data":[{"stat":"a","count":1}]}', "application/json"),
    "point": ("/v1/stat", '{"stat":"a","count":1}', "application/json"),
    "count": ("/v1/stat/count", '{"stat":"a"}', "application/json"),
    "batch": ("/v1/stats", '{"stats":[{"stat":"a","count":1}]}', "application/json"),
    "packed": ("/v1/stats", msgpack.packb({"stats": ["a"], "v": [1.0]}), "application/msgpack"),
}


def send(api, path, body, content_type, idempotency_key="retry-1", key=None):
    key = key or api.key
    body = body.replace("{key}", key) if isinstance(body, str) else body
    headers = {"Idempotency-Key": idempotency_key}
    if path.startswith("/v1"):
        headers["Authorization"] = f"Bearer {key}"
    return api.post(path, body, content_type, headers=headers)


@pytest.mark.parametrize("surface", SURFACES)
def test_a_repeated_request_is_stored_once_and_answered_alike(api, surface):
    first, second = (send(api, *SURFACES[surface]) for _ in range(2))

    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert api.points("a") == (1, 1.0)


@pytest.mark.parametrize("surface", SURFACES)
def test_the_key_with_another_body_is_refused(api, surface):
    path, body, content_type = SURFACES[surface]
    other = body + b" " if isinstance(body, bytes) else body.replace("1", "2", 1)
    if content_type == "application/msgpack":
        other = msgpack.packb({"stats": ["a"], "v": [2.0]})
    elif surface == "count":
        other = '{"stat":"b"}'
    send(api, path, body, content_type)

    response = send(api, path, other, content_type)

    assert response.status_code == 422
    assert response.json["msg"] == "idempotency key reused with a different body"
    assert api.points("a") == (1, 1.0)


def test_the_path_is_part_of_the_request(api):
    assert send(api, "/v1/stat", '{"stat":"a"}', "application/json").status_code == 200

    assert send(api, "/v1/stat/count", '{"stat":"a"}', "application/json").status_code == 422


def test_a_cache_buster_beside_a_body_is_not(api):
    headers = {"Idempotency-Key": "k"}
    answers = [api.form("/ez", "ezkey={key}&stat=a", headers=headers, query_string=f"cb={n}") for n in range(2)]

    assert answers[1].headers["idempotent-replayed"] == "true"


def test_a_get_is_recognised_by_its_query(api):
    headers = {"Idempotency-Key": "k", "Accept": "application/json"}
    query = f"ukey={api.key}&key=a"

    answers = [
        api.client.simulate_get("/c", query_string=text, headers=headers) for text in (query, query, query + "&count=2")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 422]
    assert api.points("a") == (1, 1.0)


def test_a_refused_request_may_be_repeated(api):
    assert send(api, "/v1/stat", '{"stat":"a","count":"x"}', "application/json").status_code == 400
    assert send(api, "/v1/stat", '{"stat":"a","count":1}', "application/json").status_code == 200


def test_a_conflict_leaves_the_key_free(api):
    api.json("/v1/stat", {"stat": "v", "value": 1})

    assert send(api, "/v1/stat", '{"stat":"v","count":1}', "application/json").status_code == 409
    assert send(api, "/v1/stat", '{"stat":"v","value":1}', "application/json").status_code == 200


def test_keys_are_kept_for_a_day(api, clock):
    send(api, *SURFACES["point"])
    clock.advance(DAY_S - 60)
    assert send(api, *SURFACES["point"]).headers.get("idempotent-replayed") == "true"

    clock.advance(120)

    assert send(api, *SURFACES["point"]).headers.get("idempotent-replayed") is None


def test_accounts_and_live_and_test_do_not_share_keys(api):
    senders = [api.key, api.new_key(live=False), api.new_account("other")]

    answers = [send(api, *SURFACES["point"], key=key) for key in senders]

    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, None, None]


def test_two_keys_of_an_account_share_them(api):
    send(api, *SURFACES["point"])

    assert send(api, *SURFACES["point"], key=api.new_key()).headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("idempotency_key", ["", "x" * 256, "caf\u00e9"])
def test_a_key_that_is_none_is_refused(api, idempotency_key):
    response = send(api, *SURFACES["point"], idempotency_key=idempotency_key)

    assert (response.status_code, response.json["msg"]) == (400, "Idempotency-Key must be 1 to 255 ASCII characters")


def test_a_key_of_255_characters_is_taken(api):
    assert send(api, *SURFACES["point"], idempotency_key="x" * 255).status_code == 200


def test_a_replayed_pixel_is_still_a_picture(api):
    headers = {"Idempotency-Key": "k"}
    answers = [api.client.simulate_get("/c", query_string=f"ukey={api.key}&key=a", headers=headers) for _ in range(2)]

    assert answers[0].content == answers[1].content
    assert answers[1].headers["content-type"] == "image/gif"
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert api.points("a") == (1, 1.0)
