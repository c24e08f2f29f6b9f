"""Prompt text -> token ids, with the tokenizer.json beside the weights."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

START, PAD, END, UNKNOWN = range(4)  # BART's layout
SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>")


class TokenizerInvalid(Exception):
    """A tokenizer.json that cannot be read or does not have BART's special tokens in their places."""


class TextTokenizer:
    """Byte-level BPE: any string has ids. `<s>` ... `</s>`, padding on the right."""

    def __init__(self, path: Path, max_length: int) -> None:
        """max_length: the most ids of one text; a longer one is cut and still ends with `</s>`.

        Raises TokenizerInvalid.
        """
        try:
            self._tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
        except Exception as error:  # the library raises bare Exception
            raise TokenizerInvalid(f"{path}: {error}") from error
        found = tuple(self._tokenizer.id_to_token(number) for number in range(len(SPECIAL_TOKENS)))
        if found != SPECIAL_TOKENS:
            raise TokenizerInvalid(f"{path}: the first ids are {found}, expected {SPECIAL_TOKENS}")
        self._tokenizer.enable_truncation(max_length)
        self._tokenizer.no_padding()

    @property
    def vocabulary_size(self) -> int:
        """How many ids there are."""
        size: int = self._tokenizer.get_vocab_size()
        return size

    def ids(self, text: str) -> list[int]:
        """Without padding; at most max_length, `</s>` last."""
        numbers: list[int] = self._tokenizer.encode(text).ids
        return numbers

    def batch(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """ids and mask (true at real tokens), each (n, longest text): more padding would only be masked."""
        rows = [self.ids(text) for text in texts]
        ids = torch.full((len(rows), max(map(len, rows))), PAD)
        for row, numbers in zip(ids, rows, strict=True):
            row[: len(numbers)] = torch.tensor(numbers)
        return ids, ids != PAD
