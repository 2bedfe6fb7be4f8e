"""``GET /c``: a picture for mails, JSON for programs, and never a broken image."""

import pytest

from statflow_engine import Kind
from statflow_http.api.pixel import GIF
from tests.http.test_ez import OK

BROWSER = "image/avif,image/webp,image/png,image/*;q=0.8,*/*;q=0.5"


def get(api, query, accept=None):
    headers = {} if accept is None else {"Accept": accept}
    return api.client.simulate_get("/c", query_string=query, headers=headers)


def test_the_pixel_of_the_docs_counts(api):
    response = get(api, f"ukey={api.key}&key=email_opened&count=1")

    assert (response.status_code, response.content) == (200, GIF)
    assert response.headers["content-type"] == "image/gif"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert api.points("email_opened") == (1, 1.0)


def test_the_gif_has_one_transparent_pixel():
    assert GIF[:6] == b"GIF89a"
    assert GIF[6:10] == b"\x01\x00\x01\x00"  # one by one
    assert GIF[19:22] == b"\x21\xf9\x04"  # a graphic control extension ...
    assert GIF[22] & 1 == 1  # ... that says which colour is transparent
    assert GIF[-1:] == b";"


@pytest.mark.parametrize(
    ("key", "accept", "query", "is_picture"),
    [
        ("ours", None, "", True),
        ("ours", "*/*", "", True),
        ("ours", BROWSER, "", True),
        ("ours", "application/json", "", False),
        ("ours", None, "&vb=1", False),
        ("ours", BROWSER, "&vb=1", True),
        ("old", None, "", False),
        ("old", "*/*", "", False),
        ("old", BROWSER, "", True),
    ],
)
def test_accept_decides_then_the_look_of_the_key(api, key, accept, query, is_picture):
    text = api.key if key == "ours" else "MTg4NTcgiDyQ~~"

    response = get(api, f"ukey={text}&key=a{query}", accept)

    assert (response.content == GIF) == is_picture
    if key == "ours":
        assert api.points("a") == (1, 1.0)


@pytest.mark.parametrize(
    "query",
    [
        "ukey=sk_live_unknown&key=a",
        "ukey={key}&key=a&count=x",
        "ukey={key}&key=%FF",
        "ukey={key}&key=a&key=b",
        "ukey={key}",
        "key=a",
        "",
    ],
)
def test_a_picture_hides_every_mistake_and_counts_it(api, query):
    response = get(api, query.replace("{key}", api.key), BROWSER)

    assert (response.status_code, response.content) == (200, GIF)
    assert sum(api.app.services.metrics.pixel_rejections().values()) == 1
    assert api.names() == []


def test_a_picture_hides_what_only_the_transaction_finds(api):
    api.engine.write(["v"], Kind.VALUE, None, [1.0], namespace="owner:live")

    response = get(api, f"ukey={api.key}&key=v")

    assert response.content == GIF
    assert api.app.services.metrics.pixel_rejections() == {"conflict": 1}


def test_json_tells_of_a_bad_key(api):
    response = get(api, "ukey=MTg4NTcgiDyQ~~&key=a", "application/json")

    assert (response.status_code, response.json["msg"]) == (401, "invalid keys")
    assert api.app.services.metrics.pixel_rejections() == {}


def test_a_post_is_answered_by_json_whatever_it_accepts(api):
    assert api.form("/c", "ukey={key}&key=a", headers={"Accept": BROWSER}).content == OK


def test_head_is_answered_and_counts_nothing(api):
    assert api.client.simulate_head("/c", query_string=f"ukey={api.key}&key=a").status_code == 200
    assert api.names() == []
