"""The page of webhooks, for administrators: whether messages arrive, every attempt, and the buttons that try again."""

from collections.abc import Callable
from functools import partial

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.limits import rows_back
from gateway.store.people import Duty
from gateway.store.webhooks import PAGE
from gateway.web.desk import Desk, TheDesk
from gateway.web.webhook_texts import WEBHOOK_TEXTS

STATES = ("waiting", "delivered", "given_up")

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/review/webhooks")
async def webhooks_page(desk: TheDesk, offset: int = 0) -> Response:
    """Webhooks, and their messages, newest first."""
    return await desk.answered(partial(_page, desk, rows_back(offset)), WEBHOOK_TEXTS[desk.visitor.language].heading)


@router.get("/review/webhooks/{name}/{rest}")
async def webhooks_page_again(desk: TheDesk, name: str, rest: str) -> Response:
    """What a reload, or another language, asks for after a form that could not be taken."""
    return RedirectResponse("/review/webhooks", status_code=303)


@router.post("/review/webhooks/{webhook_id}/resume")
async def resume(desk: TheDesk, webhook_id: str) -> Response:
    """Tell it again, at once."""
    return await _do(desk, partial(desk.house.webhooks.rows.resume, webhook_id), "resumed")


@router.post("/review/webhooks/{message_id}/resend")
async def resend(desk: TheDesk, message_id: str) -> Response:
    """Deliver a message once more."""
    return await _do(desk, partial(desk.house.webhooks.rows.resend, message_id), "resent")


async def _do(desk: Desk, act: Callable[[str], None], done: str) -> Response:
    async def acted() -> Response:
        await desk.form()
        desk.person.require(Duty.MANAGE_WEBHOOKS)
        await to_thread.run_sync(act, f"person:{desk.person.id}")
        return RedirectResponse(f"/review/webhooks?done={done}", status_code=303)

    return await desk.answered(acted, WEBHOOK_TEXTS[desk.visitor.language].heading)


async def _page(desk: Desk, offset: int) -> Response:
    desk.person.require(Duty.MANAGE_WEBHOOKS)
    rows, asked, texts = desk.house.webhooks.rows, desk.request.query_params, WEBHOOK_TEXTS[desk.visitor.language]
    state = asked.get("state") if asked.get("state") in STATES else None
    deliveries = await to_thread.run_sync(rows.deliveries, None, state, offset)
    webhooks = await to_thread.run_sync(rows.all)
    return desk.page(
        "webhooks.html",
        200,
        w=texts,
        webhooks=webhooks,
        urls={webhook.row.id: webhook.row.url for webhook in webhooks},
        deliveries=deliveries,
        state=state,
        states=STATES,
        older=offset + PAGE if len(deliveries) == PAGE else 0,
        said=texts.done.get(asked.get("done", ""), ""),
    )
