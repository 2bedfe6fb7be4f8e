"""``/v1/annotations``: notes on moments."""

import json

import pytest

from statflow_http.accounts.keys import Scope
from statflow_http.errors import RetryLaterError
from statflow_http.stats.annotations import TEXT_MAX, Annotations
from tests.clocks import START_S


@pytest.fixture
def noted(api):
    """The api, with a stat, and notes on it, on another, and on all."""
    api.json("/v1/stats", {"stats": [{"stat": "hits"}, {"stat": "load", "value": 1}]})
    for text, ago_s, stat in [("third", 0, "hits"), ("first", 200, None), ("second", 100, "load")]:
        note(api, text=text, t=START_S - ago_s, stat=stat)
    return api


def note(api, **fields):
    response = api.json("/v1/annotations", fields)
    assert response.status_code == 200, response.text
    return response.json


def texts(api, query=""):
    response = api.get("/v1/annotations", query_string=query)
    assert response.status_code == 200, response.text
    return [each["text"] for each in response.json["annotations"]]


def patch(api, path, fields, key=None):
    bearer = {"Authorization": f"Bearer {key or api.key}"}
    return api.client.simulate_patch(path, body=json.dumps(fields), headers=bearer)


def test_a_note_is_told_with_all_its_fields(noted, clock):
    clock.advance(5)
    made = note(noted, text=" deployed 2.1 ", t=START_S - 60.5, stat="hits")

    assert made == {
        "msg": "ok",
        "id": made["id"],
        "text": "deployed 2.1",
        "t": START_S - 61,
        "stat": "hits",
        "stat_id": noted.get("/v1/stat/hits").json["id"],
        "created_at": START_S + 5,
    }
    assert {"msg": "ok"} | noted.get(f"/v1/annotations/{made['id']}").json == made


def test_a_note_without_a_moment_is_of_now_and_without_a_stat_of_all(api):
    made = note(api, text="hello")

    assert (made["t"], made["stat"], made["stat_id"]) == (START_S, None, None)


@pytest.mark.parametrize("t", [1_799_999_940, "1799999940", "2027-01-15T07:59:00Z", " 2027-01-15T08:59:00+01:00 "])
def test_a_moment_is_unix_seconds_or_rfc_3339(api, t):
    assert note(api, text="a", t=t)["t"] == 1_799_999_940


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["first", "second", "third"]),
        ("stat=hits", ["first", "third"]),
        ("stat=load", ["first", "second"]),
        (f"from={START_S - 100}", ["second", "third"]),
        (f"to={START_S - 100}", ["first"]),
        (f"from={START_S - 100}&to={START_S}&stat=hits", []),
        (f"from={START_S - 200}&to={START_S - 199}", ["first"]),
    ],
)
def test_the_list_is_by_moments_in_a_half_open_range_for_one_chart_or_all(noted, query, found):
    assert texts(noted, query) == found


def test_pages_follow_each_other_also_when_a_note_between_them_goes(api):
    made = [note(api, text=str(number), t=START_S - number % 3)["id"] for number in range(8)]
    wanted = texts(api)

    page = api.get("/v1/annotations", query_string="limit=3").json
    found, cursor = page["annotations"], page["cursor"]
    api.delete(f"/v1/annotations/{page['annotations'][-1]['id']}")
    while cursor is not None:
        page = api.get("/v1/annotations", query_string=f"limit=3&cursor={cursor}").json
        found, cursor = found + page["annotations"], page["cursor"]

    assert [each["text"] for each in found] == wanted
    assert {each["id"] for each in found} == set(made)


BAD = [
    ({}, 400, "text is empty"),
    ({"text": "  \n "}, 400, "text is empty"),
    ({"text": "a" * (TEXT_MAX + 1)}, 400, "text is longer than 1000 characters"),
    ({"text": "a\0b"}, 400, "text has control characters"),
    ({"text": 5}, 400, "text must be text"),
    ({"text": "a", "t": 0}, 400, "t must be Unix seconds"),
    ({"text": "a", "t": "yesterday"}, 400, "t must be Unix seconds or a time such as"),
    ({"text": "a", "t": 1e300}, 400, "t must be Unix seconds"),
    ({"text": "a", "t": True}, 400, "t must be Unix seconds"),
    ({"text": "a", "stat": "nope"}, 404, "no such stat"),
    ("", 400, "request body is empty"),
    ('{"text": "\\ud800"}', 400, "not valid Unicode"),
]


