"""The documentation: complete, for everybody, with this server's address, and with no key but the reader's own."""

import html
import re

import pytest

from statflow_http.accounts.accounts import AccountSettings
from statflow_http.pages.samples import FOLDER, samples
from tests.pages.visits import Visit, texts

# What the product's documentation promises, in its words or in addresses.
PROMISED = [
    *("/v1/stat", "/v1/stat/value", "/v1/stat/count", "/v1/stats", "/v1/stat/NAME", "/v1/query", "/ez", "/c", "/v"),
    *("Authorization: Bearer", "sk_live_", "sk_test_", "Idempotency-Key", "/x/TOKEN/statlist", "/a1/", "/openapi.json"),
    *("Settings → API Keys", "Set an alert", "Share and embed", "access token", "ukey", "ezkey"),
    *("messages sent~total", "10 stats", "10,000 points", '{"msg":"ok"}', "AMP", "429", "webhook-signature"),
    *("embed.js", "msgpack", "shift=1w", "combine=sum", "Status Board", "forecasts", "github.com/stathat/go"),
]
LANGUAGES = {"curl", "python", "javascript", "go", "ruby", "php"}


def key_of(visit, **options):
    services = visit.services
    return services.keys.create(options.pop("account", "owner"), services.now_s(), **options)


def test_everybody_may_read_it(guest):
    answer = guest.get("/docs")

    assert answer.status_code == 200
    assert "Sign in to put a key of yours in" in texts(answer)
    assert "<script>" not in answer.text
    assert " style=" not in answer.text


@pytest.mark.parametrize("words", PROMISED)
def test_nothing_that_was_promised_is_missing(guest, words):
    assert words in texts(guest.get("/docs"))


def test_each_entry_of_the_contents_leads_somewhere_and_each_section_is_in_it(guest):
    page = guest.get("/docs").text

    linked = re.findall(r'<li><a href="#([\w-]+)">', page)
    sections = re.findall(r'<section id="([\w-]+)"', page)

    assert linked == sections
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {anchor for anchor in re.findall(r'href="#([\w-]+)"', page) if anchor not in ids} == set()


def test_every_sample_is_shown_with_this_servers_address(guest):
    page = guest.get("/docs").text

    shown = set(re.findall(r'data-sample="(\w+)" data-language="(\w+)"', page))
    assert shown == {(sample.name, sample.slug) for each in samples().values() for sample in each}
    assert len(shown) == len(list(FOLDER.iterdir()))
    assert "STATFLOW/" not in page
    assert "http://stats.example/v1/stat" in page
    for name in ("send", "batch", "read"):
        assert {sample.slug for sample in samples()[name]} == LANGUAGES


def test_mounted_below_a_prefix_the_address_is_that(app):
    page = Visit(app, root="/flow").get("/docs").text

    assert "http://stats.example/flow/v1/stat" in page


def test_a_key_that_is_handed_in_is_in_every_sample_of_that_answer_only(owner):
    key = key_of(owner)
    plain = owner.get("/docs").text

    answer = owner.post("/docs", {"key": key})

    assert answer.text.count(f'<span class="your-key">{key}</span>') == plain.count(
        '<span class="your-key">sk_live_YOUR'
    )
    assert "YOUR_KEY" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert key not in owner.get("/docs").text


def test_a_key_can_be_made_in_the_docs_and_works(owner, api):
    answer = owner.post("/docs", {"make": "1"})

    key = re.search(r"sk_live_[A-Za-z0-9]{32}", answer.text)[0]
    assert api.json("/v1/stat", {"stat": "a"}, key=key).status_code == 200
    assert "made in the docs" in [each.label for each in owner.services.keys.list("owner")]


def test_a_key_that_is_not_ones_own_is_not_shown(owner, api):
    api.new_account("other")
    revoked = key_of(owner)
    owner.services.keys.revoke("owner", revoked, owner.services.now_s())

    for key in (key_of(owner, account="other"), revoked, "sk_live_" + "x" * 32, "<b>bold</b>", ""):
        answer = owner.post("/docs", {"key": key})

        assert answer.status_code == 400
        assert "That is no key of yours that works" in texts(answer)
        assert not key or key not in answer.text


def test_who_is_not_signed_in_makes_no_key(guest):
    answer = guest.post("/docs", {"make": "1"})

    assert answer.headers["Location"] == "/login"


def test_the_page_of_a_new_key_opens_the_docs_with_it(owner):
    made = owner.post("/settings/keys", {"scope": "full"}).text

    key = html.unescape(re.search(r'action="/docs".*?name="key" value="([^"]+)"', made, re.DOTALL)[1])

    assert key in owner.post("/docs", {"key": key}).text


@pytest.mark.parametrize(("tilde_join", "name"), [("~", "messages sent~female"), (" ", "messages sent female")])
def test_the_tilde_is_told_as_the_account_of_the_reader_has_it(owner, tilde_join, name):
    owner.services.accounts.change("owner", AccountSettings(tilde_join=tilde_join))

    assert f"This counts 1 for messages sent{tilde_join}total , {name} and" in texts(owner.get("/docs"))


def test_paths_and_names_of_pages_are_as_the_pages_have_them(guest):
    told = texts(guest.get("/docs"))

    assert "Dashboard →" not in told
    assert "lines ready under Share and embed" in told
