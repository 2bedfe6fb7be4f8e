"""Signed links: what they allow, and nothing else."""

import pytest

from statflow_http.alerts.links import Action, Link, link_of, token
from statflow_http.errors import NotFoundError
from tests.clocks import START_S
from tests.http.conftest import LIVE

SECRET = b"x" * 32
LINK = Link(Action.SILENCE, "owner:live", "3pkfdxxbtqbq", START_S)


def test_a_token_says_what_was_signed():
    assert link_of(SECRET, token(SECRET, LINK), START_S) == LINK


def flipped(text, place):
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


@pytest.mark.parametrize("place", range(0, len(token(SECRET, LINK)) - 1, 3))
def test_a_changed_token_is_none(place):
    with pytest.raises(NotFoundError):
        link_of(SECRET, flipped(token(SECRET, LINK), place), START_S)


@pytest.mark.parametrize("text", ["", "x", "é", "=" * 20, "A" * 401, "a.b.c", token(b"y" * 32, LINK)])
def test_what_was_never_signed_is_none(text):
    with pytest.raises(NotFoundError, match="no such link"):
        link_of(SECRET, text, START_S)


def test_a_token_grows_old():
    with pytest.raises(NotFoundError, match="this link is too old"):
        link_of(SECRET, token(SECRET, LINK), START_S + 1)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_to_what_is_gone_says_so(world, method):
    for action, text in (
        (Action.SILENCE, "this alert is gone"),
        (Action.UNSUBSCRIBE, "this receiver is gone"),
        (Action.DELETE_STAT, "this stat is gone"),
    ):
        path = "/act/" + token(world.app.services.secret, Link(action, LIVE, "3pkfdxxbtqbq", START_S))
        answer = world.client.simulate_request(method, path)
        assert (answer.status_code, answer.json["msg"]) == (404, text)


def test_a_stat_is_deleted_by_its_button_and_by_nothing_else(world):
    world.count(1)
    stat = world.get("/v1/stat/hits").json["id"]
    path = "/act/" + token(world.app.services.secret, Link(Action.DELETE_STAT, LIVE, stat, START_S))
    asked = world.client.simulate_get(path)
    assert 'Delete the stat "hits"?' in asked.text.replace("&quot;", '"')
    assert world.names() == ["hits"]

    done = world.post(path)

    assert "in the trash" in done.text
    assert world.names() == []
    assert world.post(path).status_code == 404


def test_the_page_of_a_link_runs_nothing_and_is_in_no_frame(world):
    world.count(1, stat="<b>x</b>")
    stat = world.get("/v1/stat/%3Cb%3Ex%3C/b%3E").json["id"]
    path = "/act/" + token(world.app.services.secret, Link(Action.DELETE_STAT, LIVE, stat, START_S))
    answer = world.client.simulate_get(path)

    assert "<b>" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
