"""Around every request: an id, security headers, an answer for what nobody foresaw, and the count of it all."""

import logging
import time
import traceback
from collections.abc import MutableMapping
from typing import Any

from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import metrics
from gateway.errors import GatewayError, HeadTooLarge, InternalError
from gateway.store.ids import new_id

MAX_HEAD_BYTES = 32 << 10  # 32 KiB of request line and headers
CLIENT_GONE = 499  # nobody is left to answer; the count says so in nginx's number
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

_log = logging.getLogger("gardefou")


class AnswerCutShort(Exception):
    """An answer that had begun cannot be finished: the server hangs up, and the client sees that it is not whole."""


class Envelope:
    """Names each request, adds the headers every answer has, measures it. The id is ours: nothing sent in is echoed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started, request_id = CLIENT_GONE, time.perf_counter(), new_id("hrq")
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, {"x-request-id": request_id, **SECURITY_HEADERS, **_rate_of(scope)})
            await send(message)

        try:
            trouble = await self._run(scope, receive, send_with_headers, request_id)
            if trouble and status != CLIENT_GONE:
                raise AnswerCutShort(request_id)
            if trouble:
                await JSONResponse(trouble.envelope, trouble.status, trouble.headers)(scope, receive, send_with_headers)
        finally:
            route = _route_of(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            metrics.http_requests.labels(route, method, str(status)).inc()
            metrics.http_seconds.labels(route).observe(time.perf_counter() - started)

    async def _run(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> GatewayError | None:
        """What must still be told when the application did not answer."""
        if _head_bytes(scope) > MAX_HEAD_BYTES:
            return HeadTooLarge("The request's headers are too large.")
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            return None
        except Exception as error:  # noqa: BLE001 (whatever it is, the caller gets an envelope)
            log_failure(request_id, error)
            return InternalError("Something went wrong on our side. Nothing was released.")
        return None


def log_failure(request_id: str, error: BaseException) -> None:
    """The kind and the place of what went wrong, without the error's own words, which may quote a prompt."""
    where = "".join(traceback.format_tb(error.__traceback__))
    _log.error("request %s failed with %s at:\n%s", request_id, type(error).__name__, where)


def _head_bytes(scope: Scope) -> int:
    return len(scope["query_string"]) + sum(len(name) + len(value) for name, value in scope["headers"])


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
