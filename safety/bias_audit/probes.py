"""Probes: what an audit asks for. Fillers x templates x arms, as versioned YAML with a hash."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import policies

PROBES = Path(policies.__file__).with_name("probes")
WEAK_LABELS = PROBES / "weak_labels.yaml"
SEED_RULE = "sha256(series|probe|filler|arm|template|k)[:8], the top bit cleared"
NEUTRAL, WEAK = "neutral", "weak"  # arms; the explicit ones have the names of classes

Language = Literal["en", "fr"]
Attribute = Literal["presentation", "age_band"]
Share = Annotated[float, Field(ge=0, le=1)]
CLASSES: dict[Attribute, tuple[str, ...]] = {
    "presentation": ("feminine", "masculine"),
    "age_band": ("child", "adult", "older"),
}
UNCLEAR, NO_PERSON = "unclear", "no_person"
PERSON_CLASSES = ("person", NO_PERSON)


class ProbeInvalid(Exception):
    """A probe cannot be used: each line names the file, the field and what is wrong with it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Part):
    """The same in both languages."""

    en: Annotated[str, Field(min_length=1)]
    fr: Annotated[str, Field(min_length=1)]

    def in_language(self, language: Language) -> str:
        """The words of one language."""
        return self.en if language == "en" else self.fr


class Templates(_Part):
    """At least three: how somebody is asked for changes who is drawn."""

    en: Annotated[tuple[str, ...], Field(min_length=3)]
    fr: Annotated[tuple[str, ...], Field(min_length=3)]

    @model_validator(mode="after")
    def _hold_a_place(self) -> "Templates":
        wrong = [text for text in (*self.en, *self.fr) if text.count("{x}") != 1]
        if wrong:
            raise ValueError(f"each needs {{x}} exactly once: {wrong[0]!r}")
        if len(self.en) != len(self.fr):
            raise ValueError(f"{len(self.en)} in English, {len(self.fr)} in French: there must be as many")
        return self

    def in_language(self, language: Language) -> tuple[str, ...]:
        """The templates of one language."""
        return self.en if language == "en" else self.fr


class Explicit(_Part):
    """The filler with what the audit looks for said aloud."""

    feminine: Words
    masculine: Words


class Filler(_Part):
    """One thing that templates are filled with."""

    name: Annotated[str, Field(min_length=1)]
    group: Annotated[str, Field(min_length=1)]
    neutral: Words
    explicit: Explicit


class Sampling(_Part):
    """Pictures for each filler and template: of the neutral arm, of each explicit arm, and in a smoke run.

    smoke_fillers: the first so many of them are asked for in a smoke run.
    """

    per_cell: Annotated[int, Field(ge=1)]
    explicit_per_cell: Annotated[int, Field(ge=0)]
    smoke_per_cell: Annotated[int, Field(ge=1)]
    smoke_fillers: Annotated[int, Field(ge=1)]


class Inference(_Part):
    """fdr: the share of findings that may be false. margin: a smaller distance from the reference is no finding."""

    fdr: Annotated[float, Field(gt=0, lt=0.5)]
    margin: Annotated[float, Field(ge=0, lt=0.5)]


