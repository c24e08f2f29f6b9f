"""DALL-E Mini as an ImageGenerator: prompts in, 8-bit pictures out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from generator.contract import (
    MAX_SEED,
    Cancelled,
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    PictureRequest,
    Progress,
)
from generator.dalle_mini.image_decoder import EncodedText
from generator.dalle_mini.sampling import SamplingSettings, sample_codes
from generator.dalle_mini.text_normalizer import HashtagSplitter, TextNormalizer
from generator.dalle_mini.weights import load_model
from policies.identity import ModelIdentity

SIZES = ("256x256", "512x512", "1024x1024")
WORD_LIST = "enwiki-words-frequency.txt"  # beside the released weights: "word count" per line, most frequent first


def _read_words(folder: Path) -> HashtagSplitter | None:
    path = folder / WORD_LIST
    if not path.is_file():
        return None
    return HashtagSplitter([line.split()[0].lower() for line in path.read_text("utf-8").splitlines() if line])


def enlarge(pixels: Tensor, size: str) -> Tensor:
    """uint8 (3, h, w) -> uint8 (3, height, width) of "WIDTHxHEIGHT", Lanczos."""
    width, height = (int(side) for side in size.split("x"))
    picture = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    larger = np.array(picture.resize((width, height), Image.Resampling.LANCZOS))
    return torch.from_numpy(larger).permute(2, 0, 1).contiguous()


def _check(requests: Sequence[PictureRequest], batch_size: int) -> None:
    if len(requests) > batch_size:
        raise ValueError(f"{len(requests)} pictures asked at once, at most {batch_size} are drawn")
    for request in requests:
        if request.size not in SIZES:
            raise ValueError(f"size {request.size!r} is not one of {', '.join(SIZES)}")
        if not 0 <= request.seed <= MAX_SEED:
            raise ValueError(f"seed {request.seed} is outside 0..{MAX_SEED}")


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
        """The most pictures of one draw."""
        return self._batch_size

    def normalized(self, prompt: str) -> str:
        """What the network reads for a prompt: worth moderating beside the prompt itself."""
        return self._normalize(prompt) if self._model.config.transformer.normalize_text else prompt

    def _read(self, prompts: Sequence[str]) -> EncodedText:
        """Each different prompt is encoded once; with guidance, as many rows of the blank prompt follow."""
        different = list(dict.fromkeys(prompts))
        rows = [different.index(prompt) for prompt in prompts]
        texts = [self.normalized(prompt) for prompt in different]
        if self._settings.condition_scale != 1:
            rows += [len(texts)] * len(prompts)
            texts.append("")
        ids, visible = self._model.tokenizer.batch(texts)
        return self._model.transformer.read(ids, visible).rows(torch.tensor(rows))

    def _codes(self, requests: Sequence[PictureRequest], progress: Progress, cancelled: Cancelled) -> Tensor:
        steps = self._model.config.transformer.image_length

        def on_step(drawn: int) -> None:
            if cancelled():
                raise GenerationCancelled
            progress(drawn / steps)

        text = self._read([request.prompt for request in requests])
        seeds = [request.seed for request in requests]
        return sample_codes(self._model.transformer, self._model.config, text, seeds, self._settings, on_step)

    @torch.inference_mode()
    def draw(
        self, requests: Sequence[PictureRequest], progress: Progress, cancelled: Cancelled
    ) -> list[GeneratedImage]:
        """One picture per request, in order.

        Raises ValueError for what must not be asked, GenerationFailed, or GenerationCancelled within a step.
        """
        _check(requests, self._batch_size)
        if not requests:
            return []
        try:
            pictures = self._model.vqgan(self._codes(requests, progress, cancelled))
        except RuntimeError as error:  # torch: out of memory, wrong shapes
            raise GenerationFailed(f"the network failed: {error}") from error
        return [
            GeneratedImage(enlarge(pixels, request.size), request.seed)
            for pixels, request in zip(pictures, requests, strict=True)
        ]
