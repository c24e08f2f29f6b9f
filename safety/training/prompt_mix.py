"""What guard-nano is shown in training: how much of each source, and in which manners."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from policies.signals import Category
from safety.training.prompt_data import LANGUAGES, OWN_PROMPTS, TWEETS, LabelledPrompt, read_own, read_shared, read_yaml

# Rows drawn per source and language for one pass: text-to-image prompts first, tweets and captions last.
SOURCE_ROWS: Mapping[tuple[str, str], int] = {
    ("coprov2", "en"): 12000,
    ("overt_train", "en"): 4500,
    ("ailuminate", "en"): 1600,
    ("ailuminate", "fr"): 1600,
    ("aart", "en"): 1500,
    ("advbench", "en"): 500,
    ("nibbler", "en"): 1500,
    ("davidson", "en"): 4000,
    ("mlma", "en"): 2000,
    ("mlma", "fr"): 1500,
    ("mlma", "ar"): 300,
    ("surge_toxicity", "en"): 2000,
    ("compbench_benign", "en"): 2000,
    ("coco_captions_benign", "en"): 4000,
    ("authored_fr", "fr"): 3000,
    ("own_benign", "en"): 6000,
    ("own_benign", "fr"): 6500,
    ("own_unsafe", "en"): 5000,
    ("own_unsafe", "fr"): 5000,
    ("people", "en"): 7000,
    ("people", "fr"): 12000,
    ("written_benign", "en"): 9000,
    ("written_benign", "fr"): 6000,
    ("written_unsafe", "en"): 9000,
    ("written_unsafe", "fr"): 6000,
    ("dialects_benign", "en"): 4500,
    ("dialects_benign", "fr"): 5000,
    ("dialects_unsafe", "en"): 2500,
    ("dialects_unsafe", "fr"): 3000,
}

# English rows that are also read in our word-for-word French: its vocabulary, of safe and harmful scenes alike.
SOURCE_ROWS_IN_FRENCH: Mapping[str, int] = {
    "coprov2": 7000,
    "overt_train": 2000,
    "aart": 600,
    "nibbler": 600,
    "compbench_benign": 1000,
    "coco_captions_benign": 2500,
    "written_benign": 1500,
    "written_unsafe": 1500,
}

CHILDHOOD = re.compile(
    r"\b(child\w*|kids?|boys?|girls?|teen\w*|minors?|young\w*|little|school\w*|student\w*|pupils?|bab(y|ies)|toddlers?"
    r"|daughters?|sons?|famil\w*|enfants?|filles?|fillettes?|garçons?|ado\w*|mineure?s?|jeunes?|petite?s?|écol\w*"
    r"|élève\w*|bébés?|nourrisson\w*|fils|birthday|anniversaire|toys?|jouets?)\b",
    re.IGNORECASE,
)
"""Sentences with these words never stand beside a sexual prompt."""

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|[\d_]+|[^\w]+")


class Augmenter:
    """Changes how a prompt is said, never what it asks for: safe and unsafe prompts get the same manners."""

    def __init__(self, benign: Sequence[str], seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self.benign = benign
        self.grown_up = [text for text in benign if not CHILDHOOD.search(text)]
        self.styles = read_yaml("styles")
        self.identities = read_yaml("identities")

    def __call__(self, row: LabelledPrompt) -> LabelledPrompt:
        """The row in another manner. Rows about minors only lose or change letters."""
        text = without_handles(row.text, self.rng)
        if Category.SEXUAL_MINORS not in row.labels:
            text = self.of_somebody(text, row)
            text = self.in_company(text, self.grown_up if Category.SEXUAL in row.labels else self.benign)
            text = self.styled(text, row)
        return replace(row, text=self.mistyped(text))

    def of_somebody(self, text: str, row: LabelledPrompt) -> str:
        """One in ten benign prompts, one in thirty others: a person in it gets an identity, which must not tell."""
        if row.language not in LANGUAGES or self.rng.random() > (0.03 if row.labels else 0.1):
            return text
        words = self.identities[row.language]
        people = [match for match in re.finditer(r"[^\W\d_]+", text) if match[0].lower() in words["people"]]
        if not people:
            return text
        person, identity = self.rng.choice(people), self.rng.choice(words["identities"])
        at, said = (person.end(), f" {identity}") if row.language == "fr" else (person.start(), f"{identity} ")
        return text[:at] + said + text[at:]

    def in_company(self, text: str, company: Sequence[str]) -> str:
        """One in five: among one to four benign sentences, so that harm is found anywhere in a longer prompt."""
        if self.rng.random() > 0.2 or not company:
            return text
        parts = [text, *self.rng.choices(company, k=self.rng.choice([1, 1, 2, 3, 4]))]
        self.rng.shuffle(parts)
        return self.rng.choice([". ", ", ", " and ", " "]).join(part.rstrip(" .") for part in parts)

    def styled(self, text: str, row: LabelledPrompt) -> str:
        """With a lead-in, a tail of style tags, both or neither; now and then the tags come first."""
        mostly_prose = row.source in TWEETS
        lead, tail = (0.03, 0.1) if mostly_prose else (0.2, 0.4)
        language = row.language if row.language in LANGUAGES else "en"
        if self.rng.random() < 0.4:
            text = text.rstrip(" .")
        if self.rng.random() < lead:
            text = f"{self.rng.choice(self.styles[language]['leads'])} {text}"
        if self.rng.random() < tail:
            parts = [text.rstrip(" ."), *self.tags(language)]
            text = ", ".join(reversed(parts) if self.rng.random() < 0.12 else parts)
        return text

    def tags(self, language: str) -> list[str]:
        """One to twenty style tags; French prompts carry English tags too, as people's do."""
        tags = self.styles[language]["tags"]
        if language == "fr" and self.rng.random() < 0.4:
            tags = tags + self.styles["en"]["tags"]
        return self.rng.sample(tags, min(20, 1 + int(self.rng.expovariate(0.2))))

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


