"""``/ez``: what StatHat's clients send, and what they are answered."""

import pytest

OK = b'{"status":200,"msg":"ok"}'


def test_a_form_stores_a_count_and_is_answered_in_25_bytes(api):
    response = api.form("/ez", "ezkey={key}&stat=page+views&count=2")

    assert (response.status_code, response.content) == (200, OK)
    assert len(response.content) == 25
    assert response.headers["content-type"] == "application/json"
    assert api.points("page views") == (1, 2.0)


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/x-www-form-urlencoded; charset=utf-8"])
def test_a_missing_or_unknown_content_type_is_a_form(api, content_type):
    assert api.form("/ez", "ezkey={key}&stat=a&value=5", content_type=content_type).content == OK
    assert api.kind("a") == "value"


def test_a_query_string_is_enough_by_get_and_by_post_with_an_empty_body(api):
    query = f"ezkey={api.key}&stat=a&count=1&"

    assert api.client.simulate_get("/ez", query_string=query).content == OK
    assert api.post("/ez", query_string=query).content == OK
    assert api.post("/ez", query_string=query, content_type=None).content == OK
    assert api.points("a") == (3, 3.0)


def test_json_without_a_body_is_a_query_string(api):
    query = f"ezkey={api.key}&stat=a"

    assert api.post("/ez", "", "application/json", query_string=query).content == OK
    assert api.points("a") == (1, 1.0)


def test_json_is_taken_for_a_single_point(api):
    document = {"ezkey": api.key, "stat": "a", "value": 0.5, "t": None, "vb": 1}

    response = api.post("/ez", _encoded(document), "application/json; charset=utf-8")

    assert response.content == OK
    assert api.points("a") == (1, 0.5)


@pytest.mark.parametrize("name", ["ezkey", "email", "ukey"])
def test_a_key_goes_under_each_of_its_names(api, name):
    assert api.post("/ez", f"{name}={api.key}&stat=a").content == OK


def test_a_bearer_key_is_enough(api):
    assert api.post("/ez", "stat=a", headers={"Authorization": f"Bearer {api.key}"}).content == OK


@pytest.mark.parametrize("path", ["/ez", "/c", "/v"])
def test_a_multipart_form_is_refused_naming_what_is_taken(api, path):
    """What ``curl -F`` sends: read as a plain form it would be one without a key."""
    body = f'--x\r\nContent-Disposition: form-data; name="ezkey"\r\n\r\n{api.key}\r\n--x--\r\n'

    response = api.post(path, body, "Multipart/Form-Data; boundary=x")

    text = "send application/x-www-form-urlencoded or application/json, not multipart/form-data"
    assert (response.status_code, response.json) == (415, {"status": 500, "msg": text})


def test_empty_fields_are_absent_and_unknown_ones_ignored(api):
    response = api.form("/ez", "ezkey={key}&stat=a&count=&value=5&t=&_=170000&cb=1&cb=2&")

    assert response.content == OK
    assert (api.kind("a"), api.points("a")) == ("value", (1, 5.0))


@pytest.mark.parametrize(
    ("number", "total"),
    [("count=1e%2B06", 1e6), ("count=1e-05", 1e-5), ("count=1.0E7", 1e7), ("count=-2.5", -2.5), ("", 1.0)],
)
def test_numbers_are_taken_as_go_and_java_write_them(api, number, total):
    assert api.form("/ez", "ezkey={key}&stat=a&" + number).content == OK
    assert api.points("a") == (1, total)


def test_classic_keys_are_taken_here_too(api):
    assert api.form("/ez", "ukey={key}&key=mails sent&count=3").content == OK
    assert api.points("mails sent") == (1, 3.0)


