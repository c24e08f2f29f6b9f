"""The page of care: what somebody at the desk has seen, for themselves alone, and what they would rather be given."""

from functools import partial

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.store.people import Duty
from gateway.web.care_texts import CARE_TEXTS
from gateway.web.desk import Desk, TheDesk
from policies.care import load_care
from policies.signals import Category

AVOID_FIELD = "avoid-"  # of a form: avoid-<category>

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/review/care")
async def care_page(desk: TheDesk) -> Response:
    """Where the person stands, and their wishes."""
    return await desk.answered(partial(_page, desk), CARE_TEXTS[desk.visitor.language].care)


@router.post("/review/care")
async def wish(desk: TheDesk) -> Response:
    """Keep the wishes."""

    async def keep() -> Response:
        form = await desk.form()
        desk.person.require(Duty.DECIDE)
        avoided = [category for category in Category if f"{AVOID_FIELD}{category}" in form]
        await to_thread.run_sync(desk.house.desk.cases.care.wish, desk.person, "calm" in form, avoided)
        return RedirectResponse("/review/care?kept=1", status_code=303)

    return await desk.answered(keep, CARE_TEXTS[desk.visitor.language].care)


async def _page(desk: Desk) -> Response:
    desk.person.require(Duty.DECIDE)
    care = desk.house.desk.cases.care
    return desk.page(
        "care.html",
        200,
        c=CARE_TEXTS[desk.visitor.language],
        care=load_care(),
        exposure=await to_thread.run_sync(care.exposure, desk.person),
        wishes=await to_thread.run_sync(care.wishes, desk.person),
        categories=tuple(Category),
        kept="kept" in desk.request.query_params,
    )
