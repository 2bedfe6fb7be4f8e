"""What is known of a stat beside its points: public, unit, the classic key it came with, the key to embed it."""

import json

import pytest

from statflow_http import ids
from statflow_http.accounts.keys import Scope
from statflow_http.errors import RequestError

LIVE = "owner:live"
OLD_KEY = "MTg4NTcgiDyQAbCdEfGhIjKlMn~~"
HEX_KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def hits(api):
    """The api, with a counter and a value."""
    api.json("/v1/stats", {"stats": [{"stat": "hits", "count": 1}, {"stat": "load", "value": 1}]})
    return api


@pytest.fixture
def properties(app):
    """As an importer has them."""
    return app.services.properties


def patch(api, name, document, key=None):
    bearer = {"Authorization": f"Bearer {key or api.key}"}
    body = document if isinstance(document, str) else json.dumps(document)
    return api.client.simulate_patch(f"/v1/stat/{name}", body=body, headers=bearer)


def known(api, name="hits"):
    stat = api.get(f"/v1/stat/{name}").json
    return stat["public"], stat["unit"], stat["imported_key"]


def series_id(api, name="hits", namespace=LIVE):
    return api.engine.find(name, namespace=namespace).id


def exported(api, name="hits"):
    return api.client.simulate_get(f"/x/{api.key}/stat", params={"name": name}).json


# -- public and unit --


def test_a_new_stat_is_private_and_has_no_unit(hits):
    assert known(hits) == (False, "", None)
    assert (exported(hits)["public"], exported(hits)["unit"]) == (False, "")


def test_what_is_set_is_shown_by_every_door(hits):
    response = patch(hits, "hits", {"public": True, "unit": " ms "})

    stat = hits.get("/v1/stat/hits").json
    listed = next(each for each in hits.get("/v1/stats").json["stats"] if each["name"] == "hits")
    assert response.json == {"msg": "ok"} | listed
    assert listed.items() <= stat.items()
    assert (stat["public"], stat["unit"]) == (True, "ms")
    assert (exported(hits)["public"], exported(hits)["unit"]) == (True, "ms")
    assert known(hits, "load") == (False, "", None)


def test_what_is_not_given_stays_and_empty_is_no_unit(hits):
    patch(hits, "hits", {"public": True, "unit": "ms"})

    assert patch(hits, "hits", {}).json["unit"] == "ms"
    assert patch(hits, "hits", {"unit": ""}).json["unit"] == ""
    assert patch(hits, "hits", {"public": False}).json["public"] is False
    assert known(hits) == (False, "", None)


@pytest.mark.parametrize("name", ["value", "count", "a/b", "caf%C3%A9"])
def test_any_name_can_be_patched(api, name):
    api.json("/v1/stat", {"stat": {"caf%C3%A9": "café"}.get(name, name)})

    assert patch(api, name, {"unit": "ms"}).json["unit"] == "ms"


BAD = [
    ("hits", {"unit": "a" * 33}, 400, "unit is longer than 32 characters"),
    ("hits", {"unit": "a\nb"}, 400, "unit has control characters"),
    ("hits", {"unit": 5}, 400, "unit must be text"),
    ("hits", {"public": "yes"}, 400, "public must be true or false"),
    ("hits", {"public": 1}, 400, "public must be true or false"),
    ("hits", "", 400, "request body is empty"),
    ("hits", "[]", 400, "the body must be a JSON object"),
    ("nope", {}, 404, "no such stat"),
]


@pytest.mark.parametrize(("name", "document", "status", "text"), BAD)
def test_what_cannot_be_set_is_refused(hits, name, document, status, text):
    response = patch(hits, name, document)

    assert (response.status_code, response.json) == (status, {"msg": text})
    assert known(hits) == (False, "", None)


def test_a_unit_has_32_characters_of_any_script(hits):
    assert patch(hits, "hits", {"unit": "µ" * 32}).json["unit"] == "µ" * 32


def test_another_type_of_body_is_415(hits):
    headers = {"Authorization": f"Bearer {hits.key}", "Content-Type": "text/plain"}

    assert hits.client.simulate_patch("/v1/stat/hits", body="{}", headers=headers).status_code == 415


@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE])
def test_only_a_full_key_may_set(hits, scope):
    assert patch(hits, "hits", {"public": True}, hits.new_key(scope=scope)).status_code == 403


def test_another_accounts_stat_is_404(hits):
    assert patch(hits, "hits", {"public": True}, hits.new_account("other")).status_code == 404
    assert patch(hits, "hits", {"public": True}, hits.new_key(live=False)).status_code == 404
    assert known(hits) == (False, "", None)


