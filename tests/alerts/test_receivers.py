"""``/v1/receivers``: who may be told, who may not, and with which words that is refused."""

import base64

import pytest

from statflow_http import create_app
from statflow_http.accounts.accounts import OWNER_ID
from statflow_http.accounts.keys import Scope
from statflow_http.alerts.options import AlertOptions
from statflow_http.alerts.receivers import RECEIVERS_MAX, Receiver, ReceiverKind, Receivers, ReceiverWish, wanted
from statflow_http.errors import RetryLaterError
from tests.http.conftest import Api

HOOK = "https://1.1.1.1/hook"


@pytest.fixture
def guarded(engine):
    """An api of a server that talks to no private address, as servers do by default."""
    app = create_app(engine, alerts=AlertOptions())
    yield Api(app, engine)
    app.close()


def patch(api, path, document):
    return api.client.simulate_patch(path, json=document, headers={"Authorization": f"Bearer {api.key}"})


def test_a_webhook_gets_a_secret_that_is_told_once(guarded):
    made = guarded.json("/v1/receivers", {"url": HOOK, "name": "on call"}).json
    secret = made["secret"]
    again = guarded.get(f"/v1/receivers/{made['id']}")

    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 24
    assert again.json == {name: made[name] for name in made if name not in ("msg", "secret")}
    assert secret not in again.text + guarded.get("/v1/receivers").text
    assert (made["kind"], made["url"], made["email"], made["on"]) == ("webhook", HOOK, None, True)


def test_a_mailbox_has_no_secret(guarded):
    made = guarded.json("/v1/receivers", {"email": " Ada@Example.COM "}).json

    assert (made["kind"], made["email"], made["url"], made["secret"]) == ("email", "ada@example.com", None, None)


NOT_ALLOWED = "address is not allowed: it is private; `--allow-private` of `statflow serve` or `import` allows it"
REFUSED = [
    ({}, "email or url is missing: whom to tell"),
    ({"email": "nobody"}, "email must be an address, such as ada@example.com"),
    ({"email": "a@example.com", "url": HOOK}, "send email or url, not both"),
    ({"url": "ftp://1.1.1.1/"}, "the URL must begin with http:// or https://"),
    ({"url": "https://"}, "the URL has no host"),
    ({"url": "https://me:secret@1.1.1.1/"}, "the URL must not hold a name and a password"),
    ({"url": "http://127.0.0.1/"}, NOT_ALLOWED),
    ({"url": "http://127.1/"}, NOT_ALLOWED),
    ({"url": "http://2130706433/"}, NOT_ALLOWED),
    ({"url": "http://localhost:6379/"}, NOT_ALLOWED),
    ({"url": "http://169.254.169.254/latest/meta-data"}, NOT_ALLOWED),
    ({"url": "http://[::ffff:10.0.0.1]/"}, NOT_ALLOWED),
    ({"url": "http://[::1]/"}, NOT_ALLOWED),
    ({"url": HOOK + "x" * 2_000}, "url must be printable and have at most 2000 characters"),
    ({"url": HOOK + "\n" + "x"}, "url must be printable and have at most 2000 characters"),
    ({"url": HOOK, "name": "x" * 101}, "name must be printable and have at most 100 characters"),
    ({"url": HOOK, "kind": "fax"}, "kind must be one of email, webhook, apprise"),
    ({"kind": "webhook"}, "url is missing: where to send to"),
    (
        {"kind": "apprise", "url": "not a url"},
        "url must be one of Apprise's, such as ntfy://topic or discord://id/token",
    ),
    ({"url": 5}, "url must be text"),
    ({"url": HOOK, "on": "yes"}, "on must be true or false"),
    ("[]", "the body must be a JSON object"),
    ("", "request body is empty"),
]


@pytest.mark.parametrize(("document", "text"), REFUSED, ids=[str(row[0])[:60] for row in REFUSED])
def test_what_is_no_receiver_is_refused_with_a_sentence(guarded, document, text):
    answer = guarded.json("/v1/receivers", document)

    assert (answer.status_code, answer.json["msg"]) == (400, text)
    assert guarded.get("/v1/receivers").json["receivers"] == []


def test_an_unknown_field_is_refused(guarded):
    answer = guarded.json("/v1/receivers", {"url": HOOK, "secret": "mine"})

    text = 'unknown field "secret": may be email, url, kind, name, on'
    assert (answer.status_code, answer.json) == (400, {"msg": text})


def test_only_members_of_an_account_get_its_mails(guarded):
    """Else whoever may have an account could have this server write to anybody."""
    key = guarded.new_account("ada")
    guarded.app.services.people.create("ada", "ada@example.com", "", guarded.engine.now_s(), is_owner=True)
    mine = guarded.json("/v1/receivers", {"email": "ada@example.com"}, key=key)
    other = guarded.json("/v1/receivers", {"email": "stranger@example.com"}, key=key)

    assert (mine.status_code, other.status_code) == (200, 400)
    assert other.json["msg"] == "email must be the address of a member of the account: let them join first"


def test_apprise_is_for_the_owner_of_the_server(guarded):
    """It opens its own connections, which no guard looks at."""
    key = guarded.new_account("ada")
    answer = guarded.json("/v1/receivers", {"kind": "apprise", "url": "ntfy://topic"}, key=key)

    assert answer.status_code == 403


@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE])
def test_a_key_that_is_not_full_sees_no_receiver(guarded, scope):
    guarded.json("/v1/receivers", {"url": HOOK})
    key = guarded.new_key(scope=scope)

    assert guarded.get("/v1/receivers", key=key).status_code == 403


