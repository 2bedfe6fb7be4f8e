"""Every sample of the documentation, taken from the page of a server and run against it.

A language that is not installed is skipped, and says so.
"""

import html
import os
import re
import shutil
import subprocess
import sys

import pytest
import urllib3

from tests.http.live import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SAMPLE = re.compile(
    r'<pre id="[\w-]+"[^>]* data-sample="(\w+)" data-language="(\w+)"><code>(.*?)</code></pre>', re.DOTALL
)
PROGRAMS = {
    "curl": ("bash", ["bash", "-eu", "{file}"], "sh"),
    "python": (sys.executable, [sys.executable, "{file}"], "py"),
    "javascript": ("node", ["node", "{file}"], "js"),
    "go": ("go", ["go", "run", "{file}"], "go"),
    "ruby": ("ruby", ["ruby", "{file}"], "rb"),
    "php": ("php", ["php", "{file}"], "php"),
}
# No programs of their own: what was before, and what is part of a page.
NOT_RUN = {"migration_before", "pixel_before"}
READS = {"read", "list", "query", "csv", "trash", "statlist", "account", "export", "engine"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of two processes, as people run it."""
    with serving(tmp_path_factory.mktemp("docs"), workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def shown(server):
    """(name, language, text) of every sample on its page, in order, with a key that works."""
    with urllib3.PoolManager() as http:
        page = http.request("GET", f"{server.url}/docs", headers={"Accept": "text/html"}).data.decode()
    found = []
    for name, language, code in SAMPLE.findall(page):
        text = html.unescape(re.sub(r"<[^>]+>", "", code))
        found.append((name, language, text.replace("sk_live_YOUR_KEY", server.key)))
    assert len(found) > 40
    return found


def run(language, text, folder):
    """What a sample prints."""
    program, command, suffix = PROGRAMS[language]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    path = folder / f"main.{suffix}"
    path.write_text(text)
    environ = os.environ | {"NO_PROXY": "*", "GOFLAGS": "-mod=mod", "GO111MODULE": "off"}
    done = subprocess.run(
        [part.format(file=path) for part in command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, (text, done.stdout, done.stderr)
    return done.stdout


def points(server, name):
    """How many points a stat has received."""
    with urllib3.PoolManager() as http:
        answer = http.request("GET", f"{server.url}/v1/stat/{name}?step=1h", headers=server.bearer)
    return sum(point["count"] for point in answer.json()["points"]) if answer.status == 200 else 0


def test_every_line_of_curl_works(server, shown, tmp_path):
    for name, language, text in shown:
        if language != "curl" or name in NOT_RUN:
            continue
        output = run(language, text, tmp_path)

        if name in READS:
            assert '"msg"' not in output, (name, output)
        else:
            assert '"msg":"ok"' in output, (name, output)

    assert points(server, "migration_test") == 1
    assert points(server, "messages%20sent~europe") == 1
    assert points(server, "my_first_metric") == 0  # deleted by the sample that does that
    assert (tmp_path / "account.ndjson").stat().st_size > 1_000


@pytest.mark.parametrize("language", ["python", "javascript", "go", "ruby", "php"])
def test_every_program_sends_and_reads(server, shown, tmp_path, language):
    texts = {name: text for name, of, text in shown if of == language}
    before = points(server, "page%20views"), points(server, "latency")

    run(language, texts["send"], tmp_path)
    run(language, texts["batch"], tmp_path)
    output = run(language, texts["read"], tmp_path)

    assert (points(server, "page%20views"), points(server, "latency")) == (before[0] + 1, before[1] + 1)
    # Time, value and count of a row that has something.
    assert re.search(r"(?m)^1\d{9} [1-9]\d*(\.0)? [1-9]\d*$", output), output


def test_the_pixels_count(server, shown):
    for name, _, text in shown:
        if name in ("pixel", "pixel_after"):
            address = html.unescape(re.search(r'src="([^"]+)"', text)[1])
            with urllib3.PoolManager() as http:
                answer = http.request("GET", address, headers={"Accept": "image/*"})
            assert answer.headers["Content-Type"] == "image/gif"

    assert points(server, "email_opened") == 1


def test_the_engine_works_without_a_server(shown, tmp_path):
    text = next(text for name, _, text in shown if name == "engine")

    assert " 1.]" in run("python", text, tmp_path)