def test_properties_outlive_the_trash_and_belong_to_one_stat_not_to_its_name(hits):
    patch(hits, "hits", {"public": True, "unit": "ms"})
    stat_id = hits.delete("/v1/stat/hits").json["id"]
    hits.json("/v1/stat", {"stat": "hits"})
    assert known(hits) == (False, "", None)
    hits.delete("/v1/stat/hits")

    restored = hits.json(f"/v1/trash/{stat_id}/restore", "").json

    assert (restored["public"], restored["unit"]) == (True, "ms")


# -- embed keys --


def test_an_embed_key_is_of_one_stat_and_is_no_classic_key(hits, app, properties):
    key = hits.get("/v1/stat/hits").json["embed_key"]

    assert (len(key), key) == (28, exported(hits)["embed_key"])
    assert ids.series_id_of_embed_key(app.services.secret, key) == series_id(hits)
    assert ids.series_id_of_classic_key(app.services.secret, key) is None
    assert key != hits.get("/v1/stat/hits").json["key"]
    hits.form("/c", f"ukey={{key}}&key={key}")
    assert hits.points("hits") == (1, 1.0)


def test_a_page_shows_a_stat_by_its_embed_key_or_a_public_one_by_its_id(hits, app, properties):
    def shown(text):
        found = properties.embedded_series(hits.engine, app.services.secret, text)
        return found and (found.namespace, found.name)

    stat = hits.get("/v1/stat/hits").json
    assert shown(stat["embed_key"]) == shown(stat["embed_key"]) == (LIVE, "hits")
    assert shown(stat["id"]) is None
    patch(hits, "hits", {"public": True})
    assert shown(stat["id"]) == (LIVE, "hits")
    for nothing in ("zzzz", "hits", "", stat["key"], stat["embed_key"][:-1] + "!"):
        assert shown(nothing) is None
    hits.delete("/v1/stat/hits")
    assert shown(stat["id"]) is shown(stat["embed_key"]) is None


# -- imported classic keys --


@pytest.mark.parametrize("key", [OLD_KEY, HEX_KEY, "a", "k" * 100])
@pytest.mark.parametrize("path", ["/c", "/ez"])
def test_an_imported_key_means_its_stat(hits, properties, key, path):
    properties.import_classic_keys(LIVE, [(series_id(hits), key)])

    response = hits.form(path, f"ukey={{key}}&key={key}&count=4")

    assert response.status_code == 200
    assert hits.points("hits") == (2, 5.0)
    assert hits.names() == ["hits", "load"]


def test_a_pixel_of_long_ago_goes_on_counting(hits, properties):
    properties.import_classic_keys(LIVE, [(series_id(hits), OLD_KEY)])

    hits.client.simulate_get("/c", query_string=f"ukey={hits.key}&key={OLD_KEY}&count=1", headers={"Accept": "image/*"})

    assert hits.points("hits") == (2, 2.0)


def test_an_imported_key_is_shown(hits, properties):
    properties.import_classic_keys(LIVE, [(series_id(hits), OLD_KEY)])

    assert known(hits) == (False, "", OLD_KEY)
    assert exported(hits)["classic_key"] == OLD_KEY
    assert len(hits.get("/v1/stat/hits").json["key"]) == 28
    assert exported(hits, "load")["classic_key"] == hits.get("/v1/stat/load").json["key"]


def test_a_key_that_was_a_name_before_it_was_imported_means_the_stat_from_then_on(hits, properties):
    hits.form("/c", f"ukey={{key}}&key={HEX_KEY}")
    assert hits.names() == [HEX_KEY, "hits", "load"]

    properties.import_classic_keys(LIVE, [(series_id(hits), HEX_KEY)])
    hits.form("/c", f"ukey={{key}}&key={HEX_KEY}")

    assert (hits.points(HEX_KEY), hits.points("hits")) == ((1, 1.0), (2, 2.0))


def test_the_stores_own_key_comes_first(hits, properties, app):
    own = ids.classic_key(app.services.secret, series_id(hits, "load"))
    properties.import_classic_keys(LIVE, [(series_id(hits), own)])

    assert hits.form("/v", f"ukey={{key}}&key={own}&value=3").status_code == 200
    assert hits.points("load") == (2, 4.0)


def test_importing_twice_changes_nothing(hits, properties):
    for _ in range(2):
        properties.import_classic_keys(LIVE, [(series_id(hits), OLD_KEY), (series_id(hits, "load"), HEX_KEY)])

    assert (known(hits), known(hits, "load")) == ((False, "", OLD_KEY), (False, "", HEX_KEY))


