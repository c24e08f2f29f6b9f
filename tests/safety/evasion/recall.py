"""What the shipped lists catch of our evasion set, under the default policy: clean and in every disguise."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from policies.loader import load_policy, shipped_policies
from policies.schema import Policy
from policies.signals import Category, Signal
from policies.verdict import Action
from policies.wordlists import load_blocklists
from safety.checks.blocklist import Blocklist
from safety.normalize import normalize
from tests.safety.evasion.blocked_prompts import BLOCKED, BlockedPrompt
from tests.safety.evasion.transformations import EVERYWHERE, SPACED, WHERE_LISTED, Transformation


@dataclass(frozen=True, slots=True)
class Recall:
    """How many of the prompts that are caught clean are still caught."""

    caught: int
    of: int
    missed: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """From 0 to 1; 1 if there was nothing to catch."""
        return self.caught / self.of if self.of else 1.0


@cache
def shipped_policy() -> Policy:
    """The default policy."""
    return load_policy(shipped_policies()["default"])


@cache
def shipped_blocklist() -> Blocklist:
    """The check with the default policy's lists."""
    return Blocklist.from_lists(load_blocklists(shipped_policy().blocklists))


@cache
def _stopping_scores() -> Mapping[Category, float]:
    """For each category the blocklist's score from which a prompt does not simply pass."""
    return {category: _lowest(row["blocklist"]) for category, row in shipped_policy().prompt.table.items()}


def _lowest(thresholds: object) -> float:
    scores = [getattr(thresholds, action, None) for action in (Action.REVIEW, Action.BLOCK, Action.ESCALATE)]
    return min((score for score in scores if score is not None), default=2.0)


def caught(prompt: str) -> bool:
    """Whether the blocklist alone makes the default policy review, block or escalate the prompt."""
    return bool(reasons(prompt))


def reasons(prompt: str) -> list[Signal]:
    """The blocklist's signals for which the prompt does not simply pass."""
    (signals,) = shipped_blocklist().check([normalize(prompt)])
    stopping = _stopping_scores()
    return [s for s in signals if isinstance(s.subject, Category) and s.score >= stopping[s.subject]]


@cache
def clean(language: str) -> tuple[BlockedPrompt, ...]:
    """The prompts that are caught as they stand."""
    return tuple(prompt for prompt in BLOCKED[language] if caught(prompt.text))


def recall(transform: Transformation, prompts: Sequence[BlockedPrompt]) -> Recall:
    """Of prompts that are caught clean. A disguise that leaves a prompt as it was proves nothing and is left out."""
    disguised = [text for prompt in prompts if (text := transform(prompt)) != prompt.text]
    missed = tuple(text for text in disguised if not caught(text))
    return Recall(len(disguised) - len(missed), len(disguised), missed)


def with_disguise(language: str, disguise: str) -> tuple[BlockedPrompt, ...]:
    """The caught prompts whose term's list asks for a disguise."""
    lists = load_blocklists(shipped_policy().blocklists)
    listed = {
        text for wordlist in lists for terms in wordlist.terms if disguise in terms.disguises for text in terms.text
    }
    return tuple(prompt for prompt in clean(language) if prompt.term in listed)


def table() -> Iterator[tuple[str, str, Recall]]:
    """Every disguise, language and recall."""
    for language in BLOCKED:
        for name, transform in {**EVERYWHERE, **SPACED}.items():
            yield name, language, recall(transform, clean(language))
        for name, (disguise, transform) in WHERE_LISTED.items():
            yield name, language, recall(transform, with_disguise(language, disguise))


def printed(rows: Iterable[tuple[str, str, Recall]]) -> str:
    """The table as text, one disguise a line."""
    shares: dict[str, dict[str, Recall]] = {}
    for name, language, found in rows:
        shares.setdefault(name, {})[language] = found
    lines = [f"{'disguise':34}" + "".join(f"{language:>14}" for language in BLOCKED)]
    for name, found_in in shares.items():
        cells = (f"{found_in[language].share:8.3f}{found_in[language].of:6}" for language in BLOCKED)
        lines.append(f"{name:34}" + "".join(cells))
    return "\n".join(lines)
