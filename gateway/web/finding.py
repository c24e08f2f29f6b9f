"""Where the palette sends whoever typed the six characters by which the pages call a case."""

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.errors import GatewayError, NotFound
from gateway.store.people import Duty
from gateway.web.bulk_texts import BULK_TEXTS
from gateway.web.desk import TheDesk

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/review/find")
async def find(desk: TheDesk, case: str = "") -> Response:
    """The one case whose id begins so, or a page that says there is none."""

    async def lead() -> Response:
        desk.person.require(Duty.READ)
        found = await to_thread.run_sync(desk.house.desk.cases.beginning, case)
        if found is None:
            raise NotFound("There is no such case, or several.")
        return RedirectResponse(f"/review/cases/{found}", status_code=303)

    def told(error: GatewayError) -> str:
        missing = BULK_TEXTS[desk.visitor.language].not_found
        return missing if isinstance(error, NotFound) else desk.texts.error(error.code)

    return await desk.answered(lead, desk.texts.missing_heading, told)
