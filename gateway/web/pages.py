"""What every page shares: who looks at it and how they like it, its forms, and how it is written."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar, cast

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.assembly import House
from gateway.auth import Caller, Session
from gateway.web.forms import MAX_FIELDS, read_form
from gateway.web.texts import LANGUAGES, TEXTS, Language, Texts, negotiate

STATIC = Path(__file__).with_name("static")
PREFERENCE_SECONDS = 365 * 24 * 3600

Colours = Literal["auto", "light", "dark"]
Choice = TypeVar("Choice", bound=str)
COLOURS: tuple[Colours, ...] = ("auto", "light", "dark")

# Marks that reorder text or cut it: harmless in the page, where <bdi> keeps them in, but not in a title or a file name.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at the page, and how they like it."""

    session: Session
    language: Language
    colours: Colours

    @property
    def texts(self) -> Texts:
        """The page's words in their language."""
        return TEXTS[self.language]

    @property
    def caller(self) -> Caller:
        """The visitor as the pipeline knows them."""
        return Caller(kind="session", id=self.session.id)


def visitor_of(request: Request) -> Visitor:
    """Session from the signed cookie; language from the address, a cookie or Accept-Language; colours likewise."""
    spoken = negotiate(request.headers.get("accept-language", ""))
    return Visitor(
        session=house_of(request).sessions.open(request),
        language=_preference(request, "lang", LANGUAGES, spoken),
        colours=_preference(request, "colours", COLOURS, "auto"),
    )


TheVisitor = Annotated[Visitor, Depends(visitor_of)]


def house_of(request: Request) -> House:
    """The parts of the running service."""
    return cast("House", request.app.state.house)


async def form_of(request: Request, max_fields: int = MAX_FIELDS) -> Mapping[str, str]:
    """The fields of the form that was sent. Raises as `read_form`."""
    settings = house_of(request).settings
    return await read_form(request, settings.max_body_bytes, settings.head_seconds, max_fields)


def page(request: Request, visitor: Visitor, template: str, status: int, **context: object) -> Response:
    """A whole page."""
    return kept(request, visitor, html(visitor, template, status, **context))


def html(visitor: Visitor, template: str, status: int, **context: object) -> Response:
    """A page, or a part of one."""
    written = _templates.get_template(template).render(t=visitor.texts, visitor=visitor, plain=plain, **context)
    headers = {"Cache-Control": "private, no-store", "Vary": "Accept-Language, Cookie"}
    return HTMLResponse(written, status, headers)


def kept(request: Request, visitor: Visitor, response: Response) -> Response:
    """Let the browser remember the session, and what was chosen in the address."""
    secure = request.url.scheme == "https"
    house_of(request).sessions.save(response, visitor.session, secure=secure)
    for name, value in (("lang", visitor.language), ("colours", visitor.colours)):
        if name in request.query_params:
            response.set_cookie(
                f"gardefou_{name}", value, PREFERENCE_SECONDS, httponly=True, samesite="lax", secure=secure
            )
    return response


def plain(prompt: str) -> str:
    """A prompt for a title or an alternative text: one line, without marks that would reorder its surroundings."""
    return " ".join(_UNPRINTABLE.sub(" ", prompt).split())


def _preference(request: Request, name: str, known: Sequence[Choice], otherwise: Choice) -> Choice:
    wishes = (request.query_params.get(name), request.cookies.get(f"gardefou_{name}"))
    return next((choice for wish in wishes for choice in known if choice == wish), otherwise)
