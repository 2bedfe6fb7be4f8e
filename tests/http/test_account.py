"""``/v1/account``: what an account is told of itself, what it may set, its members, and how strangers get one."""

import falcon.testing
import pytest

from statflow_http import create_app
from statflow_http.accounts.accounts import OWNER_ID, AccountSettings
from statflow_http.accounts.keys import Scope
from statflow_http.accounts.opening import close_account
from statflow_http.accounts.plans import Plan
from statflow_http.documents.store import TABLES
from statflow_http.errors import NotFoundError, TakenError

RESETS_S = 1_801_440_000  # 2027-02-01, the month after the stopped clock's


def patch(api, document, key=None):
    headers = {"Authorization": f"Bearer {key or api.key}"}
    return api.client.simulate_patch("/v1/account", json=document, headers=headers)


@pytest.fixture
def open_api(engine):
    """A server that lets everybody sign up."""
    app = create_app(engine, signup=True)
    app.services.accounts.ensure_owner(engine.now_s())
    yield falcon.testing.TestClient(app)
    app.close()


def sign_up(client, email="ada@example.com", password="correct horse", address="192.0.2.1"):
    document = {"email": email, "password": password}
    return client.simulate_post("/v1/account", json=document, remote_addr=address)


def test_the_owner_s_account_has_no_limits_and_sees_what_it_used(api):
    api.json("/v1/stats", {"stats": [{"stat": "a~b,c"}, {"stat": "d"}]})

    assert api.get("/v1/account").json == {
        "id": OWNER_ID,
        "created_at": api.engine.now_s(),
        "tz": "UTC",
        "tilde_join": "~",
        "new_stat_notices": True,
        "plan": {
            "name": "unlimited",
            "stats": None,
            "points_a_month": None,
            "new_stats_a_minute": None,
            "requests_a_second": None,
        },
        "usage": {"month": "2027-01", "points": 3, "refused": 0, "stats": 3, "resets_at": RESETS_S},
    }


def test_a_read_key_may_see_the_account_and_not_set_it(api):
    key = api.new_key(scope=Scope.READ)

    assert api.get("/v1/account", key=key).status_code == 200
    assert patch(api, {"tz": "Europe/Berlin"}, key).status_code == 403
    assert api.get("/v1/account/members", key=key).status_code == 403
    assert api.get("/v1/account", key=api.new_key(scope=Scope.WRITE)).status_code == 403


def test_what_is_set_holds_from_the_next_request_on(api):
    changed = patch(api, {"tz": "Europe/Berlin", "tilde_join": " ", "new_stat_notices": False})

    assert (changed.json["tz"], changed.json["tilde_join"], changed.json["new_stat_notices"]) == (
        "Europe/Berlin",
        " ",
        False,
    )
    api.json("/v1/stat", {"stat": "sent~a"})
    assert api.names() == ["sent a"]
    assert patch(api, {"new_stat_notices": True}).json["tz"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"tz": "Mars/Base"}, "tz must be the name of a time zone, such as Europe/Berlin"),
        ({"tz": "../../etc/passwd"}, "tz must be the name of a time zone, such as Europe/Berlin"),
        ({"tz": ""}, "tz must be the name of a time zone, such as Europe/Berlin"),
        ({"tz": "Europe"}, "tz must be the name of a time zone, such as Europe/Berlin"),
        ({"tilde_join": "-"}, 'tilde_join must be "~" or " "'),
        ({"tilde_join": 5}, "tilde_join must be text"),
        ({"new_stat_notices": "no"}, "new_stat_notices must be true or false"),
        ({"plan": "unlimited"}, 'unknown field "plan": may be tilde_join, tz, new_stat_notices'),
        ("", "request body is empty"),
    ],
)
def test_what_cannot_be_set_is_told_and_sets_nothing(api, wanted, text):
    before = api.get("/v1/account").json
    headers = {"Authorization": f"Bearer {api.key}"}

    body = {"body": ""} if wanted == "" else {"json": wanted}
    response = api.client.simulate_patch("/v1/account", headers=headers, **body)

    assert (response.status_code, response.json["msg"]) == (400, text)
    assert api.get("/v1/account").json == before


