"""The labelled prompts guard-nano learns from: shared sources, our own, and their augmentation."""

import csv
import gzip
import hashlib
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import emoji
import yaml

from policies.signals import Category

OWN_PROMPTS = Path(__file__).parent / "own_prompts"
LANGUAGES = ("en", "fr")
RENAMED = {"sexual/minors": "sexual_minors", "self-harm": "self_harm"}
TWEETS = frozenset({"davidson", "mlma", "surge_toxicity"})
UNTRAINED_LABELS = {"copyright"}  # not a category of ours

# Rows drawn per source and language for one pass: text-to-image prompts first, tweets and captions last.
SOURCE_ROWS: Mapping[tuple[str, str], int] = {
    ("coprov2", "en"): 6000,
    ("overt_train", "en"): 2400,
    ("ailuminate", "en"): 900,
    ("ailuminate", "fr"): 900,
    ("aart", "en"): 1100,
    ("advbench", "en"): 480,
    ("nibbler", "en"): 900,
    ("davidson", "en"): 1100,
    ("mlma", "en"): 600,
    ("mlma", "fr"): 1000,
    ("mlma", "ar"): 300,
    ("surge_toxicity", "en"): 700,
    ("compbench_benign", "en"): 1500,
    ("coco_captions_benign", "en"): 2500,
    ("authored_fr", "fr"): 1800,
    ("own_benign", "en"): 4600,
    ("own_benign", "fr"): 5500,
    ("own_unsafe", "en"): 4200,
    ("own_unsafe", "fr"): 4200,
}

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
    """One prompt, what is wrong with it (nothing: benign), and where it is from. split: "train" or "dev"."""

    text: str
    labels: frozenset[Category]
    language: str
    source: str
    split: str

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


def own_split(template: str) -> str:
    """All prompts of one template land in one part: a fifth of the templates is never trained on."""
    return "dev" if stable_share(template) < 0.2 else "train"


def own_benign(language: str, count: int, rng: random.Random) -> list[LabelledPrompt]:
    """`count` filled benign templates, plus every hand-written line once."""
    grammar = read_yaml(f"benign_{language}")
    slots = grammar["slots"] | {"emoji": emoji_names(language)}
    templates = rng.choices(grammar["templates"], k=count)
    filled = [(template, fill(template, slots, rng)) for template in templates]
    lines = [(line, line) for line in grammar["lines"]]
    return [
        LabelledPrompt(text, frozenset(), language, "own_benign", own_split(template))
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
        )
        for name, template, text in filled + lines
    ]


def read_own(seed: int, per_kind: int = 16000) -> list[LabelledPrompt]:
    """Our own prompts in both languages, benign and unsafe, without repeats."""
    rng = random.Random(seed)  # noqa: S311  reproducible data, no secret
    rows = [
        row for language in LANGUAGES for write in (own_benign, own_unsafe) for row in write(language, per_kind, rng)
    ]
    return list({row.text: row for row in rows}.values())


class Augmenter:
    """Changes how a prompt is said, never what it asks for: safe and unsafe prompts get the same manners."""

    def __init__(self, benign: Sequence[str], seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self.benign = benign
        self.styles = read_yaml("styles")

    def __call__(self, row: LabelledPrompt) -> LabelledPrompt:
        """The row in another manner.

        Sexual rows are never joined to another sentence, which might name a child.
        """
        text = without_handles(row.text, self.rng)
        if not row.labels & {Category.SEXUAL, Category.SEXUAL_MINORS}:
            text = self.in_company(text)
        if Category.SEXUAL_MINORS not in row.labels:
            text = self.styled(text, row)
        return replace(row, text=self.mistyped(text))

    def in_company(self, text: str) -> str:
        """One in twelve: beside a benign sentence, so that harm is found anywhere in a longer prompt."""
        if self.rng.random() > 0.08:
            return text
        parts = [text, self.rng.choice(self.benign)]
        self.rng.shuffle(parts)
        return self.rng.choice([". ", ", ", " and ", " "]).join(part.rstrip(" .") for part in parts)

    def styled(self, text: str, row: LabelledPrompt) -> str:
        """With a lead-in, a tail of style tags, both or neither."""
        mostly_prose = row.source in TWEETS
        lead, tail = (0.03, 0.1) if mostly_prose else (0.2, 0.42)
        language = row.language if row.language in LANGUAGES else "en"
        if self.rng.random() < 0.4:
            text = text.rstrip(" .")
        if self.rng.random() < lead:
            text = f"{self.rng.choice(self.styles[language]['leads'])} {text}"
        if self.rng.random() < tail:
            text = ", ".join([text.rstrip(" ."), *self.tags(language)])
        return text

    def tags(self, language: str) -> list[str]:
        """One to twelve style tags; French prompts carry English tags too, as people's do."""
        tags = self.styles[language]["tags"]
        if language == "fr" and self.rng.random() < 0.4:
            tags = tags + self.styles["en"]["tags"]
        return self.rng.sample(tags, min(12, 1 + int(self.rng.expovariate(0.25))))

    def mistyped(self, text: str) -> str:
        """One in twelve: two neighbouring letters swapped, one dropped or one doubled."""
        if self.rng.random() > 0.08 or len(text) < 8:
            return text
        at = self.rng.randrange(1, len(text) - 2)
        middle = self.rng.choice([text[at + 1] + text[at], text[at], text[at : at + 2] + text[at + 1]])
        return text[:at] + middle + text[at + 2 :]


def without_handles(text: str, rng: random.Random) -> str:
    """Tweets mostly lose "RT" and "@user": the medium must not stand for the harm."""
    if rng.random() < 0.8:
        text = re.sub(r"(?i)\brt\b|\.?@users?:?", " ", text)
    return re.sub(r"\s+", " ", text).strip()


def draw(rows: Sequence[LabelledPrompt], count: int, rng: random.Random) -> list[LabelledPrompt]:
    """`count` rows: each at most once while they last, then over again."""
    whole, rest = divmod(count, len(rows))
    return list(rows) * whole + rng.sample(list(rows), rest)


def company(rows: Sequence[LabelledPrompt]) -> list[str]:
    """Short benign sentences to stand beside a prompt; no tweets, whose benign ones hold slurs too."""
    calm = [row.text for row in rows if not row.unsafe and row.source not in TWEETS]
    return [text for text in calm if len(text) < 120]


def training_rows(shared: Path, seed: int, count: int) -> list[LabelledPrompt]:
    """About `count` augmented training rows in training order, balanced over sources by SOURCE_ROWS."""
    rng = random.Random(seed)  # noqa: S311
    every = [row for row in read_shared(shared) + read_own(seed) if row.split == "train"]
    scale = count / sum(SOURCE_ROWS.values())
    picked: list[LabelledPrompt] = []
    for (source, language), share in SOURCE_ROWS.items():
        rows = [row for row in every if (row.source, row.language) == (source, language)]
        picked += draw(rows, round(share * scale), rng)
    rng.shuffle(picked)
    augment = Augmenter(company(every), seed)
    return [augment(row) for row in picked]


def dev_rows(shared: Path, seed: int, per_source: int = 400) -> list[LabelledPrompt]:
    """The unseen part: up to `per_source` rows per source and language, augmented as in training."""
    rng = random.Random(seed + 1)  # noqa: S311
    every = [row for row in read_shared(shared) + read_own(seed) if row.split == "dev"]
    rng.shuffle(every)
    augment = Augmenter(company(every), seed + 1)
    kept: list[LabelledPrompt] = []
    for key in SOURCE_ROWS:
        kept += [row for row in every if (row.source, row.language) == key][:per_source]
    return [augment(row) for row in kept]
