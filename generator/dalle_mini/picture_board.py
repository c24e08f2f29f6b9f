"""Draws pictures of several prompts side by side: from text to pixels, around the board of codes."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import torch
from torch import Tensor

from generator.contract import (
    MAX_SEED,
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    Order,
    Orders,
    PictureRequest,
)
from generator.dalle_mini.code_board import CodeBoard
from generator.dalle_mini.image_decoder import EncodedText
from generator.dalle_mini.resize import enlarge
from generator.dalle_mini.sampling import SamplingSettings
from generator.dalle_mini.weights import LoadedModel
from generator.failures import place_of

SIZES = ("256x256", "512x512", "1024x1024")
_log = logging.getLogger("gardefou")
DECODED_TOGETHER = 1  # on a processor: more are no faster, and on two threads a picture's last bits differ among others


class PictureBoard:
    """Pictures of several requests drawn side by side, each at its own step, by one model laid out for its device.

    A picture does not depend on who else is on the board, nor on when it came. For one thread at a time.
    """

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

    def enter(self, request: PictureRequest) -> int:
        """Begin a picture while there are free places; it gets a number. Raises GenerationFailed for this one alone."""
        if request.size not in SIZES or not 0 <= request.seed <= MAX_SEED:
            raise GenerationFailed(f"neither size {request.size!r} nor seed {request.seed} may be wrong")
        with _computing():
            text = self._text_of(request.prompt)
            number = next(self._numbers)
            self._board.enter(number, [text, *self._blank], request.seed)
        self._requests[number] = request
        return number

    def leave(self, number: int) -> None:
        """Stop a picture; its place is free at once."""
        del self._requests[number]
        if self._codes.pop(number, None) is None:
            self._board.leave(number)

    def share(self, number: int) -> float:
        """How much of a picture's codes is drawn, 0..1."""
        return 1.0 if number in self._codes else self._board.drawn(number) / self._length

    def step(self) -> dict[int, GeneratedImage | GenerationFailed]:
        """One code more of every picture, and pixels for some that have all their codes. Gives those that are over.

        Raises GenerationFailed: the board is lost.
        """
        with _computing():
            ends = self._board.step()
            self._codes |= {number: codes for number, codes in ends.items() if codes is not None}
            over: dict[int, GeneratedImage | GenerationFailed] = {}
            for number in ends.keys() - self._codes.keys():
                del self._requests[number]
                over[number] = GenerationFailed("the network's logits are not finite")
            return over | (self._finish(list(self._codes)[: self._together]) if self._codes else {})

    def draw(self, orders: Orders) -> None:
        """Draw orders, each from its own step on, until there are none. Raises GenerationFailed: the board is lost."""
        drawn = self._take(orders, {})
        while drawn:
            for number, outcome in self.step().items():
                drawn.pop(number).end(outcome)
            for number, order in list(drawn.items()):
                if order.wanted:
                    order.advance(self.share(number))
                else:
                    self.leave(number)
                    drawn.pop(number).end(GenerationCancelled())
            drawn = self._take(orders, drawn)

    def _take(self, orders: Orders, drawn: dict[int, Order]) -> dict[int, Order]:
        """Those drawn, and those that come to the free places."""
        for order in orders.take(self.free) if self.free else ():
            try:
                drawn[self.enter(order.request)] = order
            except Exception as error:  # noqa: BLE001 (a prompt that somebody stumbles over is nobody else's failure)
                _log.error("a picture could not begin: %s at:\n%s", type(error).__name__, place_of(error))
                order.end(GenerationFailed(f"it could not begin: {type(error).__name__}"))
        return drawn

    def _text_of(self, prompt: str) -> EncodedText:
        """Read what is new on the board, each prompt once; forget what left it."""
        prompts = {request.prompt for request in self._requests.values()}
        self._texts = {known: text for known, text in self._texts.items() if known in prompts or known == prompt}
        if prompt not in self._texts:
            self._texts[prompt] = self._read(self._normalized(prompt))
        return self._texts[prompt]

    def _read(self, text: str) -> EncodedText:
        """Alone and without padding, so that nothing but the text itself plays a part."""
        ids = torch.tensor([self._model.tokenizer.ids(text)], device=self._device)
        return self._model.transformer.read(ids, torch.ones_like(ids, dtype=torch.bool))

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
