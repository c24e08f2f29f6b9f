"""What a policy file may say, and the laws that every policy keeps."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import product
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from policies.likeness import LOOKS, Likeness
from policies.parts import Condition, KnownSubject, Part, RuleId, Source, Threshold
from policies.signals import IDENTITIES, Category, Stage
from policies.verdict import Action, PolicyStamp

SEXUAL_MINORS_FLOOR = 0.5
"""No policy may refuse sexual content about minors later than at this score."""

UNREAD_LANGUAGE_CEILING = 0.5
"""A prompt that is as surely in an unread language as not is never simply allowed."""

LANGUAGE_CHECK = "language"
"""The check that tells which prompts the classifier cannot read."""

PolicyName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
ListName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]

NotScored = Literal["not_scored"]
Disclosure = Literal["none", "category", "span"]
Problem = tuple[tuple[str | int, ...], str]
Value = TypeVar("Value")


class Text(Part):
    """The same sentence in the two languages of the service."""

    en: Sentence
    fr: Sentence

    def in_language(self, tag: str) -> str:
        """The French sentence for `fr`, `fr-CA` and the like, the English one for any other language tag."""
        return self.fr if tag.replace("_", "-").split("-")[0].lower() == "fr" else self.en


class Thresholds(Part):
    """From which score, in (0, 1], each action follows; at least one, and the graver never the lower."""

    label: Threshold | None = None
    confirm: Threshold | None = None
    review: Threshold | None = None
    block: Threshold | None = None
    escalate: Threshold | None = None

    @property
    def in_force(self) -> tuple[tuple[Action, float], ...]:
        """The actions that have a threshold, mildest first."""
        asked = {
            Action.LABEL: self.label,
            Action.CONFIRM: self.confirm,
            Action.REVIEW: self.review,
            Action.BLOCK: self.block,
            Action.ESCALATE: self.escalate,
        }
        return tuple((action, threshold) for action, threshold in asked.items() if threshold is not None)

    @property
    def refuses_from(self) -> float | None:
        """The lowest score that blocks or escalates, None when no score does."""
        return min((threshold for action, threshold in self.in_force if action.refuses), default=None)

    @model_validator(mode="after")
    def _rises_with_gravity(self) -> Self:
        thresholds = [threshold for _, threshold in self.in_force]
        if not thresholds:
            actions = "label, confirm, review, block or escalate"
            raise PydanticCustomError("no_threshold", "should give a threshold to {actions}", {"actions": actions})
        if thresholds != sorted(thresholds):
            order = "label <= confirm <= review <= block <= escalate"
            raise PydanticCustomError("not_rising", "should rise with gravity: {order}", {"order": order})
        return self


def _word_or_table(entry: object) -> str:
    return "[word]" if isinstance(entry, str) else "[table]"


SourceEntry = Annotated[
    Annotated[NotScored, Tag("[word]")] | Annotated[Thresholds, Tag("[table]")], Discriminator(_word_or_table)
]
CategoryEntry = Annotated[
    Annotated[NotScored, Tag("[word]")] | Annotated[dict[Source, SourceEntry], Tag("[table]")],
    Discriminator(_word_or_table),
]


class Rule(Part):
    """An action that follows when all the conditions are met by signals of the same stage.

    keep: `hash` erases the picture's bytes at once; only the hash that its row bears is kept.
    """

    id: RuleId
    when_all: Annotated[tuple[Condition, ...], Field(min_length=1)]
    action: Action
    category: Category
    keep: Literal["hash"] | None = None

    @model_validator(mode="after")
    def _acts(self) -> Self:
        if self.keep and not self.action.refuses:
            raise PydanticCustomError("keeps_nothing", "should block or escalate: what is erased can never be shown")
        if self.action is Action.ALLOW:
            raise PydanticCustomError("rule_allows", "should label, confirm, review, block or escalate: no rule allows")
        return self


class StagePolicy(Part):
    """What is asked of one stage: the checks that must report, and what follows from their scores.

    defaults: thresholds per check, for every category that gives that check none of its own.
    categories: what differs from the defaults. `not_scored`, for a whole category or for one check in it,
    says that no report is required there; a report that comes all the same is judged by the defaults.
    unread_language: what follows when the prompt is in a language that the classifier does not read.
    likeness: what follows from whom the prompt means and how the picture looks.
    """

    checks: Annotated[tuple[Source, ...], Field(min_length=1)]
    defaults: dict[Source, Thresholds] = Field(default_factory=dict)
    categories: dict[Category, CategoryEntry] = Field(default_factory=dict)
    unread_language: Thresholds | None = None
    rules: tuple[Rule, ...] = ()
    likeness: Likeness | None = None

    @cached_property
    def table(self) -> dict[Category, dict[str, Thresholds]]:
        """Category -> check -> thresholds, for every report that is required."""
        return {
            category: {source: entry for source, entry in self.row(category).items() if entry != "not_scored"}
            for category in Category
        }

    def row(self, category: Category) -> dict[str, Thresholds | NotScored]:
        """Check -> thresholds or `not_scored`, defaults filled in: everything said about a category."""
        said = self.categories.get(category, {})
        if said == "not_scored":
            return dict.fromkeys(self.scoring_checks, said)
        return {**self.defaults, **said}

    def thresholds(self, category: Category, source: str) -> Thresholds | None:
        """What a report is judged by, required or not; None when the policy has nothing to judge it by.

        The defaults, which know no floor, never stand in for sexual_minors.
        """
        required = self.table[category].get(source)
        return required if required or category is Category.SEXUAL_MINORS else self.defaults.get(source)

    @property
    def scoring_checks(self) -> set[str]:
        """The checks with thresholds for at least one category."""
        said = [entry for entry in self.categories.values() if entry != "not_scored"]
        return {*self.defaults, *(source for entry in said for source in entry)}


class Example(Part):
    """A prompt and what this policy does with it: the policy's own test.

    picture: scores that a picture drawn for it gets, 0 for what is not named; then its verdict is expected.
    rule: what must be among the reasons.
    """

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    expect: Action
    picture: dict[KnownSubject, Annotated[float, Field(ge=0, le=1)]] | None = None
    rule: RuleId | None = None


def _complete(given: dict[Category, Value]) -> dict[Category, Value]:
    missing = ", ".join(category for category in Category if category not in given)
    if missing:
        raise PydanticCustomError("incomplete", "should name every category: {missing} missing", {"missing": missing})
    return given


class Policy(Part):
    """One operator's decisions, complete: a policy that loads judges every category or says that it cannot.

    severity: 1 (mild) to 5 (gravest), for ordering the review queue and the reasons of a verdict.
    disclosure: what a refused caller is told: nothing, the category, or the category and where in the prompt.
    blocklists: the folders of policies/blocklists/ whose lists are in force; `common` always is.
    messages: what the public reads when something is refused for this category.
    questions: what the public is asked before something of this category is drawn all the same.
    """

    name: PolicyName
    version: Annotated[int, Field(ge=1)]
    description: Text
    blocklists: Annotated[tuple[ListName, ...], Field(min_length=1)]
    prompt: StagePolicy
    picture: StagePolicy
    severity: Annotated[dict[Category, Annotated[int, Field(ge=1, le=5)]], AfterValidator(_complete)]
    disclosure_of: Annotated[dict[Category, Disclosure], AfterValidator(_complete), Field(alias="disclosure")]
    messages: Annotated[dict[Category, Text], AfterValidator(_complete)]
    questions: dict[Category, Text] = Field(default_factory=dict)
    examples: Annotated[tuple[Example, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _keeps_the_laws(self) -> Self:
        """Raise one error whose context lists every broken law as (location, sentence)."""
        if broken := [*_broken_laws(self)]:
            sentences = "; ".join(sentence for _, sentence in broken)
            raise PydanticCustomError("laws_broken", "{sentences}", {"sentences": sentences, "broken": broken})
        return self

    def stage(self, stage: Stage) -> StagePolicy:
        """What this policy asks of a stage."""
        return self.prompt if stage is Stage.PROMPT else self.picture

    def message(self, category: Category, language: str) -> str:
        """The sentence the public reads, in French for `fr` and `fr-*`, in English for any other language."""
        return self.messages[category].in_language(language)

    def question(self, category: Category, language: str) -> str:
        """What the public is asked to confirm, in French for `fr` and `fr-*`, in English for any other language."""
        return self.questions[category].in_language(language)

    def disclosure(self, category: Category) -> Disclosure:
        """What a caller may be told about a refusal for this category."""
        return self.disclosure_of[category]

    @cached_property
    def stamp(self) -> PolicyStamp:
        """Name, version, and the sha256 of the content's canonical JSON: comments and layout don't count."""
        content = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return PolicyStamp(self.name, self.version, hashlib.sha256(canonical.encode()).hexdigest())


def _broken_laws(policy: Policy) -> Iterator[Problem]:
    for stage in Stage:
        asked = policy.stage(stage)
        yield from _unlisted_checks(stage, asked)
        yield from _unjudged(stage, asked)
        yield from _below_the_floor(stage, asked)
    yield from _judged_nowhere(policy)
    yield from _asked_unlawfully(policy)
    yield from _unread_unlawfully(policy)
    yield from _likened_unlawfully(policy)
    if policy.disclosure(Category.SEXUAL_MINORS) == "span":
        yield (
            ("disclosure", Category.SEXUAL_MINORS),
            "should be none or category: nobody is shown what to rephrase",
        )
    yield from _repeated(policy)


def _unlisted_checks(stage: Stage, asked: StagePolicy) -> Iterator[Problem]:
    for source in sorted(asked.scoring_checks - {*asked.checks}):
        yield (stage, "checks"), f"should list {source}, which has thresholds"
    for number, rule in enumerate(asked.rules):
        for condition in rule.when_all:
            if condition.source is not None and condition.source not in asked.checks:
                yield (stage, "rules", number), f"{rule.id} asks {condition.source}, which checks should list"


def _unjudged(stage: Stage, asked: StagePolicy) -> Iterator[Problem]:
    for source in sorted(asked.scoring_checks):
        if silent := [category for category in Category if source not in asked.row(category)]:
            named = ", ".join(silent)
            yield (stage, "categories"), f"should give {source} thresholds, or not_scored, in {named}"


def _below_the_floor(stage: Stage, asked: StagePolicy) -> Iterator[Problem]:
    for source, thresholds in asked.table[Category.SEXUAL_MINORS].items():
        refuses_from = thresholds.refuses_from
        if refuses_from is None or refuses_from > SEXUAL_MINORS_FLOOR:
            yield (
                (stage, "categories", Category.SEXUAL_MINORS, source),
                f"sexual_minors should block or escalate at {SEXUAL_MINORS_FLOOR} or lower for {source}",
            )


def _judged_nowhere(policy: Policy) -> Iterator[Problem]:
    if unjudged := [category for category, row in policy.prompt.table.items() if not row]:
        yield ("prompt", "categories"), f"should have a check of the prompt judge {', '.join(unjudged)}"


def _asked_unlawfully(policy: Policy) -> Iterator[Problem]:
    """Nobody can confirm what may never be drawn, nor a picture that they have not seen."""
    for location, category in _confirmable(Stage.PICTURE, policy.picture):
        yield location, f"should not confirm {category}: only prompts can be asked about"
    for location, category in _confirmable(Stage.PROMPT, policy.prompt):
        if category is Category.SEXUAL_MINORS:
            yield location, "should never confirm sexual_minors"
        elif category not in policy.questions:
            yield ("questions",), f"should ask something about {category}, which has confirm"


def _confirmable(stage: Stage, asked: StagePolicy) -> Iterator[tuple[tuple[str | int, ...], Category]]:
    """Where a category may come to be confirmed."""
    for category, source in product(Category, sorted(asked.scoring_checks)):
        thresholds = asked.thresholds(category, source)
        if thresholds and thresholds.confirm is not None:
            yield (stage, "categories", category, source), category
    for number, rule in enumerate(asked.rules):
        if rule.action is Action.CONFIRM:
            yield (stage, "rules", number), rule.category


def _unread_unlawfully(policy: Policy) -> Iterator[Problem]:
    unread = policy.prompt.unread_language
    if policy.picture.unread_language:
        yield ("picture", "unread_language"), "should stand under prompt: pictures have no language"
    if (unread is not None) != (LANGUAGE_CHECK in policy.prompt.checks):
        yield ("prompt", "unread_language"), f"should be there when checks list {LANGUAGE_CHECK}, and only then"
    if unread and unread.confirm is not None:
        yield ("prompt", "unread_language", "confirm"), "should not be asked about: nobody has read the prompt"
    if unread and unread.in_force[0][1] > UNREAD_LANGUAGE_CEILING:
        yield ("prompt", "unread_language"), f"should at least label from {UNREAD_LANGUAGE_CEILING} on"


def _likened_unlawfully(policy: Policy) -> Iterator[Problem]:
    if policy.prompt.likeness:
        yield ("prompt", "likeness"), "should stand under picture: a prompt has no look"
    if policy.picture.likeness:
        for place, sentence in _broken_in(policy.picture.likeness):
            yield ("picture", "likeness", *place), sentence


def _broken_in(matrix: Likeness) -> Iterator[Problem]:
    lifelike, photoreal = matrix.looks.lifelike, matrix.looks.photoreal
    if photoreal.photorealism < lifelike.photorealism or photoreal.person < lifelike.person:
        yield ("looks", "photoreal"), "should ask for as much as lifelike at least"
    for number, row in enumerate(matrix.rows):
        named = [*row.context, *(identity for identity in IDENTITIES if identity in row.who)]
        if missing := [subject for subject in named if subject not in matrix.evidence]:
            yield ("rows", number), f"should find under evidence from which score {', '.join(missing)} counts"
        actions = [row.cell(look).action for look in LOOKS]
        if Action.CONFIRM in actions:
            yield ("rows", number), "should not confirm: only prompts can be asked about"
        if sorted(actions, key=lambda action: action.gravity) != actions:
            yield ("rows", number), "should be no milder the more a picture passes for a photograph"


def _repeated(policy: Policy) -> Iterator[Problem]:
    lists = {
        ("blocklists",): [*policy.blocklists],
        ("prompt", "checks"): [*policy.prompt.checks],
        ("picture", "checks"): [*policy.picture.checks],
        ("prompt", "rules"): [rule.id for rule in (*policy.prompt.rules, *policy.picture.rules)],
    }
    for location, words in lists.items():
        for word, times in Counter(words).items():
            if times > 1:
                yield location, f"should name {word} once"
