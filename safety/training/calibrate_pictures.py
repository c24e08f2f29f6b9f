"""Fit the heads, Platt coefficients and thresholds of every concept bank for the shipped clip-nano.

    python -m safety.training.calibrate_pictures --photographs FILE.npz [--pictures FOLDER]

Heads come from the training of the picture tower and are refitted on one half of the calibration pictures;
coefficients and thresholds come from the other half, as `gardefou evaluate pictures --fit` finds them for any model.
Calibration pictures: FxEmoji (a style not trained on), styles that the generator draws in, training photographs, and
--pictures, generated ones whose use is "calibrate". The coefficients are written into policies/concepts.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from policies.identity import write_manifest
from policies.signals import Descriptor
from safety.concept_banks import load_banks
from safety.concept_scorer import LinearHead
from safety.evaluation.picture_calibration import Material, class_weights, fit, write_into_banks
from safety.evaluation.picture_scores import embed_all
from safety.evaluation.statistics import Flags, Floats
from safety.pictures import HEADS, SHIPPED, VIEWS, load_embedder
from safety.training.clip_nano import SUBJECT_GAIN, load_photographs
from safety.training.clip_nano_text import load_space
from safety.training.picture_labels import UNCLEAR, photograph_labels, subjects
from safety.training.picture_sets import (
    BLURS,
    NOISES,
    SIDE,
    SIDES,
    Pictures,
    alone,
    as_served,
    blurred,
    downscaled,
    drawn,
    from_folder,
    join,
    noise,
)

HEAD_PENALTY = 1e-4
GENERATED_WEIGHT = 1000  # a folder of generated pictures weighs like this many pictures when heads are refitted
PHOTOREALISM_PENALTY = 1e-5  # the generator's soft drawings are what it must learn not to take for photographs
PHOTOREALISM_EMPHASIS = 4
WHOLE = VIEWS.index("whole")
NOISE_PICTURES = 40  # of each kind


def trained_heads(work: Path) -> dict[str, LinearHead]:
    """The linear layer that was trained with the picture tower, one head per subject."""
    tower, _ = load_space(work)
    weights, biases = tower.subjects.weight.detach() * SUBJECT_GAIN, tower.subjects.bias.detach()
    return {s: LinearHead(weights[row], biases[row]) for row, s in enumerate(subjects())}


def refit_head(
    head: LinearHead, embeddings: Tensor, answers: Floats, weights: Tensor, penalty: float = HEAD_PENALTY
) -> LinearHead:
    """Move a head towards the calibration pictures, held to where it was by a quadratic penalty.

    embeddings: (n, d). answers: (n), 1 shown, 0 not, NaN unknown. weights: float (n), how much a picture counts.
    """
    known = torch.from_numpy(~np.isnan(answers))
    embeddings, truth = embeddings[known], torch.from_numpy(answers).float()[known]
    weight = class_weights(truth) * weights[known]
    change = torch.zeros_like(head.weight).requires_grad_()
    bias = head.bias.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([change, bias], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        logit = embeddings @ (head.weight + change) + bias
        loss = functional.binary_cross_entropy_with_logits(logit, truth, weight=weight)
        loss = loss + penalty * change.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return LinearHead((head.weight + change).detach(), bias.detach())


def _views_of(subject: str, embeddings: Tensor, answers: Floats, weights: Tensor) -> tuple[Tensor, Floats, Tensor]:
    """Each view of (n, views, d) as a picture of its own, with its answer and weight.

    What the whole does not show no view shows; what it shows, a part may lack, except for looking like a photograph.
    """
    views = embeddings.shape[1]
    told = np.repeat(answers[:, None], views, axis=1)
    if subject != Descriptor.PHOTOREALISM:
        parts = np.arange(views) != WHOLE
        told[:, parts] = np.where(told[:, parts] == 1, np.nan, told[:, parts])
    return embeddings.flatten(0, 1), told.flatten(), weights.repeat_interleave(views)


def _refit(subject: str, head: LinearHead, embeddings: Tensor, answers: Floats, weights: Tensor) -> LinearHead:
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


def calibration_pictures(arguments: argparse.Namespace) -> tuple[Pictures, Tensor]:
    """Everything thresholds are chosen on, nothing of it in the evaluation; and how much each picture weighs.

    Weights: float (n), 1 for artwork and photographs, more for generated pictures.
    """
    unseen = drawn("fxemoji", arguments.artwork, arguments.work, seed=11, pairs=800)
    sets = [unseen, _mush(arguments, unseen)]
    for seed, style in enumerate(("noto", "twemoji", "fluent"), start=21):
        whole = drawn(style, arguments.artwork, arguments.work, seed=seed, pairs=300)
        sets.append(_every_third(whole))
    pixels, names = load_photographs(arguments.photographs, "train")
    rows = torch.arange(0, len(pixels), 15)
    enlarged = functional.interpolate(pixels[rows].float(), size=SIDE, mode="bicubic").clamp(0, 255) / 255
    sets.append(Pictures(as_served(enlarged), photograph_labels([names[int(row)] for row in rows])))
    weights = [torch.ones(sum(len(one.pixels) for one in sets))]
    for folder in arguments.pictures:
        sets.append(from_folder(folder, "calibrate"))
        count = len(sets[-1].pixels)
        weights.append(torch.full((count,), max(1.001, GENERATED_WEIGHT / count)))
    return join(sets), torch.cat(weights)


def _mush(arguments: argparse.Namespace, scenes: Pictures) -> Pictures:
    """Damaged drawings and noise: of these only one thing is sure, that they are no photographs."""
    on_white = [alone(style, arguments.artwork, arguments.work)[0].pixels[::6] for style in ("fxemoji", "twemoji")]
    some = torch.cat([join([scenes]).pixels[::12], *on_white])
    pixels = [*(blurred(some, sigma) for sigma in BLURS), *(downscaled(some, side) for side in SIDES)]
    pixels += [noise(kind, NOISE_PICTURES, seed=1) for kind in NOISES]
    labels = torch.full((sum(map(len, pixels)), len(subjects())), UNCLEAR)
    labels[:, subjects().index(str(Descriptor.PHOTOREALISM))] = 0.0
    return Pictures(torch.cat(pixels), labels)


def _is_mush(pictures: Pictures) -> Flags:
    return (pictures.labels[:, :-1] == UNCLEAR).all(1).numpy()


def _every_third(pictures: Pictures) -> Pictures:
    """All harmful and a third of the benign pictures: styles that were trained on may not dominate."""
    harmful = (pictures.labels[:, : subjects().index("person")] == 1).any(1)
    kept = harmful | (torch.arange(len(harmful)) % 3 == 0)
    return Pictures(pictures.pixels[kept], pictures.labels[kept])


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
    embeddings = embed_all(load_embedder(arguments.model), list(pictures.pixels))
    answers = {subject: pictures.answers(subject) for subject in heads}
    fitting = np.arange(len(embeddings)) % 2 == 0
    refitted = {
        s: _refit(s, head, *_views_of(s, embeddings[fitting], answers[s][fitting], weights[fitting]))
        for s, head in heads.items()
    }
    save_heads(refitted, arguments.model, "clip-nano")
    material = Material(
        embeddings[~fitting],
        {subject: column[~fitting] for subject, column in answers.items()},
        {str(Descriptor.PHOTOREALISM): _emphasis(weights)[~fitting].double().numpy()},
        (weights > 1).numpy()[~fitting],
        {str(Descriptor.PHOTOREALISM): _is_mush(pictures)[~fitting]},
    )
    calibrations = fit(load_banks(), load_embedder(arguments.model), refitted, material)
    write_into_banks(calibrations, "clip-nano")
    for subject, calibration in calibrations.items():
        print(subject, calibration.model_dump_json(exclude={"checkpoint"}))


if __name__ == "__main__":
    main()
