"""POST /v1/provenance/verify: whose picture is this? For everybody, without a key. And our root, to check elsewhere."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway.api.house import TheHouse
from gateway.auth import anybody
from gateway.provenance import FIELD, MAX_FILE_BYTES, Verification
from gateway.uploads import read_upload
from safety.provenance.watermark import THRESHOLD

router = APIRouter()

NOTE = "Finding nothing never means that a picture was not made by a model: every layer can be taken off."


@router.post("/v1/provenance/verify")
async def verify(request: Request, house: TheHouse) -> dict[str, Any]:
    """What each layer says of the file in the field `image`, and what follows."""
    house.rate.take(anybody(request))
    content = await read_upload(request, FIELD, MAX_FILE_BYTES, house.settings.head_seconds)
    return _answer(await house.verifier.verify(content))


@router.get("/v1/provenance/root.pem")
async def root(house: TheHouse) -> Response:
    """The certificate that our content credentials are trusted under."""
    return Response(house.provenance.root, media_type="application/x-pem-file")


def _answer(found: Verification) -> dict[str, Any]:
    seen, origin = found.seen, found.origin
    return {
        "object": "provenance.verification",
        "conclusion": found.reason.conclusion,
        "reason": found.reason,
        "decision_ids": list(found.decision_ids),
        "decided_at": origin.decided_at if origin else None,
        "layers": {
            "content_credentials": {
                "standing": seen.credential.standing,
                "signer": seen.credential.signer,
                "problems": list(seen.credential.problems),
            },
            "source_type": seen.source_type,
            "watermark": {
                "found": seen.mark.found,
                "z": seen.mark.height,
                "threshold": THRESHOLD,
                "payload": seen.mark.text,
            },
            "book": {"same_file": origin is not None and origin.same_file},
        },
        "note": NOTE,
    }
