"""Teaches the English encoder French words: each becomes a token that starts where its English translation stands.

An English word-piece vocabulary cuts French words into fragments that mean nothing. Giving frequent ones a token of
their own, with the embedding of the translation (after Artetxe et al. 2020 and Minixhofer et al. 2022, WECHSEL),
lets what was learnt in English hold in French, and shortens what the network has to read.
"""

import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from safety.normalize import normalize
from safety.training.prompt_mix import lexicon

WORDS = 5000
"""French words that get a token: the weights stay below 50 MB."""

FREQUENT = 2  # times a word must stand in the prompts, if the lexicon lacks it
WORD = re.compile(r"[a-z]{3,}")
ENDINGS = ("ees", "ee", "es", "e", "s", "ant", "ent", "er", "ait", "ez", "ons", "x", "aux", "euse", "eur", "")
STEM = 4  # letters that two forms of a word must share at least
VOCABULARY = "tokenizer.json"


def folded_words(text: str) -> list[str]:
    """The words of a text as the tokenizer sees them."""
    return WORD.findall(normalize(text).folded)


def translations() -> dict[str, set[str]]:
    """Folded French word -> the English words that it stands for in our lexicon."""
    found: dict[str, set[str]] = defaultdict(set)
    for english, french in lexicon("lexicon_en_fr").items():
        words = folded_words(french)
        if len(words) == 1:
            found[words[0]].add(english)
    return found


def frequent_words(texts: Iterable[str], known: Mapping[str, int], lexical: Mapping[str, set[str]]) -> list[str]:
    """The WORDS most frequent words that have no token yet, those of the lexicon first."""
    counts = Counter(word for text in texts for word in set(folded_words(text)))
    listed = sorted((word for word in lexical if word not in known), key=lambda word: (-counts[word], word))
    others = [word for word, count in counts.most_common() if count >= FREQUENT and word not in known]
    return list(dict.fromkeys([*listed, *(word for word in others if word not in lexical)]))[:WORDS]


def stems(word: str) -> Iterator[str]:
    """The word and what is left of it without an ending."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= STEM:
            yield word.removesuffix(ending)


def by_stem(lexical: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Stem -> English words of all French words that share it."""
    found: dict[str, set[str]] = defaultdict(set)
    for french, english in lexical.items():
        for stem in stems(french):
            found[stem] |= english
    return found


def english_of(word: str, lexical: Mapping[str, set[str]], stemmed: Mapping[str, set[str]]) -> list[str]:
    """The English words that a French one starts from: its own, those of its plain form or of a long stem, or none."""
    for ending in sorted(ENDINGS, key=len):
        if word.endswith(ending) and (plain := word.removesuffix(ending)) in lexical:
            return sorted(lexical[plain])
    known = [stem for stem in stems(word) if stem in stemmed]
    return sorted(stemmed[max(known, key=len)]) if known else []


def write_encoder(source: Path, target: Path, words: Sequence[str]) -> None:
    """Copy an encoder's folder and give the words ids in its vocabulary: unused ones first, then new ones."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    path = target / VOCABULARY
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    unused = sorted(number for token, number in vocabulary.items() if token.startswith("[unused"))
    free = [*unused, *range(len(vocabulary), len(vocabulary) + len(words))]
    kept = {token: number for token, number in vocabulary.items() if not token.startswith("[unused")}
    added = dict(zip(words, free, strict=False))
    holes = {f"[unused{number}]": number for number in unused[len(words) :]}
    tokenizer["model"]["vocab"] = kept | holes | added
    path.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    for stale in ("vocab.txt",):
        (target / stale).unlink(missing_ok=True)


@torch.no_grad()
def place(model: BertForSequenceClassification, old: Tokenizer, new: Tokenizer, words: Sequence[str]) -> None:
    """Give every new word the mean embedding of its English words' pieces, or of its own old pieces."""
    old.no_padding()  # the encoder's tokenizer fills up to 128 tokens
    lexical = translations()
    stemmed = by_stem(lexical)
    model.resize_token_embeddings(new.get_vocab_size(), mean_resizing=False)
    table = model.bert.embeddings.word_embeddings.weight
    before = table.clone()
    for word in words:
        english = english_of(word, lexical, stemmed) or [word]
        pieces = [piece for text in english for piece in old.encode(text, add_special_tokens=False).ids]
        table[new.token_to_id(word)] = before[pieces].mean(dim=0)
