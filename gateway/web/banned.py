"""The page of banned pictures: what is held back, why and until when, and the form that lifts a ban."""

from functools import partial

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.limits import rows_back
from gateway.store.banned import PAGE
from gateway.store.people import Duty
from gateway.web.desk import Desk, TheDesk
from policies.reasons import refusal_told

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/review/banned")
async def banned_page(desk: TheDesk, offset: int = 0) -> Response:
    """Bans, newest first."""
    return await desk.answered(partial(_page, desk, rows_back(offset)), desk.texts.banned)


@router.get("/review/banned/{banned_id}/lift")
async def banned_page_again(desk: TheDesk, banned_id: str) -> Response:
    """What a reload, or another language, asks for after a form that could not be taken."""
    return RedirectResponse("/review/banned", status_code=303)


@router.post("/review/banned/{banned_id}/lift")
async def lift(desk: TheDesk, banned_id: str) -> Response:
    """Disable a ban. What only it kept back goes free."""

    async def free() -> Response:
        form = await desk.form()
        lifted = await to_thread.run_sync(desk.house.desk.lift_ban, banned_id, desk.person, form.get("why", ""))
        return RedirectResponse(f"/review/banned?freed={len(lifted.freed)}", status_code=303)

    return await desk.answered(free, desk.texts.banned)


async def _page(desk: Desk, offset: int) -> Response:
    desk.person.require(Duty.READ_BANS)
    banned, freed = desk.house.desk.banned, desk.request.query_params.get("freed", "")
    bans = await to_thread.run_sync(banned.listed, offset)
    return desk.page(
        "banned.html",
        200,
        bans=bans,
        counts=await to_thread.run_sync(banned.counts),
        names=await to_thread.run_sync(desk.house.login.people.names),
        may_lift=desk.person.may(Duty.LIFT_BANS),
        older=offset + PAGE if len(bans) == PAGE else 0,
        said=desk.texts.ban_lifted.format(count=int(freed)) if freed.isascii() and freed.isdigit() else "",
        notice="",
        in_words=partial(_in_words, desk.visitor.language),
    )


def _in_words(language: str, reason: str) -> str:
    """A ban made at the desk without a note bears the name of the reason that was chosen."""
    return refusal_told(reason, language, "") or reason
