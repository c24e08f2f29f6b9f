"""The labelled prompts guard-nano learns from: shared sources and our own."""

import csv
import gzip
import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import emoji
import yaml

from policies.signals import Category

OWN_PROMPTS = Path(__file__).parent / "own_prompts"
WRITTEN = OWN_PROMPTS / "written"
DIALECTS = "dialects"  # the file of WRITTEN that is a source of its own: as much of it is drawn as it needs
LANGUAGES = ("en", "fr")
RENAMED = {"sexual/minors": "sexual_minors", "self-harm": "self_harm"}
TWEETS = frozenset({"davidson", "mlma", "surge_toxicity"})
UNTRAINED_LABELS = {"copyright"}  # not a category of ours

# Categories no source names: read off the words of rows that are unsafe already. Never makes a row unsafe.
WORDS_OF_CATEGORY: Mapping[Category, re.Pattern[str]] = {
    Category.GORE: re.compile(
        r"\b(gore|gory|blood(y|ied|soaked)?|guts|entrails|intestines?|dismember\w*|decapitat\w*|behead\w*"
        r"|mutilat\w*|severed|corpses?|disembowel\w*|sang|tripes|démembr\w*|cadavres?|décapit\w*|mutilé\w*)\b",
        re.IGNORECASE,
    ),
    Category.WEAPONS: re.compile(
        r"\b(guns?|rifles?|pistols?|shotguns?|firearms?|bombs?|bombings?|grenades?|explosives?|weapons?|ammunition"
        r"|machetes?|nerve gas|fusils?|pistolets?|bombes?|explosifs?|armes?|grenades?)\b",
        re.IGNORECASE,
    ),
}
WEAPON_SOURCE_LABELS = {"iwp"}  # "indiscriminate weapons"


@dataclass(frozen=True, slots=True)
class LabelledPrompt:
    """One prompt, what is wrong with it (nothing: benign), and where it is from.

    split: "train", "dev" (calibration and thresholds) or, of our own prompts alone, "test".
    group: what it has in common with its near relatives, which all land in the same split; may be empty.
    """

    text: str
    labels: frozenset[Category]
    language: str
    source: str
    split: str
    group: str = ""

    @property
    def unsafe(self) -> bool:
        return bool(self.labels)


def stable_share(text: str) -> float:
    """A number in [0, 1) that depends on the text alone: decides splits the same way on every run."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a gzipped csv file with a header line."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def derived_labels(text: str, source_label: str) -> frozenset[Category]:
    """Gore and weapons, read off the words or the source's own label of a row that is unsafe already."""
    found = {category for category, words in WORDS_OF_CATEGORY.items() if words.search(text)}
    if source_label in WEAPON_SOURCE_LABELS:
        found.add(Category.WEAPONS)
    return frozenset(found)


def labels_of(row: Mapping[str, str]) -> frozenset[Category] | None:
    """Our categories for one shared row; empty for benign, None for a row that only has labels not ours."""
    names = {RENAMED.get(name, name) for name in row["labels"].split("|") if name}
    if not names:
        return frozenset()
    ours = frozenset(Category(name) for name in names - UNTRAINED_LABELS)
    return ours | derived_labels(row["text"], row["source_label"]) if ours else None


def read_shared(folder: Path) -> list[LabelledPrompt]:
    """Every usable row of the shared sources (columns text, labels, source_label, lang, split)."""
    return [
        LabelledPrompt(row["text"], labels, row["lang"], path.name.removesuffix(".csv.gz"), row["split"])
        for path in sorted(folder.glob("*.csv.gz"))
        for row in read_csv(path)
        if (labels := labels_of(row)) is not None
    ]


SLOT = re.compile(r"\[(a:)?(\w+)\]")


