"""The pages of the policies: which is in force and on record, what each says, and how two of them differ."""

from collections.abc import Awaitable, Callable
from functools import partial

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from gateway.errors import GatewayError, NotFound
from gateway.policy_shelf import named
from gateway.store.people import Duty
from gateway.web import policy_view
from gateway.web.desk import Desk, TheDesk
from gateway.web.policy_texts import POLICY_TEXTS, PolicyTexts
from policies.compare import differences
from policies.likeness import LOOKS
from policies.signals import Category, Stage

COMMAND = "gardefou serve --policy NAME"

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/review/policies")
async def policies_page(desk: TheDesk) -> Response:
    """The policy in force, the others that lie there, and all versions on record."""
    return await _answered(desk, partial(_policies, desk))


@router.get("/review/policies/{key}")
async def policy_page(desk: TheDesk, key: str, against: str = "") -> Response:
    """One policy in full; against: the key of another that it is compared with."""
    return await _answered(desk, partial(_policy, desk, key, against))


async def _answered(desk: Desk, answer: Callable[[], Awaitable[Response]]) -> Response:
    own = POLICY_TEXTS[desk.visitor.language]

    async def allowed() -> Response:
        desk.person.require(Duty.READ)
        return await answer()

    def told(error: GatewayError) -> str:
        return own.missing if isinstance(error, NotFound) else desk.texts.error(error.code)

    return await desk.answered(allowed, own.policies, told)


async def _policies(desk: Desk) -> Response:
    shelf = await to_thread.run_sync(desk.house.records.shelf.all)
    running = desk.house.policy_in_force.policy
    counted = await to_thread.run_sync(desk.house.records.firings.of, running.stamp.sha256)
    return desk.page("policies.html", 200, **_common(desk), running=shelf[0], others=shelf[1:], counted=counted)


async def _policy(desk: Desk, key: str, against: str) -> Response:
    records = desk.house.records
    shelf = await to_thread.run_sync(records.shelf.all)
    shown = named(shelf, key)
    policy = shown.policy
    if policy is None:
        raise NotFound("This policy cannot be read.")
    other = named(shelf, against) if against else None
    counted = await to_thread.run_sync(records.firings.of, policy.stamp.sha256)
    return desk.page(
        "policy.html", 200, **_common(desk), shown=shown, policy=policy, counted=counted,
        usage=counted.usage(policy.stamp.sha256), stages=[(stage, policy.stage(stage)) for stage in Stage],
        groups=policy_view.groups, matrix=policy_view.matrix(policy.picture.likeness), looks=LOOKS,
        silent=policy_view.silent(policy, counted), opinions=policy_view.second_opinions(policy),
        categories=tuple(Category), readable=[one for one in shelf if one.policy and one.key != key], other=other,
        found=policy_view.by_kind(differences(policy, other.policy)) if other and other.policy else {},
        judged=policy_view.Judged,
    )  # fmt: skip


def _common(desk: Desk) -> dict[str, object]:
    own: PolicyTexts = POLICY_TEXTS[desk.visitor.language]
    return {"p": own, "w": policy_view.Words(desk.visitor.texts, desk.texts, own), "command": COMMAND}