class Probe(_Part):
    """One audit's questions. known_to: generators with a small world -> the fillers in it."""

    schema_: Literal[1] = Field(alias="schema")
    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    version: Annotated[int, Field(ge=1)]
    templates: Templates
    attributes: Annotated[tuple[Attribute, ...], Field(min_length=1)]
    sampling: Sampling
    inference: Inference
    references: tuple[Literal["parity"], ...]
    known_to: dict[str, tuple[str, ...]] = {}
    fillers: Annotated[tuple[Filler, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_whole(self) -> "Probe":
        names = [filler.name for filler in self.fillers]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"fillers named twice: {', '.join(sorted(twice))}")
        for generator, known in self.known_to.items():
            if unknown := set(known) - set(names):
                raise ValueError(f"known_to.{generator} names no filler: {', '.join(sorted(unknown))}")
        return self

    def fillers_for(self, generator: str) -> tuple[Filler, ...]:
        """What this generator can be asked for. Raises ProbeInvalid when that is nothing."""
        known = self.known_to.get(generator)
        asked = tuple(f for f in self.fillers if known is None or f.name in known)
        if not asked:
            raise ProbeInvalid(f"{generator} can draw nothing of probe {self.id}: its known_to says so")
        return asked


class WeakLabel(_Part):
    """A prompt that names what is to be read. folds: of presentation and of age_band."""

    en: Annotated[str, Field(min_length=1)]
    fr: Annotated[str, Field(min_length=1)]
    person: bool
    presentation: Literal["feminine", "masculine"] | None = None
    age_band: Literal["child", "adult", "older"] | None = None
    folds: tuple[str, str] | None = None

    @model_validator(mode="after")
    def _folds_for_people(self) -> "WeakLabel":
        if (self.folds is None) == (self.presentation is not None or self.age_band is not None):
            raise ValueError("folds are needed where presentation or age_band is given, and only there")
        return self

    def in_language(self, language: Language) -> str:
        """The words of one language."""
        return self.en if language == "en" else self.fr

    def label(self, attribute: Attribute) -> str | None:
        """The class asked for."""
        return self.presentation if attribute == "presentation" else self.age_band

    def fold(self, attribute: Attribute) -> str:
        """The fold it is left out with; empty where it has none."""
        return self.folds[0 if attribute == "presentation" else 1] if self.folds else ""


class WeakLabels(_Part):
    """The prompts that a scorer is made and measured with."""

    schema_: Literal[1] = Field(alias="schema")
    id: str
    version: Annotated[int, Field(ge=1)]
    contexts: Templates
    smoke_contexts: Annotated[int, Field(ge=1)]
    prompts: Annotated[tuple[WeakLabel, ...], Field(min_length=1)]


class Reference(_Part):
    """Shares of feminine-reading people to compare with, by filler, and where they are from."""

    schema_: Literal[1] = Field(alias="schema")
    source: Annotated[str, Field(min_length=1)]
    year: Annotated[int, Field(ge=1900, le=2100)]
    licence: Annotated[str, Field(min_length=1)]
    feminine: Annotated[dict[str, Share], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A probe and the sha256 of its file together with the weak labels': what two audits must share."""

    probe: Probe
    weak: WeakLabels
    sha256: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One picture to ask for. key: its place in the run, the same in every run of the probe."""

    key: str
    arm: str
    filler: str
    template: int
    k: int
    prompt: str
    seed: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many pictures: of each cell of the neutral arm and of the explicit arms; in how many contexts each label."""

    per_cell: int
    explicit_per_cell: int
    contexts: int


def shipped_probes() -> dict[str, Path]:
    """Name -> file of the probes that come with gardefou."""
    return {path.stem: path for path in sorted(PROBES.glob("*.yaml")) if path != WEAK_LABELS}


def load_probe(name: str, weak_labels: Path = WEAK_LABELS) -> Loaded:
    """A shipped probe by its name, or a file. Raises ProbeInvalid."""
    path = shipped_probes().get(name, Path(name))
    if not path.is_file():
        raise ProbeInvalid(f"{name} is neither a file nor one of {', '.join(shipped_probes())}")
    probe, weak = _read(path, Probe), _read(weak_labels, WeakLabels)
    return Loaded(probe, weak, hashlib.sha256(path.read_bytes() + weak_labels.read_bytes()).hexdigest())


def load_reference(path: Path, probe: Probe) -> Reference:
    """A file of reference shares. Raises ProbeInvalid, also for a filler that the probe does not have."""
    reference = _read(path, Reference)
    if unknown := set(reference.feminine) - {filler.name for filler in probe.fillers}:
        raise ProbeInvalid(f"{path}: feminine: names no filler of {probe.id}: {', '.join(sorted(unknown))}")
    return reference


def asks_of(loaded: Loaded, fillers: Sequence[Filler], sizes: Sizes, language: Language, series: str) -> list[Ask]:
    """Every picture of a run in its order: first those that the scorer is made with."""
    probe = loaded.probe
    contexts = loaded.weak.contexts.in_language(language)[: sizes.contexts]
    asks = [
        _ask(probe.id, series, WEAK, label.en, number, 0, context.format(x=label.in_language(language)))
        for label in loaded.weak.prompts
        for number, context in enumerate(contexts)
    ]
    for filler in fillers:
        explicit = {"feminine": filler.explicit.feminine, "masculine": filler.explicit.masculine}
        for arm, words in {NEUTRAL: filler.neutral, **explicit}.items():
            count = sizes.per_cell if arm == NEUTRAL else sizes.explicit_per_cell
            for number, template in enumerate(probe.templates.in_language(language)):
                prompt = template.format(x=words.in_language(language))
                asks += [_ask(probe.id, series, arm, filler.name, number, k, prompt) for k in range(count)]
    return asks


def _ask(probe: str, series: str, arm: str, filler: str, template: int, k: int, prompt: str) -> Ask:
    """The same seed never serves two cells: pictures of one seed are alike, and cells are taken for independent."""
    key = f"{filler}|{arm}|{template}|{k}"
    digest = hashlib.sha256(f"{series}|{probe}|{key}".encode()).digest()
    return Ask(key, arm, filler, template, k, prompt, int.from_bytes(digest[:8]) >> 1)


_Model = TypeVar("_Model", bound=BaseModel)


def _read(path: Path, model: type[_Model]) -> _Model:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProbeInvalid(f"{path}: {error}") from error
    if not isinstance(content, Mapping):
        raise ProbeInvalid(f"{path}: expected fields and values")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, each['loc'])) or 'probe'}: {each['msg']}" for each in error.errors()]
        raise ProbeInvalid("\n".join(lines)) from error
