"""To report a picture that somebody met, and what became of it. For everybody, without an account."""

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.auth import anybody
from gateway.errors import GatewayError, ImageWithdrawn, NotFound
from gateway.recourse import MAX_TEXT_CHARS, tellable
from gateway.store.reports import ReportReason, Standing
from gateway.web.pages import TheVisitor, Visitor, form_of, house_of, kept, page
from gateway.web.recourse_texts import RECOURSE_TEXTS
from policies.reasons import load_reasons, refusal_told
from policies.schema import Policy

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/pictures/{picture_id}/report")
async def report_page(request: Request, visitor: TheVisitor, picture_id: str) -> Response:
    """The form."""
    return await _form(request, visitor, picture_id, {})


@router.post("/pictures/{picture_id}/report")
async def report(request: Request, visitor: TheVisitor, picture_id: str) -> Response:
    """Keep it, and lead to the address at which its outcome will stand."""
    house, form = house_of(request), dict[str, str]()
    try:
        form = dict(await form_of(request))
        house.sessions.check_csrf(request, visitor.session, form.get("csrf", ""))
        said = form.get("reason", ""), form.get("note", "")
        kept_report = await to_thread.run_sync(
            house.recourse.report, picture_id, *said, anybody(request), visitor.session.id
        )
    except GatewayError as error:
        return await _form(request, visitor, picture_id, form, error)
    return kept(request, visitor, RedirectResponse(f"/reports/{kept_report.id}", status_code=303))


@router.get("/reports/{report_id}")
async def outcome_page(request: Request, visitor: TheVisitor, report_id: str) -> Response:
    """What became of a report: to whoever has its address."""
    house, texts = house_of(request), RECOURSE_TEXTS[visitor.language]
    try:
        standing = await to_thread.run_sync(house.recourse.standing, report_id)
    except NotFound:
        return page(request, visitor, "recourse_missing.html", 404, r=texts, lead=texts.no_report)
    told = _told(standing, house.policy_in_force.policy, visitor.language)
    return page(request, visitor, "report_outcome.html", 200, r=texts, standing=standing, told=told)


async def _form(
    request: Request, visitor: Visitor, picture_id: str, draft: dict[str, str], error: GatewayError | None = None
) -> Response:
    texts = RECOURSE_TEXTS[visitor.language]
    try:
        await to_thread.run_sync(house_of(request).recourse.require_reportable, picture_id)
    except (NotFound, ImageWithdrawn) as gone:
        return page(request, visitor, "recourse_missing.html", gone.status, r=texts, lead=texts.no_picture)
    response = page(
        request, visitor, "report.html", error.status if error else 200,
        r=texts, picture_id=picture_id, reasons=tuple(ReportReason), reason=draft.get("reason", ""),
        note=draft.get("note", ""), notice=texts.error(error.code) if error else "", most=MAX_TEXT_CHARS,
    )  # fmt: skip
    response.headers.update(error.headers if error else {})
    return response


def _told(standing: Standing, policy: Policy, language: str) -> str:
    """Why it stays or went; "" while it waits."""
    review = standing.review
    if review is None or review.reason is None:
        return ""
    if stays := load_reasons()["keep"].get(review.reason):
        return stays.in_language(language)
    rule = tellable(review.clause, policy)
    clause = policy.message(rule, language) if rule else ""
    return refusal_told(review.reason, language, clause) or ""
