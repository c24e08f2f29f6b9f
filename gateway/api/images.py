"""GET /images/{id}: a released picture, to whoever holds its link."""

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import Response

from gateway.api.house import TheHouse
from gateway.store.released import read_released

router = APIRouter()


@router.get("/images/{image_id}")
async def read_image(image_id: str, house: TheHouse, expires: str = "", signature: str = "") -> Response:
    """The bytes, after one more look that a decision lets exactly them pass."""
    house.links.check(image_id, expires, signature)
    picture = await to_thread.run_sync(read_released, house.decisions, house.files, image_id)
    headers = {
        "Cache-Control": "private, max-age=3600",
        "ETag": f'"{picture.sha256}"',
        "Content-Disposition": f'inline; filename="{image_id}.{picture.format}"',
        "x-gateway-decision-id": picture.decision_id,
    }
    return Response(picture.content, media_type=f"image/{picture.format}", headers=headers)
