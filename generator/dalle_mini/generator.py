"""DALL-E Mini as an ImageGenerator: prompts in, 8-bit pictures out."""

from pathlib import Path

import torch

from generator.contract import Orders
from generator.dalle_mini.layout import best_device, half_pays, lay_out_transformer, lay_out_vqgan
from generator.dalle_mini.picture_board import SIZES, PictureBoard
from generator.dalle_mini.sampling import SamplingSettings
from generator.dalle_mini.text_normalizer import HashtagSplitter, TextNormalizer
from generator.dalle_mini.weights import load_model
from policies.identity import ModelIdentity

WORD_LIST = "enwiki-words-frequency.txt"  # beside the released weights: "word count" per line, most frequent first


def _read_words(folder: Path) -> HashtagSplitter | None:
    path = folder / WORD_LIST
    if not path.is_file():
        return None
    return HashtagSplitter([line.split()[0].lower() for line in path.read_text("utf-8").splitlines() if line])


class DalleMini:
    """Any model of this architecture, by folder (generator.dalle_mini.weights says what is in one).

    Picture k depends on its own prompt, seed and size: its random numbers know nothing of the batch.
    """

    def __init__(self, folder: Path, settings: SamplingSettings, batch_size: int, threads: int | None = None) -> None:
        """threads: processor threads of the whole process for torch; None leaves torch's own choice.

        Raises IntegrityFailure, UnsupportedConfig, TokenizerInvalid or CheckpointInvalid, naming the file.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        self._model = load_model(folder)
        self._settings = settings
        self._batch_size = batch_size
        self._normalize = TextNormalizer(_read_words(folder))
        self._cleared: list[PictureBoard] = []
        device = best_device()
        half = half_pays(device, self._model.config.transformer.d_model)
        lay_out_transformer(self._model.transformer, device, half)
        lay_out_vqgan(self._model.vqgan, device, half)

    @property
    def identity(self) -> ModelIdentity:
        """Name and hash from the folder's manifest."""
        return self._model.identity

    @property
    def sizes(self) -> tuple[str, ...]:
        """The default first; a drawing is enlarged to the size asked for."""
        return SIZES

    @property
    def batch_size(self) -> int:
        """The places of a board."""
        return self._batch_size

    @property
    def continuous(self) -> bool:
        """A picture enters and leaves the board at any step."""
        return True

    def normalized(self, prompt: str) -> str:
        """What the network reads for a prompt: worth moderating beside the prompt itself."""
        return self._normalize(prompt) if self._model.config.transformer.normalize_text else prompt

    def board(self) -> PictureBoard:
        """A new board with batch_size places."""
        return PictureBoard(self._model, self._settings, self._batch_size, self.normalized)

    def draw(self, orders: Orders) -> None:
        """Draw orders on a board that was used before, if there is one; one that fails is not used again."""
        board = self._cleared.pop() if self._cleared else self.board()
        board.draw(orders)
        self._cleared.append(board)
