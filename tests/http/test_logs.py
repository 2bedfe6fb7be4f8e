"""Logs hold no keys."""

import pytest

from statflow_http.logs import masked


@pytest.mark.parametrize(
    "line",
    [
        "GET /c?ukey=SECRET&key=mails",
        "Invalid request line: 'GET /ez?ezkey=SECRET&stat=a HTTP/3.0'",
        "email=SECRET@example.com",
        "Authorization: Bearer SECRET",
        "/x/sk_live_SECRET/statlist",
        'b"sk_test_SECRET"',
    ],
)
def test_a_key_is_masked_wherever_it_stands(line):
    assert "SECRET" not in masked(line)
    assert "sk_" not in masked(line)
    assert "..." in masked(line)


def test_other_text_stays():
    line = "POST /v1/stat/page views took 12 ms"

    assert masked(line) == line
