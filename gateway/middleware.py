"""Around every request: an id, security headers, one error handler's answers, and the count of it all."""

import time
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import metrics
from gateway.store.ids import new_id

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Envelope:
    """Names each request, adds the headers every answer has, measures it. The id is ours: nothing sent in is echoed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started, request_id = 500, time.perf_counter(), new_id("hrq")

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, {"x-request-id": request_id, **SECURITY_HEADERS, **_rate_of(scope)})
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            route = _route_of(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            metrics.http_requests.labels(route, method, str(status)).inc()
            metrics.http_seconds.labels(route).observe(time.perf_counter() - started)


def _add_headers(message: MutableMapping[str, Any], headers: dict[str, str]) -> None:
    present = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [
        *message["headers"],
        *((name.encode(), value.encode()) for name, value in headers.items() if name.encode() not in present),
    ]


def _route_of(scope: Scope) -> str:
    """The route's pattern, never the path somebody typed: a closed set of labels."""
    return getattr(scope.get("route"), "path", "unmatched")


def _rate_of(scope: Scope) -> dict[str, str]:
    """What the caller has left, once it is known who calls."""
    caller = scope.get("state", {}).get("caller")
    return scope["app"].state.house.rate.headers(caller) if caller else {}
