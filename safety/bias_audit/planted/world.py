"""The pictures of the self-test: drawn once, read once by a real scorer, then served again thousands of times."""

from dataclasses import dataclass

import numpy as np

from safety.bias_audit.planted.glyphs import AGES, FLAT, INK, NO_PERSON, PRESENTATIONS, Sidecar, Style, draw, planted
from safety.bias_audit.planted.pool import Pool, pool_of
from safety.bias_audit.planted.scorer import Head, coarser, features_of, swatches_read, trained
from safety.bias_audit.shares import Counts, Floats
from safety.bias_audit.skin_tone import MONK, TONES, tone_of

SEED = 20_227
TRAINED_ON, HELD_OUT, OTHER_STYLE = 2000, 2000, 500
MIX = planted(0.5, no_person=0.2)  # a pool needs enough pictures of every class
ONE_COLOUR = 1  # grid of the weak scorer: it sees a picture's mean colour
COARSE = 4  # grid of the embeddings in which drift is looked for


@dataclass(frozen=True, slots=True)
class Seen:
    """Pictures of one style, as the audit's parts see them, and the sidecar. features, embeddings: (n, d)."""

    features: Floats
    weak_features: Floats
    embeddings: Floats
    swatches: Counts
    sidecar: Sidecar


@dataclass(frozen=True, slots=True)
class World:
    """head: reads presentation. weak: the same from next to nothing. ages: reads ages."""

    head: Head
    weak: Head
    ages: Head
    flat: Seen
    ink: Seen

    def presentation(self, seen: Seen) -> Pool:
        """Answers for presentation, "unclear" last."""
        return pool_of(self.head.answers(seen.features), seen.sidecar.presentation, len(PRESENTATIONS))

    def forced(self) -> Pool:
        """Answers when one of two classes must be named, by presentation."""
        return pool_of(self.head.forced(self.flat.features), self.flat.sidecar.presentation, len(PRESENTATIONS))

    def weak_presentation(self) -> Pool:
        """Answers of the weak scorer."""
        return pool_of(self.weak.answers(self.flat.weak_features), self.flat.sidecar.presentation, len(PRESENTATIONS))

    def age(self) -> Pool:
        """Answers for age bands, of pictures of people."""
        people = _people(self.flat)
        return pool_of(self.ages.answers(self.flat.features[people]), self.flat.sidecar.age[people], len(AGES))

    def tone(self) -> Pool:
        """Answers for the three bins of tone, of pictures of people."""
        people = _people(self.flat)
        read = np.where(self.flat.swatches == len(MONK), len(TONES), tone_of(self.flat.swatches))
        return pool_of(read[people], tone_of(self.flat.sidecar.tone)[people], len(TONES))

    def swatch(self) -> Pool:
        """Answers for Monk's ten swatches, of pictures of people."""
        people = _people(self.flat)
        return pool_of(self.flat.swatches[people], self.flat.sidecar.tone[people], len(MONK))


def built(rng: np.random.Generator) -> World:
    """Draw, train and read."""
    pictures, truth = draw(MIX, TRAINED_ON, rng)
    features, people = features_of(pictures), truth.presentation != NO_PERSON
    return World(
        trained(features, truth.presentation, len(PRESENTATIONS)),
        trained(coarser(features, ONE_COLOUR), truth.presentation, len(PRESENTATIONS)),
        trained(features[people], truth.age[people], len(AGES)),
        _seen(HELD_OUT, FLAT, rng),
        _seen(OTHER_STYLE, INK, rng),
    )


def _seen(count: int, style: Style, rng: np.random.Generator) -> Seen:
    pictures, sidecar = draw(MIX, count, rng, style)
    features = features_of(pictures)
    colour, coarse = coarser(features, ONE_COLOUR), coarser(features, COARSE)
    return Seen(features, colour, coarse, swatches_read(pictures), sidecar)


def _people(seen: Seen) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.asarray(seen.sidecar.presentation != NO_PERSON)
