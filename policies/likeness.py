"""The likeness matrix: what follows when a picture looks like this and its prompt means somebody like that.

Who is meant is known from the prompt alone. No face is ever compared with another: that would be biometrics.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from policies.parts import Condition, KnownSubject, Part, Threshold
from policies.signals import IDENTITIES, MEANT, Category, Descriptor, Signal, Subject
from policies.verdict import Action

NOBODY = "nobody"
"""Stands for the identities of a prompt that means nobody in particular."""

Look = Literal["drawn", "lifelike", "photoreal"]
LOOKS: tuple[Look, ...] = ("drawn", "lifelike", "photoreal")
"""How much a picture passes for a photograph of a person, least first."""

FROM_PROMPT = "prompt"
"""The source of what a picture's prompt says, when its picture is judged."""

Who = Annotated[str, Field(pattern=f"^({'|'.join((NOBODY, *IDENTITIES))})$")]
Meets = Callable[[Condition], Signal | None]
Evidence = tuple[tuple[Signal, Condition], ...]


class Cell(Part):
    """What follows. label: visible burns the letters AI into the picture, whoever releases it."""

    action: Action
    label: Literal["visible"] | None = None


def _word_or_table(entry: object) -> str:
    return "[word]" if isinstance(entry, str) else "[table]"


CellEntry = Annotated[Annotated[Action, Tag("[word]")] | Annotated[Cell, Tag("[table]")], Discriminator(_word_or_table)]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


class LookThresholds(Part):
    """From which scores on a picture has a look; both must be reached."""

    photorealism: Threshold
    person: Threshold

    def conditions(self, within: float) -> list[Condition]:
        """What must be met, each threshold lowered by `within`, though never to nothing."""
        asked = {Descriptor.PHOTOREALISM: self.photorealism, Descriptor.PERSON: self.person}
        return [Condition(subject=s, at_least=round(max(t - within, 0.01), 4)) for s, t in asked.items()]


class Looks(Part):
    """The looks beside `drawn`, which every picture has that reaches neither."""

    lifelike: LookThresholds
    photoreal: LookThresholds


class Near(Part):
    """What is done with a picture that falls short of a graver look by no more than `within`.

    take: `stricter` judges it as if it had that look, `review` too, but holds it for a person at the most.
    """

    within: Annotated[float, Field(gt=0, le=0.2)]
    take: Literal["stricter", "review"]


class Row(Part):
    """Whom the prompt means, in which context (any of them; none: in every one), and what follows for each look."""

    who: Annotated[tuple[Who, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    context: Annotated[tuple[KnownSubject, ...], BeforeValidator(_as_tuple)] = ()
    category: Category = Category.DECEPTION
    drawn: CellEntry
    lifelike: CellEntry
    photoreal: CellEntry

    def cell(self, look: Look) -> Cell:
        """The row's cell for a look."""
        entry: Action | Cell = getattr(self, look)
        return entry if isinstance(entry, Cell) else Cell(action=entry)

    @property
    def places(self) -> Iterator[tuple[str, Subject | None]]:
        """Each identity with each context."""
        return product(self.who, self.context or (None,))


@dataclass(frozen=True, slots=True)
class Met:
    """A cell that a picture fell into, by its rule id, and what led there."""

    rule: str
    cell: Cell
    category: Category
    evidence: Evidence


class Likeness(Part):
    """The matrix. evidence: from which score on somebody counts as meant, and something as told or shown."""

    looks: Looks
    near: Near | None = None
    evidence: dict[KnownSubject, Threshold]
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]

    @cached_property
    def subjects(self) -> frozenset[Subject]:
        """What must have been reported before the matrix can be asked."""
        return frozenset({*self.evidence, Descriptor.PHOTOREALISM, Descriptor.PERSON})

    @property
    def thresholds(self) -> Iterator[tuple[str, float]]:
        """Every threshold with its name, for the record."""
        for look in LOOKS[1:]:
            for condition in getattr(self.looks, look).conditions(0):
                yield f"likeness/{look}/{condition.subject}", condition.at_least
        for subject, threshold in self.evidence.items():
            yield f"likeness/evidence/{subject}", threshold
        if self.near:
            yield "likeness/near", self.near.within

    def met(self, meets: Meets) -> Iterator[Met]:
        """The cells that a picture falls into: of every row whose identity and context are met, in its look.

        meets: tells the signal that meets a condition, None when none does.
        """
        look, seen = self._look(meets, 0.0)
        yield from self._cells(meets, look, seen)
        if self.near:
            nearly, seen_nearly = self._look(meets, self.near.within)
            if nearly != look:
                for met in self._cells(meets, nearly, seen_nearly):
                    yield met if self.near.take == "stricter" else _for_a_person(met)

    def may_be_labelled(self, meets: Meets) -> bool:
        """Whether a picture for this prompt may have to bear the visible label, whatever it will show.

        meets: as for `met`, of what the prompt says.
        """
        labelling = [row for row in self.rows if any(row.cell(look).label for look in LOOKS)]
        return any(self._means(meets, who) is not None for row in labelling for who in row.who)

    def _look(self, meets: Meets, within: float) -> tuple[Look, Evidence]:
        if found := _all_met(self.looks.photoreal.conditions(within), meets):
            return "photoreal", found
        if found := _all_met(self.looks.lifelike.conditions(within), meets):
            return "lifelike", found
        return "drawn", ()

    def _cells(self, meets: Meets, look: Look, seen: Evidence) -> Iterator[Met]:
        for row in self.rows:
            for who, context in row.places:
                meant = self._means(meets, who)
                told = self._all_in([context] if context else [], meets)
                if meant is not None and told is not None:
                    place = "/".join(["likeness", who, *([context] if context else []), look])
                    yield Met(place, row.cell(look), row.category, (*meant, *told, *seen))

    def _means(self, meets: Meets, who: str) -> Evidence | None:
        """What tells that this identity is meant; None when it is not."""
        if who != NOBODY:
            return self._all_in([Descriptor(who)], meets)
        somebody = any(self._all_in([identity], meets) for identity in IDENTITIES if identity in self.evidence)
        return None if somebody else ()

    def _all_in(self, subjects: Sequence[Subject], meets: Meets) -> Evidence | None:
        return _all_met([Condition(subject=s, at_least=self.evidence[s]) for s in subjects], meets)


def _for_a_person(met: Met) -> Met:
    """The cell, or a review where it is graver."""
    if met.cell.action.gravity <= Action.REVIEW.gravity:
        return met
    return replace(met, cell=Cell(action=Action.REVIEW, label=met.cell.label))


def _all_met(conditions: Sequence[Condition], meets: Meets) -> Evidence | None:
    found = [(meets(condition), condition) for condition in conditions]
    pairs = tuple((signal, condition) for signal, condition in found if signal is not None)
    return pairs if len(pairs) == len(conditions) else None


def carried(signals: Sequence[Signal]) -> list[Signal]:
    """What the prompt's checks said about whom and what it means, as its pictures are judged by it: strongest first."""
    strongest: dict[Subject, Signal] = {}
    for signal in sorted(signals, key=lambda signal: (signal.calibrated, signal.score), reverse=True):
        if signal.subject in MEANT:
            strongest.setdefault(signal.subject, replace(signal, source=FROM_PROMPT, spans=()))
    return list(strongest.values())


NOTHING_MEANT = tuple(Signal(FROM_PROMPT, subject, 0.0) for subject in sorted(MEANT))
"""What is carried to a picture that came without a prompt."""