def test_a_key_of_test_data_sets_nothing(api):
    key = api.new_key(live=False)

    assert patch(api, {"tz": "UTC"}, key).json == {"msg": "this needs a key of live data"}
    assert api.get("/v1/account/members", key=key).status_code == 403


def test_test_data_is_in_no_usage(api):
    api.json("/v1/stat", {"stat": "a"}, key=api.new_key(live=False))

    usage = api.get("/v1/account").json["usage"]
    assert (usage["points"], usage["stats"]) == (0, 0)


def test_a_setting_of_an_account_that_is_gone_is_not_found(api):
    with pytest.raises(NotFoundError):
        api.app.services.accounts.change("gone", AccountSettings(tz="UTC"))


@pytest.mark.parametrize("path", ["/v1/account", "/v1/account/members", "/v1/account/members/x"])
def test_a_page_of_another_origin_may_ask(api, path):
    answer = api.client.simulate_options(path, headers={"Origin": "https://example.com"})

    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


# -- members --


def test_members_are_added_by_link_or_with_a_password_and_removed(api):
    by_link = api.json("/v1/account/members", {"email": "Bob@example.com"})
    with_password = api.json("/v1/account/members", {"email": "eve@example.com", "password": "correct horse"})

    assert (by_link.json["email"], by_link.json["role"], by_link.json["has_password"]) == (
        "bob@example.com",
        "member",
        False,
    )
    assert "login_path" not in with_password.json
    sessions, now_s = api.app.services.sessions, api.engine.now_s()
    assert sessions.use_link(by_link.json["login_path"].rpartition("/")[2], now_s).person.email == "bob@example.com"
    assert sessions.sign_in("eve@example.com", "correct horse", "", now_s).person.account_id == OWNER_ID
    members = api.get("/v1/account/members").json["members"]
    assert sorted(member["email"] for member in members) == ["bob@example.com", "eve@example.com"]
    assert api.delete(f"/v1/account/members/{by_link.json['id']}").status_code == 200
    assert [member["email"] for member in api.get("/v1/account/members").json["members"]] == ["eve@example.com"]


@pytest.mark.parametrize(
    ("wanted", "status", "text"),
    [
        ({}, 400, "email is missing"),
        ({"email": "nobody"}, 400, "email must be an address, such as ada@example.com"),
        ({"email": "bob@example.com", "password": "short"}, 400, "a password has at least 8 characters"),
        ({"email": "bob@example.com", "password": ""}, 400, "a password has at least 8 characters"),
        ({"email": "taken@example.com"}, 409, "somebody has this e-mail address already"),
        ({"email": "bob@example.com", "role": "owner"}, 400, 'unknown field "role": may be email, password'),
    ],
)
def test_who_cannot_be_a_member_is_told(api, wanted, status, text):
    api.app.services.people.create("other", "taken@example.com", "", 0)

    response = api.json("/v1/account/members", wanted)

    assert (response.status_code, response.json["msg"]) == (status, text)
    assert api.get("/v1/account/members").json["members"] == []


def test_the_owner_cannot_be_removed(api):
    owner = api.app.services.people.ensure_owner(0)

    response = api.delete(f"/v1/account/members/{owner.id}")

    assert (response.status_code, response.json["msg"]) == (409, "the owner of an account cannot be removed from it")


# -- sign-up --


def test_nobody_signs_up_unless_the_server_lets_everybody_in(api):
    response = sign_up(api.client)

    assert (response.status_code, response.json) == (
        403,
        {"msg": "sign-up is off on this server: ask its owner for an account"},
    )
    assert [account.id for account in api.app.services.accounts.list()] == [OWNER_ID]


