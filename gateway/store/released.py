"""The one way from a picture's name to its bytes: through the decision that lets exactly them pass (invariant I1)."""

from dataclasses import dataclass

from gateway import metrics
from gateway.errors import ImageWithdrawn, IntegrityError
from gateway.store.decisions import Decisions, State
from gateway.store.image_files import ImageFiles
from policies.verdict import Action


@dataclass(frozen=True, slots=True)
class ReleasedPicture:
    """What may be served. format: "png" | "jpeg" | "webp"."""

    content: bytes
    sha256: str
    format: str
    decision_id: str


def read_released(decisions: Decisions, files: ImageFiles, image_id: str) -> ReleasedPicture:
    """Look once more, then read. May block.

    Raises ImageWithdrawn for what is not, or no longer, released; IntegrityError when no decision lets it pass or
    its bytes are not the ones that were judged.
    """
    found = decisions.picture(image_id)
    if found is None or found[0].state != State.RELEASED:
        raise ImageWithdrawn("This picture is not released, or was withdrawn.")
    picture, decision = found
    allowed = decision is not None and decision.action in (Action.ALLOW, Action.LABEL)
    if not allowed or decision is None or decision.picture_sha256 != picture.sha256:
        metrics.released_without_decision.inc()
        raise IntegrityError("No decision lets this picture pass; it was not served.")
    content = files.read_released(picture.sha256)
    return ReleasedPicture(content, picture.sha256, picture.format, decision.id)