@cache
def lexicon(name: str) -> Mapping[str, str]:
    """English -> French: `lexicon_en_fr` word by word, `phrases_en_fr` for what is said otherwise."""
    lines = (OWN_PROMPTS / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return dict(pairs)


@cache
def _phrases() -> re.Pattern[str]:
    longest_first = sorted(lexicon("phrases_en_fr"), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")


def in_french(row: LabelledPrompt) -> LabelledPrompt:
    """The row said word for word in French, words that we have no French for left as they are.

    Code-switching augmentation (Qin et al. 2020, CoSDA-ML): the grammar is wrong, the words are right.
    """
    phrases, words = lexicon("phrases_en_fr"), lexicon("lexicon_en_fr")
    text = _phrases().sub(lambda match: phrases[match[0]], row.text.lower())
    said = "".join(words.get(part, part) for part in WORD.findall(text))
    return replace(row, text=said, language="fr", source=f"{row.source} in French")


def draw(rows: Sequence[LabelledPrompt], count: int, rng: random.Random) -> list[LabelledPrompt]:
    """`count` rows: each at most once while they last, then over again; none of none."""
    if not rows:
        return []
    whole, rest = divmod(count, len(rows))
    return list(rows) * whole + rng.sample(list(rows), rest)


def company(rows: Sequence[LabelledPrompt]) -> list[str]:
    """Short benign sentences to stand beside a prompt; no tweets, whose benign ones hold slurs too."""
    calm = [row.text for row in rows if not row.unsafe and row.source not in TWEETS]
    return [text for text in calm if len(text) < 160]


def training_rows(shared: Path, seed: int, count: int) -> list[LabelledPrompt]:
    """About `count` augmented training rows in training order, balanced by SOURCE_ROWS and SOURCE_ROWS_IN_FRENCH."""
    rng = random.Random(seed)  # noqa: S311
    every = [row for row in read_shared(shared) + read_own(seed) if row.split == "train"]
    scale = count / (sum(SOURCE_ROWS.values()) + sum(SOURCE_ROWS_IN_FRENCH.values()))
    picked: list[LabelledPrompt] = []
    for key, share in SOURCE_ROWS.items():
        picked += draw([row for row in every if (row.source, row.language) == key], round(share * scale), rng)
    for source, share in SOURCE_ROWS_IN_FRENCH.items():
        english = [row for row in every if (row.source, row.language) == (source, "en")]
        picked += map(in_french, draw(english, round(share * scale), rng))
    rng.shuffle(picked)
    augment = Augmenter(company(every), seed)
    return [augment(row) for row in picked]


def unseen_rows(shared: Path, seed: int, split: str = "dev", per_source: int = 400) -> list[LabelledPrompt]:
    """Up to `per_source` rows per source and language of a part never trained on, augmented as in training."""
    rng = random.Random(seed + 1)  # noqa: S311
    every = [row for row in read_shared(shared) + read_own(seed) if row.split == split]
    rng.shuffle(every)
    augment = Augmenter(company(every), seed + 1)
    kept: list[LabelledPrompt] = []
    for key in SOURCE_ROWS:
        kept += [row for row in every if (row.source, row.language) == key][:per_source]
    return [augment(row) for row in kept]
