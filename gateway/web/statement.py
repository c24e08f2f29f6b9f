"""The page of one decision: what was decided, by what rule, how to appeal, and how that ended. Its id is enough.

It shows neither the prompt nor a picture: an id travels with each released picture, and to whoever was refused.
"""

import json

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.assembly import House
from gateway.auth import anybody
from gateway.errors import GatewayError, NotFound
from gateway.recourse import MAX_TEXT_CHARS, tellable
from gateway.store.appeals import Statement
from gateway.store.decisions import persons_reason
from gateway.store.tables import DecisionRow
from gateway.web.pages import TheVisitor, Visitor, form_of, house_of, kept, page
from gateway.web.recourse_texts import RECOURSE_TEXTS, RecourseTexts
from policies.reasons import BAN_LIFTED, load_reasons, refusal_told
from policies.schema import Policy
from policies.signals import Category

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/decisions/{decision_id}")
async def statement_page(request: Request, visitor: TheVisitor, decision_id: str) -> Response:
    """The statement of reasons."""
    return await _statement(request, visitor, decision_id)


@router.post("/decisions/{decision_id}")
async def appeal(request: Request, visitor: TheVisitor, decision_id: str) -> Response:
    """Object to it. What stands in the way is told on the page, with the words kept."""
    house, text = house_of(request), ""
    try:
        form = await form_of(request)
        text = form.get("text", "")
        house.sessions.check_csrf(request, visitor.session, form.get("csrf", ""))
        caller, language = anybody(request), visitor.language
        await to_thread.run_sync(house.recourse.appeal, decision_id, text, language, caller)
    except GatewayError as error:
        return await _statement(request, visitor, decision_id, text, error)
    return kept(request, visitor, RedirectResponse(f"/decisions/{decision_id}#appeal", status_code=303))


async def _statement(
    request: Request, visitor: Visitor, decision_id: str, text: str = "", error: GatewayError | None = None
) -> Response:
    house, texts = house_of(request), RECOURSE_TEXTS[visitor.language]
    try:
        statement = await to_thread.run_sync(house.recourse.statement, decision_id)
    except NotFound:
        return page(request, visitor, "recourse_missing.html", 404, r=texts, lead=texts.no_decision)
    response = page(
        request, visitor, "statement.html", error.status if error else 200,
        r=texts, statement=statement, decision=statement.decision, told=_told(statement, house, visitor, texts),
        outcome=_outcome(statement, house, visitor, texts), why_not=statement.why_not, draft=text,
        notice=texts.error(error.code) if error else "", most=MAX_TEXT_CHARS,
        own=statement.request.id if statement.request.caller_id == visitor.session.id else "",
    )  # fmt: skip
    response.headers.update(error.headers if error else {})
    return response


def _told(statement: Statement, house: House, visitor: Visitor, texts: RecourseTexts) -> dict[str, object]:
    """What the page says of the decision, as far as its categories may be told."""
    decision, policy = statement.decision, house.policy_in_force.policy
    known = _disclosed(decision, policy)
    said = " ".join(policy.message(category, visitor.language) for category in known)
    reason = persons_reason(decision)
    by_person = refusal_told(reason, visitor.language, said) if reason else None
    return {
        "subject": texts.subjects[decision.stage].format(number=(decision.picture_index or 0) + 1),
        "action": texts.actions[decision.action],
        "rules": [visitor.texts.category(category) for category in known],
        "why": by_person or said or (texts.undisclosed if statement.refused else ""),
        "by": texts.by_person if decision.decided_by else texts.by_machine,
        "now": texts.now[_place(statement)],
    }


def _place(statement: Statement) -> str:
    """Where it stands now: "" when there is nothing to add."""
    if statement.picture:
        was_back = statement.restored and statement.decision.action not in ("allow", "label")
        return "restored" if was_back else statement.picture.state
    overturned = statement.appeal is not None and statement.appeal.state == "overturned"
    return "ask_again" if overturned else ""


def _outcome(statement: Statement, house: House, visitor: Visitor, texts: RecourseTexts) -> dict[str, str]:
    """How the appeal ended: the rule, the reason and the words of whoever decided it."""
    review, appeal = statement.review, statement.appeal
    if appeal is None or appeal.ended_at is None:
        return {}
    policy, language = house.policy_in_force.policy, visitor.language
    rule = tellable(review.clause, policy) if review else None
    given = (review.reason or "") if review else BAN_LIFTED
    clause = policy.message(rule, language) if rule else ""
    overturned = load_reasons()["overturn"].get(given)
    reason = overturned.in_language(language) if overturned else refusal_told(given, language, clause)
    lost = appeal.state == "overturned" and appeal.picture_id is not None and not statement.restored
    return {
        "heading": texts.ended[appeal.state],
        "reason": reason or "",
        "rule": visitor.texts.category(rule) if rule else "",
        "note": (review.note or "") if review else "",
        "effect": texts.not_restored if lost else "",
    }


def _disclosed(decision: DecisionRow, policy: Policy) -> list[Category]:
    named = [Category(name) for name in json.loads(decision.categories) if name in set(Category)]
    return [category for category in named if policy.disclosure(category) != "none"]
