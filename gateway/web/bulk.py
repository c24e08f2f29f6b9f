"""The pages of cases decided together: the preview, what waits for a second person, and what can be reverted."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from gateway.errors import GatewayError, SignInRequired
from gateway.limits import rows_back
from gateway.store.batches import NOTHING_LEFT, PAGE, BatchFile, require_may_revert
from gateway.store.matters import BLOCK
from gateway.store.people import Duty, Person
from gateway.web.bulk_texts import BULK_TEXTS, BulkTexts
from gateway.web.desk import Desk, TheDesk, seconds_until
from gateway.web.forms import MAX_FIELDS
from policies.reasons import Doing, load_reasons
from policies.signals import Category

CASE_FIELD = "case-"  # of a form: case-<id of a case>, that was selected
DOINGS: tuple[Doing, ...] = ("block", "allow", "escalate")

router = APIRouter(prefix="/review/batches", include_in_schema=False, default_response_class=HTMLResponse)


@router.get("")
async def batches_page(desk: TheDesk, offset: int = 0) -> Response:
    """Batches, newest first."""

    async def listing() -> Response:
        desk.person.require(Duty.READ)
        batches = desk.house.bulk.batches
        listed = await to_thread.run_sync(batches.listed, rows_back(offset))
        return desk.page(
            "batches.html",
            200,
            listed=listed,
            names=await to_thread.run_sync(desk.house.login.people.names),
            older=offset + PAGE if len(listed) == PAGE else 0,
        )

    return await _answered(desk, listing)


@router.post("")
async def open_batch(desk: TheDesk) -> Response:
    """Look through what was selected."""

    async def preview() -> Response:
        form = await desk.form(MAX_FIELDS + desk.house.bulk.batches.limits.most)
        selected = [name.removeprefix(CASE_FIELD) for name in form if name.startswith(CASE_FIELD)]
        return _to_batch(await to_thread.run_sync(desk.house.bulk.open, selected, desk.person))

    return await _answered(desk, preview)


@router.get("/{batch_id}")
async def show_batch(desk: TheDesk, batch_id: str) -> Response:
    """A batch as it stands."""
    return await _answered(desk, partial(_batch, desk, batch_id))


@router.get("/{batch_id}/{rest}")
async def show_batch_again(desk: TheDesk, batch_id: str, rest: str) -> Response:
    """What a reload, or another language, asks for after a form that could not be taken."""
    return _to_batch(batch_id)


@router.post("/{batch_id}/lease")
async def prolong(desk: TheDesk, batch_id: str) -> Response:
    """A sign of life from whoever looks through a draft. Answers a program."""
    await desk.form()
    until = await to_thread.run_sync(desk.house.bulk.batches.prolong, batch_id, desk.person)
    return JSONResponse({"seconds": seconds_until(until)})


@router.post("/{batch_id}/return")
async def give_back(desk: TheDesk, batch_id: str) -> Response:
    """Decide none of it."""

    async def give() -> Response:
        await desk.form()
        await to_thread.run_sync(desk.house.bulk.batches.give_back, batch_id, desk.person)
        return RedirectResponse("/review", status_code=303)

    return await _answered(desk, give)


@router.post("/{batch_id}/decision")
async def decide(desk: TheDesk, batch_id: str) -> Response:
    """Do the same with every case, or propose it; when that cannot be, show all that was filled in."""
    form: Mapping[str, str] = {}
    try:
        form = await desk.form()
        clause = form.get("clause", "")
        said = Category(clause) if form.get("act") == BLOCK and clause in set(Category) else None
        await to_thread.run_sync(
            desk.house.bulk.decide, batch_id, desk.person, form.get("act", ""), form.get("reason") or None, said,
            form.get("note", ""),
        )  # fmt: skip
    except SignInRequired:
        raise
    except GatewayError as error:
        return await _answered(desk, partial(_batch, desk, batch_id, form, error))
    return _to_batch(batch_id)


@router.post("/{batch_id}/confirmation")
async def confirm(desk: TheDesk, batch_id: str) -> Response:
    """Do what somebody else proposed."""
    return await _do(desk, batch_id, desk.house.bulk.confirm)


@router.post("/{batch_id}/rejection")
async def reject(desk: TheDesk, batch_id: str) -> Response:
    """Do nothing of it."""
    return await _do(desk, batch_id, desk.house.bulk.reject)


@router.post("/{batch_id}/reversal")
async def revert(desk: TheDesk, batch_id: str) -> Response:
    """Undo what still stands of it."""
    return await _do(desk, batch_id, desk.house.bulk.revert)


async def _do(desk: Desk, batch_id: str, act: Callable[[str, Person], BatchFile]) -> Response:
    try:
        await desk.form()
        await to_thread.run_sync(act, batch_id, desk.person)
    except SignInRequired:
        raise
    except GatewayError as error:
        return await _answered(desk, partial(_batch, desk, batch_id, {}, error))
    return _to_batch(batch_id)


async def _batch(
    desk: Desk, batch_id: str, draft: Mapping[str, str] | None = None, error: GatewayError | None = None
) -> Response:
    house, policy, language = desk.house, desk.house.policy_in_force.policy, desk.visitor.language
    file = await to_thread.run_sync(house.bulk.batches.read, batch_id, desk.person)
    names, texts = await to_thread.run_sync(house.login.people.names), BULK_TEXTS[language]
    leases = [item.case.lease_until for item in file.fitting if item.case.holder == desk.person.id]
    return desk.page(
        "batch.html",
        error.status if error else 200,
        file=file,
        batch=file.row,
        names=names,
        told=_told(file, names, texts),
        own=file.row.person_id == desk.person.id,
        lease_s=min((seconds_until(until) for until in leases), default=0),
        limits=house.bulk.batches.limits,
        clauses=[(category, policy.message(category, language)) for category in Category],
        reasons=load_reasons(),
        doings=DOINGS,
        language=language,
        said_reason=_said_reason(file, language),
        draft=defaultdict(str, draft or {}),
        notice=_trouble(error, desk) if error else "",
        may_decide=desk.person.may(Duty.DECIDE),
        may_revert=_may_revert(file, desk.person),
    )


def _told(file: BatchFile, names: Mapping[str, str], texts: BulkTexts) -> str:
    row, key = file.row, file.state
    if key == "rejected" and row.second_id == row.person_id:
        key = "taken_back"
    if key == "decided" and row.second_id:
        key = "confirmed"
    said = texts.state_told.get(key, "")
    who = {"maker": row.person_id, "second": row.second_id or "", "reverter": row.reverted_by or ""}
    return said.format(**{part: names.get(person, "") for part, person in who.items()})


def _said_reason(file: BatchFile, language: str) -> str:
    """The reason that was given, in the reader's language."""
    of_act = next((load_reasons()[doing] for doing in DOINGS if doing == file.row.act), {})
    found = of_act.get(file.row.reason or "")
    return found.in_language(language).replace(" {clause}", "") if found else ""


def _may_revert(file: BatchFile, person: Person) -> bool:
    if file.state != "decided" and not file.under_way:
        return False
    try:
        require_may_revert(file.row, person)
    except GatewayError:
        return False
    return True


async def _answered(desk: Desk, answer: Callable[[], Awaitable[Response]]) -> Response:
    return await desk.answered(answer, BULK_TEXTS[desk.visitor.language].batches, lambda error: _trouble(error, desk))


def _trouble(error: GatewayError, desk: Desk) -> str:
    texts = BULK_TEXTS[desk.visitor.language]
    if error.code == "invalid_value" and error.param == NOTHING_LEFT:
        return texts.errors["nothing_left"]
    if error.code == "invalid_value" and error.param == "cases":
        return texts.errors["too_many"].format(most=desk.house.bulk.batches.limits.most)
    return texts.errors.get(error.code) or desk.texts.error(error.code)


def _to_batch(batch_id: str) -> Response:
    return RedirectResponse(f"/review/batches/{batch_id}", status_code=303)