def test_a_key_that_is_imported_for_another_stat_leaves_the_first(hits, properties):
    properties.import_classic_keys(LIVE, [(series_id(hits), OLD_KEY)])
    patch(hits, "hits", {"unit": "ms"})
    properties.import_classic_keys(LIVE, [(series_id(hits, "load"), OLD_KEY)])

    assert (known(hits), known(hits, "load")) == ((False, "ms", None), (False, "", OLD_KEY))
    assert properties.series_id_of_imported_key(LIVE, OLD_KEY) == series_id(hits, "load")


def test_a_stat_that_gets_another_key_keeps_the_first_and_shows_it(hits, properties):
    properties.import_classic_keys(LIVE, [(series_id(hits), OLD_KEY)])
    properties.import_classic_keys(LIVE, [(series_id(hits), HEX_KEY)])

    assert known(hits) == (False, "", OLD_KEY)
    for key in (OLD_KEY, HEX_KEY):
        assert properties.series_id_of_imported_key(LIVE, key) == series_id(hits)


def test_of_too_many_keys_the_oldest_beside_the_one_that_is_shown_gives_way(hits, properties):
    keys = [f"key {number}" for number in range(13)]
    for key in keys:
        properties.import_classic_keys(LIVE, [(series_id(hits), key)])

    lost = [key for key in keys if properties.series_id_of_imported_key(LIVE, key) is None]
    assert lost == keys[1:3]
    assert properties.get(LIVE, series_id(hits)).imported_keys == (keys[0], *keys[3:])


def test_a_key_of_this_store_means_the_stat_that_it_was_imported_for_in_another_account(hits, properties, app):
    other = hits.new_account("other")
    hits.post("/v1/stat", '{"stat":"mine","count":1}', "application/json", headers={"Authorization": f"Bearer {other}"})
    own = ids.classic_key(app.services.secret, series_id(hits))
    mine = app.services.engine.find("mine", namespace="other:live").id
    properties.import_classic_keys("other:live", [(mine, own)])

    assert hits.post("/c", f"ukey={other}&key={own}&count=9").status_code == 200
    assert hits.points("mine", "other:live") == (2, 10.0)
    assert hits.form("/c", f"ukey={{key}}&key={own}").status_code == 200
    assert hits.points("hits") == (2, 2.0)


@pytest.mark.parametrize("key", ["", "k" * 101, "é", "a\nb", "a\0"])
def test_what_is_no_key_is_not_imported_and_nothing_with_it(hits, properties, key):
    with pytest.raises(RequestError, match="^a classic key has 1 to 100 printable ASCII characters$"):
        properties.import_classic_keys(LIVE, [(series_id(hits), OLD_KEY), (series_id(hits, "load"), key)])

    assert known(hits) == (False, "", None)


def test_an_imported_key_is_of_one_account_only(hits, properties):
    properties.import_classic_keys(LIVE, [(series_id(hits), OLD_KEY)])
    other = hits.new_account("other")

    hits.post("/c", f"ukey={other}&key={OLD_KEY}&count=9")
    hits.post("/c", f"ukey={hits.new_key(live=False)}&key={OLD_KEY}&count=9")

    assert hits.points("hits") == (1, 1.0)
    assert hits.names("other:live") == hits.names("owner:test") == [OLD_KEY]


def test_the_imported_key_of_a_deleted_stat_makes_no_new_one(hits, properties):
    properties.import_classic_keys(LIVE, [(series_id(hits), OLD_KEY)])
    stat_id = hits.delete("/v1/stat/hits").json["id"]

    response = hits.form("/c", f"ukey={{key}}&key={OLD_KEY}")
    assert (response.status_code, response.json["msg"]) == (400, "no stat")

    hits.json(f"/v1/trash/{stat_id}/restore", "")
    assert hits.form("/c", f"ukey={{key}}&key={OLD_KEY}").status_code == 200
    assert hits.names() == ["hits", "load"]


def test_a_key_that_another_process_imports_is_known_at_the_next_request(hits, properties, app):
    from statflow_http.stats.properties import Properties

    assert properties.series_id_of_imported_key(LIVE, OLD_KEY) is None
    Properties(app.services.documents).import_classic_keys(LIVE, [(series_id(hits), OLD_KEY)])

    assert properties.series_id_of_imported_key(LIVE, OLD_KEY) == series_id(hits)


def test_keys_that_nobody_imported_are_remembered_up_to_a_limit(properties):
    for number in range(10_050):
        assert properties.series_id_of_imported_key(LIVE, f"key {number}") is None

    assert len(properties._known.series_ids) <= 10_001
