"""How well a prompt classifier tells harm from its benign look-alikes: one table over public benchmarks.

python -m safety.training.evaluate_prompts --data EVAL --prompts PROMPTS --model safety/weights/guard-nano
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from safety.checks.prompt_classifier import PromptClassifier
from safety.normalize import normalize
from safety.training.prompt_data import TWEETS, LabelledPrompt, dev_rows, read_csv

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
FALSE_POSITIVE_RATES = (0.01, 0.02)
REVIEW, BLOCK = 0.5, 0.8  # the scores that policies act on
SEED = 11  # of training: so that the dev part is the one training left out


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Prompts with the truth about each. language: whose thresholds apply."""

    name: str
    texts: list[str]
    unsafe: Flags
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Figures:
    """One line of the table; None where a set has no rows of the kind needed.

    flagged_*: share of benign rows at or above the score. recall_*: share of unsafe rows at or above it.
    """

    name: str
    rows: int
    unsafe: int
    auroc: float | None
    auprc: float | None
    recall_1: float | None
    recall_2: float | None
    recall_review: float | None
    recall_block: float | None
    flagged_1: float | None
    flagged_2: float | None
    flagged_review: float | None
    flagged_block: float | None


def auroc(scores: Floats, unsafe: Flags) -> float:
    """Area under the ROC curve: the chance that an unsafe row outscores a benign one, ties half."""
    benign = np.sort(scores[~unsafe])
    below = np.searchsorted(benign, scores[unsafe], side="left")
    below_or_tied = np.searchsorted(benign, scores[unsafe], side="right")
    return float((below + below_or_tied).mean() / 2 / len(benign))


def average_precision(scores: Floats, unsafe: Flags) -> float:
    """AUPRC as the step-wise sum of precision over recall; rows with tied scores count together."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], unsafe[order].cumsum()
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    hits, seen = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
    return float((np.diff(hits, prepend=0) / hits[-1] * hits / seen).sum())


def threshold_at(benign: Floats, rate: float) -> float:
    """The least score above which at most `rate` of the benign rows lie."""
    return float(np.quantile(benign, 1 - rate, method="higher"))


def share_from(scores: Floats, threshold: float) -> float | None:
    """Share of scores at or above a threshold; None for no scores."""
    return float((scores >= threshold).mean()) if len(scores) else None


def scores_of(classifier: PromptClassifier, texts: Sequence[str]) -> Floats:
    """The greatest category score of each text, which is P(unsafe)."""
    prompts = [normalize(text) for text in texts]
    judged = [signals for at in range(0, len(prompts), 256) for signals in classifier.check(prompts[at : at + 256])]
    return np.array([max(signal.score for signal in signals) for signals in judged])


def read_benchmarks(folder: Path) -> Iterator[Benchmark]:
    """Every set of the evaluation folder; the truth is in its column "unsafe" or "hateful"."""
    for path in sorted(folder.glob("*.csv.gz")):
        rows = list(read_csv(path))
        truth = np.array([row.get("unsafe", row.get("hateful")) == "1" for row in rows])
        name = path.name.removesuffix(".csv.gz")
        yield Benchmark(name, [row["text"] for row in rows], truth, "fr" if name.endswith("_fr") else "en")


def dev_benchmarks(rows: Sequence[LabelledPrompt]) -> Iterator[Benchmark]:
    """The unseen part of the training sources, a set per source and language."""
    for source, language in sorted({(row.source, row.language) for row in rows}):
        own = [row for row in rows if (row.source, row.language) == (source, language)]
        unsafe = np.array([row.unsafe for row in own])
        yield Benchmark(f"dev: {source} {language}", [row.text for row in own], unsafe, language)


def own_test(rows: Sequence[LabelledPrompt], language: str) -> Benchmark:
    """Our own written prompts of templates never trained on, benign and unsafe together."""
    own = [row for row in rows if row.source.startswith("own_") and row.language == language]
    unsafe = np.array([row.unsafe for row in own])
    return Benchmark(f"own prompts, unseen templates, {language}", [row.text for row in own], unsafe, language)


def benign_dev(rows: Sequence[LabelledPrompt], language: str) -> list[str]:
    """The benign captions and prompts that thresholds are set on."""
    return [row.text for row in rows if row.language == language and not row.unsafe and row.source not in TWEETS]


def figures(benchmark: Benchmark, scores: Floats, benign: Floats, thresholds: Mapping[float, float]) -> Figures:
    """benign: scores of a benign set to stand in where the benchmark has unsafe rows only."""
    bad, good = scores[benchmark.unsafe], scores[~benchmark.unsafe]
    against = good if len(good) else benign
    both = np.concatenate([bad, against])
    truth = np.arange(len(both)) < len(bad)
    levels = [*(thresholds[rate] for rate in FALSE_POSITIVE_RATES), REVIEW, BLOCK]
    return Figures(
        benchmark.name,
        len(scores),
        len(bad),
        auroc(both, truth) if len(bad) else None,
        average_precision(both, truth) if len(bad) and len(good) else None,
        *(share_from(bad, level) for level in levels),
        *(share_from(good, level) for level in levels),
    )


def latency(classifier: PromptClassifier, texts: Sequence[str]) -> tuple[float, float]:
    """p50 and p95 in milliseconds of one prompt at a time."""
    prompts = [normalize(text) for text in texts]
    times = []
    for prompt in prompts:
        started = time.perf_counter()
        classifier.check([prompt])
        times.append((time.perf_counter() - started) * 1000)
    return float(np.percentile(times, 50)), float(np.percentile(times, 95))


def print_table(lines: Sequence[Figures]) -> None:
    """As markdown, rounded to three places."""
    head = list(asdict(lines[0]))
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for line in lines:
        cells = ["" if v is None else f"{v:.3f}" if isinstance(v, float) else str(v) for v in asdict(line).values()]
        print("| " + " | ".join(cells) + " |")


def main() -> None:
    """Print thresholds and the table, or all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the public benchmarks")
    parser.add_argument("--prompts", type=Path, required=True, help="training data, for its dev part")
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    classifier = PromptClassifier.load(options.model)
    rows = dev_rows(options.prompts, SEED)
    benign = {language: scores_of(classifier, benign_dev(rows, language)) for language in ("en", "fr")}
    thresholds = {
        language: {rate: threshold_at(scores, rate) for rate in FALSE_POSITIVE_RATES}
        for language, scores in benign.items()
    }
    own = [own_test(rows, language) for language in benign]
    sets = [*read_benchmarks(options.data), *own, *dev_benchmarks(rows)]
    lines = [
        figures(
            each,
            scores_of(classifier, each.texts),
            benign["en"],
            thresholds.get(each.language, thresholds["en"]),
        )
        for each in sets
    ]
    p50, p95 = latency(classifier, benign_dev(rows, "en")[:200])
    if options.json:
        print(json.dumps({"thresholds": thresholds, "figures": [asdict(line) for line in lines]}, indent=2))
        return
    print(f"model {classifier.identity.name} {classifier.identity.sha256[:12]}; {options.threads} threads")
    print(f"one prompt: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    print(f"score at 1 % and 2 % of benign dev rows: {thresholds}\n")
    print_table(lines)


if __name__ == "__main__":
    main()
