"""Fit the Platt coefficients and thresholds of every concept bank for the shipped clip-nano.

    python -m safety.training.calibrate_pictures --photographs FILE.npz [--pictures FOLDER]

Heads come from the training of the picture tower and are refitted on one half of the calibration pictures;
coefficients and thresholds come from the other half. Calibration pictures: FxEmoji (a style not trained on), the
styles the generator draws in, training photographs, and --pictures, generated ones whose use is "calibrate".
The coefficients are written into policies/concepts.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from policies.identity import write_manifest
from policies.signals import Descriptor
from safety.concept_banks import CONCEPTS, Calibration, ConceptBank, Measured, load_banks
from safety.concept_scorer import LinearHead, PhraseContrast, highest_view, load_heads
from safety.evaluation.statistics import clopper_pearson
from safety.pictures import HEADS, SHIPPED, PictureEmbedder, load_embedder
from safety.training.clip_nano import SUBJECT_GAIN, load_photographs
from safety.training.clip_nano_text import load_space
from safety.training.evaluate_pictures import (
    WHOLE,
    LabelledPictures,
    as_served,
    drawn,
    embed_all,
    from_folder,
    join,
    truth,
)
from safety.training.picture_labels import photograph_labels, subjects
from safety.training.statistics import auroc, threshold_at

HEAD_PENALTY = 1e-4
GENERATED_WEIGHT = 1000  # a folder of generated pictures weighs like this many pictures when heads are refitted
PHOTOREALISM_PENALTY = 1e-5  # the generator's soft drawings are what it must learn not to take for photographs
PHOTOREALISM_EMPHASIS = 4
TEMPERATURES = (0.03, 0.05, 0.1, 0.2)
BLOCK_FALSE_POSITIVES = 0.01  # upper end of the interval
FLAG_RECALL = 0.95
FLAG_FALSE_POSITIVES = 0.10  # a flag that cries wolf more often than this is of no use to a moderator


def trained_heads(work: Path) -> dict[str, LinearHead]:
    """The linear layer that was trained with the picture tower, one head per subject."""
    tower, _ = load_space(work)
    weights, biases = tower.subjects.weight.detach() * SUBJECT_GAIN, tower.subjects.bias.detach()
    return {s: LinearHead(weights[row], biases[row]) for row, s in enumerate(subjects())}


def refit_head(
    head: LinearHead, embeddings: Tensor, answers: Tensor, weights: Tensor, penalty: float = HEAD_PENALTY
) -> LinearHead:
    """Move a head towards the calibration pictures, held to where it was by a quadratic penalty."""
    known = answers >= 0
    embeddings, answers = embeddings[known], answers[known]
    weight = _class_weights(answers) * weights[known]
    change = torch.zeros_like(head.weight).requires_grad_()
    bias = head.bias.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([change, bias], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        logit = embeddings @ (head.weight + change) + bias
        loss = functional.binary_cross_entropy_with_logits(logit, answers, weight=weight)
        loss = loss + penalty * change.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return LinearHead((head.weight + change).detach(), bias.detach())


def _refit(subject: str, head: LinearHead, embeddings: Tensor, answers: Tensor, weights: Tensor) -> LinearHead:
    if subject != Descriptor.PHOTOREALISM:
        return refit_head(head, embeddings, answers, weights)
    return refit_head(head, embeddings, answers, _emphasis(weights), PHOTOREALISM_PENALTY)


def _emphasis(weights: Tensor) -> Tensor:
    """Generated pictures weigh still more when it is about looking like a photograph."""
    return torch.where(weights > 1, PHOTOREALISM_EMPHASIS * weights, weights)


def save_heads(heads: Mapping[str, LinearHead], folder: Path, name: str) -> None:
    """Write the heads beside the model and seal the folder with a manifest."""
    tensors = {f"{subject}.weight": head.weight.half().contiguous() for subject, head in heads.items()}
    tensors |= {f"{subject}.bias": head.bias.float().contiguous() for subject, head in heads.items()}
    save_file(tensors, folder / HEADS, metadata={"format": "pt"})
    about = {"subjects": list(heads), "input": "L2-normalised picture embedding", "kind": "logistic regression"}
    (folder / "heads.json").write_text(json.dumps(about, indent=2) + "\n")
    for file in folder.iterdir():
        file.chmod(0o644)
    write_manifest(folder, name)


def calibration_pictures(arguments: argparse.Namespace) -> tuple[LabelledPictures, Tensor]:
    """Everything thresholds are chosen on, nothing of it in the evaluation; and how much each picture weighs.

    Weights: float (n), 1 for artwork and photographs, more for generated pictures.
    """
    sets = [drawn("fxemoji", arguments.artwork, arguments.work, seed=11, pairs=800)]
    for seed, style in enumerate(("noto", "twemoji", "fluent"), start=21):
        whole = drawn(style, arguments.artwork, arguments.work, seed=seed, pairs=300)
        sets.append(_every_third(whole))
    pixels, names = load_photographs(arguments.photographs, "train")
    rows = torch.arange(0, len(pixels), 15)
    enlarged = functional.interpolate(pixels[rows].float(), size=96, mode="bicubic").clamp(0, 255) / 255
    labels = photograph_labels([names[int(row)] for row in rows])
    sets.append(LabelledPictures(as_served(enlarged), labels, [""] * len(rows)))
    weights = [torch.ones(sum(len(one.pixels) for one in sets))]
    for folder in arguments.pictures:
        sets.append(from_folder(folder, "calibrate"))
        count = len(sets[-1].pixels)
        weights.append(torch.full((count,), max(1.001, GENERATED_WEIGHT / count)))
    return join(sets), torch.cat(weights)


def _every_third(pictures: LabelledPictures) -> LabelledPictures:
    """All harmful and a third of the benign pictures: styles that were trained on may not dominate."""
    harmful = (pictures.labels[:, : subjects().index("person")] == 1).any(1)
    kept = (harmful | (torch.arange(len(harmful)) % 3 == 0)).nonzero()[:, 0]
    return LabelledPictures(pictures.pixels[kept], pictures.labels[kept], [pictures.names[int(k)] for k in kept])


def _class_weights(answers: Tensor) -> Tensor:
    """Row weights that make both classes weigh the same."""
    share = answers.mean()
    return torch.where(answers == 1, 0.5 / share, 0.5 / (1 - share))


def fit_platt(features: Tensor, answers: Tensor, importance: Tensor) -> tuple[Tensor, float]:
    """Logistic regression of answers (n) on features (n, k): weights >= 0, both classes weigh the same."""
    weight = _class_weights(answers) * importance
    spread = features.std(0)
    raw = torch.zeros(features.shape[1], requires_grad=True)
    intercept = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.LBFGS([raw, intercept], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        logit = (features / spread) @ functional.softplus(raw) + intercept
        loss = functional.binary_cross_entropy_with_logits(logit, answers, weight=weight)
        loss = loss + 1e-3 * functional.softplus(raw).square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return functional.softplus(raw).detach() / spread, float(intercept.detach())


def choose_block(benign: Tensor) -> float:
    """The lowest of the benign scores above which the upper end of the false positive rate is at most 1 %."""
    ordered = benign.sort(descending=True).values
    allowed = 0
    while clopper_pearson(allowed + 1, len(benign))[1] <= BLOCK_FALSE_POSITIVES:
        allowed += 1
    return min(0.999, float(ordered[allowed]) + 1e-4)


def choose_flag(positive: Tensor, benign: Tensor, block: float) -> float:
    """The highest threshold that finds 95 % of the positives, unless that flags too many benign pictures."""
    found = float(positive.quantile(1 - FLAG_RECALL))
    tolerable = float(benign.quantile(1 - FLAG_FALSE_POSITIVES))
    return min(block, max(found, tolerable, 1e-3))


def calibrate(
    bank: ConceptBank, embedder: PictureEmbedder, embeddings: Tensor, answers: Tensor, weights: Tensor
) -> tuple[Calibration, Tensor]:
    """The calibration of one bank, and the scores it gives. weights: those of calibration_pictures."""
    known, generated = answers >= 0, weights > 1
    importance = _emphasis(weights) if bank.subject == Descriptor.PHOTOREALISM else torch.ones_like(weights)
    contrast, margin = _best_contrast(bank, embedder, embeddings, answers)
    head = highest_view(load_heads(embedder)[bank.subject](embeddings))
    weights, intercept = fit_platt(torch.stack([head, margin], 1)[known], answers[known], importance[known])
    scores = (weights[0] * head + weights[1] * margin + intercept).sigmoid()
    fields = {
        "checkpoint": embedder.identity.sha256,
        "head": round(float(weights[0]), 5),
        "margin": round(float(weights[1]), 5),
        "intercept": round(intercept, 5),
        "temperature": contrast.temperature,
    }
    benign = answers == 0
    return _with_thresholds(fields, scores[answers == 1], scores[benign], scores[benign & generated]), scores


def _best_contrast(
    bank: ConceptBank, embedder: PictureEmbedder, embeddings: Tensor, answers: Tensor
) -> tuple[PhraseContrast, Tensor]:
    sides = embedder.embed_phrases(bank.positive), embedder.embed_phrases(bank.benign)
    tried = [PhraseContrast(*sides, bank.contrast == "pairs", temperature) for temperature in TEMPERATURES]
    margins = [highest_view(contrast(embeddings)) for contrast in tried]
    best = max(range(len(tried)), key=lambda i: auroc(margins[i][answers == 1], margins[i][answers == 0]))
    return tried[best], margins[best]


def _with_thresholds(fields: Mapping[str, object], positive: Tensor, benign: Tensor, generated: Tensor) -> Calibration:
    """Thresholds that hold on all benign pictures and on the benign pictures of the generator."""
    block, flag = choose_block(benign), 0.0
    if len(generated):
        block = min(0.999, max(block, threshold_at(generated, BLOCK_FALSE_POSITIVES)))
        flag = float(generated.quantile(1 - FLAG_FALSE_POSITIVES))
    flag = min(block, max(flag, choose_flag(positive, benign, block)))
    measured = Measured(
        positives=len(positive),
        benign=len(benign),
        recall_at_flag=_share(positive, flag),
        recall_at_block=_share(positive, block),
        false_positives_at_flag=_share(benign, flag),
        false_positives_at_block=_share(benign, block),
    )
    thresholds = {"flag": round(flag, 4), "block": round(block, 4), "measured": measured}
    return Calibration.model_validate({**fields, **thresholds})


def _share(scores: Tensor, threshold: float) -> float:
    return round(float((scores >= threshold).float().mean()), 4)


def write_calibration(subject: str, name: str, calibration: Calibration, folder: Path = CONCEPTS) -> None:
    """Replace the calibrations in a bank's file, leaving the phrases and the comments above them."""
    path = folder / f"{subject}.yaml"
    kept = path.read_text(encoding="utf-8").split("calibrations:\n")[0]
    entry = yaml.safe_dump({name: calibration.model_dump()}, sort_keys=False)
    indented = "".join(f"  {line}\n" for line in entry.splitlines())
    path.write_text(f"{kept}calibrations:\n{indented}", encoding="utf-8")


