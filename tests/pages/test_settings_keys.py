"""API keys in the settings: made, shown once, changed, rotated, revoked; old StatHat keys; the access token."""

import re

import pytest

from statflow_http.accounts.accounts import Account
from statflow_http.accounts.keys import Scope
from tests.pages.visits import texts


def key_in(answer):
    """The key that a page shows."""
    return re.search(r"sk_(?:live|test)_[A-Za-z0-9]{32}", answer.text)[0]


def make(owner, **fields):
    return owner.post("/settings/keys", {"label": "web server", "scope": "full", "data": "live", "days": "", **fields})


@pytest.mark.parametrize("scope", ["full", "write", "read"])
@pytest.mark.parametrize("data", ["live", "test"])
def test_a_new_key_works_and_is_shown_this_once(owner, data, scope):
    answer = make(owner, scope=scope, data=data)

    sender = owner.services.keys.sender(key_in(answer).encode())
    assert (sender.scope, sender.live) == (Scope(scope), data == "live")
    assert "It is shown this once" in texts(answer) or "it is shown this once" in texts(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    again = owner.get("/settings/keys")
    assert key_in(answer) not in again.text
    assert key_in(answer)[:16] in again.text


def test_the_line_to_copy_has_the_key_and_this_server(owner, api):
    answer = make(owner)

    assert "curl -X POST http://stats.example/v1/stat" in texts(answer)
    assert f'"Authorization: Bearer {key_in(answer)}"' in texts(answer)
    assert "/v1/stats \\" in texts(make(owner, scope="read"))


def test_no_host_of_a_strange_sort_gets_into_a_line_to_copy(owner):
    answer = owner.post("/settings/keys", {"label": "x"}, origin="http://a';id;'", Host="a';id;'")

    assert "id;" not in texts(answer)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"label": "x" * 101}, "The label of a key has at most 100 characters."),
        ({"scope": "root"}, "Scope must be write, read or full."),
        ({"days": "7"}, "Choose when the key ends from the list."),
    ],
)
def test_what_is_wrong_with_a_new_key_is_told_and_none_is_made(owner, fields, words):
    answer = make(owner, **fields)

    assert answer.status_code == 400
    assert words in texts(answer)
    assert owner.services.keys.list("owner") == []


def test_a_key_may_end_by_itself(owner, clock):
    key = key_in(make(owner, days="30"))
    assert owner.services.keys.sender(key.encode())

    clock.advance(30 * 86_400)

    assert owner.services.keys.sender(key.encode()) is None


def test_when_a_key_was_last_used_is_told(owner, api):
    assert "never" in texts(owner.get("/settings/keys"))

    api.json("/v1/stat", {"stat": "a"})

    assert "never" not in texts(owner.get("/settings/keys"))


