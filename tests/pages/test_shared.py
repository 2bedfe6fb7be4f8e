"""Links to dashboards: what everybody who has one sees, and what nobody does."""

import re

import pytest

from statflow_engine import Kind
from statflow_http.dashboards.drafts import new_tile
from statflow_http.dashboards.shares import OPENED_S, DashboardShares
from statflow_http.dashboards.store import Dashboards
from statflow_http.pages import visitors
from tests.clocks import START_S
from tests.http.conftest import LIVE
from tests.pages.visits import Visit, texts

PASSWORD = "correct horse battery staple"


@pytest.fixture
def board(app, engine, api):
    """A dashboard of a counter and a value."""
    times_s = list(range(START_S - 86_400, START_S, 600))
    engine.write(["hits"] * len(times_s), Kind.COUNTER, times_s, [2.0] * len(times_s), namespace=LIVE)
    tiles = [new_tile("number", ["hits"], tile_id="secretid"), new_tile("line", ["hits"], title="Hits over time")]
    return Dashboards(app.services.documents).create(LIVE, "The <i>shop</i>", tiles, START_S)


@pytest.fixture
def shares(app):
    return DashboardShares(app.services.documents)


@pytest.fixture
def token(shares, board):
    return shares.create(LIVE, board.id, START_S, label="for the board")[1]


@pytest.fixture
def closed(shares, board):
    """The token of a link with a password."""
    return shares.create(LIVE, board.id, START_S, password=PASSWORD)[1]


def test_a_link_made_by_the_page_opens_the_dashboard(owner, guest, board):
    page = owner.post(f"/dashboards/{board.id}/share", {"label": "x"})
    link = re.search(r"http://stats\.example(/shared/[\w-]{32})<", page.text)[1]

    assert f"{link}/embed" in page.text
    assert link.replace("/shared/", "/embed/dashboard/") in page.text
    assert link not in owner.get(f"/dashboards/{board.id}/share").text
    shown = guest.get(link)
    assert shown.status_code == 200
    assert "The <i>shop</i>" in texts(shown)
    assert "Hits over time" in texts(shown)


@pytest.mark.parametrize("ending", ["", "/embed"])
def test_nothing_of_the_account_is_in_it(owner, guest, board, token, stat_words, ending):
    for visit in (guest, owner):
        page = visit.get(f"/shared/{token}{ending}")

        for word in [
            board.id,
            "secretid",
            "for the board",
            "owner",
            "/stats",
            "/dashboards",
            "/login",
            "csrf",
            *stat_words,
        ]:
            assert word not in page.text, word
        assert "<i>shop" not in page.text


@pytest.fixture
def stat_words(app, engine, board, shares):
    """The ids and keys of the stat and of the link."""
    from statflow_http import ids

    series = engine.find("hits", namespace=LIVE)
    secret = app.services.secret
    keys = [ids.classic_key(secret, series.id), ids.embed_key(secret, series.id)]
    return [*keys, *(share.id for share in shares.all(LIVE, board.id)), f'"{ids.stat_id(series.id)}"']


@pytest.mark.parametrize("ending", ["", "/embed"])
def test_a_view_sets_no_cookie_and_is_in_no_index(guest, token, ending):
    answer = guest.get(f"/shared/{token}{ending}")

    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert '<meta name="robots" content="noindex, nofollow">' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert not answer.cookies


@pytest.mark.parametrize(("ending", "ancestors", "forms"), [("", "'none'", "'self'"), ("/embed", "*", "'none'")])
@pytest.mark.parametrize("kind", ["open", "closed", "gone"])
def test_only_the_embed_may_be_framed(guest, token, closed, kind, ending, ancestors, forms):
    path = {"open": token, "closed": closed, "gone": "gone"}[kind]

    policy = guest.get(f"/shared/{path}{ending}").headers["Content-Security-Policy"]

    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"frame-ancestors {ancestors}; base-uri 'none'; form-action {forms}"
    )


@pytest.mark.parametrize("ending", ["", "/embed"])
def test_unknown_revoked_and_deleted_are_the_same_page(app, guest, shares, board, token, ending):
    share = shares.all(LIVE, board.id)[0]
    other = shares.create(LIVE, board.id, START_S)[1]
    unknown = guest.get(f"/shared/{'x' * 32}{ending}")
    shares.revoke(LIVE, board.id, share.id)
    revoked = guest.get(f"/shared/{token}{ending}")
    Dashboards(app.services.documents).delete(LIVE, board.id, START_S)
    deleted = guest.get(f"/shared/{other}{ending}")

    assert unknown.status_code == 404
    assert "This link leads nowhere, or not any more." in texts(unknown)
    for answer in (revoked, deleted):
        assert (answer.status_code, answer.text, headers(answer)) == (404, unknown.text, headers(unknown))


def headers(answer):
    """All headers but the one that is another each time."""
    return {name: value for name, value in answer.headers.items() if name.lower() != "x-request-id"}


def test_revoking_by_the_page_ends_it_at_once(owner, guest, shares, board, token):
    share = shares.all(LIVE, board.id)[0]
    revision = re.search(r'data-revision="([^"]+)"', guest.get(f"/shared/{token}").text)[1]

    owner.post(f"/dashboards/{board.id}/share", {"revoke": share.id})

    assert guest.get(f"/shared/{token}").status_code == 404
    assert guest.get(f"/shared/{token}", **{"X-Revision": revision}).status_code == 404
    assert owner.post(f"/dashboards/{board.id}/share", {"revoke": share.id}).status_code == 404


