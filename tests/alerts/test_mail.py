"""Mails: what they say, what they show, how they are turned off; handed to a real mail server."""

import email
import email.policy
import struct
import zlib

import numpy as np
import pytest

from statflow_http import create_app
from statflow_http.accounts.accounts import OWNER_ID
from statflow_http.alerts.accounts import AlertAccounts
from statflow_http.alerts.evaluation import Evaluator
from statflow_http.alerts.mail_settings import MailSettings, MailStore, MailWish, checked
from statflow_http.alerts.notices import Outbox
from statflow_http.alerts.options import AlertOptions
from statflow_http.alerts.receivers import Receivers
from statflow_http.errors import RequestError
from tests.http.conftest import Api
from tests.http.loop_server import until

OWNER_EMAIL = "owner@example.com"


def parsed(content):
    return email.message_from_bytes(content, policy=email.policy.default)


@pytest.fixture
def mailing(world, mail_server):
    """A world whose mails go to a real server, and whose owner has an address."""
    people = world.app.services.people
    people.set_email(people.ensure_owner(world.engine.now_s()), OWNER_EMAIL)
    answer = world.client.simulate_patch(
        "/v1/mail",
        json={"host": "127.0.0.1", "port": mail_server.port, "sender": "stats@example.com", "tls": "none"},
        headers={"Authorization": f"Bearer {world.key}"},
    )
    assert answer.status_code == 200, answer.text
    world.evaluator = Evaluator(world.engine, world.documents)
    world.mailbox = mail_server.box
    return world


def mails(world, count=1):
    """The mails that have arrived, as soon as there are so many."""
    until(lambda: len(world.mailbox.got) >= count)
    return [parsed(content) for _, _, content in world.mailbox.got]


def opened(world, stat="hits", **fields):
    """Let an alert of a stat with some history open; its id."""
    for hour in range(1, 6):
        world.count(hour, ago_s=hour * 300, stat=stat)
    rule = world.rule(stat, **fields)
    world.count(100, stat=stat)
    world.look()
    return rule


def test_the_owner_is_told_by_mail_while_there_are_no_receivers(mailing, deliverer):
    opened(mailing)
    deliverer.wake()
    (mail,) = mails(mailing)

    assert mailing.mailbox.got[0][:2] == ("stats@example.com", [OWNER_EMAIL])
    assert mail["To"] == OWNER_EMAIL
    assert mail["From"] == "StatFlow <stats@example.com>"
    assert mail["Subject"] == 'Alert: "hits" was 100 over 5 minutes: greater than 10'
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_mail_has_text_html_and_the_chart_in_it(mailing, deliverer):
    opened(mailing)
    deliverer.wake()
    (mail,) = mails(mailing)
    text, html = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]

    assert '"hits" was' in text
    assert "watched: greater than 10 over 5 minutes" in text
    assert "&quot;hits&quot; was" in html
    assert f"cid:{picture['Content-ID'].strip('<>')}" in html
    assert picture.get_content_disposition() == "inline"
    assert pixels(picture.get_content()).shape == (320, 1120, 3)