@pytest.mark.parametrize(("fields", "status", "text"), BAD)
def test_what_is_no_note_is_refused(api, fields, status, text):
    response = api.json("/v1/annotations", fields)

    assert response.status_code == status
    assert response.json["msg"].startswith(text)
    assert texts(api) == []


def test_a_text_has_a_thousand_characters_of_any_script_and_lines(api):
    text = "é\n\t" + "😀" * (TEXT_MAX - 3)

    assert note(api, text="e\u0301\r\n" + text[2:])["text"] == text


@pytest.mark.parametrize("query", ["from=x", "to=-1", "cursor=!", "cursor=1-aaaa", "cursor=-aaaaaaaaaaaa", "stat=%00"])
def test_what_cannot_be_listed_is_refused(api, query):
    assert api.get("/v1/annotations", query_string=query).status_code == 400


def test_text_and_moment_are_changed_one_by_one(noted):
    made = note(noted, text="a", t=START_S, stat="hits")
    path = f"/v1/annotations/{made['id']}"

    assert patch(noted, path, {"text": "b"}).json == made | {"text": "b"}
    assert patch(noted, path, {"t": START_S - 5}).json == made | {"text": "b", "t": START_S - 5}
    assert patch(noted, path, {"text": ""}).json == {"msg": "text is empty"}
    assert patch(noted, path, {"stat": "load"}).status_code == 400
    assert {"msg": "ok"} | noted.get(path).json == made | {"text": "b", "t": START_S - 5}


def test_a_deleted_note_is_gone(api):
    path = f"/v1/annotations/{note(api, text='a')['id']}"

    assert api.delete(path).json == {"msg": "ok"}
    for response in (api.get(path), api.delete(path), patch(api, path, {})):
        assert (response.status_code, response.json) == (404, {"msg": "no such annotation"})


@pytest.mark.parametrize("annotation_id", ["x", "aaaaaaaaaaaa", "..", "%FF", "a" * 600])
def test_an_unknown_id_is_404(api, annotation_id):
    assert api.get(f"/v1/annotations/{annotation_id}").status_code == 404


def test_reading_needs_scope_read_and_changing_scope_full(api):
    path = f"/v1/annotations/{note(api, text='a')['id']}"
    reader, writer = api.new_key(scope=Scope.READ), api.new_key(scope=Scope.WRITE)

    assert api.get(path, key=reader).status_code == 200
    assert api.get(path, key=writer).status_code == 403
    assert api.json("/v1/annotations", {"text": "b"}, key=reader).status_code == 403
    assert api.json("/v1/annotations", {"text": "b"}, key=writer).status_code == 403
    assert patch(api, path, {}, key=reader).status_code == 403
    assert api.delete(path, key=reader).status_code == 403


def test_another_accounts_notes_and_stats_are_404(noted):
    made = note(noted, text="a")
    other = noted.new_account("other")
    path = f"/v1/annotations/{made['id']}"

    assert noted.get("/v1/annotations", key=other).json["annotations"] == []
    assert noted.get(path, key=other).status_code == 404
    assert patch(noted, path, {"text": "b"}, key=other).status_code == 404
    assert noted.delete(path, key=other).status_code == 404
    assert noted.json("/v1/annotations", {"text": "b", "stat": "hits"}, key=other).status_code == 404
    assert noted.get("/v1/annotations", key=other, query_string="stat=hits").status_code == 404
    assert noted.get("/v1/annotations", key=noted.new_key(live=False)).json["annotations"] == []


def test_an_account_has_a_limit_of_notes_live_and_test_together(app, engine):
    notes = Annotations(app.services.documents)
    for namespace in ("owner:live", "owner:test"):
        notes.create(namespace, "a", START_S, START_S, annotations_max=2)

    with pytest.raises(RetryLaterError, match="^an account has at most 2 annotations: delete some first$"):
        notes.create("owner:live", "a", START_S, START_S, annotations_max=2)
    notes.create("other:live", "a", START_S, START_S, annotations_max=2)


@pytest.mark.parametrize("path", ["/v1/annotations", "/v1/annotations/{id}"])
def test_head_is_answered_and_other_methods_are_405(api, path):
    path = path.replace("{id}", note(api, text="a")["id"])
    bearer = {"Authorization": f"Bearer {api.key}"}

    assert api.client.simulate_head(path, headers=bearer).status_code == 200
    response = api.client.simulate_put(path, headers=bearer)
    assert (response.status_code, "HEAD" in response.headers["allow"]) == (405, True)
