"""A tab of a real browser that remembers everything that went wrong in it.

Playwright is imported when it is used: the quick tests are collected, and pass, where it is not installed.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

PHONE, DESKTOP = 390, 1_440
HEIGHT = 900
TIME_LIMIT_MS = 30_000

# Told by the page itself, since a violation that is only reported makes no error.
VIOLATIONS_JS = """
window.statflowViolations = [];
document.addEventListener("securitypolicyviolation", event => {
  window.statflowViolations.push(event.violatedDirective + " " + event.blockedURI + " " + event.sample);
});
"""


class Tab:
    """One tab, of its own profile.

    Attributes:
        page: Playwright's page.
        errors: what was written to the console as an error or a warning, and exceptions that nobody caught.
        requests: every address that was asked for.
        failures: requests without an answer, or with one of 400 and more.
    """

    def __init__(self, browser: Browser, *, width: int = DESKTOP, is_dark: bool = False, **options) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": HEIGHT}, color_scheme="dark" if is_dark else "light", **options
        )
        self.context.set_default_timeout(TIME_LIMIT_MS)
        self.page: Page = self.context.new_page()
        self.page.add_init_script(VIOLATIONS_JS)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.failures: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(f"exception: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", self._note_failure)
        self.page.on("response", self._look)
        self.page.on("dialog", self._dismiss)

    def _note_failure(self, request: Any) -> None:
        # A page that is left breaks off what it was asking for.
        if request.failure != "net::ERR_ABORTED":
            self.failures.append(f"{request.url} {request.failure}")

    def _hear(self, message) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type}: {message.text}")

    def _look(self, response) -> None:
        if response.status >= 400:
            self.failures.append(f"{response.url} {response.status}")

    def _dismiss(self, dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def open(self, address: str) -> Page:
        """Go there, and wait until nothing is loaded any more."""
        self.page.goto(address, wait_until="networkidle")
        return self.page

    def hold(self) -> None:
        """The clock of the pages that are opened from now on stands still, but for `let_run`."""
        self.page.clock.install()
        self.page.clock.pause_at(time.time() + 1)

    def let_run(self, seconds: float) -> None:
        """So much time passes in the page: whatever it wants to do until then, it does."""
        self.page.clock.run_for(int(seconds * 1_000))

    def violations(self) -> list[str]:
        """What a Content-Security-Policy forbade, in the page and its frames."""
        return [text for frame in self.page.frames for text in frame.evaluate("window.statflowViolations || []")]

    def hosts(self) -> set[str]:
        """Host and port of everything that was asked for; what is in the page itself has none."""
        return {urlsplit(address).netloc for address in self.requests} - {""}

    def assert_clean(self) -> None:
        """Nothing went wrong."""
        assert (self.errors, self.failures, self.violations(), self.dialogs) == ([], [], [], [])

    def shoot(self, folder: Path, name: str) -> Path:
        """Take a picture of the whole page."""
        path = folder / (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".png")
        self.page.screenshot(path=path, full_page=True)
        return path

    def close(self) -> None:
        self.context.close()


def shown(locator: Locator) -> bool:
    """Whether something is visible, now or within the browser's patience: a click takes its time on a busy machine."""
    from playwright.sync_api import TimeoutError as NotInTimeError

    try:
        locator.wait_for(timeout=TIME_LIMIT_MS)
    except NotInTimeError:
        return False
    return True
