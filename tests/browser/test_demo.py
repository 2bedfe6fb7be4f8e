"""``statflow demo`` as people start it: the printed link signs in, numbers arrive, and at the end nothing is left."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.browser.pages import assert_accessible
from tests.browser.tabs import DESKTOP, PHONE, shown

BOOT_LIMIT_S, STOP_LIMIT_S = 60.0, 60.0


class Demo:
    """A demo that runs, in a temporary folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "statflow_http", "demo"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "TMPDIR": str(folder), "STATFLOW_ALERT_INTERVAL": "1"},
        )
        self.printed: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        while not (found := re.search(r"(http://[\d.:]+)(/demo/\S+)", "".join(self.printed))):
            assert time.monotonic() - started < BOOT_LIMIT_S, self.printed
            assert self._process.poll() is None, self.printed
            time.sleep(0.01)
        self.boot_cpu_s = self._cpu_s()
        self.url, self.link = found[1], found[0]

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.printed.extend(iter(self._process.stdout.readline, ""))

    def _cpu_s(self) -> float:
        """Time of the processor that all of its processes have taken: neighbours of a test do not lengthen it."""
        pid = self._process.pid
        pids = [str(pid), *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        ticks = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[11:15] for each in pids]
        return sum(int(tick) for each in ticks for tick in each) / os.sysconf("SC_CLK_TCK")

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ctrl-C goes to the whole group, as a terminal sends it."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)
        code = self._process.wait(STOP_LIMIT_S)
        self._reader.join(STOP_LIMIT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


@pytest.fixture
def demo(tmp_path):
    """One, stopped at the end."""
    running = Demo(tmp_path)
    yield running
    running.stop(signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_in_a_few_seconds_and_leaves_nothing(demo, number):
    assert 0 < demo.boot_cpu_s < 10
    assert [path.name.startswith("statflow-demo-") for path in demo.folder.iterdir()] == [True]

    demo.stop(number)

    assert list(demo.folder.iterdir()) == []
    assert "The demo is gone.\n" in demo.printed
    assert "Traceback" not in "".join(demo.printed)


def test_the_printed_link_shows_a_shop_that_lives(demo, tab):
    page = tab.open(demo.link)

    assert shown(page.get_by_text("This is a demo: it is deleted when you stop it."))
    assert shown(page.get_by_role("heading", name="The shop"))
    page.goto(f"{demo.url}/stats")
    assert page.locator("td.name").count() == 12
    before = page.locator("main").inner_text()
    page.wait_for_function("before => document.querySelector('main').innerText !== before", arg=before)
    page.goto(f"{demo.url}/alerts")
    page.get_by_text("open", exact=True).first.wait_for()
    tab.assert_clean()
    assert tab.hosts() == {demo.url.removeprefix("http://")}


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_pictures_are_taken_and_fit_for_everybody(demo, new_tab, shots, width, is_dark):
    """For people to look at: set STATFLOW_SCREENSHOTS."""
    tab = new_tab(width=width, is_dark=is_dark)
    looks = f"{width} {'dark' if is_dark else 'light'}"
    page = tab.open(demo.link)
    tab.shoot(shots, f"demo dashboard {looks}")
    page.goto(f"{demo.url}/stats", wait_until="networkidle")
    tab.shoot(shots, f"demo stats {looks}")
    page.get_by_role("link", name="response time").click()
    page.wait_for_load_state("networkidle")
    tab.shoot(shots, f"demo stat {looks}")
    page.goto(f"{demo.url}/alerts", wait_until="networkidle")
    tab.shoot(shots, f"demo alerts {looks}")
    assert_accessible(tab)
    tab.assert_clean()
