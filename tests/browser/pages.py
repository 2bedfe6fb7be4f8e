"""What the browser tests of pages share: tabs that are signed in, stats with history, and the checks of every page."""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from statflow_engine import Kind
from statflow_http import ids
from statflow_http.pages import visitors
from tests.http.conftest import LIVE

# What somebody may call a stat who means no good.
NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</script><script>alert(3)</script>",
    "javascript:alert(4)",
    "line\u2028separator\u2029'\"`${alert(5)}{{7*7}}{% raw %}",
    "<svg onload=alert(6)> & 😀",
    "w" * 255,
]
AXE = "axe-core@4.10.3"
# What axe calls serious must not be; the rest is a matter of taste.
RUN_AXE = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => one.id + ": " + one.nodes.map(node => node.target + " " + node.failureSummary).join("; "));
}"""


def sign_in(tab, api, *, live=True, theme=None):
    """Give a tab the session of the server's owner."""
    services = api.app.services
    owner = services.people.ensure_owner(services.now_s())
    token = services.sessions.begin(owner, services.now_s()).token
    cookies = {visitors.SESSION: token, visitors.DATA: "live" if live else "test"}
    if theme:
        cookies[visitors.THEME] = theme
    tab.context.add_cookies([{"name": name, "value": value, "url": api.url} for name, value in cookies.items()])
    return tab


def history(api, name, kind=Kind.COUNTER, *, size=100, days=15, unit="", step_s=600):
    """A stat with some days of points; its id."""
    now_s = api.engine.now_s()
    times_s = list(range(now_s - days * 86_400, now_s, step_s))
    values = [
        float(round(size * (1.5 - abs(time_s % 86_400 / 43_200 - 1) + (time_s // step_s % 7) / 10)))
        for time_s in times_s
    ]
    api.engine.write([name] * len(times_s), kind, times_s, values, namespace=LIVE)
    series_id = api.engine.find(name, namespace=LIVE).id
    if unit:
        api.app.services.properties.change(LIVE, series_id, unit=unit)
    return ids.stat_id(series_id)


@cache
def axe_script():
    """axe-core, by npm into a folder of its own, once; None where npm is not to be had."""
    folder = Path(os.environ.get("STATFLOW_AXE", "/tmp/statflow-axe"))
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    npm = shutil.which("npm")
    if not script.is_file() and npm:
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-save", "--silent", "--ignore-scripts", "--prefix", folder, AXE]
        subprocess.run(command, check=True, timeout=120, capture_output=True)
    return script.read_text(encoding="utf-8") if script.is_file() else None


def assert_accessible(tab):
    """axe-core finds nothing serious in the page as it is."""
    script = axe_script()
    if script is None:
        pytest.skip("axe-core needs npm")
    # By the debugger, which no policy of the page concerns: axe is not of the page.
    tab.page.evaluate(script)
    found = tab.page.evaluate(RUN_AXE)
    assert found == [], found


def assert_good(tab, api):
    """A page without errors, violations, foreign requests, dialogs or a sideways scroll."""
    wrong = tab.errors + tab.failures + tab.violations() + tab.dialogs
    assert wrong == [], wrong
    assert tab.hosts() == {api.url.removeprefix("http://")}
    width = tab.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], json.dumps(width)
