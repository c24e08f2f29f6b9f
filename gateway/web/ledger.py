"""The page of the ledger: its rows, whether it is whole, and its export."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from gateway.errors import InvalidValue
from gateway.export_words import Form, What
from gateway.exports import pieces
from gateway.store.ledger import KINDS
from gateway.store.ledger_pages import ID, Wanted
from gateway.store.people import Duty
from gateway.web.case_page import segments
from gateway.web.desk import Desk, TheDesk
from gateway.web.ledger_texts import LEDGER_TEXTS
from gateway.web.pages import kept

COMMAND = "gardefou ledger verify"
MEDIA = {Form.CSV: "text/csv; charset=utf-8", Form.JSONL: "application/x-ndjson; charset=utf-8"}
SEQ_DIGITS = 18  # of what fits into a database's integer

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/review/ledger")
async def ledger_page(desk: TheDesk) -> Response:
    """Rows, newest first."""
    return await _answered(desk, partial(_page, desk))


@router.get("/review/ledger/check")
async def check_fragment(desk: TheDesk) -> Response:
    """How far the verification is, for the page that waits for it."""

    async def part() -> Response:
        return desk.part("ledger_check.html", **await _check(desk))

    return await _answered(desk, part)


@router.get("/review/ledger/verify")
@router.get("/review/ledger/export")
async def ledger_page_again(desk: TheDesk) -> Response:
    """What a reload, or another language, asks for after a form that could not be taken."""
    return RedirectResponse("/review/ledger", status_code=303)


@router.post("/review/ledger/verify")
async def verify(desk: TheDesk) -> Response:
    """Verify the whole ledger in the background; where that is being done already, only look."""

    async def start() -> Response:
        await desk.form()
        await to_thread.run_sync(desk.house.records.check.start, desk.person.id)
        return kept(desk.request, desk.visitor, RedirectResponse("/review/ledger#verification", status_code=303))

    return await _answered(desk, start)


@router.post("/review/ledger/export")
async def export(desk: TheDesk) -> Response:
    """A file of any length; that it was exported is recorded before its first byte leaves."""
    return await _answered(desk, partial(_export, desk))


async def _answered(desk: Desk, answer: Callable[[], Awaitable[Response]]) -> Response:
    async def allowed() -> Response:
        desk.person.require(Duty.READ_LEDGER)
        return await answer()

    return await desk.answered(allowed, LEDGER_TEXTS[desk.visitor.language].ledger)


async def _page(desk: Desk) -> Response:
    asked = desk.request.query_params
    wanted = _wanted(asked)
    before, after = _seq(asked.get("before", "")), _seq(asked.get("after", ""))
    found = await to_thread.run_sync(desk.house.records.pages.page, wanted, before, after)
    context = {
        "found": found, "wanted": wanted, "asked": urlencode(_fields(wanted)), "fields": _fields(wanted),
        "kinds": sorted(KINDS), "whats": tuple(What), "forms": tuple(Form), "segments": segments,
        "is_newest": before is None and after is None,
        "opened": asked.get("row", ""),
    }  # fmt: skip
    return desk.page("ledger.html", 200, **context, **await _check(desk))


async def _check(desk: Desk) -> dict[str, object]:
    check = desk.house.records.check
    return {
        "l": LEDGER_TEXTS[desk.visitor.language],
        "progress": check.progress,
        "latest": await to_thread.run_sync(check.latest),
        "names": await to_thread.run_sync(desk.house.login.people.names),
        "command": COMMAND,
        "where": _where,
    }


def _where(row: str) -> str:
    """The address that shows the row which a verification named."""
    name, _, key = row.rpartition(" ")
    if name == "ledger row" and key.isdecimal():
        return f"/review/ledger?{urlencode({'before': int(key) + 1, 'row': key})}"
    return f"/review/ledger?{urlencode({'about': key})}"


async def _export(desk: Desk) -> Response:
    form = await desk.form()
    what, kind = form.get("what", ""), form.get("form", "")
    if what not in set(What) or kind not in set(Form):
        raise InvalidValue("Choose what to export, and as what.", param="what")
    wanted, pages = _wanted(form), desk.house.records.pages
    told = {"by": desk.person.id, "what": what, "form": kind, **_fields(wanted)}
    await to_thread.run_sync(pages.note, "exported", told)
    name = f"gardefou-{what}-{datetime.now(UTC):%Y%m%d-%H%M%S}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(
        pieces(pages, What(what), Form(kind), wanted), media_type=MEDIA[Form(kind)], headers=headers
    )


def _wanted(asked: Mapping[str, str]) -> Wanted:
    """What does not exist filters nothing; what is no id finds nothing."""
    kind, about = asked.get("kind", ""), asked.get("about", "").strip()
    return Wanted(
        kind if kind in KINDS else None,
        (about if ID.match(about) else "-") if about else None,
        _day(asked.get("since", "")),
        _day(asked.get("until", "")),
    )


def _fields(wanted: Wanted) -> dict[str, str]:
    return wanted.told


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _seq(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= SEQ_DIGITS else None