def test_who_signs_up_has_an_account_of_the_plan_free_and_a_key(open_api):
    made = sign_up(open_api, "Ada@Example.com")

    assert made.json["email"] == "ada@example.com"
    headers = {"Authorization": f"Bearer {made.json['secret']}"}
    account = open_api.simulate_get("/v1/account", headers=headers).json
    assert (account["id"], account["plan"]["name"]) == (made.json["id"], "free")
    assert account["id"] != OWNER_ID
    assert open_api.app.services.sessions.sign_in("ada@example.com", "correct horse", "", account["created_at"])


@pytest.mark.parametrize(
    ("email", "password", "status", "text"),
    [
        (None, "12345678", 400, "email is missing"),
        ("ada@example.com", None, 400, "password is missing"),
        ("ada", "12345678", 400, "email must be an address, such as ada@example.com"),
        ("ada@example.com", "1234567", 400, "a password has at least 8 characters"),
        ("taken@example.com", "12345678", 409, "somebody has this e-mail address already"),
    ],
)
def test_who_cannot_sign_up_is_told(open_api, email, password, status, text):
    open_api.app.services.people.create(OWNER_ID, "taken@example.com", "", 0)

    response = sign_up(open_api, email, password)

    assert (response.status_code, response.json["msg"]) == (status, text)
    assert [account.id for account in open_api.app.services.accounts.list()] == [OWNER_ID]


def test_ten_accounts_a_minute_come_from_one_address(open_api, clock):
    answers = [sign_up(open_api, f"{number}@example.com") for number in range(11)]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[-1].headers["retry-after"] == "60"
    assert sign_up(open_api, "else@example.com", address="198.51.100.1").status_code == 200
    clock.advance(60)
    assert sign_up(open_api, "10@example.com").status_code == 200


def test_the_plan_free_of_the_operator_s_own_is_the_one_that_counts(open_api):
    open_api.app.services.plans.save(Plan("free", stats=1))
    headers = {"Authorization": f"Bearer {sign_up(open_api).json['secret']}"}

    answers = [open_api.simulate_post("/v1/stat", json={"stat": name}, headers=headers) for name in "ab"]

    assert [answer.status_code for answer in answers] == [200, 429]


# -- the end --


def test_nothing_of_an_account_that_is_removed_is_left(api, tmp_path):
    """Whatever table a document lies in: what belongs to an account names it in its key."""
    key = api.new_account("goner")
    services, now_s = api.app.services, api.engine.now_s()
    services.people.create("goner", "ada@example.com", "", now_s, is_owner=True)
    api.json("/v1/account/members", {"email": "bob@example.com"}, key=key)
    services.sessions.begin(services.people.by_email("ada@example.com"), now_s)
    api.json("/v1/stats", {"stats": [{"stat": "a"}, {"stat": "b"}]}, key=key)
    api.json("/v1/alerts", {"stat": "a", "kind": "data", "time_window": "1h"}, key=key)
    api.json("/v1/annotations", {"text": "x", "stat": "a"}, key=key)
    api.json("/v1/stat", {"stat": "mine"})

    count = close_account(services.documents, api.engine, "goner")

    assert count == 2
    assert api.get("/v1/account", key=key).status_code == 401
    assert services.people.by_email("ada@example.com") is None
    with services.documents.snapshot() as snapshot:
        left = [table for table in TABLES if b"goner" in b"".join(map(bytes, raw(snapshot, table)))]
    # A link is found by its digest alone; nobody is there whom it could sign in, and it goes when its day is over.
    assert left == ["login_links"]
    assert api.names() == ["mine"]


def raw(snapshot, table):
    """Keys and documents of a table, as they are stored."""
    for key, document in snapshot._txn.cursor(db=snapshot._tables[table]):
        yield key
        yield document


def test_the_account_of_the_server_s_owner_stays(api):
    with pytest.raises(TakenError, match="cannot be removed"):
        close_account(api.app.services.documents, api.engine, OWNER_ID)
    assert api.get("/v1/account").status_code == 200
