"""Draws pictures of several prompts side by side: from text to pixels, around the board of codes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import torch
from torch import Tensor

from generator.contract import MAX_SEED, GeneratedImage, GenerationFailed, PictureRequest
from generator.dalle_mini.code_board import CodeBoard
from generator.dalle_mini.image_decoder import EncodedText
from generator.dalle_mini.resize import enlarge
from generator.dalle_mini.sampling import SamplingSettings
from generator.dalle_mini.weights import LoadedModel

SIZES = ("256x256", "512x512", "1024x1024")
DECODED_TOGETHER = 1  # on a processor: more are no faster, and on two threads a picture's last bits differ among others


def check(requests: Sequence[PictureRequest], places: int) -> None:
    """Raises ValueError for what must not be asked."""
    if len(requests) > places:
        raise ValueError(f"{len(requests)} pictures asked at once, at most {places} are drawn")
    for request in requests:
        if request.size not in SIZES:
            raise ValueError(f"size {request.size!r} is not one of {', '.join(SIZES)}")
        if not 0 <= request.seed <= MAX_SEED:
            raise ValueError(f"seed {request.seed} is outside 0..{MAX_SEED}")


class PictureBoard:
    """A generator.contract.DrawingBoard of one model, which must be laid out for its device."""

    def __init__(
        self, model: LoadedModel, settings: SamplingSettings, places: int, normalized: Callable[[str], str]
    ) -> None:
        """normalized: what the network reads for a prompt."""
        self._model = model
        self._normalized = normalized
        self._device = model.vqgan.codebook.weight.device
        on_gpu = self._device.type == "cuda"
        self._board = CodeBoard(model.transformer.decoder, model.config, settings, places, fixed=on_gpu)
        with torch.inference_mode():
            self._blank = [self._read("")] * (self._board.rows_each - 1)
        self._length = model.config.transformer.image_length
        self._together = places if on_gpu else DECODED_TOGETHER
        self._numbers = count()
        self._requests: dict[int, PictureRequest] = {}
        self._texts: dict[str, EncodedText] = {}  # by prompt
        self._codes: dict[int, Tensor] = {}  # of pictures that have no pixels yet

    @property
    def free(self) -> int:
        """Places left."""
        return self._board.places - self._board.taken

    @property
    def empty(self) -> bool:
        """Whether nothing is being drawn."""
        return not self._requests

    def enter(self, requests: Sequence[PictureRequest]) -> list[int]:
        """Begin pictures; each gets a number. Raises ValueError for what must not be asked, GenerationFailed."""
        check(requests, self.free)
        with _computing():
            self._read_prompts(requests)
            return [self._begin(request) for request in requests]

    def leave(self, number: int) -> None:
        """Stop a picture; its place is free at once."""
        del self._requests[number]
        if self._codes.pop(number, None) is None:
            self._board.leave(number)

    def clear(self) -> None:
        """Stop all pictures."""
        for number in list(self._requests):
            self.leave(number)

    def share(self, number: int) -> float:
        """How much of a picture's codes is drawn, 0..1."""
        return 1.0 if number in self._codes else self._board.drawn(number) / self._length

    def step(self) -> dict[int, GeneratedImage]:
        """One code more of every picture, and pixels for some that have all their codes: those are finished."""
        with _computing():
            self._codes |= self._board.step()
            return self._finish(list(self._codes)[: self._together]) if self._codes else {}

    def _read_prompts(self, requests: Sequence[PictureRequest]) -> None:
        """Encode what is new on the board, each prompt once; forget what left it."""
        prompts = {request.prompt for request in [*self._requests.values(), *requests]}
        self._texts = {
            prompt: self._texts[prompt] if prompt in self._texts else self._read(self._normalized(prompt))
            for prompt in prompts
        }

    def _read(self, text: str) -> EncodedText:
        """Alone and without padding, so that nothing but the text itself plays a part."""
        ids = torch.tensor([self._model.tokenizer.ids(text)], device=self._device)
        return self._model.transformer.read(ids, torch.ones_like(ids, dtype=torch.bool))

    def _begin(self, request: PictureRequest) -> int:
        number = next(self._numbers)
        self._board.enter(number, [self._texts[request.prompt], *self._blank], request.seed)
        self._requests[number] = request
        return number

    def _finish(self, numbers: Sequence[int]) -> dict[int, GeneratedImage]:
        pictures = self._model.vqgan(torch.stack([self._codes.pop(number) for number in numbers]))
        requests = [self._requests.pop(number) for number in numbers]
        return {
            number: GeneratedImage(enlarge(pixels, request.size), request.seed)
            for number, pixels, request in zip(numbers, pictures, requests, strict=True)
        }


@contextmanager
def _computing() -> Iterator[None]:
    try:
        with torch.inference_mode():
            yield
    except RuntimeError as error:  # torch: out of memory, wrong shapes
        raise GenerationFailed(f"the network failed: {error}") from error
