"""``/c`` and ``/v``: the path decides the kind, the key names the stat."""

import pytest

from tests.http.test_ez import OK


@pytest.mark.parametrize("number", ["count=3", "value=3", "count=3&value=0", "count=&value=3"])
def test_c_counts_whatever_the_number_is_called(api, number):
    assert api.form("/c", "ukey={key}&key=a&" + number).content == OK
    assert (api.kind("a"), api.points("a")) == ("counter", (1, 3.0))


@pytest.mark.parametrize("number", ["value=42.5", "count=42.5"])
def test_v_measures_whatever_the_number_is_called(api, number):
    assert api.form("/v", "ukey={key}&key=a&" + number).content == OK
    assert (api.kind("a"), api.points("a")) == ("value", (1, 42.5))


def test_c_without_a_number_counts_one_and_v_without_one_is_refused(api):
    assert api.form("/c", "ukey={key}&key=a").content == OK
    assert api.points("a") == (1, 1.0)
    response = api.form("/v", "ukey={key}&key=b")
    assert (response.status_code, response.json) == (400, {"status": 500, "msg": "value is missing"})


@pytest.mark.parametrize(
    ("path", "number", "text"),
    [
        ("/c", "value=3", '"x" is a value: send value to /v'),
        ("/c", "count=3", '"x" is a value: send value to /v'),
        ("/v", "value=3", '"y" is a counter: send count to /c'),
    ],
)
def test_a_conflict_of_kinds_names_the_path_of_the_other(api, path, number, text):
    api.form("/ez", "ezkey={key}&stat=x&value=1")
    api.form("/ez", "ezkey={key}&stat=y&count=1")

    response = api.form(path, f"ukey={{key}}&key={text[1]}&{number}")

    assert (response.status_code, response.json) == (409, {"status": 500, "msg": text})


def test_v_is_taken_by_get(api):
    assert api.client.simulate_get("/v", query_string=f"ukey={api.key}&key=a&value=1").content == OK
    assert api.kind("a") == "value"


@pytest.mark.parametrize("path", ["/c", "/v"])
def test_a_stat_is_taken_where_there_is_no_key(api, path):
    assert api.form(path, "ukey={key}&stat=a~b,c&value=1").content == OK
    assert api.names() == ["a~b", "a~c"]


def test_a_tilde_in_a_key_is_part_of_it(api):
    assert api.form("/c", "ukey={key}&key=MTg4NTcgiDyQ~~&count=1").content == OK
    assert api.names() == ["MTg4NTcgiDyQ~~"]


def test_a_stats_own_key_means_that_stat(api):
    api.form("/ez", "ezkey={key}&stat=mails sent&count=1")
    (stat,) = api.get("/v1/stats").json["stats"]

    assert api.form("/c", f"ukey={{key}}&key={stat['key']}&count=2").content == OK

    assert api.names() == ["mails sent"]
    assert api.points("mails sent") == (2, 3.0)


def test_the_own_key_of_a_deleted_stat_makes_no_new_one(api):
    api.form("/ez", "ezkey={key}&stat=gone&count=1")
    (stat,) = api.get("/v1/stats").json["stats"]
    api.delete("/v1/stat/gone")

    response = api.form("/c", f"ukey={{key}}&key={stat['key']}&count=1")

    assert (response.status_code, response.json["msg"]) == (400, "no stat")
    assert api.names() == []


def test_the_own_key_of_another_accounts_stat_is_no_stat(api):
    api.form("/ez", "ezkey={key}&stat=mine&count=1")
    (stat,) = api.get("/v1/stats").json["stats"]
    other = api.new_account("other")

    response = api.post("/c", f"ukey={other}&key={stat['key']}&count=1")

    assert (response.status_code, response.json["msg"]) == (400, "no stat")
    assert api.points("mine") == (1, 1.0)


@pytest.mark.parametrize("path", ["/c", "/v"])
def test_json_is_taken_as_well(api, path):
    body = '{"ukey":"%s","key":"a","value":2}' % api.key

    assert api.post(path, body, "application/json").content == OK
    assert api.points("a") == (1, 2.0)
