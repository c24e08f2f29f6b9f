"""Measure the picture gate on what it was not trained on, and write docs/scorecard-pictures.md with its plots.

    python -m safety.training.picture_scorecard --photographs FILE.npz [--wallpapers FOLDER] [--pictures FOLDER]

Drawings: OpenMoji (CC-BY-SA-4.0, evaluation only), alone and in pairs. Photographs: the test split. --pictures adds
folders of generated pictures with a labels.csv, of which those whose use is "evaluate" are judged.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from policies.signals import Category, Descriptor
from safety.concept_banks import ConceptBank, load_banks
from safety.evaluation.picture_rows import LabelledPictures
from safety.evaluation.picture_scores import (
    SubjectCard,
    SubjectScores,
    embed_all,
    known_scores,
    measure,
    score_all,
)
from safety.evaluation.picture_tables import HEADS, card_cells
from safety.evaluation.plots import draw_curves
from safety.evaluation.statistics import Estimate, Floats, exact_share
from safety.evaluation.tables import interval, markdown, per_cent
from safety.pictures import SHIPPED, VIEWS, PictureEmbedder, load_embedder
from safety.training.emoji_artwork import Concept
from safety.training.picture_sets import (
    BLURS,
    NOISES,
    SIDES,
    Pictures,
    alone,
    blurred,
    downscaled,
    drawn,
    from_folder,
    join,
    noise,
    photographed,
)
from safety.training.scorer_bias import GroupRate, Person, person_of, rates

PAGE, CURVES = "scorecard-pictures.md", "scorecard-pictures-{}.png"
COMMAND = "make scorecard-pictures"
HELD_OUT = "openmoji"
UNSAFE = {"weapon": "weapons", "blood": "gore", "drugs": "illicit", "death": "shocking", "undress": "sexual",
          "person": "person"}  # fmt: skip
TARGET_UNSAFE, TARGET_PHOTOGRAPH = 0.90, 0.97
NOISE_PICTURES = 300
SIGNIFICANT = 0.05
PHOTOREALISM = str(Descriptor.PHOTOREALISM)


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """One set of pictures: its cards, and the scores they were made of."""

    title: str
    cards: tuple[SubjectCard, ...]
    scores: Mapping[str, SubjectScores]

    def auroc(self, subject: str) -> Estimate:
        """Raises StopIteration for a subject that could not be measured."""
        return next(card.auroc for card in self.cards if card.subject == subject)


@dataclass(frozen=True, slots=True)
class Damaged:
    """How many of damaged pictures are still taken for photographs, at the flag threshold of photorealism."""

    what: str
    pictures: int
    median: float
    flagged: Estimate


class Gate:
    """The scorer with its banks."""

    def __init__(self, embedder: PictureEmbedder, banks: Mapping[str, ConceptBank]) -> None:
        self.embedder, self.banks = embedder, banks

    def score(self, pictures: LabelledPictures) -> dict[str, Floats]:
        """Scores (n,) by subject."""
        return score_all(self.embedder, self.banks, pictures.pictures)

    def measure(self, pictures: LabelledPictures, scores: Mapping[str, Floats]) -> MeasuredSet:
        """All subjects that can be measured on these. scores: what `score` gives of them."""
        told = known_scores(scores, pictures)
        return MeasuredSet(pictures.name, measure(told, self.banks, self.embedder.identity.sha256), told)

    def flag(self, subject: str) -> float:
        """The threshold above which a subject is flagged. Raises ValueError without a calibration."""
        fitted = self.banks[subject].calibration_for(self.embedder.identity.sha256)
        if fitted is None:
            raise ValueError(f"{subject} has no calibration for {self.embedder.identity.name}")
        return fitted.flag

    def damaged(self, what: str, pixels: torch.Tensor) -> Damaged:
        """What these are taken for."""
        scores = score_all(self.embedder, self.banks, list(pixels))[PHOTOREALISM]
        flagged = exact_share(int((scores >= self.flag(PHOTOREALISM)).sum()), len(scores))
        if flagged is None:
            raise ValueError(f"no pictures: {what}")
        return Damaged(what, len(scores), float(np.median(scores)), flagged)

    def retrieval(self, pictures: Pictures, names: Sequence[str]) -> dict[int, float]:
        """Share of pictures whose own name is among the k nearest of all names, for k 1, 5, 10."""
        order = list(dict.fromkeys(names))
        own = torch.tensor([order.index(name) for name in names])
        whole = embed_all(self.embedder, list(pictures.pixels))[:, VIEWS.index("whole")]
        nearest = (whole @ self.embedder.embed_phrases(order).T).topk(10).indices
        return {k: float((nearest[:, :k] == own[:, None]).any(1).float().mean()) for k in (1, 5, 10)}


def damages(gate: Gate, drawings: torch.Tensor, photographs: torch.Tensor) -> Iterator[Damaged]:
    """Drawings and photographs as they are, blurred, brought down and up again; and noise."""
    for kind, pixels in (("drawings", drawings), ("photographs", photographs)):
        yield gate.damaged(f"{kind} as they are", pixels)
        for sigma in BLURS:
            yield gate.damaged(f"{kind}, blurred by {sigma:g} of 96 pixels", blurred(pixels, sigma))
        for side in SIDES:
            yield gate.damaged(f"{kind}, brought down to {side} pixels", downscaled(pixels, side))
    for name in NOISES:
        yield gate.damaged(f"noise: {name}", noise(name, NOISE_PICTURES))


def bias(gate: Gate, pictures: Pictures, concepts: Sequence[Concept]) -> list[GroupRate]:
    """False-positive rates of every unsafe concept among people, by presentation and by skin tone."""
    shows_person = pictures.answers(str(Descriptor.PERSON)) == 1
    people: list[Person] = [person_of(c) for c, shown in zip(concepts, shows_person, strict=True) if shown]
    scores = score_all(gate.embedder, gate.banks, list(pictures.pixels[torch.from_numpy(shows_person)]))
    harms = [subject for subject in scores if subject in set(Category) and subject in gate.banks]
    fitted = [s for s in harms if gate.banks[s].calibration_for(gate.embedder.identity.sha256)]
    benign = {subject: (pictures.answers(subject) == 0)[shows_person] for subject in fitted}
    return rates(people, scores, benign, {subject: gate.flag(subject) for subject in fitted})


def write_page(
    sets: Sequence[MeasuredSet],
    damaged: Sequence[Damaged],
    biases: Mapping[str, Sequence[GroupRate]],
    named: Mapping[int, float],
    gate: Gate,
    out: Path,
) -> Path:
    """The page and a plot per set. The same figures give the same bytes."""
    out.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(sets, start=1):
        draw_curves(one.scores, out / CURVES.format(number))
    parts = (*_opening(gate), *_promises(sets, damaged), *_sets(sets), *_damage(damaged, gate), *_bias(biases),
             *_names(named), *_limits())  # fmt: skip
    page = out / PAGE
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def _opening(gate: Gate) -> Iterator[str]:
    yield "# Scorecard of the picture gate"
    identity = gate.embedder.identity
    yield (
        f"Written by `{COMMAND}`, which prints the same figures when it is run again: {identity.name} "
        f"(sha256 `{identity.sha256[:16]}`) and the concept banks as the service runs them: three views of each "
        "picture, the highest counts. Thresholds were chosen by `calibrate_pictures` on other pictures (the model's "
        "card). "
        "Intervals hold 95 %: of 1000 resamples for AUROC, Clopper and Pearson's exact ones for every share."
    )


def _promises(sets: Sequence[MeasuredSet], damaged: Sequence[Damaged]) -> Iterator[str]:
    yield "## What was asked of it"
    unseen, mixed = sets[0], sets[1]
    areas = [unseen.auroc(subject) for subject in UNSAFE.values()]
    mean = sum(area.value for area in areas) / len(areas)
    photograph = mixed.auroc(PHOTOREALISM)
    told = [f"{name} {area.value:.3f}" for name, area in zip(UNSAFE, areas, strict=True)]
    mush = [one for one in damaged if not one.what.startswith("photographs")]
    hits, of = sum(round(one.flagged.value * one.pictures) for one in mush), sum(one.pictures for one in mush)
    share = exact_share(hits, of)
    yield markdown(
        [
            ["promise", "found", "asked"],
            [f"mean AUROC over {', '.join(UNSAFE)} on a style never seen", f"{mean:.3f} ({', '.join(told)})",
             f"at least {TARGET_UNSAFE}"],
            ["AUROC of photograph against drawing, on drawings and photographs never seen", interval(photograph),
             f"at least {TARGET_PHOTOGRAPH}"],
            ["drawings as they are, blurred or brought down, and noise, taken for photographs, %", per_cent(share),
             "below the flag threshold"],
        ]
    )  # fmt: skip


def _sets(sets: Sequence[MeasuredSet]) -> Iterator[str]:
    for number, one in enumerate(sets, start=1):
        yield f"## {one.title}"
        yield markdown([HEADS, *map(card_cells, one.cards)])
        yield f"![ROC, precision over recall, and reliability]({CURVES.format(number)})"


def _damage(damaged: Sequence[Damaged], gate: Gate) -> Iterator[str]:
    yield "## Damaged pictures: what passes for a photograph"
    yield f"Share at or above the flag threshold of photorealism, {gate.flag(PHOTOREALISM):.3f}."
    lines = [[one.what, str(one.pictures), f"{one.median:.3f}", per_cent(one.flagged)] for one in damaged]
    yield markdown([["pictures", "how many", "median score", "flagged, %"], *lines])


def _bias(biases: Mapping[str, Sequence[GroupRate]]) -> Iterator[str]:
    yield "## Is one kind of people flagged more often?"
    yield (
        "Harmless pictures of people, one on each, as the artist drew them: the same activities as a woman and as a "
        "man, and in five skin tones. Share that reaches a concept's flag threshold though it does not show it; the "
        "ratio is to the other groups; p is Fisher's exact test, corrected (Holm) within concept and dimension."
    )
    for style, found in biases.items():
        worse = [row for row in found if row.p < SIGNIFICANT and (row.ratio is None or row.ratio > 1)]
        yield f"### {style}"
        yield _bias_table([row for row in found if row.subject in _flagged(found)])
        quiet = sorted({row.subject for row in found} - _flagged(found))
        if quiet:
            yield f"Nobody of them is flagged for {', '.join(quiet)}."
        told = [f"{r.subject}: {r.group} ({per_cent(r.rate)} %, p = {r.p:.2g})" for r in worse]
        yield f"Flagged more often than chance explains: {'; '.join(told) or 'none'}."


def _flagged(found: Sequence[GroupRate]) -> set[str]:
    return {row.subject for row in found if row.flagged}


def _bias_table(found: Sequence[GroupRate]) -> str:
    heads = ["concept", "dimension", "group", "pictures", "flagged", "rate, %", "ratio", "p"]
    lines = [
        [r.subject, r.dimension, r.group, str(r.pictures), str(r.flagged), per_cent(r.rate),
         f"{r.ratio:.2f}" if r.ratio is not None else "-", f"{r.p:.2g}"]
        for r in found
    ]  # fmt: skip
    return markdown([heads, *lines])


def _names(named: Mapping[int, float]) -> Iterator[str]:
    told = ", ".join(f"{share:.3f} among the first {k}" for k, share in named.items())
    yield f"Name retrieval among OpenMoji's English names: {told}."


def _limits() -> Iterator[str]:
    yield "## What these figures cannot tell"
    yield "\n".join(f"- {limit}" for limit in LIMITS)


LIMITS = (
    "OpenMoji shows the same things as the artwork of training, drawn by other hands: figures are about an unseen "
    "style, not about unseen things. A kind of weapon that no emoji shows is a kind of weapon it does not know.",
    "No photograph of harm was ever seen, neither in training nor here.",
    "Blood rests on two emoji and their combinations, drugs on three, death on eleven: intervals are of pictures of "
    "these few things; those of other things would be wider.",
    "Skin tone and presentation are those of emoji, which are stylised; photographs of people are not compared, for "
    "none that say who is shown are at hand. Pictures of one activity are alike, which the test takes for independent: "
    "its p is too small rather than too large.",
)


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--wallpapers", type=Path)
    parser.add_argument("--artwork", type=Path, default=Path(".training/emoji"))
    parser.add_argument("--work", type=Path, default=Path(".training/clip_nano"))
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--pictures", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    gate = Gate(load_embedder(arguments.model), load_banks())
    openmoji = drawn(HELD_OUT, arguments.artwork, arguments.work, seed=7, pairs=1500)
    photographs = photographed(arguments.photographs, arguments.wallpapers)
    drawings = openmoji.labelled("A style never seen: OpenMoji, alone and in pairs")
    everything = join([openmoji, photographs]).labelled("OpenMoji and photographs never seen")
    of_drawings, of_photographs = gate.score(drawings), gate.score(photographs.labelled("photographs"))
    both = {subject: np.concatenate([column, of_photographs[subject]]) for subject, column in of_drawings.items()}
    sets = [gate.measure(drawings, of_drawings), gate.measure(everything, both)]
    for folder in arguments.pictures:
        generated = from_folder(folder, "evaluate").labelled("Pictures of dalle-nano, kept aside")
        sets.append(gate.measure(generated, gate.score(generated)))
    artwork, concepts = alone(HELD_OUT, arguments.artwork, arguments.work, every_tone=True)
    found = list(damages(gate, artwork.pixels[::10], photographs.pixels[::10]))
    biases = {"OpenMoji": bias(gate, artwork, concepts)}
    untoned = [at for at, concept in enumerate(concepts) if concept.tone == 0]
    named = gate.retrieval(
        Pictures(artwork.pixels[untoned], artwork.labels[untoned]), [concepts[at].base for at in untoned]
    )
    print(write_page(sets, found, biases, named, gate, arguments.out))


if __name__ == "__main__":
    main()
