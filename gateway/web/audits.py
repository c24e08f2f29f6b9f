"""The pages of bias audits: the list, one run, two compared, and the form that people label pictures with."""

from collections.abc import Mapping, Sequence
from functools import partial

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.audits import REPORT_FILES
from gateway.store.audit_labels import Rated
from gateway.store.people import Duty
from gateway.web.audit_texts import AUDIT_TEXTS, AuditTexts
from gateway.web.desk import Desk, TheDesk
from safety.bias_audit.analysis import NothingToRead
from safety.bias_audit.gate import NotComparable
from safety.bias_audit.labels import answers_of
from safety.bias_audit.probes import NO_PERSON, Attribute
from safety.bias_audit.runs import RunUnusable

LABEL_KEYS = ("1", "2", "3", "4", "5", "6", "7")  # of the answers, in the order in which the form shows them
NOBODY_FIELD = "nobody"

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/review/audits")
async def audits_page(desk: TheDesk) -> Response:
    """Every audit with a report, the latest first."""
    return await desk.answered(partial(_list, desk), _texts(desk).audits)


@router.get("/review/audits/compare")
async def compare_page(desk: TheDesk, before: str = "", after: str = "") -> Response:
    """Whether the second may follow the first."""
    return await desk.answered(partial(_compared, desk, before, after), _texts(desk).audits)


@router.get("/review/audits/{name}")
async def audit_page(desk: TheDesk, name: str) -> Response:
    """One audit: its figures, its files, and how far labelling has come."""
    return await desk.answered(partial(_run, desk, name), _texts(desk).audits)


@router.get("/review/audits/{name}/files/{file}")
async def report_file(desk: TheDesk, name: str, file: str) -> Response:
    """A file of the report, to be kept: its page has styles of its own, which ours do not let in."""
    content = await to_thread.run_sync(desk.house.audits.file, name, file, desk.person)
    headers = {"Content-Disposition": f'attachment; filename="{file}"', "Cache-Control": "private, no-store"}
    return Response(content, media_type=REPORT_FILES[file], headers=headers)


@router.get("/review/audits/{name}/pictures/{number}.png")
async def picture(desk: TheDesk, name: str, number: int) -> Response:
    """A picture that was released to the audit, as it is."""
    content = await to_thread.run_sync(desk.house.audits.picture, name, number, desk.person)
    return Response(content, media_type="image/png", headers={"Cache-Control": "private, max-age=300"})


@router.get("/review/audits/{name}/label")
async def label_page(desk: TheDesk, name: str) -> Response:
    """The next picture for this person."""
    return await desk.answered(partial(_label, desk, name), _texts(desk).audits)


@router.post("/review/audits/{name}/label")
async def label(desk: TheDesk, name: str) -> Response:
    """Keep what was said of a picture, and show the next."""

    async def keep() -> Response:
        form = await desk.form()
        said = _said(form, await to_thread.run_sync(desk.house.audits.attributes, name))
        await to_thread.run_sync(desk.house.audits.rate, name, _number(form), desk.person, said)
        return RedirectResponse(f"/review/audits/{name}/label", status_code=303)

    return await desk.answered(keep, _texts(desk).audits)


@router.get("/review/audits/{name}/settle")
async def settle_page(desk: TheDesk, name: str) -> Response:
    """The first picture that two people rated differently."""
    return await desk.answered(partial(_settle, desk, name), _texts(desk).audits)


@router.post("/review/audits/{name}/settle")
async def settle(desk: TheDesk, name: str) -> Response:
    """Say what holds, and show the next."""

    async def keep() -> Response:
        form = await desk.form()
        said = _said(form, await to_thread.run_sync(desk.house.audits.attributes, name))
        await to_thread.run_sync(desk.house.audits.settle, name, _number(form), desk.person, said)
        return RedirectResponse(f"/review/audits/{name}/settle", status_code=303)

    return await desk.answered(keep, _texts(desk).audits)


def _texts(desk: Desk) -> AuditTexts:
    return AUDIT_TEXTS[desk.visitor.language]


async def _list(desk: Desk) -> Response:
    runs = await to_thread.run_sync(desk.house.audits.listed, desk.person)
    return desk.page("audits.html", 200, a=_texts(desk), runs=runs, may_read=desk.person.may(Duty.READ_AUDITS))


async def _run(desk: Desk, name: str) -> Response:
    audits = desk.house.audits
    run = await to_thread.run_sync(audits.seen, name, desk.person)
    files = [file for file in REPORT_FILES if (run.folder / "report" / file).is_file()]
    return desk.page(
        "audit.html", 200, a=_texts(desk), run=run, files=files, may_read=desk.person.may(Duty.READ_AUDITS),
        progress=await to_thread.run_sync(audits.progress, name), may_label=desk.person.may(Duty.LABEL),
        may_settle=desk.person.may(Duty.SETTLE_LABELS),
    )  # fmt: skip


async def _compared(desk: Desk, before: str, after: str) -> Response:
    audits, why = desk.house.audits, ""
    runs = [await to_thread.run_sync(audits.seen, name, desk.person) for name in (before, after)]
    try:
        answers = await to_thread.run_sync(audits.compare, before, after, desk.person)
    except (NotComparable, RunUnusable, NothingToRead) as error:
        answers, why = {}, str(error)
    return desk.page("audit_compare.html", 200, a=_texts(desk), runs=runs, answers=answers, why=why)


async def _label(desk: Desk, name: str) -> Response:
    number = await to_thread.run_sync(desk.house.audits.next_number, name, desk.person)
    return await _form(desk, name, number, "label", None)


async def _settle(desk: Desk, name: str) -> Response:
    disputed = await to_thread.run_sync(desk.house.audits.disputed, name, desk.person)
    open_to = [(number, rated) for number, rated in disputed if desk.person.id not in rated.ratings]
    number, rated = open_to[0] if open_to else (None, None)
    return await _form(desk, name, number, "settle", rated)


async def _form(desk: Desk, name: str, number: int | None, doing: str, rated: Rated | None) -> Response:
    questions = {
        attribute: [answer for answer in answers_of(attribute) if answer != NO_PERSON]
        for attribute in await to_thread.run_sync(desk.house.audits.attributes, name)
    }
    return desk.page(
        "audit_label.html", 200, a=_texts(desk), name=name, number=number, doing=doing,
        questions=questions, label_keys=dict(zip(_places(questions), LABEL_KEYS, strict=False)),
        said=[] if rated is None else list(rated.ratings.values()),
    )  # fmt: skip


def _places(questions: Mapping[Attribute, list[str]]) -> list[str]:
    return [f"{attribute}-{answer}" for attribute, answers in questions.items() for answer in answers]


def _number(form: Mapping[str, str]) -> int:
    given = form.get("number", "")[:9]
    return int(given) if given.isascii() and given.isdigit() else -1


def _said(form: Mapping[str, str], attributes: Sequence[Attribute]) -> dict[str, str]:
    if form.get(NOBODY_FIELD):
        return dict.fromkeys(attributes, NO_PERSON)
    return {attribute: form[attribute] for attribute in attributes if attribute in form}
