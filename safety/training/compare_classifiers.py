"""Compares ways to judge prompts on the same rows: hashed n-grams, guard-nano in float and int8, and word weights.

python -m safety.training.compare_classifiers --data EVAL --prompts PROMPTS --model safety/weights/guard-nano

Needs scikit-learn (the extra `training`). Scores are before calibration; nothing is fitted on the benchmarks.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline, make_union

from safety.classifier_networks import INT8, load_network
from safety.evaluation.statistics import auroc, average_precision
from safety.normalize import normalize
from safety.training.prompt_data import read_csv
from safety.training.prompt_mix import training_rows
from safety.word_weights import WordWeights

Floats = NDArray[np.float64]
Scorer = Callable[[Sequence[str]], Floats]

SEED = 11
ROWS = 100_000
UNSAFE = 0  # guard-nano's first output
LEARNT_SHARE = 0.5  # of the n-gram logit in the mean, beside guard-nano's
BENIGN = "partiprompts"
RATE = 0.02


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Folded prompts with the truth about each."""

    name: str
    texts: list[str]
    unsafe: NDArray[np.bool_]


def read_benchmarks(folder: Path) -> Iterator[Benchmark]:
    """Every set of the evaluation folder."""
    for path in sorted(folder.glob("*.csv.gz")):
        rows = list(read_csv(path))
        truth = np.array([row.get("unsafe", row.get("hateful")) == "1" for row in rows])
        yield Benchmark(path.name.removesuffix(".csv.gz"), [normalize(row["text"]).folded for row in rows], truth)


def ngram_scorer(shared: Path) -> Scorer:
    """Logistic regression on 2^20 hashed letter 2-5-grams and word 1-2-grams of guard-nano's own training rows."""
    rows = training_rows(shared, SEED, ROWS)
    features = make_union(
        HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=2**20),
        HashingVectorizer(ngram_range=(1, 2), n_features=2**20),
    )
    model = SGDClassifier(loss="log_loss", alpha=2e-6, max_iter=10, random_state=SEED)
    pipeline = make_pipeline(features, model)
    pipeline.fit([normalize(row.text).folded for row in rows], np.array([row.unsafe for row in rows]))
    return lambda texts: np.asarray(pipeline.decision_function(list(texts)), dtype=np.float64)


def network_scorer(folder: Path, served_as: str) -> Scorer:
    """guard-nano's greatest "unsafe" logit over the windows of each text."""
    network = load_network(folder, served_as)

    def score(texts: Sequence[str]) -> Floats:
        windows, owners = network.windows(texts)
        greatest = np.full(len(texts), -np.inf)
        np.maximum.at(greatest, list(owners), network.logits(windows)[:, UNSAFE].astype(np.float64))
        return greatest

    return score


def words_scorer(folder: Path) -> Scorer:
    """The logit of guard-nano's word weights. Raises FileNotFoundError for a model without any."""
    words = WordWeights.read(folder)
    if words is None:
        raise FileNotFoundError(f"{folder} has no word weights")
    return lambda texts: np.array([words.logit(text) for text in texts])


def milliseconds(score: Scorer, texts: Sequence[str]) -> float:
    """Median CPU time of one prompt alone."""
    spent = []
    for text in texts:
        began = time.process_time()
        score([text])
        spent.append(time.process_time() - began)
    return float(np.median(spent)) * 1e3


def cells(score: Scorer, benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    """What each benchmark says of a scorer; unsafe rows only: against the benign benchmark."""
    scored: Mapping[str, Floats] = {each.name: score(each.texts) for each in benchmarks}
    benign = scored[BENIGN]
    for each in benchmarks:
        own = scored[each.name]
        if each.unsafe.all():
            caught = float((own > np.quantile(benign, 1 - RATE)).mean())
            both = np.concatenate([own, benign])
            yield f"{auroc(both, np.arange(len(both)) < len(own)):.3f} ({caught:.2f})"
        elif each.unsafe.any():
            yield f"{auroc(own, each.unsafe):.3f} / {average_precision(own, each.unsafe):.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the public benchmarks")
    parser.add_argument("--prompts", type=Path, required=True, help="training data")
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    options = parser.parse_args()
    benchmarks = list(read_benchmarks(options.data))
    ngram, int8, words = ngram_scorer(options.prompts), network_scorer(options.model, INT8), words_scorer(options.model)
    scorers: dict[str, Scorer] = {
        "hashed n-grams": ngram,
        "guard-nano, float32 in torch": network_scorer(options.model, "float32"),
        "guard-nano, int8 in ONNX Runtime": int8,
        "int8 and half of the n-grams": lambda texts: int8(texts) + LEARNT_SHARE * ngram(texts),
        "word weights alone": words,
        "int8 and a twentieth of the word weights": lambda texts: int8(texts) + 0.05 * words(texts),
        "int8 and a tenth of the word weights": lambda texts: int8(texts) + 0.1 * words(texts),
        "int8 and three tenths of the word weights": lambda texts: int8(texts) + 0.3 * words(texts),
    }
    names = [each.name for each in benchmarks if each.unsafe.any()]
    timed = next(each.texts for each in benchmarks if each.name == BENIGN)[:100]
    print(f"| | {' | '.join(names)} | ms |\n|{' --- |' * (len(names) + 2)}")
    for name, score in scorers.items():
        print(f"| {name} | {' | '.join(cells(score, benchmarks))} | {milliseconds(score, timed):.2f} |", flush=True)
    print("AUROC / AUPRC; for sets of unsafe prompts only: AUROC against PartiPrompts (recall at 2 % of them)")


if __name__ == "__main__":
    main()
