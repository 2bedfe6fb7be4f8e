"""This server's own address, as whoever looks at a page reached it: for lines to copy. Knows no page."""

import re

import falcon

# What a host and a port may be: a line to copy goes into a shell.
HOST = re.compile(r"[A-Za-z0-9._-]+(?::\d+)?|\[[0-9A-Fa-f:.]+\](?::\d+)?", re.ASCII)


def base_url(req: falcon.Request) -> str:
    """Scheme, host and where the app is mounted, such as "https://stats.example/flow"; no "/" at the end."""
    host = req.netloc if HOST.fullmatch(req.netloc) else "localhost"
    return f"{req.scheme}://{host}{req.root_path}"
