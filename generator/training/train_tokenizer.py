"""Train dalle-nano's tokenizer on its captions: `python -m generator.training.train_tokenizer`."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from generator.dalle_mini.tokenizer import END, SPECIAL_TOKENS, START, UNKNOWN
from generator.training.captions import Captioner
from generator.training.concepts import load_concepts
from generator.training.scenes import SceneMaker

VOCABULARY = 1536
_CAPTIONS = 40_000


def captions(seed: int) -> Iterator[str]:
    """Captions of random scenes."""
    maker, captioner = SceneMaker(load_concepts(), seed), Captioner(seed)
    for _ in range(_CAPTIONS):
        yield captioner(maker.any())


def train_tokenizer(seed: int) -> Tokenizer:
    """A byte-level BPE tokenizer in BART's layout."""
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL_TOKENS[UNKNOWN]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(captions(seed), trainer)
    start, end = SPECIAL_TOKENS[START], SPECIAL_TOKENS[END]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, START), (end, END)]
    )
    return tokenizer


def main() -> None:
    """Parse the command line, train, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("generator/dalle_mini/nano/tokenizer.json"))
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    train_tokenizer(args.seed).save(str(args.out))


if __name__ == "__main__":
    main()