def fill(template: str, slots: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    """Replace [slot] by a random entry, and [a:slot] by the entry with its English article."""

    def entry(match: re.Match[str]) -> str:
        word = rng.choice(slots[match[2]])
        article = "an " if word[0].lower() in "aeiou" else "a "
        return (article if match[1] else "") + word

    while SLOT.search(template):
        template = SLOT.sub(entry, template)
    return template


def read_yaml(name: str) -> Any:
    """One of our own prompt files."""
    return yaml.safe_load((OWN_PROMPTS / f"{name}.yaml").read_text(encoding="utf-8"))


def emoji_names(language: str) -> list[str]:
    """Names of things in plain words, from the Unicode names the emoji package carries."""
    emoji.config.load_language(language)
    names = {entry[language].strip(":").replace("_", " ") for entry in emoji.EMOJI_DATA.values() if language in entry}
    return sorted(name for name in names if "peau" not in name and "drapeau" not in name)


def own_split(group: str) -> str:
    """All prompts of one template or idea land in one part: a quarter of them is never trained on."""
    share = stable_share(group)
    return "test" if share < 0.15 else "dev" if share < 0.25 else "train"


def own_benign(language: str, count: int, rng: random.Random) -> list[LabelledPrompt]:
    """`count` filled benign templates, plus every hand-written line once."""
    grammar = read_yaml(f"benign_{language}")
    slots = grammar["slots"] | {"emoji": emoji_names(language)}
    templates = rng.choices(grammar["templates"], k=count)
    filled = [(template, fill(template, slots, rng)) for template in templates]
    lines = [(line, line) for line in grammar["lines"]]
    return [
        LabelledPrompt(text, frozenset(), language, "own_benign", own_split(template), template)
        for template, text in filled + lines
    ]


def own_unsafe(language: str, count: int, rng: random.Random) -> list[LabelledPrompt]:
    """`count` filled unsafe templates, evenly over the categories, plus every hand-written line once."""
    grammar = read_yaml(f"unsafe_{language}")
    pairs = [rng.choice(list(grammar["templates"].items())) for _ in range(count)]
    chosen = [(name, rng.choice(templates)) for name, templates in pairs]
    filled = [(name, template, fill(template, grammar["slots"], rng)) for name, template in chosen]
    lines = [(name, line, line) for name, line in (line.split("|", 1) for line in grammar["lines"])]
    return [
        LabelledPrompt(
            text,
            frozenset({Category(name)}) | derived_labels(text, ""),
            language,
            "own_unsafe",
            own_split(template),
            template,
        )
        for name, template, text in filled + lines
    ]


ELISION = re.compile(r"\b([Dd])e (?=une?\b)")  # French: "de un" is written "d'un"


def own_people(language: str, count: int, rng: random.Random) -> list[LabelledPrompt]:
    """`count` scenes of people of every kind, one in three of them harmful."""
    grammar = read_yaml("people")[language]
    calm = [("", scene) for scene in grammar["scenes"]]
    grim = [(name, scene) for name, scene in (line.split("|", 1) for line in grammar["harm"])]
    chosen = rng.choices(calm, k=count - count // 3) + rng.choices(grim, k=count // 3)
    return [
        LabelledPrompt(
            ELISION.sub(r"\1'", scene.format(person=rng.choice(grammar["people"]))),
            frozenset({Category(name)}) if name else frozenset(),
            language,
            "people",
            own_split(scene),
            scene,
        )
        for name, scene in chosen
    ]


def read_own(seed: int, per_kind: int = 16000) -> list[LabelledPrompt]:
    """Our own prompts in both languages, benign and unsafe, without repeats."""
    rng = random.Random(seed)  # noqa: S311  reproducible data, no secret
    rows = [
        row
        for language in LANGUAGES
        for write in (own_benign, own_unsafe, own_people)
        for row in write(language, per_kind, rng)
    ]
    people = [row for language in LANGUAGES for row in own_people(language, per_kind, rng)]
    return list({row.text: row for row in [*rows, *read_written(), *people]}.values())


def read_written(folder: Path = WRITTEN) -> list[LabelledPrompt]:
    """The prompts written by hand: files of ideas, an idea being unsafe lines and benign ones that look alike."""
    return [
        row
        for path in sorted(folder.glob("*.yaml"))
        for idea in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        for row in _lines_of(f"{path.stem}: {idea['idea']}", idea)
    ]


def _lines_of(group: str, idea: Mapping[str, Any]) -> Iterator[LabelledPrompt]:
    manner = DIALECTS if group.startswith(f"{DIALECTS}:") else "written"
    for language in LANGUAGES:
        for kind, lines in idea.get(language, {}).items():
            labels = frozenset() if kind == "benign" else frozenset(map(Category, kind.split("+")))
            source = f"{manner}_unsafe" if labels else f"{manner}_benign"
            yield from (LabelledPrompt(line, labels, language, source, own_split(group), group) for line in lines)


def main() -> None:
    """Print how many written lines there are, by file, language, truth and part."""
    counts = Counter((row.group.split(":")[0], row.language, row.unsafe, row.split) for row in read_written())
    print(f"{'file':18} {'language':9} {'truth':7} {'train':>6} {'dev':>5} {'test':>5}")
    for file, language, unsafe in dict.fromkeys(key[:3] for key in sorted(counts)):
        train, dev, test = (counts[file, language, unsafe, split] for split in ("train", "dev", "test"))
        print(f"{file:18} {language:9} {'unsafe' if unsafe else 'benign':7} {train:6} {dev:5} {test:5}")
    print(f"{sum(counts.values())} lines")


if __name__ == "__main__":
    main()
