"""create_app(): routes, the one error handler, and what happens at start and end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from gateway.api import (
    agreement,
    appeals,
    banned,
    batches,
    decisions,
    generations,
    health,
    images,
    models,
    moderations,
    reviews,
    wordlists,
)
from gateway.api import provenance as provenance_api
from gateway.assembly import House
from gateway.errors import (
    GatewayError,
    InvalidKey,
    InvalidValue,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    RequestTooLarge,
    SignInRequired,
)
from gateway.middleware import Envelope, log_failure
from gateway.web import agreement as agreement_page
from gateway.web import audits as audits_page
from gateway.web import banned as banned_page
from gateway.web import bulk, desk, finding, ledger, pages, policies, queue_page, reports, signing_in, statement, studio
from gateway.web import care as care_page
from gateway.web import provenance as provenance_page
from gateway.web import webhooks as webhooks_page

ROUTERS = (
    generations,
    moderations,
    models,
    images,
    decisions,
    appeals,
    batches,
    reviews,
    agreement,
    banned,
    provenance_api,
    health,
    wordlists,
    studio,
    provenance_page,
    statement,
    reports,
    signing_in,
    audits_page,
    banned_page,
    care_page,
    policies,
    ledger,
    bulk,
    finding,
    webhooks_page,
    agreement_page,
    queue_page,
    desk,
)
FOUND_BY_STARLETTE: dict[int, type[GatewayError]] = {404: NotFound, 405: MethodNotAllowed}


def create_app(house: House) -> FastAPI:
    """The service over its parts. The house is entered and left with the application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with house:
            yield

    app = FastAPI(
        title="gardefou", lifespan=lifespan, redirect_slashes=False, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.house = house
    for module in ROUTERS:
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=pages.STATIC))
    app.add_exception_handler(GatewayError, _tell)
    app.add_exception_handler(SignInRequired, _tell_to_sign_in)
    app.add_exception_handler(HTTPException, _tell_http)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    app.add_middleware(Envelope)
    return app


async def _tell(request: Request, error: Exception) -> Response:
    """The one envelope."""
    assert isinstance(error, GatewayError)
    if error.status == 500:
        log_failure(request.state.request_id, error.__cause__ or error)
    headers = dict(error.headers)
    if isinstance(error, InvalidKey):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RequestTooLarge):
        headers["Connection"] = "close"
    return JSONResponse(error.envelope, error.status, headers)


async def _tell_to_sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInRequired)
    return await signing_in.ask_to_sign_in(request, error)


async def _tell_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = FOUND_BY_STARLETTE.get(error.status_code, MalformedRequest)
    answer = await _tell(request, known("There is no such address, or it does not answer to this method."))
    answer.headers.update(error.headers or {})
    return answer


async def _tell_invalid(request: Request, error: Exception) -> Response:
    """FastAPI's own validation (paths, queries, forms): named, never echoed."""
    assert isinstance(error, RequestValidationError)
    problem = error.errors()[0]
    return await _tell(request, InvalidValue("Invalid value.", param=str(problem["loc"][-1])))