def test_its_owner_sees_when_a_link_was_used(owner, guest, board, token):
    assert "never" in texts(owner.get(f"/dashboards/{board.id}/share"))

    guest.get(f"/shared/{token}")

    assert "never" not in texts(owner.get(f"/dashboards/{board.id}/share"))


def test_a_password_is_asked_for_once_in_each_browser(app, guest, closed):
    assert "A password, please" in texts(guest.get(f"/shared/{closed}"))
    assert "shop" not in guest.answer.text

    answer = guest.post(f"/shared/{closed}", {"password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/shared/{closed}")
    assert "Hits over time" in texts(guest.get(f"/shared/{closed}"))
    assert "A password, please" in texts(Visit(app).get(f"/shared/{closed}"))


def test_a_wrong_password_shows_nothing_and_may_be_tried_ten_times(guest, closed):
    for _ in range(10):
        answer = guest.post(f"/shared/{closed}", {"password": "battery staple"})
        assert answer.status_code == 403
        assert "Wrong password." in texts(answer)
        assert "battery" not in answer.text

    answer = guest.post(f"/shared/{closed}", {"password": PASSWORD})

    assert answer.status_code == 429
    assert "Too many attempts: try again in 60 s." in texts(answer)


def test_after_another_password_or_half_a_day_it_is_asked_for_again(guest, shares, board, closed, clock):
    guest.post(f"/shared/{closed}", {"password": PASSWORD})
    clock.advance(OPENED_S)
    assert "A password, please" in texts(guest.get(f"/shared/{closed}"))
    guest.post(f"/shared/{closed}", {"password": PASSWORD})
    assert "Hits over time" in texts(guest.get(f"/shared/{closed}"))

    share = shares.all(LIVE, board.id)[-1]
    shares.change(LIVE, board.id, share.id, password="another password")

    assert "A password, please" in texts(guest.get(f"/shared/{closed}"))


def test_the_cookie_of_a_password_is_of_this_link_alone(app, closed):
    visit = Visit(app, root="/flow", scheme="https")
    answer = visit.post(f"/shared/{closed}", {"password": PASSWORD}, origin="https://stats.example")

    cookie = next(each for name, each in answer.cookies.items() if name.startswith("statflow_shared_"))

    assert (cookie.http_only, cookie.same_site, cookie.secure) == (True, "Lax", True)
    assert cookie.path == f"/flow/shared/{closed}"


def test_the_form_of_a_password_must_come_from_here(guest, closed):
    answer = guest.post(f"/shared/{closed}", {"password": PASSWORD}, csrf="0" * 128)

    assert answer.status_code == 403
    assert "A password, please" in texts(guest.get(f"/shared/{closed}"))


def test_a_session_opens_no_password(owner, closed):
    assert "A password, please" in texts(owner.get(f"/shared/{closed}"))


def test_a_frame_with_a_password_leads_to_where_it_can_be_given(guest, closed):
    page = guest.get(f"/shared/{closed}/embed")

    assert "<form" not in page.text
    assert f'href="/shared/{closed}" target="_blank"' in page.text
    assert visitors.GUEST not in guest.cookies


def test_a_view_is_live_without_telling_how_busy_the_server_is(app, guest, engine, token):
    path = f"/shared/{token}"
    revision = re.search(r'data-revision="([^"]+)"', guest.get(path).text)[1]

    assert str(engine.revision()) not in re.split(r"\W", revision)
    assert guest.get(path, **{"X-Revision": revision}).status_code == 204
    engine.count("hits", 1_000_000, namespace=LIVE)
    changed = guest.get(path, **{"X-Revision": revision})
    assert changed.status_code == 200
    assert "1M" in changed.text
    assert changed.headers["X-Robots-Tag"] == "noindex, nofollow"


def test_a_frame_may_have_its_colours_and_its_period_chosen(guest, token):
    page = guest.get(f"/shared/{token}/embed?theme=dark&period=day")

    assert '<html lang="en" data-theme="dark">' in page.text
    assert f'data-live="/shared/{token}/embed?period=day&amp;theme=dark"' in page.text
    assert 'data-theme="auto"' in guest.get(f"/shared/{token}/embed?theme=%22x").text


def test_the_script_is_the_same_for_every_token_and_for_any_page(guest, token):
    first, second = guest.get(f"/embed/dashboard/{token}"), guest.get("/embed/dashboard/nonsense")

    assert first.text == second.text
    assert first.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert first.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert guest.get("/embed/graph/zzzz").status_code == 200


@pytest.mark.parametrize("token", ["x", "a" * 300, "%00", "..", "é"])
def test_no_token_is_too_odd_to_lead_nowhere(guest, token):
    assert guest.get(f"/shared/{token}").status_code == 404
    assert guest.get(f"/shared/{token}/embed").status_code == 404


def test_many_who_look_have_it_drawn_once(app, guest, token, monkeypatch):
    from statflow_http.pages.board_views import Views

    drawn = []
    original = Views.drawn
    monkeypatch.setattr(Views, "drawn", lambda self, *args: drawn.append(args) or original(self, *args))
    for _ in range(5):
        Visit(app).get(f"/shared/{token}")

    # Noting when a link was used is no change of what it shows.
    assert len(drawn) == 1
