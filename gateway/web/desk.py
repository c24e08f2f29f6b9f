"""The pages of the review desk: the queue, and one case. They work without JavaScript, and by keyboard with it."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from gateway.assembly import House
from gateway.auth import require_own_form
from gateway.desk import BAN_DAYS, DOINGS, FIRST, MAX_ALIKE, ban_end
from gateway.errors import GatewayError, NotFound, SignInRequired
from gateway.login import SignedIn
from gateway.store.cases import CaseFile, Lease, Said
from gateway.store.listing import Filters
from gateway.store.matters import ALLOW, BAN, BLOCK
from gateway.store.people import Duty, Person
from gateway.store.queue import band_of
from gateway.store.tables import CaseRow, ReviewRow
from gateway.web import case_page, queue_page
from gateway.web.audit_texts import AUDIT_TEXTS
from gateway.web.bulk_texts import BULK_TEXTS
from gateway.web.care_texts import CARE_TEXTS
from gateway.web.desk_texts import DESK_TEXTS, KEYS, DeskTexts
from gateway.web.forms import MAX_FIELDS
from gateway.web.looks import looks_context
from gateway.web.pages import TheVisitor, Visitor, form_of, house_of, html, page
from gateway.web.signing_in import TheModerator
from policies.care import load_care
from policies.reasons import load_reasons
from policies.signals import Category

PICTURE_FIELD = "picture-"  # of a form: picture-<id> = allow | block | ban
ALIKE_FIELD = "alike-"  # of a form: alike-<id of a case>, to be decided the same way
BAN_CHOICES = (30, 90, 365, 1095)  # days

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True, slots=True)
class Desk:
    """A request to the desk: who asks, and for whom the page is written."""

    request: Request
    visitor: Visitor
    moderator: SignedIn

    @property
    def house(self) -> House:
        """The running service."""
        return house_of(self.request)

    @property
    def person(self) -> Person:
        """Who is signed in."""
        return self.moderator.person

    @property
    def texts(self) -> DeskTexts:
        """The desk's words in their language."""
        return DESK_TEXTS[self.visitor.language]

    async def form(self, max_fields: int = MAX_FIELDS) -> Mapping[str, str]:
        """The form that was sent from a page of theirs. Raises CsrfFailed, and as `read_form`."""
        form = await form_of(self.request, max_fields)
        require_own_form(self.request, form.get("csrf", ""), self.moderator.csrf)
        return form

    async def answered(
        self, answer: Callable[[], Awaitable[Response]], heading: str = "",
        told: Callable[[GatewayError], str] | None = None,
    ) -> Response:  # fmt: skip
        """The answer, or a page that says what stood in the way.

        heading: of that page, instead of the desk's own. told: what it says, instead of the desk's own words.
        """
        try:
            return await answer()
        except SignInRequired:
            raise
        except GatewayError as error:
            says = told(error) if told else self.texts.error(error.code)
            response = self.page("desk_trouble.html", error.status, heading=heading or self.texts.desk, told=says)
            response.headers.update(error.headers)
            return response

    def page(self, template: str, status: int, **context: object) -> Response:
        """A page of the desk."""
        return page(self.request, self.visitor, template, status, **self._common, **context)

    def part(self, template: str, **context: object) -> Response:
        """The changing part of a page."""
        return html(self.visitor, template, 200, **self._common, **context)

    @property
    def _common(self) -> dict[str, object]:
        return {"d": self.texts, "b": BULK_TEXTS[self.visitor.language], "moderator": self.moderator,
                "key_names": KEYS, "age": self._age, "band_of": band_of,
                "is_overdue": case_page.is_overdue,
                "may_decide_cases": self.person.may(Duty.DECIDE), "care_word": CARE_TEXTS[self.visitor.language].care,
                "may_read_audits": self.person.may(Duty.LABEL) or self.person.may(Duty.READ_AUDITS),
                "audits_word": AUDIT_TEXTS[self.visitor.language].audits,
                "may_read_bans": self.person.may(Duty.READ_BANS),
                "may_read_ledger": self.person.may(Duty.READ_LEDGER),
                "may_manage_webhooks": self.person.may(Duty.MANAGE_WEBHOOKS),
                "may_see_agreement": self.person.may(Duty.SEE_AGREEMENT) or self.person.may(Duty.DECIDE)}  # fmt: skip

    def _age(self, since: str) -> str:
        return case_page.age(since, self.texts)


