"""What every answer says to browsers, and the refusal of methods that no path has."""

from typing import Any

import falcon

# What a page of another origin may send along and may see. Keys travel in headers and bodies, never in cookies, so
# that any origin may be allowed.
PREFLIGHT = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
    "Access-Control-Max-Age": "86400",
}


class CommonHeaders:
    """Middleware: headers of all answers, and of preflight requests.

    A resource that cookies authenticate says ``cross_origin = False``, and no other origin may read its answers.
    """

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: object, succeeded: bool) -> None:
        """Set what is not set yet."""
        resp.set_header("X-Content-Type-Options", "nosniff")
        resp.set_header("Referrer-Policy", "no-referrer")
        if resp.get_header("Cache-Control") is None:
            resp.set_header("Cache-Control", "no-store")
        if getattr(resource, "cross_origin", True):
            resp.set_header("Access-Control-Allow-Origin", "*")
            resp.set_header("Access-Control-Expose-Headers", "Idempotent-Replayed, Retry-After")
            if req.method == "OPTIONS":
                resp.set_header("Access-Control-Allow-Methods", resp.get_header("Allow") or "GET")
                resp.set_headers(PREFLIGHT)


class KnownMethods:
    """Middleware: 405 also for methods that Falcon has never heard of, to which it would answer 400."""

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Refuse a method that is none of HTTP's."""
        if req.method not in falcon.HTTP_METHODS and req.method not in falcon.WEBDAV_METHODS:
            allowed = [method for method in falcon.HTTP_METHODS if hasattr(resource, f"on_{method.lower()}")]
            raise falcon.HTTPMethodNotAllowed([*allowed, "OPTIONS"])
