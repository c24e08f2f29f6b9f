"""The sign-in page of the review desk, the way to a sign-in provider and back, and who is signed in."""

from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.auth import require_own_form
from gateway.errors import GatewayError, NotFound, Overloaded
from gateway.login import Attempt, SignedIn
from gateway.single_sign_on import WAY_S, CameBack, SingleSignOn
from gateway.store.people import ABSOLUTE
from gateway.web.desk_texts import DESK_TEXTS
from gateway.web.pages import TheVisitor, Visitor, form_of, house_of, page, visitor_of

COOKIE = "gardefou_desk"
WAY_COOKIE = "gardefou_sign_on"  # while somebody signs in at the provider
MAX_FIELD_CHARS = 200  # of a name or a password: hashing longer ones would be work for nothing

PROVIDER_THREADS = CapacityLimiter(4)
MOST_WAITING = 16  # sign-ins: a few people at a time
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


async def signed_in(request: Request) -> SignedIn:
    """Whoever holds the desk's cookie. Raises SignInRequired."""
    return await to_thread.run_sync(house_of(request).login.signed_in, _held(request))


TheModerator = Annotated[SignedIn, Depends(signed_in)]


@router.get("/review/login")
async def sign_in_page(request: Request, visitor: TheVisitor) -> Response:
    """Name, password, code."""
    return _page(request, visitor)


@router.post("/review/login")
async def sign_in(request: Request, visitor: TheVisitor) -> Response:
    """Open a session of its own: what the browser held before is over."""
    name = ""
    try:
        form = await form_of(request)
        name = form.get("name", "")[:MAX_FIELD_CHARS]
        require_own_form(request, form.get("csrf", ""), visitor.session.csrf)
        token = await to_thread.run_sync(house_of(request).login.sign_in, _attempt(request, name, form))
    except GatewayError as error:
        return _page(request, visitor, name=name, error=error)
    return _let_in(request, token)


@router.get("/review/oidc")
async def sign_in_elsewhere(request: Request, visitor: TheVisitor) -> Response:
    """Send the browser to the sign-in provider."""
    try:
        begun = await _with_provider(_sign_on(request).begin, _address(request))
    except GatewayError as error:
        return _page(request, visitor, error=error)
    response = RedirectResponse(begun.url, status_code=303)
    _set_cookie(request, response, WAY_COOKIE, begun.cookie, WAY_S)
    return response


@router.get("/review/oidc/callback")
async def come_back(request: Request, visitor: TheVisitor) -> Response:
    """Open a session for whoever the provider says this is, if an account is linked to that."""
    cookie = request.cookies.get(_name(request, WAY_COOKIE), "")
    came = CameBack(dict(request.query_params), cookie, _address(request), _held(request))
    try:
        response = _let_in(request, await _with_provider(_sign_on(request).finish, came))
    except GatewayError as error:
        response = _page(request, visitor, error=error)
    response.delete_cookie(_name(request, WAY_COOKIE), secure=request.url.scheme == "https")
    return response


@router.post("/review/logout")
async def sign_out(request: Request, moderator: TheModerator) -> Response:
    """The session is over, here and in the database."""
    form = await form_of(request)
    require_own_form(request, form.get("csrf", ""), moderator.csrf)
    await to_thread.run_sync(house_of(request).login.people.sign_out, _held(request))
    response = RedirectResponse("/review/login", status_code=303)
    response.delete_cookie(_name(request, COOKIE), secure=request.url.scheme == "https")
    return response


async def ask_to_sign_in(request: Request, error: GatewayError) -> Response:
    """A page leads to the sign-in page; a form that came too late is answered with it."""
    if request.method == "GET":
        return RedirectResponse("/review/login", status_code=303)
    return _page(request, visitor_of(request), error=error)


def _attempt(request: Request, name: str, form: Mapping[str, str]) -> Attempt:
    password, code = form.get("password", "")[:MAX_FIELD_CHARS], form.get("code", "")[:MAX_FIELD_CHARS]
    return Attempt(name, password, code, _address(request), _held(request))


async def _with_provider(do: Callable[[Asked], Answered], asked: Asked) -> Answered:
    """In threads of its own, a few at a time: a provider that does not answer must not take those that gates need.

    Raises Overloaded.
    """
    if PROVIDER_THREADS.statistics().tasks_waiting >= MOST_WAITING:
        raise Overloaded("Too many sign-ins wait for the provider.", retry_after_s=10)
    return await to_thread.run_sync(do, asked, limiter=PROVIDER_THREADS)


def _sign_on(request: Request) -> SingleSignOn:
    sign_on = house_of(request).sign_on
    if sign_on is None:
        raise NotFound("Nobody signs in elsewhere here.")
    return sign_on


def _provider_name(request: Request) -> str:
    sign_on = house_of(request).sign_on
    return sign_on.provider.name if sign_on else ""


def _let_in(request: Request, token: str) -> Response:
    response = RedirectResponse("/review", status_code=303)
    _set_cookie(request, response, COOKIE, token, int(ABSOLUTE.total_seconds()))
    return response


def _set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(_name(request, name), value, seconds, path="/", httponly=True, samesite="lax", secure=secure)


def _name(request: Request, cookie: str) -> str:
    """Over https a name that no other host and no plain connection can set."""
    return f"__Host-{cookie}" if request.url.scheme == "https" else cookie


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _held(request: Request) -> str:
    return request.cookies.get(_name(request, COOKIE), "")


def _page(request: Request, visitor: Visitor, name: str = "", error: GatewayError | None = None) -> Response:
    desk = DESK_TEXTS[visitor.language]
    notice = desk.error(error.code) if error else ""
    response = page(
        request,
        visitor,
        "sign_in.html",
        error.status if error else 200,
        d=desk,
        moderator=None,
        name=name,
        notice=notice,
        provider=_provider_name(request),
    )
    response.headers.update(error.headers if error else {})
    return response
