"""The page on which anybody can ask whose picture something is. Needs no JavaScript and no account."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gateway.auth import anybody
from gateway.errors import GatewayError
from gateway.provenance import FIELD, MAX_FILE_BYTES, Verification
from gateway.uploads import read_upload
from gateway.web.pages import TheVisitor, Visitor, house_of, page, plain
from gateway.web.provenance_texts import PROVENANCE_TEXTS
from safety.provenance.watermark import THRESHOLD

MAX_NAME = 100  # of a signer, who may be anybody

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/provenance")
async def ask(request: Request, visitor: TheVisitor) -> Response:
    """The form."""
    return _page(request, visitor)


@router.post("/provenance")
async def answer(request: Request, visitor: TheVisitor) -> Response:
    """What was found, or why nothing could be looked at. Nothing is kept, so the form needs no CSRF token."""
    house = house_of(request)
    try:
        house.rate.take(anybody(request))
        content = await read_upload(request, FIELD, MAX_FILE_BYTES, house.settings.head_seconds)
        found = await house.verifier.verify(content)
    except GatewayError as error:
        response = _page(request, visitor, notice=_told(visitor, error), status=error.status)
        response.headers.update(error.headers)
        return response
    return _page(request, visitor, found=found)


def _told(visitor: Visitor, error: GatewayError) -> str:
    return PROVENANCE_TEXTS[visitor.language].errors.get(error.code) or visitor.texts.error(error.code)


def _page(
    request: Request, visitor: Visitor, *, found: Verification | None = None, notice: str = "", status: int = 200
) -> Response:
    texts = PROVENANCE_TEXTS[visitor.language]
    signer = plain((found.seen.credential.signer if found else None) or "")[:MAX_NAME] or texts.somebody
    return page(
        request, visitor, "provenance.html", status,
        p=texts, found=found, notice=notice, signer=signer, field=FIELD, enough=f"{THRESHOLD:g}",
    )  # fmt: skip
