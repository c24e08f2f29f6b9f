"""GET /images/{id}: a released picture, to whoever holds its link."""

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import Response

from gateway import metrics
from gateway.api.house import TheHouse
from gateway.auth import withdrawn
from gateway.errors import IntegrityError
from gateway.store.decisions import State
from policies.verdict import Action

router = APIRouter()


@router.get("/images/{image_id}")
async def read_image(image_id: str, house: TheHouse, expires: str = "", signature: str = "") -> Response:
    """The bytes, after one more look that a decision lets exactly them pass (invariant I1)."""
    house.links.check(image_id, expires, signature)
    found = await to_thread.run_sync(house.decisions.picture, image_id)
    if found is None or found[0].state != State.RELEASED:
        raise withdrawn()
    picture, decision = found
    allowed = decision is not None and decision.action in (Action.ALLOW, Action.LABEL)
    if not allowed or decision is None or decision.picture_sha256 != picture.sha256:
        metrics.released_without_decision.inc()
        raise IntegrityError("No decision lets this picture pass; it was not served.")
    content = await to_thread.run_sync(house.files.read_released, picture.sha256)
    headers = {
        "Cache-Control": "private, max-age=3600",
        "ETag": f'"{picture.sha256}"',
        "Content-Disposition": f'inline; filename="{image_id}.{picture.format}"',
        "x-gateway-decision-id": decision.id,
    }
    return Response(content, media_type=f"image/{picture.format}", headers=headers)
