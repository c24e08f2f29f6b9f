"""What follows from the signals: an action, its reasons, and the policy that said so."""

from dataclasses import dataclass
from enum import StrEnum

from policies.signals import Category, Stage


class Action(StrEnum):
    """What to do, from mildest to gravest (the order of definition).

    confirm: ask whoever typed the prompt whether this is what they mean; go on when they say so.
    """

    ALLOW = "allow"
    LABEL = "label"
    CONFIRM = "confirm"
    REVIEW = "review"
    BLOCK = "block"
    ESCALATE = "escalate"

    @property
    def gravity(self) -> int:
        """0 for allow to 5 for escalate."""
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


UNSUPPORTED_LANGUAGE = "unsupported_language"
"""What a verdict is told as when no harm led to it, but a language that the classifier does not read."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One signal that met one threshold, rule or cell of the policy. category: None for an unread language.

    visible_label: the picture must bear one. hash_only: nothing of the picture may be kept but its hash.
    """

    action: Action
    category: Category | None
    source: str
    score: float
    threshold: float
    rule: str
    visible_label: bool = False
    hash_only: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy made of the signals of one prompt or one picture.

    reasons: gravest first; those of allow are the cells of the likeness matrix that let it pass, if any.
    """

    action: Action
    stage: Stage
    policy: PolicyStamp
    reasons: tuple[Reason, ...] = ()

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories that led to the action, gravest first, without repeats."""
        return tuple(dict.fromkeys(r.category for r in self.leading if r.category is not None))

    @property
    def in_unread_language(self) -> bool:
        """Whether a language that the classifier does not read led to the action."""
        return any(reason.category is None for reason in self.leading)

    @property
    def visible_label(self) -> bool:
        """Whether any cell, the leading one or not, wants the letters AI to be seen on the picture."""
        return any(reason.visible_label for reason in self.reasons)

    @property
    def hash_only(self) -> bool:
        """Whether any rule wants nothing of the picture to be kept but its hash."""
        return any(reason.hash_only for reason in self.reasons)

    @property
    def leading(self) -> tuple[Reason, ...]:
        """The reasons that led to the action; what is allowed needs none."""
        if self.action is Action.ALLOW:
            return ()
        return tuple(reason for reason in self.reasons if reason.action is self.action)


class CouldNotJudge(Exception):
    """The signals do not support any verdict. Never to be read as allow (invariant I3).

    reason: "exception" | "timeout" | "nan" | "schema" | "missing": the label of the failure metric.
    """

    def __init__(self, source: str, reason: str, detail: str) -> None:
        super().__init__(f"{source}: {detail}")
        self.source = source
        self.reason = reason
