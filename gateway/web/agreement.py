"""The pages about deciding together: how far people agree, and the numbers of the desk. Nobody sees somebody else's."""

from functools import partial

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.agreement import PERIODS, figures_of, since
from gateway.store.people import Duty
from gateway.web.agreement_texts import AGREEMENT_TEXTS, AgreementTexts
from gateway.web.desk import PICTURE_FIELD, Desk, TheDesk
from safety.evaluation.agreement import LEAST_CASES

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/review/agreement")
async def agreement_page(desk: TheDesk, days: int = PERIODS[1]) -> Response:
    """How far people agree: everybody's for those who may see it, and one's own."""
    return await desk.answered(partial(_agreement, desk, _period(days)))


@router.get("/review/numbers")
async def numbers_page(desk: TheDesk, days: int = PERIODS[0]) -> Response:
    """What came in and was decided, by queue; and what one did oneself."""
    return await desk.answered(partial(_numbers, desk, _period(days)))


@router.post("/review/cases/{case_id}/golden")
async def mark_golden(desk: TheDesk, case_id: str) -> Response:
    """State the right answer to a decided case."""

    async def mark() -> Response:
        form = await desk.form()
        choices = {
            key.removeprefix(PICTURE_FIELD): value for key, value in form.items() if key.startswith(PICTURE_FIELD)
        }
        await to_thread.run_sync(desk.house.together.golden.mark, case_id, choices, desk.person)
        return RedirectResponse("/review/agreement#golden", status_code=303)

    return await desk.answered(mark)


@router.get("/review/golden/{golden_id}/retire")
async def agreement_page_again(desk: TheDesk, golden_id: str) -> Response:
    """What a reload, or another language, asks for after a form that could not be taken."""
    return RedirectResponse("/review/agreement#golden", status_code=303)


@router.post("/review/golden/{golden_id}/retire")
async def retire_golden(desk: TheDesk, golden_id: str) -> Response:
    """Let a golden case come up no more."""

    async def retire() -> Response:
        await desk.form()
        await to_thread.run_sync(desk.house.together.golden.retire, golden_id, desk.person)
        return RedirectResponse("/review/agreement#golden", status_code=303)

    return await desk.answered(retire)


async def _agreement(desk: Desk, days: int) -> Response:
    person, together = desk.person, desk.house.together
    sees_all, has_own = person.may(Duty.SEE_AGREEMENT), person.may(Duty.DECIDE)
    if not has_own:
        person.require(Duty.SEE_AGREEMENT)
    asked = [("all", partial(together.agreement.looked, since(days)))] if sees_all else []
    asked += [("own", partial(together.agreement.own, person, since(days)))] if has_own else []
    tables = [(scope, *await to_thread.run_sync(figures_of, look)) for scope, look in asked]
    return _page(
        desk, "agreement.html", days=days, tables=tables, least=LEAST_CASES, sees_all=sees_all,
        disagreements=await to_thread.run_sync(together.agreement.disagreements) if sees_all else [],
        golden=await to_thread.run_sync(together.golden.all) if sees_all else [],
        marks_golden=person.may(Duty.MARK_GOLDEN), share=desk.house.settings.second_look_share,
    )  # fmt: skip


async def _numbers(desk: Desk, days: int) -> Response:
    desk.person.require(Duty.READ)
    together, decides = desk.house.together, desk.person.may(Duty.DECIDE)
    own = await to_thread.run_sync(together.numbers.own, desk.person, since(days)) if decides else None
    look = partial(together.agreement.own, desk.person, since(days))
    looked = await to_thread.run_sync(figures_of, look) if decides else None
    return _page(
        desk, "numbers.html", days=days, own=own, own_row=looked[0][0] if looked else None,
        titles=desk.house.desk.cases.queues,
        queues=await to_thread.run_sync(together.numbers.queues, since(days)),
        by_day=await to_thread.run_sync(together.numbers.days, since(days)),
    )  # fmt: skip


def _page(desk: Desk, template: str, **context: object) -> Response:
    a = AGREEMENT_TEXTS[desk.visitor.language]
    return desk.page(template, 200, a=a, figure=partial(_figure, a), lasted=partial(_lasted, desk, a), **context)


def _figure(a: AgreementTexts, value: float, percent: bool = False) -> str:
    """A number as it is written in the language; a share in per cent."""
    text = f"{100 * value:.0f}\u00a0%" if percent else f"{value:.2f}"
    return text.replace(".", a.decimal).replace("-", "\u2212")


def _lasted(desk: Desk, a: AgreementTexts, seconds: float | None) -> str:
    """A time in one unit."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return a.seconds.format(count=round(seconds))
    for most, unit, words in ((7200, 60, desk.texts.minutes), (172_800, 3600, desk.texts.hours)):
        if seconds < most:
            return words.format(count=round(seconds / unit))
    return desk.texts.days.format(count=round(seconds / 86_400))


def _period(days: int) -> int:
    return days if days in PERIODS else PERIODS[1]
