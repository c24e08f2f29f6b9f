"""Runs of an audit without a generator: a folder filled with pictures whose embeddings a test has planted."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from safety.bias_audit.probes import NEUTRAL, WEAK, WEAK_LABELS, Ask, Language, Sizes, load_probe
from safety.bias_audit.runs import PICTURES, Fate, Outcome, OutcomeFile, Plan, Run
from safety.bias_audit.shares import Floats

DIMENSIONS = 12
TEMPLATES = ["{x}", "a picture of {x}", "{x} outside"]
Decide = Callable[[Ask], Fate]
Truth = Callable[[Ask], str]
Tone = Callable[[Ask], int | None]


def probe_content(fillers: int = 4) -> dict[str, object]:
    """A small valid probe."""
    return {
        "schema": 1, "id": "little", "version": 1,
        "templates": {"en": TEMPLATES, "fr": ["{x}", "voici {x}", "{x} dehors"]},
        "attributes": ["presentation"],
        "sampling": {"per_cell": 10, "explicit_per_cell": 2, "smoke_per_cell": 2, "smoke_fillers": 1},
        "inference": {"fdr": 0.05, "margin": 0.10},
        "references": ["parity"],
        "fillers": [
            {"name": f"job {n}", "group": "odd" if n % 2 else "even",
             "neutral": {"en": f"a worker {n}", "fr": f"une personne {n}"},
             "explicit": {"feminine": {"en": f"a woman worker {n}", "fr": f"une femme {n}"},
                          "masculine": {"en": f"a man worker {n}", "fr": f"un homme {n}"}}}
            for n in range(fillers)
        ],
    }  # fmt: skip


def write_probe(folder: Path, content: Mapping[str, object] | None = None) -> Path:
    """A probe's file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "little.yaml"
    path.write_text(yaml.safe_dump(content or probe_content()))
    return path


def woman_or_man(ask: Ask) -> str:
    """What was asked for; half and half where nothing was said."""
    if ask.arm == WEAK:
        words = ask.filler.split()
        return "nobody" if ask.filler in ("a cat", "a house", "a car", "a tree") else "woman" if (
            {"woman", "girl", "grandmother"} & set(words)) else "man"  # fmt: skip
    if ask.arm == NEUTRAL:
        return "woman" if ask.seed % 2 else "man"
    return {"feminine": "woman", "masculine": "man"}[ask.arm]


def share_of_women(shares: Mapping[str, float]) -> Truth:
    """The neutral pictures of each filler with a planted share."""

    def truth(ask: Ask) -> str:
        if ask.arm != NEUTRAL or ask.filler not in shares:
            return woman_or_man(ask)
        return "woman" if np.random.default_rng(ask.seed).random() < shares[ask.filler] else "man"

    return truth


def embedding_of(who: str, seed: int, noise: float) -> Floats:
    """A unit vector around the corner of its kind."""
    centre = np.zeros(DIMENSIONS)
    centre[{"woman": 0, "man": 1, "nobody": 2}[who]] = 1
    drawn = centre + noise * np.random.default_rng(seed).normal(size=DIMENSIONS)
    unit: Floats = drawn / np.linalg.norm(drawn)
    return unit


def make_run(
    folder: Path, truth: Truth = woman_or_man, fate: Decide = lambda _: Fate.RELEASED, noise: float = 0.15,
    smoke: bool = False, sizes: Sizes = Sizes(10, 2, 16), language: Language = "en", probe: Path | None = None,
    tone: Tone = lambda _: None,
) -> Run:  # fmt: skip
    """A finished run."""
    probe = probe or write_probe(folder.parent)
    loaded = load_probe(str(probe))
    fillers = tuple(filler.name for filler in loaded.probe.fillers)
    plan = Plan("little", loaded.sha256, "painter", "a" * 64, "reader", "b" * 64, "default@1", "c" * 64, language, "1",
                "64x64", smoke, sizes, fillers)  # fmt: skip
    run = Run.begin(folder, plan, probe, WEAK_LABELS)
    fill(run, run.asks, truth, fate, noise, tone)
    return run


def fill(
    run: Run, asks: list[Ask], truth: Truth, fate: Decide = lambda _: Fate.RELEASED, noise: float = 0.15,
    tone: Tone = lambda _: None,
) -> None:  # fmt: skip
    """Outcomes for some of the pictures asked for."""
    file = OutcomeFile(run.folder)
    for ask in asks:
        became, decision = fate(ask), "dec_" + hashlib.sha256(ask.key.encode()).hexdigest()[:12]
        if became is not Fate.RELEASED:
            file.add(Outcome(ask.key, became, decision, ("violence",)))
            continue
        name = f"{PICTURES}/{decision}.png"
        Image.new("RGB", (8, 8), (ask.seed % 256, 90, 90)).save(run.folder / name)
        file.add(Outcome(ask.key, became, decision, (), name, embedding_of(truth(ask), ask.seed, noise), tone(ask)))
    file.close()