def the_desk(request: Request, visitor: TheVisitor, moderator: TheModerator) -> Desk:
    """Raises SignInRequired."""
    return Desk(request, visitor, moderator)


TheDesk = Annotated[Desk, Depends(the_desk)]


@router.get("/review")
async def show_queue(desk: TheDesk) -> Response:
    """What waits, whose turn is next first."""
    return await _answered(desk, partial(_queue_page, desk))


@router.get("/review/queue")
async def queue_fragment(desk: TheDesk) -> Response:
    """The changing part of the queue."""
    return desk.part("queue_list.html", **await _queue(desk))


@router.post("/review/next")
async def take_next(desk: TheDesk) -> Response:
    """Take the case whose turn it is."""
    return await _answered(desk, partial(_take_next, desk))


@router.get("/review/cases/{case_id}")
async def show_case(desk: TheDesk, case_id: str) -> Response:
    """A case as it stands; with the form for whoever holds it."""
    return await _answered(desk, partial(_case, desk, case_id))


@router.get("/review/cases/{case_id}/{rest}")
async def show_case_again(desk: TheDesk, case_id: str, rest: str) -> Response:
    """What a reload, or another language, asks for after a form that could not be taken."""
    return RedirectResponse(f"/review/cases/{case_id}", status_code=303)


@router.post("/review/cases/{case_id}/claim")
async def claim(desk: TheDesk, case_id: str) -> Response:
    """Take this case."""

    async def take() -> Response:
        await desk.form()
        desk.person.require(Duty.DECIDE)
        await to_thread.run_sync(desk.house.desk.cases.claim, case_id, desk.person)
        return _to_case(case_id)

    return await _answered(desk, take)


@router.post("/review/cases/{case_id}/lease")
async def prolong(desk: TheDesk, case_id: str) -> Response:
    """A sign of life from the page of whoever works on a case. Answers a program."""
    form = await desk.form()
    lease = await to_thread.run_sync(desk.house.desk.cases.prolong, _lease(case_id, form), desk.person)
    return JSONResponse({"seconds": seconds_until(lease.until)})


@router.post("/review/cases/{case_id}/return")
async def give_back(desk: TheDesk, case_id: str) -> Response:
    """Let somebody else have it."""

    async def give() -> Response:
        form = await desk.form()
        await to_thread.run_sync(desk.house.desk.cases.give_back, _lease(case_id, form), desk.person)
        return RedirectResponse("/review", status_code=303)

    return await _answered(desk, give)


@router.post("/review/cases/{case_id}/decision")
async def decide(desk: TheDesk, case_id: str) -> Response:
    """Allow or block each picture, and take the next case."""
    return await _say(desk, case_id, "decide")


@router.post("/review/cases/{case_id}/escalation")
async def escalate(desk: TheDesk, case_id: str) -> Response:
    """Ask a senior moderator, and take the next case."""
    return await _say(desk, case_id, "escalate")


@router.post("/review/cases/{case_id}/skip")
async def skip(desk: TheDesk, case_id: str) -> Response:
    """Leave it to somebody else, and take the next case."""
    return await _say(desk, case_id, "skip")


@router.post("/review/cases/{case_id}/undo")
async def undo(desk: TheDesk, case_id: str) -> Response:
    """Take back what was allowed, in time."""

    async def take_back() -> Response:
        await desk.form()
        await to_thread.run_sync(desk.house.desk.undo, case_id, desk.person)
        return _to_case(case_id)

    return await _answered(desk, take_back)


@router.get("/review/cases/{case_id}/pictures/{picture_id}.png")
async def blurred_picture(desk: TheDesk, case_id: str, picture_id: str) -> Response:
    """The picture, blurred and grey: its details never leave the server."""
    content = await to_thread.run_sync(desk.house.desk.blurred, case_id, picture_id, desk.person)
    return Response(content, media_type="image/png", headers={"Cache-Control": "private, max-age=300"})