def test_revoking_needs_a_tick_and_then_the_key_is_over(owner):
    key = key_in(make(owner))
    path = f"/settings/keys/{key[8:16]}"

    refused = owner.post(path, {"revoke": "1"})
    assert (refused.status_code, owner.services.keys.sender(key.encode()) is None) == (400, False)
    assert "Revoke Tick the box first" in texts(refused)

    answer = owner.post(path, {"revoke": "1", "sure": "on"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/keys")
    assert owner.services.keys.sender(key.encode()) is None
    page = owner.get("/settings/keys")
    assert "is revoked." in texts(page)
    assert "1 key that works no more" in texts(page)
    assert "Rotate" not in texts(owner.get(path))


@pytest.mark.parametrize(("days", "goes_on"), [("0", False), ("7", True)])
def test_a_rotated_key_goes_on_for_as_long_as_was_chosen(owner, clock, days, goes_on):
    old = key_in(make(owner, scope="write"))

    answer = owner.post(f"/settings/keys/{old[8:16]}", {"rotate": "1", "grace_days": days})

    new = key_in(answer)
    keys = owner.services.keys
    assert new != old
    assert keys.sender(new.encode()).scope is Scope.WRITE
    assert (keys.sender(old.encode()) is not None) is goes_on
    clock.advance(8 * 86_400)
    assert keys.sender(old.encode()) is None


@pytest.mark.parametrize("days", ["31", "-1", "1e3", "x"])
def test_a_grace_that_cannot_be_chosen_is_refused(owner, days):
    key = key_in(make(owner))

    answer = owner.post(f"/settings/keys/{key[8:16]}", {"rotate": "1", "grace_days": days})

    assert answer.status_code == 400
    assert len(owner.services.keys.list("owner")) == 1


def test_label_and_scope_can_be_changed(owner):
    key = key_in(make(owner))

    owner.post(f"/settings/keys/{key[8:16]}", {"label": "pixel", "scope": "write"})

    changed = owner.services.keys.get("owner", key)
    assert (changed.label, changed.scope) == ("pixel", Scope.WRITE)


@pytest.mark.parametrize("path", ["nokey123", "sk_live_nokey123", "a.b"])
def test_a_key_that_is_none_is_not_there(owner, path):
    assert owner.get(f"/settings/keys/{path}").status_code == 404


def test_a_whole_key_in_the_path_is_not_there(owner):
    key = key_in(make(owner))

    assert owner.get(f"/settings/keys/{key}").status_code == 404


@pytest.mark.parametrize(
    ("kind", "secret", "may_write"),
    [("ezkey", "Zv9kq0nL2mQw", True), ("ukey", "KsO2~old/user+key=", True), ("token", "bcd0123456789ef", False)],
)
def test_an_old_stathat_key_is_let_in_letter_by_letter(owner, kind, secret, may_write):
    answer = owner.post("/settings/keys/old", {"kind": kind, "secret": secret, "label": "newsletter"})

    assert answer.headers["Location"] == "/settings/keys"
    sender = owner.services.keys.sender(secret.encode())
    assert sender.scope is (Scope.WRITE if may_write else Scope.READ)
    assert owner.services.keys.sender(secret.upper().encode()) is None
    page = owner.get("/settings/keys")
    assert secret not in page.text
    assert "newsletter" in texts(page)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "ezkey", "secret": "abc"}, "Secret must have 4 to 255 characters."),
        ({"kind": "", "secret": "abcdef"}, "Kind must be ezkey, ukey or token."),
        ({"kind": "ezkey", "secret": "sk_live_abcdefghij"}, "A key of StatFlow's cannot be added: make one."),
    ],
)
def test_what_can_be_no_old_key_is_told(owner, fields, words):
    answer = owner.post("/settings/keys/old", fields)

    assert answer.status_code == 400
    assert words in texts(answer)


def test_the_address_of_somebody_elses_account_is_not_let_in(owner):
    services = owner.services
    services.accounts.save(Account("adas", services.now_s()))
    services.people.create("adas", "ada@example.com", "", services.now_s(), is_owner=True)

    answer = owner.post("/settings/keys/old", {"kind": "ezkey", "secret": "ada@example.com"})

    assert answer.status_code == 400
    assert "only to the account of the person who has it here." in texts(answer)
    assert services.keys.sender(b"ada@example.com") is None


def test_trying_old_keys_is_limited(owner):
    for number in range(10):
        owner.post("/settings/keys/old", {"kind": "ukey", "secret": f"guess{number}"})

    assert owner.post("/settings/keys/old", {"kind": "ukey", "secret": "guess-ten"}).status_code == 429


@pytest.mark.parametrize("data", ["live", "test"])
def test_an_access_token_reads_what_is_shown_by_the_export_api(owner, api, data):
    api.json("/v1/stat", {"stat": "views"})
    owner.post("/view", {"data": data})

    answer = owner.post("/access", {"label": "cron"})

    token = key_in(answer)
    assert f"curl http://stats.example/x/{token}/statlist" in texts(answer)
    listed = api.client.simulate_get(f"/x/{token}/statlist").json
    assert [stat["name"] for stat in listed] == (["views"] if data == "live" else [])
    assert api.json("/v1/stat", {"stat": "views"}, key=token).status_code == 403
    page = owner.get("/access")
    assert token not in page.text
    assert "cron" in texts(page)
