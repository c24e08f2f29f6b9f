"""What `gardefou evaluate drawings` and `naming` do: are dalle-nano's pictures what was asked for?

clip-nano looks at its drawings, and, where the original artwork is at hand, at the scenes it should have drawn: what
clip-nano itself cannot name there, no drawing can be blamed for. A person's names are judged by the list of things.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from generator.contract import ImageGenerator
from generator.registry import create_generator
from generator.training.captions import LANGUAGES
from generator.training.concepts import Concept, load_concepts
from generator.training.drawing import Pictures, draw_all
from generator.training.drawing_sets import ALONE, GROUPS, PLACED, Asked, asked
from generator.training.naming import Accepted, Judged, Key, judge, known_names, read_accepted, read_key, read_names
from generator.training.scenes import Scene
from policies.identity import ModelIdentity
from safety.evaluation.pictures_and_words import (
    RANKS,
    Agreement,
    Diversity,
    Retrieval,
    agreement,
    diversity,
    embed,
    exact_share,
    retrieval,
)
from safety.evaluation.statistics import Estimate
from safety.pictures import PictureEmbedder, load_embedder

SEED = 7  # of the scenes and of the pictures
SCENES = 60  # of each group and language
DIVERSITY_PROMPTS, DIVERSITY_SEEDS = 20, 6
Originals = Callable[[Sequence[Scene]], Pictures]
DRAWN, ORIGINAL = "drawn", "original artwork"


@dataclass(frozen=True, slots=True)
class Row:
    """One group of prompts in one language. swapped: against captions with one of two things exchanged; names: of one
    thing among all of the list."""

    source: str
    group: str
    language: str
    agreement: Agreement
    swapped: Agreement | None
    names: Retrieval | None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """models: what drew and what judged."""

    models: tuple[ModelIdentity, ...]
    rows: tuple[Row, ...]
    diversity: dict[str, Diversity]


def _row(
    source: str, group: str, language: str, prompts: Sequence[Asked], pictures: Pictures,
    embedder: PictureEmbedder, concepts: Sequence[Concept],
) -> Row:  # fmt: skip
    embeddings = embed(embedder, pictures)
    texts = [prompt.text for prompt in prompts]
    swapped = [prompt.swapped for prompt in prompts if prompt.swapped]
    names = None
    if not swapped:
        listed = [concept.names[language][0] for concept in concepts]
        names = retrieval(embedder, embeddings, listed, [prompt.things[0] for prompt in prompts])
    return Row(
        source,
        group,
        language,
        agreement(embedder, embeddings, texts, [prompt.other for prompt in prompts]),
        agreement(embedder, embeddings, texts, swapped) if swapped else None,
        names,
    )


def _seeds(count: int) -> list[int]:
    return list(range(SEED * 1000, SEED * 1000 + count))


def _diversity(generator: ImageGenerator, embedder: PictureEmbedder, prompts: Sequence[Asked]) -> Diversity:
    shown = prompts[:: max(1, len(prompts) // DIVERSITY_PROMPTS)][:DIVERSITY_PROMPTS]
    drawn = [draw_all(generator, [each.text] * DIVERSITY_SEEDS, _seeds(DIVERSITY_SEEDS)) for each in shown]
    return diversity(drawn, embedder)


def measure_drawings(folder: Path | None, scenes: int, originals: Originals | None = None) -> Scorecard:
    """Draw every thing alone and so many scenes of each other group, in both languages; look at them with clip-nano.

    folder: other weights than the shipped ones. originals: draws the scenes as they should look, for comparison.
    Raises IntegrityFailure.
    """
    generator, embedder, concepts = create_generator("dalle-nano", folder), load_embedder(), load_concepts()
    rows: list[Row] = []
    varied: dict[str, Diversity] = {}
    for group in GROUPS:
        for language in LANGUAGES:
            prompts = asked(group, language, concepts, len(concepts) if group == ALONE else scenes, SEED)
            prompts = prompts if group != ALONE else prompts[:: max(1, SCENES // scenes)]
            drawn = draw_all(generator, [prompt.text for prompt in prompts], _seeds(len(prompts)))
            rows.append(_row(DRAWN, group, language, prompts, drawn, embedder, concepts))
            if originals:
                composed = originals([prompt.scene for prompt in prompts])
                rows.append(_row(ORIGINAL, group, language, prompts, composed, embedder, concepts))
            if group in (ALONE, PLACED) and language == "en":
                varied[group] = _diversity(generator, embedder, prompts)
    return Scorecard((generator.identity, embedder.identity), tuple(rows), varied)


def drawings_as_json(card: Scorecard) -> dict[str, Any]:
    """Every figure with its interval."""
    return asdict(card)


def _told(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f}-{estimate.high:.2f})"


def _agreement_line(row: Row) -> str:
    told = row.agreement
    swapped = _told(row.swapped.prefers_own) if row.swapped else "-"
    return (
        f"| {row.source} | {row.group} | {row.language} | {told.pictures} | {told.own:.3f} | {told.other:.3f} | "
        f"{told.difference.value:.3f} ({told.difference.low:.3f}-{told.difference.high:.3f}) | "
        f"{_told(told.prefers_own)} | {swapped} |"
    )


def _diversity_line(group: str, told: Diversity) -> str:
    pairs = (told.pixels, told.embeddings, told.vendi)
    return f"| {group} | " + " | ".join(f"{within:.3f} / {between:.3f}" for within, between in pairs) + " |"


def drawings_as_page(card: Scorecard) -> str:
    """Markdown tables; 95 % intervals in brackets."""
    named = [row for row in card.rows if row.names]
    chance = next(row.names.chance for row in named if row.names)
    heads = " | ".join(f"top {rank}" for rank in RANKS)
    lines = [
        "; ".join(f"{model.name} {model.sha256[:12]}" for model in card.models),
        "",
        "| pictures | prompts | language | n | own caption | another | difference | own preferred | "
        "own preferred to one thing swapped |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *map(_agreement_line, card.rows),
        "",
        f"| pictures | prompts | language | {heads} |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {row.source} | {row.group} | {row.language} | " + " | ".join(map(_told, row.names.shares)) + " |"
            for row in named
            if row.names
        ),
        f"| chance | | | {' | '.join(f'{chance * rank:.3f}' for rank in RANKS)} |",
        "",
        "| within one prompt / between prompts | pixels (RMS) | embedding (1 - cosine) | "
        f"Vendi score of {DIVERSITY_SEEDS} |",
        "| --- | --- | --- | --- |",
        *(_diversity_line(group, told) for group, told in card.diversity.items()),
    ]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class NamingScore:
    """judged: by the list alone; accepted: with the words that a person has accepted, the same when there are none."""

    key: Key
    judged: Sequence[Judged]
    accepted: Sequence[Judged]


def score_names(names: Path, key: Path, accepted: Path | None) -> NamingScore:
    """Judge a file of names. Raises OSError, UnusableNames."""
    written, tiles, known = read_names(names), read_key(key), known_names(load_concepts())
    words: Accepted = read_accepted(accepted) if accepted else frozenset()
    return NamingScore(tiles, judge(tiles, written, known, frozenset()), judge(tiles, written, known, words))


_NAMING_GROUPS: dict[str, Callable[[Judged], bool]] = {
    "one thing": lambda each: len(each.tile.things) == 1,
    "two things, both named": lambda each: len(each.tile.things) == 2,
    "... of them never seen together in training": lambda each: each.tile.never_seen,
}


@dataclass(frozen=True, slots=True)
class Share:
    """by_the_list: with the names of the list alone; with_accepted: with the words that a person has accepted."""

    by_the_list: Estimate
    with_accepted: Estimate
    tiles: int


def _share(strict: Sequence[int], accepted: Sequence[int], most: int) -> Share:
    """strict, accepted: what was found of each tile, at most so many things."""
    count = most * len(strict)
    return Share(exact_share(sum(strict), count), exact_share(sum(accepted), count), count)


def _shares(score: NamingScore) -> dict[str, Share]:
    both = list(zip(score.judged, score.accepted, strict=True))
    told = {}
    for group, belongs in _NAMING_GROUPS.items():
        if shown := [(strict, accepted) for strict, accepted in both if belongs(strict)]:
            told[group] = _share([strict.right for strict, _ in shown], [accepted.right for _, accepted in shown], 1)
    if two := [(len(strict.found), len(accepted.found)) for strict, accepted in both if len(strict.tile.things) == 2]:
        told["each thing of two by itself"] = _share(
            [strict for strict, _ in two], [accepted for _, accepted in two], 2
        )
    return told


def naming_as_json(score: NamingScore) -> dict[str, Any]:
    """Shares with exact intervals, and what was not named."""
    return {
        "model": asdict(score.key.model),
        "shares": {group: asdict(share) for group, share in _shares(score).items()},
        "missed": [
            {"tile": each.tile.tile, "prompt": each.tile.prompt, "said": each.said, "found": sorted(each.found)}
            for each in score.accepted
            if not each.right
        ],
    }


def naming_as_page(score: NamingScore) -> str:
    """Markdown: the shares, then every tile where the words and the list disagree."""
    lines = [
        f"Tiles drawn by {score.key.model.name}, sha256 `{score.key.model.sha256}`.",
        "",
        "| asked for | named right, by the names of the list alone | with words accepted by hand | n |",
        "| --- | --- | --- | --- |",
        *(
            f"| {group} | {_told(share.by_the_list)} | {_told(share.with_accepted)} | {share.tiles} |"
            for group, share in _shares(score).items()
        ),
        "",
        "| tile | prompt | written | |",
        "| --- | --- | --- | --- |",
    ]
    for strict, accepted in zip(score.judged, score.accepted, strict=True):
        if not strict.right:
            verdict = "accepted by hand" if accepted.right else "half" if accepted.found else "missed"
            said = ", ".join(strict.said).replace("|", "/") or "nothing"
            lines.append(f"| {strict.tile.tile} | {strict.tile.prompt} | {said} | {verdict} |")
    return "\n".join(lines)
