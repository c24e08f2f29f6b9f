"""GET /livez, /readyz, /metrics: for those who operate the service."""

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway import metrics
from gateway.api.house import TheHouse
from gateway.errors import GatewayError

router = APIRouter()

FREE_BYTES = 100 << 20  # less than this and a few requests may fill the disk


@router.get("/livez")
async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(house: TheHouse) -> JSONResponse:
    """Requests would be served: database writable, worker up, canaries judged right, room on the disk, not draining.

    warnings: what somebody should look at, and what does not keep anybody from being served.
    """
    problems = [] if not house.pipeline.draining else ["draining"]
    try:
        await to_thread.run_sync(house.decisions.probe)
    except GatewayError as error:
        problems.append(error.code)
    if house.files.free_bytes() < FREE_BYTES:
        problems.append("storage_full")
    if house.worker and not house.worker.is_up:
        problems.append("generator_down")
    if not await house.canaries_judged_right():
        problems.append("classifier_unavailable")
    warnings = ["webhooks_paused"] if house.webhooks.paused else []
    told = {"status": "not ready" if problems else "ok", "problems": problems, "warnings": warnings}
    return JSONResponse(told, 503 if problems else 200)


@router.get("/metrics")
async def read_metrics() -> Response:
    """Prometheus text format."""
    return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)
