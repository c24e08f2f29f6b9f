"""What a person at the review desk may give as a reason, in the two languages of the service."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import TypeAdapter

from policies.schema import Text

REASONS = Path(__file__).parent / "desk" / "reasons.yaml"

Doing = Literal["block", "allow", "escalate", "skip", "overturn", "uphold", "keep", "withdraw"]

BAN_LIFTED = "ban_lifted"  # why an appeal was overturned that no person had to decide any more
REFUSALS: tuple[Doing, ...] = ("block", "uphold", "withdraw")


@cache
def load_reasons() -> Mapping[Doing, Mapping[str, Text]]:
    """What is done -> reason -> its sentence; `{clause}` in it stands for what the policy says of a rule."""
    found = yaml.safe_load(REASONS.read_text(encoding="utf-8"))
    return TypeAdapter(dict[Doing, dict[str, Text]]).validate_python(found)


def told(doing: Doing, reason: str, language: str, clause: str) -> str:
    """The sentence, filled in. Raises KeyError for a reason that there is not."""
    return load_reasons()[doing][reason].in_language(language).replace("{clause}", clause).strip()


def refusal_told(reason: str, language: str, clause: str) -> str | None:
    """Why a person refused, withdrew or would not bring back something; None for a reason that there is not."""
    doing = next((doing for doing in REFUSALS if reason in load_reasons()[doing]), None)
    return told(doing, reason, language, clause) if doing else None