@router.post("/review/cases/{case_id}/pictures/{picture_id}/reveal")
async def clear_picture(desk: TheDesk, case_id: str, picture_id: str) -> Response:
    """The picture as it is, to whoever works on the case; recorded before a byte leaves."""
    form = await desk.form()
    lease = _lease(case_id, form)
    content, kind = await to_thread.run_sync(desk.house.desk.clear, lease, picture_id, desk.person)
    return Response(content, media_type=f"image/{kind}", headers={"Cache-Control": "no-store"})


async def _answered(desk: Desk, answer: Callable[[], Awaitable[Response]]) -> Response:
    return await desk.answered(answer, told=lambda error: _told_of(error, desk.texts))


def _told_of(error: GatewayError, texts: DeskTexts) -> str:
    return texts.missing_lead if isinstance(error, NotFound) else texts.error(error.code)


async def _take_next(desk: Desk) -> Response:
    form = await desk.form()
    desk.person.require(Duty.DECIDE)
    return await _next(desk, _filters(desk, form))


async def _next(desk: Desk, filters: Filters, done: str = "") -> Response:
    lease = await to_thread.run_sync(desk.house.desk.cases.claim_next, desk.person, filters)
    asked = queue_page.asked_of(filters)
    query = urlencode({**asked, **({"done": done} if done else {})})
    path = f"/review/cases/{lease.case_id}" if lease else "/review"
    return RedirectResponse(f"{path}?{query}" if query else path, status_code=303)


async def _say(desk: Desk, case_id: str, action: str) -> Response:
    """Do it and go on; when it could not be done, show the case again with all that was filled in."""
    form: Mapping[str, str] = {}
    try:
        form = await desk.form(MAX_FIELDS + MAX_ALIKE)
        said = _said(action, form, desk.house)
        await to_thread.run_sync(desk.house.desk.say, _lease(case_id, form), desk.person, said)
    except SignInRequired:
        raise
    except GatewayError as error:
        return await _answered(desk, partial(_case, desk, case_id, form, error))
    return await _next(desk, _filters(desk, form), case_id)


def _said(action: str, form: Mapping[str, str], house: House) -> Said:
    choices = {key.removeprefix(PICTURE_FIELD): value for key, value in form.items() if key.startswith(PICTURE_FIELD)}
    clause, days = form.get("clause", ""), form.get("ban_days", "")[:9]
    return Said(
        action=action,
        policy=house.policy_in_force.policy.stamp,
        choices=choices if action == "decide" else {},
        clause=Category(clause) if action == "decide" and clause in set(Category) else None,
        reason=form.get("reason") or None,
        note=form.get("note", ""),
        ban_ends_at=ban_end(int(days)) if days.isascii() and days.isdigit() else ban_end(BAN_DAYS),
        alike=[key.removeprefix(ALIKE_FIELD) for key in form if key.startswith(ALIKE_FIELD)][:MAX_ALIKE],
    )


def _lease(case_id: str, form: Mapping[str, str]) -> Lease:
    return Lease(case_id, form.get("lease", ""), "")


def _to_case(case_id: str) -> Response:
    return RedirectResponse(f"/review/cases/{case_id}", status_code=303)


async def _queue_page(desk: Desk) -> Response:
    return desk.page("queue.html", 200, **await _queue(desk), done=await _done(desk))


async def _queue(desk: Desk) -> dict[str, object]:
    desk.person.require(Duty.READ)
    asked = desk.request.query_params
    return await queue_page.context(desk.house, desk.person, desk.visitor.language, asked)


def _filters(desk: Desk, asked: Mapping[str, str]) -> Filters:
    return queue_page.filters_of(asked, desk.house.desk.cases.queues)


