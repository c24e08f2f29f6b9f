"""A run's folder: what was asked, what became of each picture, and the pictures. Append-only, so a kill loses nothing.

run.json is the plan, written once; outcomes.jsonl has a line per picture, written after the picture's file; a line that
a crash cut short is asked for again. Nothing else is needed to go on or to write the report.
"""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import numpy as np

from safety.bias_audit.probes import (
    SEED_RULE,
    Ask,
    Filler,
    Language,
    Loaded,
    ProbeInvalid,
    Sizes,
    asks_of,
    load_probe,
)
from safety.bias_audit.shares import Floats

PLAN, OUTCOMES, PICTURES = "run.json", "outcomes.jsonl", "pictures"
PROBE, LABELS = "probe.yaml", "weak_labels.yaml"


class RunUnusable(Exception):
    """A run's folder is not one, is another run's, or is not finished. The message says which and what to do."""


class Fate(StrEnum):
    """What became of a picture that was asked for. Only a released one is read; the others bound what is not known."""

    RELEASED = "released"
    PROMPT_REFUSED = "prompt_refused"
    CONFIRMATION_ASKED = "confirmation_asked"
    MODEL_REFUSED = "model_refused"
    WITHHELD = "withheld"
    HELD = "held"
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is. Two runs with the same plan ask for the same pictures."""

    probe: str
    probe_sha256: str
    generator: str
    generator_sha256: str
    scorer: str
    scorer_sha256: str
    policy: str
    policy_sha256: str
    language: Language
    series: str
    size: str
    smoke: bool
    sizes: Sizes
    fillers: tuple[str, ...]
    seed_rule: str = SEED_RULE


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One picture asked for. embedding: (d,) of a released one, of what was drawn, before the watermark.

    decision_id: of the decision that released or stopped it. file: of a released one, inside the run's folder.
    tone: the swatch of its skin, 0 to 9 on Monk's scale, of what was drawn; None where none was read.
    """

    key: str
    fate: Fate
    decision_id: str
    categories: tuple[str, ...] = ()
    file: str = ""
    embedding: Floats | None = field(default=None)
    tone: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder, opened."""

    folder: Path
    plan: Plan
    loaded: Loaded

    @classmethod
    def begin(cls, folder: Path, plan: Plan, probe: Path, labels: Path) -> "Run":
        """Make the folder, or open it when it holds this very plan. Raises RunUnusable for another's."""
        if (folder / PLAN).exists():
            run = cls.open(folder)
            if run.plan != plan:
                differing = [name for name in Plan.__slots__ if getattr(run.plan, name) != getattr(plan, name)]
                raise RunUnusable(f"{folder} holds another run: it differs in {', '.join(differing)}")
            return run
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        (folder / PROBE).write_bytes(probe.read_bytes())
        (folder / LABELS).write_bytes(labels.read_bytes())
        write_whole(folder / PLAN, json.dumps(asdict(plan), indent=2).encode())
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Raises RunUnusable."""
        try:
            plan = plan_of(json.loads((folder / PLAN).read_text(encoding="utf-8")))
            loaded = load_probe(str(folder / PROBE), folder / LABELS)
        except (OSError, ValueError, TypeError, KeyError, ProbeInvalid) as error:
            raise RunUnusable(f"{folder} is not the folder of an audit run: {error}") from error
        if loaded.sha256 != plan.probe_sha256:
            raise RunUnusable(f"{folder / PROBE} was changed since the run began")
        return cls(folder, plan, loaded)

    @property
    def fillers(self) -> tuple[Filler, ...]:
        """The fillers asked for, in the probe's order."""
        return tuple(filler for filler in self.loaded.probe.fillers if filler.name in self.plan.fillers)

    @property
    def asks(self) -> list[Ask]:
        """Every picture of the run."""
        return asks_of(self.loaded, self.fillers, self.plan.sizes, self.plan.language, self.plan.series)

    def outcomes(self) -> dict[str, Outcome]:
        """Key -> what became of it, as far as the run has come; the last line may be cut short by a crash."""
        path = self.folder / OUTCOMES
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        told = [_outcome(json.loads(line)) for line in lines if line]
        return {outcome.key: outcome for outcome in told}

    def finished(self) -> dict[str, Outcome]:
        """All outcomes. Raises RunUnusable when some are missing."""
        outcomes, asked = self.outcomes(), [ask.key for ask in self.asks]
        if left := sum(key not in outcomes for key in asked):
            done = len(asked) - left
            raise RunUnusable(f"{self.folder} has {done} of {len(asked)} pictures: run the same command to go on")
        return outcomes


class OutcomeFile:
    """Appends outcomes; each is on disk when `add` returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        path = folder / OUTCOMES
        whole = path.read_bytes().rpartition(b"\n") if path.exists() else (b"", b"", b"")
        self._file = path.open("ab")
        self._file.truncate(len(whole[0]) + len(whole[1]))  # what a crash cut short

    def add(self, outcome: Outcome, content: bytes = b"") -> None:
        """One outcome, and the bytes of its picture when it was released."""
        if content:
            write_whole(self._folder / outcome.file, content)
        self._file.write(json.dumps(_line(outcome)).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """No more outcomes."""
        self._file.close()


def plan_of(content: Mapping[str, Any]) -> Plan:
    """From its JSON. Raises TypeError, ValueError or KeyError for anything else."""
    return Plan(**{**content, "sizes": Sizes(**content["sizes"]), "fillers": tuple(content["fillers"])})


def embeddings_of(outcomes: Sequence[Outcome]) -> Floats:
    """(n, d) of released pictures."""
    return np.stack([cast(Floats, outcome.embedding) for outcome in outcomes])


def _line(outcome: Outcome) -> dict[str, Any]:
    line: dict[str, Any] = {
        "key": outcome.key,
        "fate": outcome.fate,
        "decision_id": outcome.decision_id,
        "categories": list(outcome.categories),
        "file": outcome.file,
    }
    if outcome.embedding is not None:
        line["tone"] = outcome.tone
        line["embedding"] = base64.b64encode(outcome.embedding.astype("<f4").tobytes()).decode()
    return line


def _outcome(line: Mapping[str, Any]) -> Outcome:
    packed = line.get("embedding")
    embedding = np.frombuffer(base64.b64decode(packed), "<f4").astype(np.float64) if packed else None
    return Outcome(
        line["key"], Fate(line["fate"]), line["decision_id"], tuple(line["categories"]), line["file"], embedding,
        line.get("tone"),
    )  # fmt: skip


def write_whole(path: Path, content: bytes) -> None:
    """The file appears whole or not at all, and is on disk."""
    writing = path.with_name(f".{path.name}.part")
    with writing.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    writing.rename(path)
