"""The queues of the review desk: who may work in them, and by which rules a case comes into one.

Rules are read in order and the first that matches names the queue; the last has no condition, so every case has one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from policies.loader import load_strictly
from policies.parts import Part
from policies.schema import Problem, Text
from policies.signals import Category

SHIPPED = Path(__file__).parent / "desk" / "queues.yaml"

QueueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Level = Literal["moderator", "senior"]
Severity = Annotated[int, Field(ge=1, le=5)]
LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]

CONDITIONS = ("source", "category", "severity", "level", "language", "restricted")


class Source(StrEnum):
    """What put a case into the queue."""

    PROMPT = "prompt"
    PICTURE = "picture"
    UNJUDGED = "unjudged"
    APPEAL = "appeal"
    REPORT = "report"
    DISAGREEMENT = "disagreement"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may ask of a case. category, language: "" when there is none, or it is not known.

    severity: 1 to 5. language: ISO 639, of the prompt, or of what an appeal says. restricted: it may show a child.
    """

    source: str
    category: str
    severity: int
    level: str
    language: str
    restricted: bool


class When(Part):
    """The conditions of a rule: a case meets all that are given, each by any of its values."""

    source: tuple[Annotated[Source, Field(strict=False)], ...] | None = None
    category: tuple[Annotated[Category, Field(strict=False)], ...] | None = None
    severity: tuple[Severity, ...] | None = None
    level: tuple[Level, ...] | None = None
    language: tuple[LanguageCode, ...] | None = None
    restricted: bool | None = None

    @property
    def asked(self) -> dict[str, frozenset[object]]:
        """Each condition that is given, and the values that meet it."""
        given = {name: getattr(self, name) for name in CONDITIONS}
        return {
            name: frozenset(value) if isinstance(value, tuple) else frozenset({value})
            for name, value in given.items()
            if value is not None
        }

    def matches(self, facts: Facts) -> bool:
        """Whether a case meets every condition."""
        return all(getattr(facts, name) in values for name, values in self.asked.items())

    def covers(self, other: "When") -> bool:
        """Whether every case that meets the other's conditions meets these."""
        theirs = other.asked
        return all(name in theirs and theirs[name] <= values for name, values in self.asked.items())


class Queue(Part):
    """A queue. open: everybody at the desk works in it; else seniors, and whoever was granted it."""

    name: QueueName
    title: Text
    open: bool = True


class Rule(Part):
    """Cases that meet `when` go to `queue`; without `when`, all that are left."""

    queue: QueueName
    when: When | None = None

    def takes_all_of(self, later: "Rule") -> bool:
        """Whether nothing is left for a later rule."""
        if self.when is None or later.when is None:
            return self.when is None
        return bool(self.when.asked) and self.when.covers(later.when)


class Queues(Part):
    """All queues, in the order in which the desk shows them, and the rules."""

    queues: tuple[Queue, ...]
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _keep_the_laws(self) -> Self:
        if broken := [*self._broken_names(), *self._broken_rules()]:
            raise PydanticCustomError("laws_broken", "breaks a law", {"broken": broken})
        return self

    def _broken_names(self) -> Iterator[Problem]:
        counts = Counter(self.names)
        named = {rule.queue for rule in self.rules}
        for number, queue in enumerate(self.queues):
            if counts[queue.name] > 1:
                yield ("queues", number, "name"), f"should be the only queue of this name (found {queue.name} again)"
            if queue.name not in named:
                yield ("queues", number, "name"), f"should be named by a rule (no rule leads to {queue.name})"

    def _broken_rules(self) -> Iterator[Problem]:
        if not self.rules or self.rules[-1].when is not None:
            yield ("rules",), "should end with a rule without conditions, so that every case has a queue"
        for number, rule in enumerate(self.rules):
            if rule.queue not in self.names:
                known = ", ".join(self.names)
                yield ("rules", number, "queue"), f"should be one of {known} (found {rule.queue})"
            yield from self._never_matched(number, rule)

    def _never_matched(self, number: int, rule: Rule) -> Iterator[Problem]:
        if rule.when is not None and not all(rule.when.asked.values()):
            yield ("rules", number, "when"), "should leave a condition out instead of listing nothing"
        if rule.when is not None and not rule.when.asked:
            yield ("rules", number, "when"), "should hold a condition; only the last rule has none, and no `when`"
        for before, earlier in enumerate(self.rules[:number], 1):
            if earlier.takes_all_of(rule):
                yield ("rules", number), f"should match something: rule {before} takes all that it would match"
                return

    @property
    def names(self) -> tuple[str, ...]:
        """Of all queues."""
        return tuple(queue.name for queue in self.queues)

    @property
    def open_to_all(self) -> frozenset[str]:
        """The queues that need no grant."""
        return frozenset(queue.name for queue in self.queues if queue.open)

    def route(self, facts: Facts) -> str:
        """The queue of a case."""
        return next(rule.queue for rule in self.rules if rule.when is None or rule.when.matches(facts))

    def title(self, name: str, language: str) -> str:
        """What a queue is called; its name, when it is in the file no longer."""
        return next((queue.title.in_language(language) for queue in self.queues if queue.name == name), name)

    def seen_with(self, granted: Sequence[str]) -> frozenset[str]:
        """The queues of somebody who was granted these."""
        return self.open_to_all | frozenset(granted).intersection(self.names)


@cache
def load_queues(path: Path = SHIPPED) -> Queues:
    """The queues of a file. Raises PolicyInvalid, telling every problem with its line."""
    return load_strictly(path, Queues)
