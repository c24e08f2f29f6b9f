"""The scores from which a prompt counts as flagged, fixed on benign prompts that are scored nowhere else."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from safety.evaluation.statistics import Floats, threshold_at

RATES = (0.01, 0.02)  # of false positives
FILE = "thresholds.json"
ANY, ENGLISH = "any", "en"  # the entries for languages that have none of their own: the first of them there is
FEWEST = 100  # benign rows: with fewer, a rate of 1 % is no row at all


class UnusableThresholds(Exception):
    """Thresholds that cannot be read or set; the message says why."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """by_language: language -> false-positive rate -> score. source: where they were fixed."""

    by_language: Mapping[str, Mapping[float, float]]
    source: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """From {"en": {"0.01": 0.62, "0.02": 0.55}, "fr": ...}. Raises UnusableThresholds."""
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            tables = {name: {float(rate): float(score) for rate, score in row.items()} for name, row in stored.items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise UnusableThresholds(f"{path} holds no thresholds: {error}") from error
        complete = all(np.isfinite(row.get(rate, np.nan)) for row in tables.values() for rate in RATES)
        if not complete or not {ANY, ENGLISH} & tables.keys():
            raise UnusableThresholds(
                f"{path} should hold, for {ENGLISH} at least, a score for each of the rates {RATES}"
            )
        return cls(tables, path.name)

    @classmethod
    def set_on(cls, scores: Floats, languages: Sequence[str], source: str) -> Self:
        """Those of benign scores: for all rows, and for each language with enough of its own.

        Raises UnusableThresholds when there are fewer rows than FEWEST.
        """
        if len(scores) < FEWEST:
            raise UnusableThresholds(f"{source}: {len(scores)} benign rows judged, and a rate of 1 % needs {FEWEST}")
        spoken = np.array(languages)
        named = {name: scores[spoken == name] for name in sorted(set(languages) - {""})}
        enough = {name: own for name, own in named.items() if len(own) >= FEWEST}
        return cls({name: _table(own) for name, own in {ANY: scores, **enough}.items()}, source)

    def write(self, path: Path) -> None:
        """In the form that `read` reads."""
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")

    def as_json(self) -> dict[str, dict[str, float]]:
        """Language -> rate as text -> score."""
        return {name: {str(rate): row[rate] for rate in RATES} for name, row in self.by_language.items()}

    def at(self, rate: float, languages: Sequence[str]) -> Floats:
        """float (n,): the threshold of each row, by its language."""
        default = self.by_language.get(ANY) or self.by_language[ENGLISH]
        return np.array([self.by_language.get(name, default)[rate] for name in languages])


def _table(benign: Floats) -> dict[float, float]:
    return {rate: threshold_at(benign, rate) for rate in RATES}