def test_t_places_a_point_in_the_past(api, clock):
    now_s = int(clock.now_s)
    api.form("/ez", f"ezkey={{key}}&stat=a&count=1&t={now_s - 600}.75")

    window = api.engine.query("a", now_s - 660, now_s, step="1m", namespace="owner:live")
    assert window.times_s[window.counts > 0].tolist() == [(now_s - 600) // 60 * 60]


@pytest.mark.parametrize(
    ("t", "text"),
    [
        ("0", "t must be Unix seconds"),
        ("nan", "t must be Unix seconds"),
        ("1e300", "t must be Unix seconds"),
        ("1800000000000", "t must be Unix seconds"),
        ("1800172801", "t is more than one day ahead"),
        ("1", "t is older than the retention"),
    ],
)
def test_a_t_that_cannot_be_is_refused(api, t, text):
    response = api.form("/ez", f"ezkey={{key}}&stat=a&t={t}")

    assert response.status_code == 400
    assert response.json["msg"].startswith(text)
    assert api.names() == []


@pytest.mark.parametrize(
    ("form", "status", "message"),
    [
        ("stat=a&count=1", 401, "no ezkey specified"),
        ("ezkey=&stat=a", 401, "no ezkey specified"),
        ("ezkey=nobody@example.com&stat=a", 401, "invalid keys"),
        ("ezkey={key}&count=1", 400, "no stat"),
        ("ezkey={key}&stat=&count=1", 400, "no stat"),
        ("ezkey={key}&stat=%20", 400, "stat name is empty"),
        ("ezkey={key}&stat=a&count=x", 400, "count must be a number"),
        ("ezkey={key}&stat=a&count=1&value=2", 400, "send count or value, not both"),
        ("ezkey={key}&stat=a&stat=b", 400, 'field "stat" given twice'),
        ("ezkey={key}&ezkey={key}&stat=a", 400, 'field "ezkey" given twice'),
        ("ezkey={key}&email=other&stat=a", 400, "conflicting API keys"),
        ("ezkey={key}&stat=a~b~c", 400, "stat name has more than one ~"),
    ],
)
def test_errors_have_stathats_shape_and_an_honest_status(api, form, status, message):
    response = api.form("/ez", form)

    assert response.status_code == status
    assert response.content == _encoded({"status": 500, "msg": message})
    assert api.names() == []


def test_the_other_kind_is_a_conflict(api):
    api.form("/ez", "ezkey={key}&stat=x&count=1")

    response = api.form("/ez", "ezkey={key}&stat=x&value=1")

    assert response.status_code == 409
    assert response.json == {"status": 500, "msg": '"x" is a counter: send count'}


def test_count_and_value_both_zero_have_the_kind_of_the_stat(api):
    api.form("/ez", "ezkey={key}&stat=v&value=1")

    assert api.form("/ez", "ezkey={key}&stat=v&count=0&value=0").content == OK
    assert api.form("/ez", "ezkey={key}&stat=new&count=0&value=0").content == OK
    assert (api.points("v"), api.kind("new")) == ((2, 1.0), "counter")


def test_the_body_wins_over_the_query_string_but_not_for_keys(api):
    response = api.form("/ez", "ezkey={key}&stat=body&count=", query_string="stat=query&count=7")

    assert response.content == OK
    assert api.points("body") == (1, 7.0)
    conflict = api.form("/ez", "ezkey={key}&stat=a", query_string="ezkey=other")
    assert (conflict.status_code, conflict.json["msg"]) == (400, "conflicting API keys")


def test_head_neither_fails_nor_counts(api):
    response = api.client.simulate_head("/ez", query_string=f"ezkey={api.key}&stat=a")

    assert response.status_code == 200
    assert api.names() == []


def test_the_root_answers_get_and_head(api):
    assert api.client.simulate_get("/").status_code == 200
    assert api.client.simulate_head("/").status_code == 200


def test_a_read_key_may_not_write(api):
    from statflow_http.accounts.keys import Scope

    key = api.new_key(scope=Scope.READ)

    response = api.post("/ez", f"ezkey={key}&stat=a")

    assert (response.status_code, response.json["msg"]) == (401, "invalid keys")


def _encoded(document):
    import json

    return json.dumps(document, separators=(",", ":")).encode()
