"""What the page of a policy shows: its rules as bars and tables, how often each fired, and how another differs."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from gateway.store.firings import Counted, Fired
from gateway.web.desk_texts import DeskTexts
from gateway.web.policy_texts import PolicyTexts
from gateway.web.texts import Texts
from policies.compare import Difference, Said
from policies.likeness import LOOKS, Cell, Likeness
from policies.parts import Condition
from policies.schema import Policy, Rule, StagePolicy, Thresholds
from policies.signals import Category, Stage
from policies.verdict import Action

OUR_PICTURE_CHECKS = ("image_concepts", "realism", "person", "banned_pictures")
NAMED = ("cell", "likeness")  # kinds of differences whose places are words of a policy


@dataclass(frozen=True, slots=True)
class Zone:
    """Part of a bar where an action follows. start, width: of 100."""

    action: Action
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One check's thresholds. None: no report is required. zones: mildest first, each up to where the next begins."""

    check: str
    thresholds: Thresholds | None

    @property
    def zones(self) -> list[Zone]:
        """The bar."""
        steps = self.thresholds.in_force if self.thresholds else ()
        ends = [*(value for _, value in steps[1:]), 1.0]
        # A threshold of 1 would have no width: what only a full score meets is shown as a thin end.
        return [
            Zone(action, round(min(100 * value, 98.5), 2), round(max(100 * (end - value), 1.5), 2))
            for (action, value), end in zip(steps, ends, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Group:
    """Categories that a stage judges alike."""

    categories: tuple[Category, ...]
    judged: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """Whom a prompt means, in which contexts (none: in any), the category, and a cell for each look."""

    who: tuple[str, ...]
    contexts: tuple[str, ...]
    category: Category
    cells: tuple[Cell, ...]


def groups(asked: StagePolicy) -> list[Group]:
    """Every category with what each check's scores lead to; those that are judged alike stand together."""
    alike: defaultdict[tuple[Judged, ...], list[Category]] = defaultdict(list)
    for category in Category:
        row = asked.row(category)
        alike[tuple(_judged(check, row.get(check)) for check in asked.checks if check in row)].append(category)
    return [Group(tuple(categories), judged) for judged, categories in alike.items()]


def _judged(check: str, entry: Thresholds | str | None) -> Judged:
    return Judged(check, entry if isinstance(entry, Thresholds) else None)


def matrix(likeness: Likeness | None) -> list[MatrixRow]:
    """The likeness matrix, row by row."""
    rows = likeness.rows if likeness else ()
    return [MatrixRow(row.who, row.context, row.category, tuple(map(row.cell, LOOKS))) for row in rows]


def silent(policy: Policy, counted: Counted) -> list[str]:
    """The rules that nothing met within a month, by name; of a category's thresholds also the check."""
    fired = {(one.rule, one.source) for one in counted.fired}
    return [" ".join(filter(None, rule)) for rule in _rules(policy) if rule not in fired]


def _rules(policy: Policy) -> Iterator[tuple[str, str]]:
    for stage in Stage:
        asked = policy.stage(stage)
        for category, check in product(Category, sorted(asked.scoring_checks)):
            thresholds = asked.thresholds(category, check)
            in_force = thresholds.in_force if thresholds else ()
            yield from ((f"{stage}/{category}/{action}", check) for action, _ in in_force)
        yield from ((rule.id, "") for rule in asked.rules)
        for row, look in product(asked.likeness.rows if asked.likeness else (), LOOKS):
            if row.cell(look).action is not Action.ALLOW:
                for who, context in row.places:
                    yield "/".join(["likeness", who, *([context] if context else []), look]), ""


@dataclass(frozen=True, slots=True)
class Words:
    """A policy in the reader's language."""

    texts: Texts
    desk: DeskTexts
    own: PolicyTexts

    def subject(self, name: str) -> str:
        """A category, or a property of a prompt or a picture."""
        return self.own.subjects.get(name) or self.texts.category(name)

    def action(self, action: str) -> str:
        """An action."""
        return self.desk.actions.get(action, action)

    def cell(self, cell: Cell) -> str:
        """A cell of the likeness matrix."""
        return self.own.with_letters.format(action=self.action(cell.action)) if cell.label else self.action(cell.action)

    def thresholds(self, asked: Thresholds) -> str:
        """From which score each action follows."""
        told = [self.desk.threshold.format(action=self.action(name), value=f"{at:g}") for name, at in asked.in_force]
        return " · ".join(told)

    def conditions(self, rule: Rule) -> str:
        """What must be met together."""
        return f" {self.own.and_} ".join(map(self._condition, rule.when_all))

    def _condition(self, condition: Condition) -> str:
        source = f" ({condition.source})" if condition.source else ""
        return f"{self.subject(condition.subject)} ≥ {condition.at_least:g}{source}"

    def said(self, said: Said | None) -> str:
        """What a policy says at one place."""
        match said:
            case Thresholds():
                return self.thresholds(said)
            case Rule():
                kept = f", {self.own.keeps_hash}" if said.keep else ""
                return f"{self.conditions(said)}: {self.action(said.action)} ({self.subject(said.category)}){kept}"
            case Cell():
                return self.cell(said)
            case float():
                return f"{said:g}"
        return self.own.nothing if said is None else self.own.said.get(said, said)

    def place(self, difference: Difference) -> str:
        """Where two policies differ, beside whom or what it is about."""
        where = [self.own.places.get(part) or self.subject(part) if difference.kind in NAMED else part
                 for part in difference.where]  # fmt: skip
        return " · ".join([self.own.stages.get(where[0], where[0]), *where[1:]]) if where else ""

    def fired(self, fired: Fired) -> str:
        """A rule as a person reads it: its category or whom it is about, and the action."""
        first, *rest = fired.rule.split("/")
        if first in self.own.stages and len(rest) == 2 and rest[0] in set(Category):
            return f"{self.own.stages[first]} · {self.subject(rest[0])} · {self.action(rest[1])}"
        return " · ".join([self.own.stages.get(first, first), *map(self._part, rest)])

    def _part(self, part: str) -> str:
        return self.own.subjects.get(part) or self.own.places.get(part) or self.desk.actions.get(part) or part


def by_kind(found: Sequence[Difference]) -> Mapping[str, list[Difference]]:
    """Differences by what they are about, in order."""
    kinds: defaultdict[str, list[Difference]] = defaultdict(list)
    for difference in found:
        kinds[difference.kind].append(difference)
    return kinds


def second_opinions(policy: Policy) -> list[str]:
    """Checks of pictures that are none of ours: classifiers that the operator's own files name."""
    return [check for check in policy.picture.checks if check not in OUR_PICTURE_CHECKS]