async def _case(
    desk: Desk, case_id: str, draft: Mapping[str, str] | None = None, error: GatewayError | None = None
) -> Response:
    file = await to_thread.run_sync(desk.house.desk.read, case_id, desk.person)
    names = await to_thread.run_sync(desk.house.login.people.names)
    held = file.case.holder == desk.person.id and seconds_until(file.case.lease_until) > 0
    context = {
        **_file_context(desk, file, names),
        **await to_thread.run_sync(looks_context, desk.house, desk.person, desk.visitor.language, file),
        "held": held,
        "c": CARE_TEXTS[desk.visitor.language],
        "care": load_care(),
        "exposure": await to_thread.run_sync(desk.house.desk.cases.care.exposure, desk.person),
        "lease_s": seconds_until(file.case.lease_until),
        "taken_by": names.get(file.case.holder or "") if seconds_until(file.case.lease_until) > 0 else None,
        "alike": await to_thread.run_sync(desk.house.desk.cases.alike, case_id, desk.person) if held else [],
        "may_claim": file.case.state == "open" and _may_decide(desk.person, file.case) and not file.barred,
        "draft": defaultdict(str, draft or {}),
        "notice": desk.texts.error(error.code) if error else "",
        "done": await _done(desk),
        "batches": await to_thread.run_sync(desk.house.bulk.batches.of_case, case_id),
        "asked": queue_page.asked_of(_filters(desk, draft or desk.request.query_params)),
    }
    return desk.page("case.html", error.status if error else 200, **context)


def _may_decide(person: Person, case: CaseRow) -> bool:
    return person.may(Duty.DECIDE_ESCALATED if case.level == "senior" else Duty.DECIDE)


def _file_context(desk: Desk, file: CaseFile, names: Mapping[str, str]) -> dict[str, object]:
    policy, language = desk.house.policy_in_force.policy, desk.visitor.language
    return {
        "file": file,
        "case": file.case,
        "queue_title": desk.house.desk.cases.queues.title(file.case.queue, language),
        "names": names,
        "segments": case_page.prompt_segments(file),
        "why_held": case_page.why_held(file, desk.visitor.texts, desk.texts),
        "prompt_bars": case_page.bars(file.prompt_decision),
        "telling": case_page.telling,
        "pictures": case_page.shown(file),
        "timeline": case_page.timeline(file, names, language, desk.texts),
        "clauses": [(category, policy.message(category, language)) for category in Category],
        "reasons": load_reasons(),
        "source": file.case.source,
        "words": desk.texts.words_for(file.case.source),
        "doings": DOINGS.get(file.case.source, FIRST),
        "staked": {picture.id for picture in file.at_stake},
        "said": {row.id: case_page.segments(row.note or "", ()) for row in file.reports},
        "appeal_said": case_page.segments((file.appeal.text or "") if file.appeal else "", ()),
        "language": language,
        "allow": ALLOW,
        "block": BLOCK,
        "ban": BAN,
        "ban_choices": BAN_CHOICES,
        "ban_days": BAN_DAYS,
    }


async def _done(desk: Desk) -> dict[str, object] | None:
    """What the person did just before, and whether it can still be taken back."""
    case_id = desk.request.query_params.get("done", "")
    found = await to_thread.run_sync(desk.house.desk.cases.latest, case_id, desk.person) if case_id else None
    if found is None:
        return None
    case, review = found
    seconds = seconds_until(review.effective_at) if case.review_id == review.id else 0
    return {
        "case": case,
        "seconds": seconds,
        "told": _told(case, review, seconds, desk.texts),
        "say": _allowed(case, desk.texts),
    }


def _told(case: CaseRow, review: ReviewRow, seconds: int, texts: DeskTexts) -> str:
    if seconds > 0:
        return _allowed(case, texts).format(seconds=seconds)
    if review.action == "decide" and case.state == "open":
        return texts.done_second
    if review.action == "decide" and review.effective_at is None:
        return texts.done_blocked.get(case.source, texts.done["decide"])
    return texts.done[review.action] if review.effective_at is None else ""


def _allowed(case: CaseRow, texts: DeskTexts) -> str:
    return texts.done_overturned.get(case.source, texts.done_allowed)


def seconds_until(moment: str | None) -> int:
    """Until a moment, UTC ISO 8601; 0 once it is over, or for none."""
    if moment is None:
        return 0
    return max(0, round((datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()))
