"""Writes tests/generator/golden/: what the original makes of a tiny random network and of many prompts.

    python -m tests.parity.golden    in the environment of requirements-golden.txt (CONTRIBUTING.md says how)

Random weights and numbers only. The default tests read them, so that no test run needs JAX.
"""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from transformers import BartTokenizerFast

from tests.parity.original import Original, text
from tests.parity.random_weights import Array

GOLDEN = Path(__file__).parents[1] / "generator" / "golden"
NANO_TOKENIZER = Path(__file__).parents[2] / "generator" / "dalle_mini" / "nano" / "tokenizer.json"
KEYS: dict[str, Any] = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 28,
    "encoder_vocab_size": 64,
    "image_vocab_size": 64,
    "max_text_length": 16,
    "image_length": 16,
    "normalize_text": True,
}
START, PAD, END = 0, 1, 2
LENGTHS = (16, 9, 4, 2)  # of the prompts, in tokens; the last is the empty one
SCALES = (1.0, 10.0)

WORDS = ("the", "of", "on", "a", "dog", "moon", "cat", "sunset", "i", "love", "art", "no", "filter", "2", "20")
PROMPTS = (
    "Sunset over a lake, in the mountains!",
    "Dali's painting of WALL·E",
    "a cat wearing a top-hat (3D render) 1,000 dogs",
    "#dogonmoon café 🥑 http://x.y/z soooooo good",
    "at 10/12/2020, 3.5 km",
    "",
    "🙂",
    "ｎｕｄｅ",
    "nuuuude",
    "n&#117;de",
    "&amp;lt;b&amp;gt;bold",
    "🍆",
    "n\u200bu\u200bd\u200be",
    "n.u.d.e",
    "n-u-d-e",
    "<b>nu</b>de",
    "[12] a wiki caption [3]",
    "1,000,000 stars",
    "50% off & $3/each *now*",
    "it's they're we've I'm he'd you'll don't rock'n'roll",
    "\"quoted\" 'single' `back` “curly” ‘curly’ «guillemets»",
    "snake_case back\\slash # alone",
    "#sunset_on_moon",
    "#ilovecats",
    "#xyzzy",
    "#nofilter2020 #ART",
    "#dog.moon",
    ",, leading and trailing ,,",
    "tabs\tand\nnew lines",
    "<person>, <person> and <person> smile",
    "VIII kings, aaa bbbb 1111",
    "naïve Ångström Straße Œuvre ÆØÅ Þór Đà Łódź",
    "Ça va? Zażółć gęślą jaźń",
    "Привет, мир! Щука ёж Чехов подъезд объём",
    "Київ, їжак, ґанок, є",
    "Ελληνικά Αθήνα ψάρι χορός ξύλο",
    "© 2020 ™ ® ° № € £ ¥ § ¶ • … – — ½ × ÷ ± ² ≈ →",
    "ἡ Ἑλλάς, Ὅμηρος, ῥόδον, Ωμέγα, Φῶς, Ξ, Υγεία, βιβλίο",
    "Ћирилица Љубав Њ Џ Ђ Ѓорѓи Ќ Югославия Ўладзь Ы Э",
    "ﬁne ﬂow ĳ ŉ ſ",
    "👨‍👩‍👧 family, 🇫🇷 flag, 👍🏽",
    "schÃ¶n mojibake",
    "a\u0301 combining e\u0308",
)
TOKENISED = (
    "",
    " a cat",
    " a red firefighter and 2 dogs",
    " it's l'été, n.u, d.e",
    " cat" * 80,
    " ünïcodé 猫 🥑",
    "no space",
)


def _ids(rng: np.random.RandomState) -> Array:
    rows = np.full((len(LENGTHS), KEYS["max_text_length"]), PAD)
    for row, length in zip(rows, LENGTHS, strict=True):
        row[:length] = [START, *rng.randint(3, KEYS["encoder_vocab_size"], length - 2), END]
    return rows


def _unscanned(leaves: dict[str, Array]) -> dict[str, Array]:
    apart: dict[str, Array] = {}
    for path, leaf in leaves.items():
        if "Layers/" not in path:
            apart[path] = leaf
            continue
        for number, layer in enumerate(leaf):
            apart[path.replace("Layers/", f"Layer_{number}/")] = layer
    return apart


def _save(original: Original, layout: str) -> None:
    original.save(GOLDEN / layout)
    (GOLDEN / layout / "flax_model.msgpack").rename(GOLDEN / f"{layout}.msgpack")
    (GOLDEN / layout / "config.json").rename(GOLDEN / "config.json")
    shutil.rmtree(GOLDEN / layout)


def write_network() -> None:
    """config.json, scanned.msgpack, unscanned.msgpack and numbers.npz."""
    rng = np.random.RandomState(1)
    ids = _ids(rng)
    visible = ids != PAD
    codes = rng.randint(0, KEYS["image_vocab_size"], (len(ids), KEYS["image_length"]))
    codes[:, 0] = KEYS["image_vocab_size"]
    scanned = Original(KEYS)
    drawn = [scanned.most_likely(ids, visible, ids[-1:], scale) for scale in SCALES]
    states, logits = scanned.encode(ids, visible), scanned.logits(ids, visible, codes)
    unscanned = Original(KEYS | {"use_scan": False})
    unscanned.use(_unscanned(scanned.leaves))
    assert np.allclose(unscanned.logits(ids, visible, codes), logits, atol=1e-5)
    _save(unscanned, "unscanned")
    _save(scanned, "scanned")
    np.savez_compressed(
        GOLDEN / "numbers.npz", ids=ids, codes=codes, drawn=np.stack(drawn), states=states, logits=logits
    )


def _original_normalizer() -> Any:
    words = GOLDEN / "words.txt"
    words.write_text("".join(f"{word} 1\n" for word in WORDS))
    with patch.object(text, "hf_hub_download", lambda *_, **__: str(words)):
        normalizer = text.TextNormalizer()
    words.unlink()
    text.random.choices = lambda words, _: [words[0]]  # what it otherwise leaves to chance: "a person"
    return normalizer


def _original_tokenizer() -> BartTokenizerFast:
    """Of dalle-nano's vocabulary, in the older files that the original's version of the library reads."""
    model = json.loads(NANO_TOKENIZER.read_text("utf-8"))["model"]
    with TemporaryDirectory() as folder:
        vocabulary, merges = Path(folder) / "vocab.json", Path(folder) / "merges.txt"
        vocabulary.write_text(json.dumps(model["vocab"]), "utf-8")
        merges.write_text("#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in model["merges"]), "utf-8")
        return BartTokenizerFast(str(vocabulary), str(merges))


def write_texts() -> None:
    """texts.json: word list, prompts with what is read of them, and token ids of texts."""
    normalize, tokenizer = _original_normalizer(), _original_tokenizer()
    ids = tokenizer(list(TOKENISED), padding="max_length", truncation=True, max_length=64).input_ids
    texts = {
        "words": " ".join(WORDS),
        "read": {prompt: normalize(prompt) for prompt in PROMPTS},
        "ids": {text: " ".join(map(str, row)) for text, row in zip(TOKENISED, ids, strict=True)},
    }
    (GOLDEN / "texts.json").write_text(json.dumps(texts, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    write_texts()
    write_network()
