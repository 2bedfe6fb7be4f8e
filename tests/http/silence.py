"""What must never be printed or logged, and the check of it that every HTTP test and every live server gets.

A server shows the first key once, to whoever started it; everything after that is for a file that many may read.
"""

import logging
import re

# Whole keys, tokens of sessions, hashes of passwords, and the passwords that tests sign in with.
SECRETS = re.compile(
    r"sk_(?:live|test)_[A-Za-z0-9]{32}|\b\w+\.\w+\.[A-Za-z0-9_-]{43}\b|\$argon2id\$\S+|correct horse|battery staple"
)
# Lines of the first start, and of no other moment.
BANNER = re.compile(r"^API key: |^  curl -X POST http|^Sign in \(once, within a day\): ")
TOKEN_PATHS = re.compile(r"/x/(?!\.\.\.)[^/\s\"']+/|/login/(?!\.\.\.)[^/\s\"']{20,}")


def secrets_in(text):
    """Every secret in a text of logs; few or no letters of each are shown again."""
    return [found[:12] + "…" for found in SECRETS.findall(text) + TOKEN_PATHS.findall(text)]


def assert_silent(lines):
    """What a server printed holds no secret but those of the banner."""
    shown = [secret for line in lines if not BANNER.search(line) for secret in secrets_in(line)]
    assert shown == [], f"{len(shown)} secrets were printed, such as {shown[0]}"


class Ear(logging.Handler):
    """Hears every record that reaches the root, its arguments, its extras and its traceback."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        extras = {name: value for name, value in record.__dict__.items() if name not in ("args", "msg", "exc_text")}
        self.lines.append(f"{self.format(record)} {extras}")
