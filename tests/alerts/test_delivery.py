"""Delivering: signed, in order, as often as it needs, and nobody waits for who does not answer."""

import socket
import threading
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from statflow_http.accounts.accounts import OWNER_ID
from statflow_http.alerts import notices
from statflow_http.alerts.delivery import THREADS_AILING, Deliverer
from statflow_http.alerts.mail_settings import MailStore
from statflow_http.alerts.notices import LOGGED_MAX, WAITING_MAX, Outbox, put_notice
from statflow_http.alerts.options import AlertOptions
from statflow_http.alerts.receivers import Receivers
from statflow_http.alerts.sending import TRY_S
from statflow_http.outbound import Guard
from tests.alerts.receiving import WebhookServer
from tests.http.loop_server import until


@pytest.fixture
def dead_url():
    """Where nobody listens."""
    with WebhookServer(is_up=False) as server:
        yield server.url


def states(world, receiver):
    found = world.get(f"/v1/receivers/{receiver}/deliveries").json["deliveries"]
    return [(each["state"], each["try_count"]) for each in found]


def test_a_notice_is_signed_as_standard_webhooks_want_it(world, deliverer, hook):
    """The other library looks at the clock of this machine, which the test's clock is far from."""
    world.clock.set(time.time())
    _, secret = world.webhook(hook.url)
    world.count(100)
    world.rule()
    world.look()
    deliverer.wake()
    until(lambda: hook.got)
    headers, body = hook.got[0]

    told = Webhook(secret).verify(body, headers)
    assert told["type"] == "alert.opened"
    assert (told["data"]["stat"], told["data"]["number"], told["data"]["state"]) == ("hits", 100, "firing")
    assert headers["Content-Type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers)


def test_both_secrets_sign_while_one_replaces_the_other(world, deliverer, hook):
    world.clock.set(time.time())
    receiver, old = world.webhook(hook.url)
    new = world.json(f"/v1/receivers/{receiver}/rotate", {"grace_hours": 1}).json["secret"]
    world.json(f"/v1/receivers/{receiver}/test", "")
    deliverer.wake()
    until(lambda: len(hook.got) == 1)
    world.clock.advance(3_601)
    world.json(f"/v1/receivers/{receiver}/test", "")
    deliverer.wake()
    until(lambda: len(hook.got) == 2)
    (during, body), (after, _) = hook.got

    Webhook(old).verify(body, during)
    Webhook(new).verify(body, during)
    assert [len(headers["webhook-signature"].split()) for headers in (during, after)] == [2, 1]


def test_a_test_is_delivered_and_its_answer_told(world, deliverer, hook):
    receiver, _ = world.webhook(hook.url)
    asked = world.json(f"/v1/receivers/{receiver}/test", "")
    deliverer.wake()
    until(lambda: states(world, receiver) == [("delivered", 1)])

    assert asked.status_code == 202
    assert hook.ids == [asked.json["id"]]
    assert hook.documents[0]["type"] == "test"


@pytest.mark.parametrize("status", [500, 503, 429, 404, 400, 302])
def test_what_is_not_taken_is_tried_again_with_the_same_id_and_body(world, deliverer, hook, status):
    receiver, _ = world.webhook(hook.url)
    hook.status, hook.body = status, b"\x1b[31mgo \n away"
    world.json(f"/v1/receivers/{receiver}/test", "")
    deliverer.wake()
    until(lambda: states(world, receiver) == [("waiting", 1)])
    (first,) = world.get(f"/v1/receivers/{receiver}/deliveries").json["deliveries"]
    hook.status, hook.body = 200, b""
    until(lambda: not deliverer._busy)
    world.clock.advance(4)
    deliverer.look()
    until(lambda: not deliverer._busy)
    early = len(hook.got)
    world.clock.advance(1)
    deliverer.wake()
    until(lambda: states(world, receiver) == [("delivered", 2)])

    assert (early, first["next_at"] - first["created_at"]) == (0, 5)
    assert first["tries"][0]["text"] == f"answered {status}: [31mgo away"
    assert hook.refused[0][1] == hook.got[0][1]
    assert hook.refused[0][0]["webhook-id"] == hook.ids[0]


def test_waits_grow(world, deliverer, dead_url):
    receiver, _ = world.webhook(dead_url)
    world.json(f"/v1/receivers/{receiver}/test", "")
    waits = []
    for count in range(1, 5):
        deliverer.wake()
        until(lambda count=count: states(world, receiver) == [("waiting", count)])
        (found,) = world.get(f"/v1/receivers/{receiver}/deliveries").json["deliveries"]
        waits.append(found["next_at"] - world.engine.now_s())
        world.clock.set(found["next_at"])

    assert waits == [5, 60, 600, 600]


def test_who_answers_410_is_told_nothing_more(world, deliverer, hook):
    receiver, _ = world.webhook(hook.url)
    hook.status = 410
    world.json(f"/v1/receivers/{receiver}/test", "")
    deliverer.wake()
    until(lambda: states(world, receiver) == [("failed", 1)])

    found = Receivers(world.documents).get(OWNER_ID, receiver)
    assert (found.is_on, found.off_reason) == (False, "it answered 410: it wants nothing more")
    world.count(100)
    world.rule()
    world.look()
    assert world.waiting() == []


def test_after_a_day_a_notice_is_given_up(world, deliverer, dead_url):
    receiver, _ = world.webhook(dead_url)
    world.json(f"/v1/receivers/{receiver}/test", "")
    world.clock.advance(86_400)
    deliverer.wake()

    until(lambda: states(world, receiver) == [("failed", 1)])


@pytest.mark.slow
def test_a_receiver_that_does_not_answer_delays_nobody_else(world, deliverer, hook):
    """More of them than there are threads for the ailing, each with much that waits."""
    with WebhookServer() as slow:
        slow.is_slow.set()
        dead = [world.webhook(slow.url)[0] for _ in range(6)]
        for receiver in dead:
            for _ in range(5):
                world.json(f"/v1/receivers/{receiver}/test", "")
        deliverer.wake()
        until(lambda: all(states(world, receiver)[-1][1] for receiver in dead), limit_s=60)
        alive, _ = world.webhook(hook.url)
        world.clock.advance(5)
        deliverer.look()
        world.json(f"/v1/receivers/{alive}/test", "")
        deliverer.wake()
        until(lambda: hook.got)

        # Each of their tries takes five seconds: as long as whoever waits for one would wait.
        assert [states(world, receiver)[-1][1] for receiver in dead] == [1] * len(dead)
        assert len(deliverer._busy) >= THREADS_AILING, "there must have been tries to wait for"


def test_notices_of_a_receiver_arrive_one_after_the_other_and_in_order(world, deliverer, hook):
    receiver, _ = world.webhook(hook.url)
    asked = []
    for _ in range(20):
        asked.append(world.json(f"/v1/receivers/{receiver}/test", "").json["id"])
        world.clock.advance(1)
    deliverer.wake()
    until(lambda: len(hook.got) == 20)

    assert hook.ids == asked


def test_one_notice_that_is_not_liked_does_not_hold_up_the_others(world, deliverer, hook):
    receiver, _ = world.webhook(hook.url)
    hook.status = 400
    world.json(f"/v1/receivers/{receiver}/test", "")
    deliverer.wake()
    until(lambda: states(world, receiver) == [("waiting", 1)])
    hook.status = 200
    world.clock.advance(1)
    world.json(f"/v1/receivers/{receiver}/test", "")
    deliverer.wake()

    until(lambda: states(world, receiver) == [("delivered", 1), ("waiting", 1)])


def test_a_private_address_is_not_talked_to_whatever_was_stored(world, hook):
    """As when the name of a receiver begins to mean another address."""
    receiver, _ = world.webhook(hook.url)
    guarded = Deliverer(
        world.engine, world.documents, MailStore(world.documents, AlertOptions()), Guard(), clock=world.clock
    )
    guarded.start()
    world.json(f"/v1/receivers/{receiver}/test", "")
    until(lambda: states(world, receiver) == [("waiting", 1)])
    guarded.stop()

    assert hook.got == []
    (found,) = world.get(f"/v1/receivers/{receiver}/deliveries").json["deliveries"]
    assert found["tries"][0]["text"].startswith("address is not allowed: it is private")


def test_a_long_answer_is_not_read(world, deliverer, hook):
    receiver, _ = world.webhook(hook.url)
    hook.status, hook.body = 500, b"x" * 1_000_000
    world.json(f"/v1/receivers/{receiver}/test", "")
    deliverer.wake()
    until(lambda: states(world, receiver) == [("waiting", 1)])

    (found,) = world.get(f"/v1/receivers/{receiver}/deliveries").json["deliveries"]
    assert found["tries"][0]["text"] == "the answer is longer than 65536 bytes"


def test_what_waits_for_a_deleted_receiver_is_gone(world, hook):
    receiver, _ = world.webhook(hook.url)
    world.json(f"/v1/receivers/{receiver}/test", "")
    world.delete(f"/v1/receivers/{receiver}")

    assert Outbox(world.documents).waiting() == []


def test_the_log_and_the_queue_are_bounded(world, deliverer, hook, monkeypatch):
    receiver, _ = world.webhook(hook.url)
    with world.documents.change() as change:
        for _ in range(WAITING_MAX + 3):
            put_notice(change, OWNER_ID, receiver, notices.TEST, 1, is_capped=False)
    found = Outbox(world.documents).of_receiver(OWNER_ID, receiver)
    assert sum(each.outcome == "dropped" for each in found) == 3
    assert sum(each.outcome == "waiting" for each in found) == WAITING_MAX

    with world.documents.change() as change:
        for notice in [each for each in found if each.outcome == "waiting"][:200]:
            notices.put_finished(change, notice, notices.Outcome.DELIVERED, 1)
    logged = [each for each in Outbox(world.documents).of_receiver(OWNER_ID, receiver) if each.finished_s]
    assert len(logged) == LOGGED_MAX


class DrippingReceiver:
    """Answers a byte at a time, each before anybody's patience is over, and never comes to an end."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            connection, _ = self._socket.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 500 Oh\r\nX-Long: ")
                while True:
                    connection.sendall(b"x")
                    time.sleep(0.02)
        except OSError:
            pass  # we were cut off, or are not wanted any more

    def close(self):
        self._socket.close()
        self._thread.join()


def test_who_answers_a_byte_at_a_time_is_cut_off(world):
    dripping = DrippingReceiver()
    receiver, _ = world.webhook(dripping.url)
    store = MailStore(world.documents, AlertOptions())
    guard = Guard(allow_private=True)
    impatient = Deliverer(world.engine, world.documents, store, guard, clock=world.clock, try_s=0.5)
    impatient.start()
    world.json(f"/v1/receivers/{receiver}/test", "")
    until(lambda: states(world, receiver) == [("waiting", 1)], limit_s=TRY_S - 1)
    impatient.stop()
    dripping.close()
