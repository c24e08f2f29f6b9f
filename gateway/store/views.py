"""What a page or an answer shows of a request: values that cannot change."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PictureView:
    """state: quarantined | released | withheld | held. image_id only for released pictures."""

    index: int
    state: str
    image_id: str | None
    seed: int
    categories: tuple[str, ...]
    decision_id: str | None


@dataclass(frozen=True, slots=True)
class RequestView:
    """state: see gateway.store.decisions.State. outcome: None while it runs."""

    id: str
    caller_id: str
    state: str
    outcome: str | None
    error_code: str | None
    prompt: str
    categories: tuple[str, ...]
    decision_id: str | None
    policy: str
    asked: int
    created_at: datetime
    finished_at: datetime | None
    pictures: tuple[PictureView, ...]
