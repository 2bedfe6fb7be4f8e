"""StatFlow's HTTP front: an ordinary WSGI app over an engine.

From the top down; packages import what stands below them:

    cli/ demo/                      commands; the server that a curious person sees first
    serving/ worker/                starting a server; its event loop and its commits
    app routes                      the WSGI app; the table of contents of what is served
    api/ pages/ openapi/            thin resources, a module a surface; the pages; the description of /v1
    services writes embedding/      what resources are handed; the way of a point; charts in foreign pages
    moving/ alerts/ dashboards/     in and out; rules, looks at them, who is told; boards of tiles and their links
    insight/ stats/ metrics/        forecasts and what was unusual; what is known of stats; figures of the server
    accounts/                       people, keys, plans, limits
    charts/ wire/ outbound front/   drawing; what comes in, parsed; requests to the outside; what all answers share
    documents/ ids errors process   what is kept beside points; names of things outside; refusals; who runs
"""

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
