"""How much of what is hard to look at one person sees: points for pictures, and budgets for a stretch and a shift."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

CARE = Path(__file__).parent / "desk" / "care.yaml"

SEVERITIES = frozenset(range(1, 6))


class Care(BaseModel):
    """The limits. points: severity -> what one picture costs. before_pause, per_shift: points."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    points: dict[int, Annotated[int, Field(ge=0)]]
    before_pause: Annotated[int, Field(gt=0)]
    pause_minutes: Annotated[int, Field(gt=0, le=240)]
    per_shift: Annotated[int, Field(gt=0)]
    shift_hours: Annotated[int, Field(gt=0, le=24)]
    calm_severity: Annotated[int, Field(ge=1, le=5)]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.points.keys() != SEVERITIES:
            raise ValueError("points: say what a picture of each severity costs, from 1 to 5, and of no other")
        if self.per_shift < self.before_pause:
            raise ValueError("per_shift: at least as much as before_pause")
        return self

    @property
    def pause(self) -> timedelta:
        """How long a pause lasts."""
        return timedelta(minutes=self.pause_minutes)

    @property
    def shift(self) -> timedelta:
        """How far back the budget of a shift looks."""
        return timedelta(hours=self.shift_hours)


@dataclass(frozen=True, slots=True)
class Seen:
    """That somebody saw a picture as it is."""

    at: datetime
    points: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """Where somebody stands. stretch: points since the last pause. shift: points within one shift's hours.

    rests_until: until then nothing more is shown; None: go on.
    """

    stretch: int
    shift: int
    rests_until: datetime | None


@cache
def load_care() -> Care:
    """The limits of policies/desk/care.yaml. Raises pydantic's ValidationError, which names the field."""
    return Care.model_validate(yaml.safe_load(CARE.read_text(encoding="utf-8")))


def exposure(seen: Sequence[Seen], care: Care, moment: datetime) -> Exposure:
    """seen: in the order of time, none after `moment`. To look at nothing for a pause's time is the pause."""
    recent = [one for one in seen if one.points and moment - one.at < care.shift]
    stretch, rests_until, last = 0, None, None
    for one in recent:
        if last is None or one.at - last >= care.pause:
            stretch, rests_until = 0, None
        stretch, last = stretch + one.points, one.at
        if stretch >= care.before_pause:
            rests_until = one.at + care.pause
    if last is None or moment - last >= care.pause:
        stretch, rests_until = 0, None
    shift = sum(one.points for one in recent)
    return Exposure(stretch, shift, _later(rests_until, _shift_again(recent, shift, care)))


def _shift_again(recent: Sequence[Seen], spent: int, care: Care) -> datetime | None:
    """When so much of a shift's budget is old enough that some is left; None when some is."""
    if spent < care.per_shift:
        return None
    for one in recent:
        spent -= one.points
        if spent < care.per_shift:
            return one.at + care.shift
    raise AssertionError("nothing seen is below every budget")


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment), default=None)
