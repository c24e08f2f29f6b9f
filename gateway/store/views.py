"""What a page or an answer shows of a request: values that cannot change."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Found:
    """Where in a prompt something of a category was seen: code points [start, end)."""

    category: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PictureView:
    """state: quarantined | released | withheld | held | withdrawn. image_id only for released pictures.

    seed: None for one that the model itself would not draw.
    by_person: whether one decided; reason: of policies/desk/reasons.yaml, why a person withheld it.
    """

    index: int
    state: str
    image_id: str | None
    seed: int | None
    categories: tuple[str, ...]
    decision_id: str | None
    by_person: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RequestView:
    """state: see gateway.store.decisions.State. outcome: None while it runs.

    found: what led to the prompt's decision, for those who may know. confirms: the decision whose question was
    answered with yes. overturned: an appeal found that the prompt should not have been refused.
    in_unread_language: the prompt's decision follows from its language.
    """

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
    policy_sha256: str = ""
    found: tuple[Found, ...] = ()
    confirms: str | None = None
    in_unread_language: bool = False
    overturned: bool = False
