"""Judges what a prompt asks not to see: a picture without blood is harmless, one without clothes is not."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import policies
from policies.identity import ModelIdentity
from policies.signals import Category, Signal
from policies.wordlists import Wordlist, load_blocklists
from safety.checks.blocklist import Blocklist
from safety.normalize import NormalizedPrompt

FOLDER = Path(policies.__file__).parent / "negative_prompts"
LANGUAGES = ("english", "french")

CLOTHES, ADULTHOOD, SLURS, PERSONS, THINGS = "clothes", "adulthood", "slurs", "persons", "things"
CHILDREN = frozenset({"minors", "youth"})  # groups of the policy's lists

NAKED = 0.8  # from this score on, absent clothes mean a naked body
SEXUAL_WISH = 0.3  # the least score of a wanted part that makes it matter who is not to be seen
MODEST = 0.8  # unwanted words of this score say that underwear is unwanted together with what is under it
OF_NO_PERSON = 0.5  # the most that clothes missing from animals and things score


class NegativePrompt:
    """What the absence of the unwanted means, given what is wanted.

    Every category gets a signal; 0 without a negative part, and for a wish not to see something unsafe.
    """

    name = "negative_prompt"
    reports: frozenset[Category] = frozenset(Category)

    def __init__(self, lists: Sequence[Wordlist], policy_lists: Sequence[Wordlist]) -> None:
        """lists: what absences mean, by their groups. policy_lists: those in force, for what the wanted part says."""
        sexual = [wordlist for wordlist in policy_lists if wordlist.category is Category.SEXUAL]
        children = [wordlist for wordlist in policy_lists if wordlist.group_name in CHILDREN]
        self.identity = ModelIdentity(self.name, _content_hash([*lists, *sexual, *children]))
        self._unwanted = _mentions(lists, {CLOTHES, ADULTHOOD, SLURS})
        self._persons, self._things = _mentions(lists, {PERSONS}), _mentions(lists, {THINGS})
        self._sexual = _mentions(sexual, {wordlist.group_name for wordlist in sexual})
        self._children = _mentions(children, CHILDREN)

    @classmethod
    def from_lists(cls, policy_lists: Sequence[Wordlist], folder: Path = FOLDER) -> "NegativePrompt":
        """The check for the lists in force. Raises WordlistInvalid for a folder with a bad list."""
        return cls(load_blocklists(LANGUAGES, folder), policy_lists)

    def check(self, prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
        """For each prompt one signal per category; `spans` are positions in the prompt as it was typed."""
        return [self._check_one(prompt) for prompt in prompts]

    def _check_one(self, prompt: NormalizedPrompt) -> list[Signal]:
        found = dict.fromkeys(Category, 0.0)
        if prompt.negative is None:
            return [Signal(self.name, category, score) for category, score in found.items()]
        absent = {signal.subject: signal for signal in self._unwanted.check([prompt.negative])[0]}
        naked = self._nakedness(prompt, prompt.negative, absent[Category.SEXUAL].score)
        found[Category.HATE] = absent[Category.HATE].score
        found[Category.SEXUAL] = naked
        found[Category.SEXUAL_MINORS] = self._youth(prompt, naked, absent[Category.SEXUAL_MINORS].score)
        blamed = absent | {Category.SEXUAL_MINORS: max(absent.values(), key=lambda signal: signal.score)}
        return [replace(blamed[category], source=self.name, subject=category, score=score) if score
                else Signal(self.name, category, 0.0) for category, score in found.items()]  # fmt: skip

    def _nakedness(self, prompt: NormalizedPrompt, unwanted: NormalizedPrompt, absent: float) -> float:
        """How likely the absence of clothes means a naked person."""
        if absent <= NAKED and _score(self._sexual, unwanted) >= MODEST:
            return 0.0
        of_things = _score(self._things, prompt) and not _score(self._persons, prompt)
        return min(absent, OF_NO_PERSON) if of_things else absent

    def _youth(self, prompt: NormalizedPrompt, naked: float, absent: float) -> float:
        """A child without clothes, or somebody in a sexual picture who must not be grown up."""
        if naked >= NAKED and _score(self._children, prompt):
            return 1.0
        is_sexual = naked >= NAKED or _score(self._sexual, prompt) >= SEXUAL_WISH
        return absent if is_sexual else 0.0


def _mentions(lists: Sequence[Wordlist], groups: set[str] | frozenset[str]) -> Blocklist:
    """A check for the words of some groups by themselves, without combinations."""
    alone = {"only_in_combinations": False, "combinations": ()}
    return Blocklist.from_lists([each.model_copy(update=alone) for each in lists if each.group_name in groups])


def _score(words: Blocklist, prompt: NormalizedPrompt) -> float:
    return max(signal.score for signal in words.check([prompt])[0])


def _content_hash(lists: Sequence[Wordlist]) -> str:
    return hashlib.sha256("\n".join(sorted(wordlist.sha256 for wordlist in lists)).encode()).hexdigest()
