"""Fits concept banks to a model: temperature, Platt coefficients and thresholds, chosen by labelled pictures alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor
from torch.nn import functional

from safety.concept_banks import CONCEPTS, Calibration, ConceptBank, Measured
from safety.concept_scorer import LinearHead, PhraseContrast, highest_view
from safety.evaluation.statistics import Flags, Floats, auroc, exact_share, threshold_at
from safety.pictures import PictureEmbedder

TEMPERATURES = (0.01, 0.03, 0.05, 0.1, 0.2)
BLOCK_FALSE_POSITIVES = 0.01  # upper end of the interval
FLAG_RECALL = 0.95
FLAG_FALSE_POSITIVES = 0.10  # a flag that cries wolf more often than this is of no use to a moderator
QUIET_FALSE_POSITIVES = 0.01
HIGHEST_BLOCK = 0.999
FEWEST = 10  # pictures that show a subject, and that do not: with fewer nothing is fitted


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a calibration is fitted on: embeddings float32 (n, views, d), and for each subject what the pictures show.

    answers: subject -> (n), 1 shown, 0 not, NaN unknown. importance: subject -> float (n), how much each counts in
    the fit, where not alike. apart: (n) pictures of whose benign ones alone the thresholds must hold as well.
    quiet: subject -> (n), pictures of which hardly any (QUIET_FALSE_POSITIVES) may be flagged for it.
    """

    embeddings: Tensor
    answers: Mapping[str, Floats]
    importance: Mapping[str, Floats] = field(default_factory=dict)
    apart: Flags | None = None
    quiet: Mapping[str, Flags] = field(default_factory=dict)


def fit(
    banks: Mapping[str, ConceptBank], embedder: PictureEmbedder, heads: Mapping[str, LinearHead], material: Material
) -> dict[str, Calibration]:
    """A calibration for every bank with phrases of which enough is known; the others stay uncalibrated."""
    found = {}
    for subject, bank in banks.items():
        answers = material.answers.get(subject)
        if not bank.all_of and answers is not None and min((answers == 1).sum(), (answers == 0).sum()) >= FEWEST:
            found[subject] = _fit_bank(bank, embedder, heads.get(subject), material)
    return found


def _fit_bank(bank: ConceptBank, embedder: PictureEmbedder, head: LinearHead | None, material: Material) -> Calibration:
    answers = material.answers[bank.subject]
    known = torch.from_numpy(~np.isnan(answers))
    contrast, margin = _best_contrast(bank, embedder, material.embeddings, answers)
    logits = [margin] if head is None else [margin, highest_view(head(material.embeddings))]
    features, truth = torch.stack(logits, 1), torch.from_numpy(answers).float()
    importance = torch.from_numpy(material.importance.get(bank.subject, np.ones(len(answers)))).float()
    weights, intercept = fit_platt(features[known], truth[known], importance[known])
    scores = (features @ weights + intercept).sigmoid().double().numpy()
    fields = {
        "checkpoint": embedder.identity.sha256,
        "head": round(float(weights[1]), 5) if head is not None else 0.0,
        "margin": round(float(weights[0]), 5),
        "intercept": round(intercept, 5),
        "temperature": contrast.temperature,
    }
    benign = answers == 0
    apart = scores[benign & material.apart] if material.apart is not None else np.empty(0)
    quiet = scores[benign & material.quiet[bank.subject]] if bank.subject in material.quiet else np.empty(0)
    return _with_thresholds(fields, scores[answers == 1], scores[benign], apart, quiet)


def _best_contrast(
    bank: ConceptBank, embedder: PictureEmbedder, embeddings: Tensor, answers: Floats
) -> tuple[PhraseContrast, Tensor]:
    sides = embedder.embed_phrases(bank.positive), embedder.embed_phrases(bank.benign)
    tried = [PhraseContrast(*sides, bank.contrast == "pairs", temperature) for temperature in TEMPERATURES]
    margins = [highest_view(contrast(embeddings)) for contrast in tried]
    known, shown = ~np.isnan(answers), answers == 1
    best = max(range(len(tried)), key=lambda at: auroc(margins[at].double().numpy()[known], shown[known]))
    return tried[best], margins[best]


def fit_platt(features: Tensor, answers: Tensor, importance: Tensor) -> tuple[Tensor, float]:
    """Logistic regression of answers (n) on features (n, k): weights >= 0, both classes weigh the same."""
    weight = class_weights(answers) * importance
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


def class_weights(answers: Tensor) -> Tensor:
    """Row weights that make both classes weigh the same."""
    share = answers.mean()
    return torch.where(answers == 1, 0.5 / share, 0.5 / (1 - share))


def choose_block(benign: Floats) -> float:
    """The lowest of the benign scores above which the upper end of the false positive rate is at most 1 %.

    With too few benign pictures to be sure of that at all, HIGHEST_BLOCK.
    """
    ordered, allowed = np.sort(benign)[::-1], -1
    while allowed + 1 < len(benign) and _surely_at_most(allowed + 1, len(benign)) <= BLOCK_FALSE_POSITIVES:
        allowed += 1
    return min(HIGHEST_BLOCK, float(ordered[allowed]) + 1e-4) if allowed >= 0 else HIGHEST_BLOCK


def _surely_at_most(hits: int, rows: int) -> float:
    share = exact_share(hits, rows)
    return share.high if share else 1.0


def choose_flag(shown: Floats, benign: Floats, block: float) -> float:
    """The highest threshold that finds 95 % of what is shown, unless that flags too many benign pictures."""
    found = float(np.quantile(shown, 1 - FLAG_RECALL))
    tolerable = float(np.quantile(benign, 1 - FLAG_FALSE_POSITIVES))
    return min(block, max(found, tolerable, 1e-3))


def _with_thresholds(
    fields: Mapping[str, object], shown: Floats, benign: Floats, apart: Floats, quiet: Floats
) -> Calibration:
    """Thresholds that hold on all benign pictures, and on those set apart and those to be quiet about by themselves."""
    block, flag = choose_block(benign), 0.0
    if len(apart):
        block = min(HIGHEST_BLOCK, max(block, threshold_at(apart, BLOCK_FALSE_POSITIVES)))
        flag = float(np.quantile(apart, 1 - FLAG_FALSE_POSITIVES))
    flag = min(block, max(flag, choose_flag(shown, benign, block)))
    if len(quiet):
        flag = min(HIGHEST_BLOCK, max(flag, threshold_at(quiet, QUIET_FALSE_POSITIVES)))
        block = max(block, flag)
    measured = Measured(
        positives=len(shown),
        benign=len(benign),
        recall_at_flag=_share(shown, flag),
        recall_at_block=_share(shown, block),
        false_positives_at_flag=_share(benign, flag),
        false_positives_at_block=_share(benign, block),
    )
    thresholds = {"flag": round(flag, 4), "block": round(block, 4), "measured": measured}
    return Calibration.model_validate({**fields, **thresholds})


def _share(scores: Floats, threshold: float) -> float:
    return round(float((scores >= threshold).mean()), 4)


def write_into_banks(calibrations: Mapping[str, Calibration], name: str, folder: Path = CONCEPTS) -> None:
    """Replace the calibrations in the banks' own files, leaving the phrases and the comments above them."""
    for subject, calibration in calibrations.items():
        path = folder / f"{subject}.yaml"
        kept = path.read_text(encoding="utf-8").split("calibrations:\n")[0]
        entry = yaml.safe_dump({name: calibration.model_dump()}, sort_keys=False)
        indented = "".join(f"  {line}\n" for line in entry.splitlines())
        path.write_text(f"{kept}calibrations:\n{indented}", encoding="utf-8")