def main() -> None:
    """Refit the heads, calibrate every bank that has one, write the files and print the thresholds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--artwork", type=Path, default=Path(".training/emoji"))
    parser.add_argument("--work", type=Path, default=Path(".training/clip_nano"))
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--pictures", type=Path, action="append", default=[])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    heads = trained_heads(arguments.work)
    save_heads(heads, arguments.model, "clip-nano")
    pictures, weights = calibration_pictures(arguments)
    embeddings = embed_all(load_embedder(arguments.model), pictures.pixels)
    answers = {subject: truth(pictures.labels, subject) for subject in heads}
    fitting = torch.arange(len(embeddings)) % 2 == 0
    whole = embeddings[:, WHOLE]
    refitted = {s: _refit(s, h, whole[fitting], answers[s][fitting], weights[fitting]) for s, h in heads.items()}
    save_heads(refitted, arguments.model, "clip-nano")
    embedder, banks = load_embedder(arguments.model), load_banks()
    for subject in heads:
        calibration, _ = calibrate(
            banks[subject], embedder, embeddings[~fitting], answers[subject][~fitting], weights[~fitting]
        )
        write_calibration(subject, "clip-nano", calibration)
        print(subject, calibration.model_dump_json(exclude={"checkpoint"}))


if __name__ == "__main__":
    main()