def pixels(png):
    """The pixels of a picture, decoded by the letter of the format."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    data, at = b"", 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        name, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(name + body)
        data += body if name == b"IDAT" else b""
        at += 12 + size
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * 3)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_one_click_turns_mails_off(mailing, deliverer):
    opened(mailing)
    deliverer.wake()
    (mail,) = mails(mailing)
    url = mail["List-Unsubscribe"].strip("<>")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert url.startswith("https://stats.example.com/act/")

    path = url.removeprefix("https://stats.example.com")
    asked = mailing.client.simulate_get(path)
    answer = mailing.post(path, "List-Unsubscribe=One-Click")

    assert "Send no more mails to owner@example.com?" in asked.text
    assert answer.status_code == 200
    assert not AlertAccounts(mailing.documents).get(OWNER_ID).owner_mails
    mailing.look(600)
    assert Outbox(mailing.documents).waiting() == []


def test_looking_at_a_link_does_nothing(mailing, deliverer):
    """Programs that look into mails follow every link."""
    rule = opened(mailing)
    deliverer.wake()
    (mail,) = mails(mailing)
    path = next(line for line in mail.get_body(("plain",)).get_content().splitlines() if "silence" in line)
    path = path.partition("https://stats.example.com")[2]

    asked = mailing.client.simulate_get(path)
    before = mailing.state(rule)
    done = mailing.post(path)

    assert "Silence the alert for a day" in asked.text
    assert "form-action 'self'" in asked.headers["content-security-policy"]
    assert (before, mailing.state(rule)) == ("firing", "silenced")
    assert "Silenced for a day" in done.text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a&b\u2028c"])
def test_a_name_is_only_ever_text(mailing, deliverer, name):
    opened(mailing, stat=name)
    deliverer.wake()
    (mail,) = mails(mailing)
    html = mail.get_body(("html",)).get_content()

    assert "<script" not in html
    assert "<img src=x" not in html
    assert name.split("\u2028")[0] in mail["Subject"]


def test_a_second_notice_of_one_opening_belongs_to_the_same_conversation(mailing, deliverer):
    opened(mailing)
    mailing.look(600)
    deliverer.wake()
    first, second = mails(mailing, 2)

    assert first["References"] == second["References"]
    assert first["Message-ID"] != second["Message-ID"]
    assert second["Subject"].startswith("Over: ")


def test_a_mail_server_that_says_later_gets_the_same_message_later(mailing, deliverer):
    mailing.mailbox.answer = "451 try later"
    opened(mailing)
    deliverer.wake()
    until(lambda: [each for each in Outbox(mailing.documents).waiting() if each.try_count == 1])
    (waiting,) = Outbox(mailing.documents).waiting()
    mailing.mailbox.answer = "250 OK"
    mailing.clock.advance(5)
    deliverer.wake()
    (mail,) = mails(mailing)

    assert waiting.tries[0].status == 451
    assert mail["Message-ID"] == f"<{waiting.id}.owner@example.com>"


def test_an_unknown_mailbox_is_not_tried_again(mailing, deliverer):
    answer = mailing.json("/v1/receivers", {"email": "gone@example.com"})
    mailing.mailbox.refused.add("gone@example.com")
    opened(mailing)
    deliverer.wake()

    def states():
        found = mailing.get(f"/v1/receivers/{answer.json['id']}/deliveries").json["deliveries"]
        return [(each["state"], each["tries"][0]["status"]) for each in found if each["tries"]]

    until(states)
    assert states() == [("failed", 550)]


def test_the_test_of_the_mail_settings_tells_what_the_server_said(mailing):
    good = mailing.json("/v1/mail/test", {"to": "a@example.com"}).json
    mailing.mailbox.answer = "554 we do not like you"
    bad = mailing.json("/v1/mail/test", {"to": "a@example.com"}).json

    assert good == {"msg": "ok", "delivered": True, "text": "delivered"}
    assert bad == {"msg": "ok", "delivered": False, "text": "answered 554: we do not like you"}
    assert parsed(mailing.mailbox.got[0][2])["Subject"] == "StatFlow: this is a test"


def test_without_a_mail_server_a_test_says_so(world):
    assert world.json("/v1/mail/test", {"to": "a@example.com"}).json["text"] == "no mail server is set"


def test_the_password_is_told_by_nobody(world, no_secret_is_logged):
    password = "hunter2hunter2"
    headers = {"Authorization": f"Bearer {world.key}"}
    answer = world.client.simulate_patch(
        "/v1/mail", json={"host": "mail.example.com", "user": "me", "password": password}, headers=headers
    )

    assert answer.json["has_password"] is True
    for text in (answer.text, world.get("/v1/mail").text, *no_secret_is_logged.lines):
        assert password not in text
    settings = MailStore(world.documents, AlertOptions(smtp_password="x" * 9)).get()
    assert password not in repr(settings)
    assert "x" * 9 not in repr(settings) + repr(AlertOptions(smtp_password="x" * 9))


REFUSED = [
    ({"tls": "ssl"}, "tls must be one of starttls, tls, none"),
    ({"port": 65_536}, "port must be from 1 to 65535, or 0 for the usual one"),
    ({"sender": "nobody"}, "sender must be an address, such as stats@example.com"),
    ({"host": "a\nb"}, "host must be printable and have at most 255 characters"),
    ({"public_url": "stats.example.com"}, "public_url: the URL must begin with http:// or https://"),
    (
        {"host": "mail.example.com", "password": "x", "tls": "none"},
        'a password is not sent without TLS: tls must be "starttls" or "tls"',
    ),
]


@pytest.mark.parametrize(("fields", "text"), REFUSED)
def test_what_cannot_be_a_setting_is_refused_with_a_sentence(engine, fields, text):
    app = create_app(engine, alerts=AlertOptions())
    api = Api(app, engine)
    answer = api.client.simulate_patch("/v1/mail", json=fields, headers={"Authorization": f"Bearer {api.key}"})
    app.close()

    assert (answer.status_code, answer.json["msg"]) == (400, text)


def test_what_the_operator_said_goes_before_what_was_stored(world):
    MailStore(world.documents, AlertOptions()).change(MailWish(host="stored.example.com", sender="a@example.com"))
    store = MailStore(world.documents, AlertOptions(smtp_host="said.example.com"))

    assert (store.get().host, store.get().sender, store.fixed()) == ("said.example.com", "a@example.com", ["host"])


def test_what_the_operator_set_cannot_be_changed_by_api(world):
    world.app.services.options = type(world.app.services.options)(alerts=AlertOptions(smtp_host="said.example.com"))
    headers = {"Authorization": f"Bearer {world.key}"}
    answer = world.client.simulate_patch("/v1/mail", json={"host": "other.example.com"}, headers=headers)

    assert answer.status_code == 409
    assert answer.json["msg"] == "set at the start of the server, and not to be changed here: host"


def test_only_the_owner_of_the_server_sees_the_mail_settings(world):
    for key in (world.new_account("ada"), world.new_key(live=False)):
        assert world.get("/v1/mail", key=key).status_code == 403


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_is_the_usual_one_of_the_mode(tls, port):
    assert checked(MailSettings(tls=tls)).actual_port == port


def test_a_password_goes_to_the_own_machine_without_tls():
    assert checked(MailSettings(host="localhost", password="x", tls="none")).password == "x"


def test_a_turned_off_mailbox_is_one_that_a_link_turned_off(mailing, deliverer):
    receiver = mailing.json("/v1/receivers", {"email": "a@example.com"}).json["id"]
    opened(mailing)
    deliverer.wake()
    (mail,) = mails(mailing)
    mailing.post(mail["List-Unsubscribe"].strip("<>").removeprefix("https://stats.example.com"))

    found = Receivers(mailing.documents).get(OWNER_ID, receiver)
    assert (found.is_on, found.off_reason) == (False, "turned off by a link in a mail")


def test_a_bad_setting_raises_where_it_is_made():
    with pytest.raises(RequestError, match="tls must be one of"):
        checked(MailSettings(tls="x"))
