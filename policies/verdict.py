"""What follows from the signals: an action, its reasons, and the policy that said so."""

from dataclasses import dataclass
from enum import StrEnum

from policies.signals import Category, Stage


class Action(StrEnum):
    """What to do, from mildest to gravest (the order of definition)."""

    ALLOW = "allow"
    LABEL = "label"
    REVIEW = "review"
    BLOCK = "block"
    ESCALATE = "escalate"

    @property
    def gravity(self) -> int:
        """0 for allow to 4 for escalate."""
        return list(Action).index(self)

    @property
    def refuses(self) -> bool:
        """True when nothing may be made or shown."""
        return self in (Action.BLOCK, Action.ESCALATE)


@dataclass(frozen=True, slots=True)
class PolicyStamp:
    """Which policy judged: name, version, and the sha256 of its content."""

    name: str
    version: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Reason:
    """One signal that met one threshold or rule of the policy."""

    action: Action
    category: Category
    source: str
    score: float
    threshold: float
    rule: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy made of the signals of one prompt or one picture.

    reasons: gravest first; empty only for allow.
    """

    action: Action
    stage: Stage
    policy: PolicyStamp
    reasons: tuple[Reason, ...] = ()

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories that led to the action, gravest first, without repeats."""
        return tuple(dict.fromkeys(r.category for r in self.reasons if r.action == self.action))


class CouldNotJudge(Exception):
    """The signals do not support any verdict. Never to be read as allow (invariant I3).

    reason: "exception" | "timeout" | "nan" | "schema" | "missing": the label of the failure metric.
    """

    def __init__(self, source: str, reason: str, detail: str) -> None:
        super().__init__(f"{source}: {detail}")
        self.source = source
        self.reason = reason
