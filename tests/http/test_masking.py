"""What is masked before it is logged."""

import pytest

from statflow_http.front.masking import masked


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("GET /x/MTg4NTcgiDyQ~~/statlist", "GET /x/.../statlist"),
        ("GET /x/me@example.com/data/aaaa/bbbb", "GET /x/.../data/aaaa/bbbb"),
        ("GET /x/two%20words/stat?name=a", "GET /x/.../stat?name=a"),
        ("GET /mounted/x/TOKEN/alerts", "GET /mounted/x/.../alerts"),
        ("'GET /x/TOKEN'", "'GET /x/...'"),
        ("GET /shared/TOKEN/embed?part=tiles", "GET /shared/.../embed?part=tiles"),
        ("GET /embed/dashboard/TOKEN", "GET /embed/dashboard/..."),
        ("Authorization: Basic c2tfbGl2ZV9hOg==", "Authorization: Basic ..."),
        ("GET /a1/stats/aaaa/dataset?t=1w3h", "GET /a1/stats/aaaa/dataset?t=1w3h"),
    ],
)
def test_the_token_of_the_export_api_is_masked_whatever_it_looks_like(line, wanted):
    assert masked(line) == wanted
