"""Receivers by Apprise, which is an extra: there it delivers, without it a sentence says what is missing."""

import builtins

import pytest

from tests.http.loop_server import until


@pytest.fixture
def without_apprise(monkeypatch):
    """As on a server where the extra is not installed."""
    whole = builtins.__import__

    def importing(name, *rest):
        if name == "apprise":
            raise ImportError(name)
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)


def test_without_the_extra_a_sentence_says_how_to_get_it(world, without_apprise):
    answer = world.json("/v1/receivers", {"kind": "apprise", "url": "ntfy://topic"})

    assert answer.status_code == 400
    assert answer.json["msg"] == "Apprise is not installed on this server: pip install 'statflow[notify]'"


@pytest.mark.filterwarnings("ignore")
def test_what_apprise_does_not_know_is_refused(world):
    pytest.importorskip("apprise")
    answer = world.json("/v1/receivers", {"kind": "apprise", "url": "nonsense://x"})

    assert answer.status_code == 400
    assert answer.json["msg"] == "url is none that Apprise understands, such as ntfy://topic or discord://id/token"


@pytest.mark.filterwarnings("ignore")
def test_a_service_of_apprises_gets_a_title_and_a_few_lines(world, deliverer, hook):
    pytest.importorskip("apprise")
    hook.status = 200
    url = f"json://127.0.0.1:{hook.port}/x"
    receiver = world.json("/v1/receivers", {"kind": "apprise", "url": url})
    assert receiver.status_code == 200, receiver.text
    world.count(100)
    world.rule()
    world.look()
    deliverer.wake()
    until(lambda: hook.got)

    (document,) = hook.documents
    assert document["title"] == 'Alert: "hits" was 100 over 5 minutes: greater than 10'
    assert document["message"] == 'Alert: "hits" was 100 over 5 minutes: greater than 10'


@pytest.mark.filterwarnings("ignore")
def test_a_service_that_does_not_take_it_is_tried_again(world, deliverer, hook):
    pytest.importorskip("apprise")
    hook.status = 500
    receiver = world.json("/v1/receivers", {"kind": "apprise", "url": f"json://127.0.0.1:{hook.port}/x"}).json["id"]
    world.json(f"/v1/receivers/{receiver}/test", "")
    deliverer.wake()

    def found():
        (delivery,) = world.get(f"/v1/receivers/{receiver}/deliveries").json["deliveries"]
        return delivery

    until(lambda: found()["try_count"] == 1)
    assert (found()["state"], found()["tries"][0]["text"]) == ("waiting", "the service did not take it")
