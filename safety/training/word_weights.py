"""Distils the words of alt-profanity-check (MIT) into the file that guard-nano reads beside its network.

python -m safety.training.word_weights --out safety/weights/guard-nano

That package holds five linear support vector machines over tf-idf with a sigmoid each, as pickles that only this script
loads; their mean is written down as numbers. Needs the extra `peers`.
"""

import argparse
import warnings
from importlib.resources import files
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from policies.identity import write_manifest
from safety.word_weights import WordWeights


def load_peer() -> tuple[Any, Any]:
    """Its vectorizer and its classifier."""
    folder = files("profanity_check") / "data"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # saved by another version of scikit-learn
        return joblib.load(folder / "vectorizer.joblib"), joblib.load(folder / "model.joblib")


def main() -> None:
    """Write the file and sign the folder anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the model folder to change")
    out = parser.parse_args().out
    vectorizer, model = load_peer()
    words = [str(word) for word in vectorizer.get_feature_names_out()]
    fitted = [(one.estimator, one.calibrators[0]) for one in model.calibrated_classifiers_]
    weights = np.mean([-sigmoid.a_ * machine.coef_[0] for machine, sigmoid in fitted], axis=0)
    offset = np.mean([-(sigmoid.a_ * machine.intercept_[0] + sigmoid.b_) for machine, sigmoid in fitted])
    WordWeights.write(out, words, vectorizer.idf_, weights, float(offset))
    write_manifest(out, "guard-nano")
    print(f"{len(words)} words, offset {offset:.3f}")


if __name__ == "__main__":
    main()
