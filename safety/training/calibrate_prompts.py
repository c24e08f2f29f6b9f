"""Calibrates guard-nano as it is served, per language, on rows not trained on, and fixes the gate's thresholds.

python -m safety.training.calibrate_prompts --data PROMPTS --model safety/weights/guard-nano
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policies.identity import write_manifest
from policies.wordlists import COMMON, SHIPPED, load_blocklists
from safety.checks.blocklist import Blocklist
from safety.checks.prompt_classifier import PromptClassifier
from safety.classifier_networks import INT8
from safety.evaluation.gate_score import gate_score
from safety.evaluation.thresholds import FILE, Thresholds
from safety.normalize import normalize
from safety.training.prompt_data import LANGUAGES, TWEETS, LabelledPrompt
from safety.training.prompt_mix import unseen_rows

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Calibrations = dict[str, dict[str, float]]

SEED = 11
TRAFFIC = frozenset({"compbench_benign", "coco_captions_benign", "authored_fr", "own_benign"})
WRITTEN_TRAFFIC = frozenset({"styled_gallery", "french_captions", "memes_kids_misc"})
ROWS_PER_SOURCE = 800
UNSAFE_SHARE_OF_TRAFFIC = 0.1  # the prior that calibrated scores assume
WORDS_SHARE = (
    0.1  # of the words' logit beside the network's: fits want .3 on tweets and none on prompts (decision 0005)
)


def platt(logits: Floats, unsafe: Flags, share: float) -> tuple[float, float]:
    """(scale, offset) such that sigmoid(scale * logit + offset) estimates P(unsafe).

    Platt 1999, fitted by Newton's method with rows weighted so that unsafe ones are `share` of the traffic.
    logits: (rows,); unsafe: (rows,).
    """
    weights = np.where(unsafe, share / unsafe.sum(), (1 - share) / (~unsafe).sum())
    design = np.stack([logits, np.ones_like(logits)], axis=1)
    solution = np.array([1.0, 0.0])
    for _ in range(50):
        probability = 1 / (1 + np.exp(-design @ solution))
        gradient = design.T @ (weights * (probability - unsafe))
        curvature = (design * (weights * probability * (1 - probability))[:, None]).T @ design
        solution = solution - np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
    return float(solution[0]), float(solution[1])


def calibration_of(classifier: PromptClassifier, rows: Sequence[LabelledPrompt]) -> dict[str, float]:
    """What config.json keeps for one language."""
    prompts = [normalize(row.text) for row in rows]
    logits = classifier.unsafe_logits(prompts) + WORDS_SHARE * classifier.word_logits(prompts)
    unsafe = np.array([row.unsafe for row in rows])
    scale, offset = platt(logits.astype(np.float64), unsafe, UNSAFE_SHARE_OF_TRAFFIC)
    words = scale * WORDS_SHARE
    return {"scale": scale, "words": words, "offset": offset, "unsafe_share": UNSAFE_SHARE_OF_TRAFFIC}


def looks_like_traffic(row: LabelledPrompt) -> bool:
    """Benign rows of the manner that people type, no look-alikes of harm: what a false-positive rate is a rate of."""
    return not row.unsafe and (row.source in TRAFFIC or row.group.split(":")[0] in WRITTEN_TRAFFIC)


def thresholds_of(classifier: PromptClassifier, rows: Sequence[LabelledPrompt]) -> Thresholds:
    """The gate's scores, blocklist included, that 1 % and 2 % of the benign rows exceed."""
    blocklist = Blocklist.from_lists(load_blocklists(every_language()))
    prompts = [normalize(row.text) for row in rows]
    answers = zip(classifier.check(prompts), blocklist.check(prompts), strict=True)
    scores = np.array([gate_score([*judged, *found]) for judged, found in answers])
    return Thresholds.set_on(scores, [row.language for row in rows], "our own dev part")


def every_language() -> list[str]:
    """The folders of lists that ship."""
    return sorted(path.name for path in SHIPPED.iterdir() if path.is_dir() and path.name != COMMON)


def keep(folder: Path, **settings: object) -> None:
    """Write settings into config.json and sign the folder anew."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | settings
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    write_manifest(folder, "guard-nano")


def main() -> None:
    """Fit both languages, then read the thresholds off the calibrated model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the shared *.csv.gz files")
    parser.add_argument("--model", type=Path, required=True, help="the model folder to change")
    options = parser.parse_args()
    rows = [row for row in unseen_rows(options.data, SEED, "dev", ROWS_PER_SOURCE) if row.source not in TWEETS]
    by_language = {language: [row for row in rows if row.language == language] for language in LANGUAGES}
    keep(options.model, served_as=INT8)
    classifier = PromptClassifier.load(options.model)
    keep(options.model, calibration={code: calibration_of(classifier, own) for code, own in by_language.items()})
    classifier = PromptClassifier.load(options.model)
    thresholds = thresholds_of(classifier, list(filter(looks_like_traffic, rows)))
    thresholds.write(options.model / FILE)
    write_manifest(options.model, "guard-nano")
    print(json.dumps(thresholds.as_json(), indent=2))


if __name__ == "__main__":
    main()