def test_live_and_test_keys_share_the_receivers(guarded):
    guarded.json("/v1/receivers", {"url": HOOK})

    assert len(guarded.get("/v1/receivers", key=guarded.new_key(live=False)).json["receivers"]) == 1


def test_name_and_switch_can_be_changed_and_the_target_cannot(guarded):
    path = "/v1/receivers/" + guarded.json("/v1/receivers", {"url": HOOK}).json["id"]
    changed = patch(guarded, path, {"name": "night", "on": False}).json
    refused = patch(guarded, path, {"url": "https://1.0.0.1/"})

    assert (changed["name"], changed["on"], changed["url"]) == ("night", False, HOOK)
    assert refused.json["msg"] == "the target of a receiver cannot be changed: make another receiver"


def test_a_receiver_that_a_rule_names_is_not_deleted(guarded):
    receiver = guarded.json("/v1/receivers", {"url": HOOK}).json["id"]
    guarded.json("/v1/stat", {"stat": "hits"})
    condition = {"kind": "data", "time_window": "1h"}
    rule = guarded.json("/v1/alerts", {"stat": "hits", "receivers": [receiver]} | condition).json["id"]
    refused = guarded.delete(f"/v1/receivers/{receiver}")
    patch(guarded, f"/v1/alerts/{rule}", {"receivers": []})

    assert (refused.status_code, refused.json["msg"]) == (409, "1 alerts name this receiver: change them first")
    assert guarded.delete(f"/v1/receivers/{receiver}").status_code == 200
    assert guarded.get(f"/v1/receivers/{receiver}").status_code == 404


@pytest.mark.parametrize("named", [["aaaaaaaaaaaa"], ["../x"], ["x" * 300], "aaaaaaaaaaaa"])
def test_a_rule_names_receivers_that_there_are(guarded, named):
    guarded.json("/v1/stat", {"stat": "hits"})
    rule = {"stat": "hits", "kind": "data", "time_window": "1h", "receivers": named}
    answer = guarded.json("/v1/alerts", rule)

    assert answer.status_code == 400
    assert answer.json["msg"].startswith("receivers: no such receiver: ")


def test_a_rule_of_another_account_cannot_name_mine(guarded):
    receiver = guarded.json("/v1/receivers", {"url": HOOK}).json["id"]
    key = guarded.new_account("ada")
    guarded.json("/v1/stat", {"stat": "hits"}, key=key)
    rule = {"stat": "hits", "kind": "data", "time_window": "1h", "receivers": [receiver]}

    assert guarded.json("/v1/alerts", rule, key=key).status_code == 400


def test_rotating_keeps_the_old_secret_for_its_grace(guarded):
    made = guarded.json("/v1/receivers", {"url": HOOK}).json
    rotated = guarded.json(f"/v1/receivers/{made['id']}/rotate", {"grace_hours": 2}).json
    receiver = Receivers(guarded.app.services.documents).get(OWNER_ID, made["id"])
    now_s = guarded.engine.now_s()

    assert rotated["secret"] not in ("", made["secret"])
    assert rotated["old_secret_until"] == now_s + 7_200
    assert receiver.secrets(now_s + 7_199) == (rotated["secret"], made["secret"])
    assert receiver.secrets(now_s + 7_200) == (rotated["secret"],)


def test_rotating_without_a_body_has_the_usual_grace(guarded):
    made = guarded.json("/v1/receivers", {"url": HOOK}).json
    rotated = guarded.post(
        f"/v1/receivers/{made['id']}/rotate", b"", None, headers={"Authorization": f"Bearer {guarded.key}"}
    ).json

    assert rotated["old_secret_until"] == guarded.engine.now_s() + 86_400


@pytest.mark.parametrize("hours", [-1, 721])
def test_no_other_grace(guarded, hours):
    made = guarded.json("/v1/receivers", {"url": HOOK}).json
    answer = guarded.json(f"/v1/receivers/{made['id']}/rotate", {"grace_hours": hours})

    assert (answer.status_code, answer.json["msg"]) == (400, "grace_hours must be from 0 to 720")


def test_a_mailbox_has_nothing_to_rotate(guarded):
    made = guarded.json("/v1/receivers", {"email": "a@example.com"}).json

    assert guarded.json(f"/v1/receivers/{made['id']}/rotate", {}).status_code == 409


def test_an_account_has_so_many_receivers_and_no_more(guarded):
    receivers = Receivers(guarded.app.services.documents)
    wish = wanted(ReceiverWish(url=HOOK))
    for _ in range(3):
        receivers.create("owner", wish, 1, receivers_max=3)

    with pytest.raises(RetryLaterError, match="an account has at most 3 receivers: delete some first"):
        receivers.create("owner", wish, 1, receivers_max=3)
    receivers.create("ada", wish, 1, receivers_max=3)
    assert RECEIVERS_MAX == 100


@pytest.mark.parametrize(
    ("receiver", "label"),
    [
        (
            Receiver("a", "owner", ReceiverKind.WEBHOOK, "https://hooks.example.com/secret", 1),
            "https://hooks.example.com",
        ),
        (Receiver("a", "owner", ReceiverKind.APPRISE, "discord://id/token", 1), "discord"),
        (Receiver("a", "owner", ReceiverKind.EMAIL, "a@example.com", 1), "a@example.com"),
        (Receiver("a", "owner", ReceiverKind.WEBHOOK, "https://hooks.example.com/secret", 1, name="chat"), "chat"),
    ],
)
def test_a_label_shows_no_secret(receiver, label):
    assert receiver.label == label
