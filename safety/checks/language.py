"""Tells prompts in a language that the prompt classifier was not trained in."""

import hashlib
from collections.abc import Sequence

from policies.identity import ModelIdentity
from policies.signals import Descriptor, Signal, Subject
from safety.language import FOLDER, READ, guess_language
from safety.normalize import NormalizedPrompt


class LanguageCheck:
    """Reports how surely a prompt is in no language of READ; evidence is the ISO 639-1 code it seems to be in."""

    name = "language"
    reports: frozenset[Subject] = frozenset({Descriptor.UNREAD_LANGUAGE})

    def __init__(self) -> None:
        words = b"".join((FOLDER / f"{code}.txt").read_bytes() for code in READ)
        self.identity = ModelIdentity("language", hashlib.sha256(words).hexdigest())
        guess_language("warm up: eine Reise nach Berlin im Winter")

    def check(self, prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
        """One signal per prompt."""
        guesses = [guess_language(prompt.folded) for prompt in prompts]
        return [[Signal(self.name, Descriptor.UNREAD_LANGUAGE, guess.unread, guess.code)] for guess in guesses]
