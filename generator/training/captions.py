"""Captions of scenes in English and French, normalised the way the generator reads prompts."""

import random

from generator.dalle_mini.text_normalizer import TextNormalizer
from generator.training.concepts import Concept, without_article
from generator.training.scenes import Scene

LANGUAGES = ("en", "fr")

_PLACES = {
    "en": {
        "moon": ("on the moon",),
        "space": ("in space", "among the stars"),
        "beach": ("on the beach", "at the beach", "on the sand"),
        "forest": ("in the forest", "in a forest", "in the woods"),
        "city": ("in the city", "in a city", "in the street"),
        "snow": ("in the snow", "in the mountains", "in winter"),
        "sea": ("on the sea", "at sea", "in the ocean", "in the water"),
    },
    "fr": {
        "moon": ("sur la lune",),
        "space": ("dans l'espace", "parmi les étoiles"),
        "beach": ("sur la plage", "à la plage", "sur le sable"),
        "forest": ("dans la forêt", "dans une forêt", "dans les bois"),
        "city": ("dans la ville", "en ville", "dans la rue"),
        "snow": ("dans la neige", "à la montagne", "en hiver"),
        "sea": ("sur la mer", "en mer", "dans l'océan", "dans l'eau"),
    },
}
_COLOURS = {
    "red": "rouge",
    "yellow": "jaune",
    "green": "vert",
    "blue": "bleu",
    "pink": "rose",
    "grey": "gris",
    "black": "noir",
    "white": "blanc",
}
_LEADS = {
    "en": (
        "a drawing of",
        "a picture of",
        "an image of",
        "an illustration of",
        "a cartoon of",
        "draw",
        "i want",
    ),
    "fr": ("un dessin avec", "une image avec", "une illustration avec", "dessine", "voici", "je voudrais"),
}
_TAGS = {
    "en": (
        "cartoon",
        "flat design",
        "simple drawing",
        "cute",
        "colorful",
        "emoji",
        "digital art",
        "high quality",
    ),
    "fr": ("dessin animé", "dessin simple", "mignon", "coloré", "emoji", "art numérique"),
}
_JOINERS = {"en": ("and", "next to", "with"), "fr": ("et", "avec")}
_NUMBERS = {"en": {2: ("two", "2"), 3: ("three", "3")}, "fr": {2: ("deux", "2"), 3: ("trois", "3")}}
_WHITE_NAMED = 0.05
_COLOUR_NAMED = 0.5
_LEAD_SHARE = 0.3
_TAG_SHARE = 0.2
_BARE_SHARE = 0.2


def _before(scene: Scene, language: str) -> str:
    """How a colour is named behind a scene."""
    if language == "en":
        return f" on a {scene.background} background"
    return f" sur fond {_COLOURS[scene.background]}"


def plain_prompt(scene: Scene, language: str) -> str:
    """A scene of different things in the fewest words, each by its main name: as somebody would type it."""
    subject = f" {_JOINERS[language][0]} ".join(thing.concept.names[language][0] for thing in scene.things)
    if scene.place:
        return f"{subject} {_PLACES[language][scene.place][0]}"
    return subject if scene.background == "white" else subject + _before(scene, language)


class Captioner:
    """A different caption each time: article or none, synonyms, lead-ins and style tags."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - training data
        self._normalize = TextNormalizer()

    def _name(self, concept: Concept, language: str) -> str:
        names = concept.names[language]
        name = names[0] if self._rng.random() < 0.6 else self._rng.choice(names)
        return without_article(name) if self._rng.random() < _BARE_SHARE else name

    def _subject(self, scene: Scene, language: str) -> str:
        concepts = [thing.concept for thing in scene.things]
        if len(concepts) == 1:
            return self._name(concepts[0], language)
        if concepts[0] is concepts[1]:
            number = self._rng.choice(_NUMBERS[language][len(concepts)])
            return f"{number} {concepts[0].plurals[language]}"
        first, second = (self._name(concept, language) for concept in concepts)
        return f"{first} {self._rng.choice(_JOINERS[language])} {second}"

    def _behind(self, scene: Scene, language: str) -> str:
        if scene.place:
            return " " + self._rng.choice(_PLACES[language][scene.place])
        if self._rng.random() > (_WHITE_NAMED if scene.background == "white" else _COLOUR_NAMED):
            return ""
        return _before(scene, language)

    def __call__(self, scene: Scene) -> str:
        """One caption, normalised: starts with a space."""
        language = self._rng.choice(LANGUAGES)
        caption = self._subject(scene, language) + self._behind(scene, language)
        if self._rng.random() < _LEAD_SHARE:
            caption = f"{self._rng.choice(_LEADS[language])} {caption}"
        if self._rng.random() < _TAG_SHARE:
            caption = f"{caption}, {self._rng.choice(_TAGS[language])}"
        return self._normalize(caption)
