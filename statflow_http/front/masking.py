"""Secrets in texts that are about to be logged. Pure; it knows no logger, so that whatever logs can use it."""

import re

# A key of ours anywhere, anything at all under a name that keys travel by, and the token in a path of the export API:
# that may be an old one of StatHat's, which looks like nothing in particular. And those of links that sign in, or show
# a dashboard.
SECRETS = re.compile(
    r"\bsk_(?:live|test)_\w+|(?<=key=)[^&\s'\"]+|(?<=email=)[^&\s'\"]+|(?i:(?<=bearer )|(?<=basic ))\S+"
    r"|(?<=/x/)[^/\s'\"]+|(?<=/login/)[^/\s'\"]+"
    r"|(?<=/shared/)[^/\s'\"]+|(?<=/embed/dashboard/)[^/\s'\"]+"
)


def masked(text: str) -> str:
    """The text with "..." for every key in it."""
    return SECRETS.sub("...", text)
