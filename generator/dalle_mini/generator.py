"""DALL-E Mini as an ImageGenerator: prompts in, 8-bit pictures out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from generator.contract import Cancelled, GeneratedImage, GenerationCancelled, PictureRequest, Progress
from generator.dalle_mini.layout import best_device, half_pays, lay_out_transformer, lay_out_vqgan
from generator.dalle_mini.picture_board import SIZES, PictureBoard, check
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
        """The most pictures of one draw, and the places of a board."""
        return self._batch_size

    def normalized(self, prompt: str) -> str:
        """What the network reads for a prompt: worth moderating beside the prompt itself."""
        return self._normalize(prompt) if self._model.config.transformer.normalize_text else prompt

    def board(self) -> PictureBoard:
        """A new board with batch_size places."""
        return PictureBoard(self._model, self._settings, self._batch_size, self.normalized)

    def draw(
        self, requests: Sequence[PictureRequest], progress: Progress, cancelled: Cancelled
    ) -> list[GeneratedImage]:
        """One picture per request, in order.

        Raises ValueError for what must not be asked, GenerationFailed, or GenerationCancelled within a step.
        """
        check(requests, self._batch_size)
        with self._empty_board() as board:
            numbers = board.enter(requests)
            drawn: dict[int, GeneratedImage] = {}
            while len(drawn) < len(requests):
                drawn |= board.step()
                if cancelled():
                    board.clear()
                    raise GenerationCancelled
                progress(sum(1.0 if number in drawn else board.share(number) for number in numbers) / len(numbers))
            return [drawn[number] for number in numbers]

    @contextmanager
    def _empty_board(self) -> Iterator[PictureBoard]:
        """One that was used before, if possible. A call that fails or never returns does not give it back."""
        try:
            board = self._cleared.pop()
        except IndexError:
            board = self.board()
        try:
            yield board
        finally:
            if board.empty:
                self._cleared.append(board)
