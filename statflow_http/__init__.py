"""StatFlow's HTTP front: an ordinary WSGI app over an engine."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statflow_http.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: the command line is in this package too, and sends a point to a server without
    # waiting for numpy and Falcon, whose import takes a third of a second.
    if name == "create_app":
        from statflow_http.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
