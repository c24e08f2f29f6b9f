"""Draws the codes of many pictures side by side: each enters and leaves at any step, at its own position."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from generator.dalle_mini.config import DalleMiniConfig
from generator.dalle_mini.image_decoder import EncodedText, ImageDecoder, Memory
from generator.dalle_mini.sampling import SamplingSettings, choose, guide, random_stream

ROWS_TOGETHER, KEYS_TOGETHER = 4, 16
"""Numbers of rows and keys that products are rounded up to: between these, a row's last bits depend on the others."""


def _up(count: int, step: int) -> int:
    return -(-count // step) * step


class CodeBoard:
    """Places for pictures. The first ones are taken: who leaves is followed by the last.

    fixed: every step works on all positions of half the places or of all, so that it can be recorded once and replayed
    (a CUDA graph); otherwise on those in use. All draw the same codes.
    """

    @torch.inference_mode()
    def __init__(
        self, decoder: ImageDecoder, config: DalleMiniConfig, settings: SamplingSettings, places: int, fixed: bool
    ) -> None:
        like = decoder.embedding.embed_tokens.weight
        self._decoder = decoder
        self._config = config
        self._settings = settings
        self.places = places
        self.rows_each = 1 if settings.condition_scale == 1 else 2
        rows = _up(places * self.rows_each, ROWS_TOGETHER)
        self._length = config.transformer.image_length
        self._memory = Memory(config.transformer, rows, like)
        self._start = config.transformer.decoder_start_token_id
        self._previous = torch.full((rows,), self._start, device=like.device)
        self._uniform = torch.zeros(places, self._length, dtype=torch.float64, device=like.device)
        self._codes = torch.zeros(places, self._length, dtype=torch.long, device=like.device)
        self._numbers: list[int] = []  # of the picture in each place taken
        self._drawn: dict[int, int] = {}  # number -> how many codes
        self._tokens: dict[int, int] = {}  # number -> of its longest text
        self._fixed_steps: dict[int, Callable[[], Tensor]] = {}  # by how many places they work on
        for some in (-(-places // 2), places) if fixed else ():
            step = partial(self._fixed, some)
            self._fixed_steps[some] = _recorded(step) if like.is_cuda else step

    @property
    def taken(self) -> int:
        """How many pictures are being drawn."""
        return len(self._numbers)

    def drawn(self, number: int) -> int:
        """How many codes of a picture there are."""
        return self._drawn[number]

    @torch.inference_mode()
    def enter(self, number: int, texts: Sequence[EncodedText], seed: int) -> None:
        """texts: the prompt and, with guidance, the blank prompt. There must be a free place."""
        place = self.taken
        for row, text in enumerate(texts, place * self.rows_each):
            self._memory.start(row, text)
        self._previous[self._rows_of(place)] = self._start
        self._uniform[place] = random_stream(seed, self._length).to(self._uniform.device)
        self._numbers.append(number)
        self._drawn[number] = 0
        self._tokens[number] = max(text.mask.shape[-1] for text in texts)

    @torch.inference_mode()
    def leave(self, number: int) -> None:
        """Free a picture's place, whether finished or not."""
        place, last = self._numbers.index(number), self.taken - 1
        if place != last:
            self._memory.move(self._rows_of(last), self._rows_of(place))
            self._previous[self._rows_of(place)] = self._previous[self._rows_of(last)]
            self._uniform[place] = self._uniform[last]
            self._codes[place] = self._codes[last]
        self._memory.positions[self._rows_of(last)] = 0  # an empty row may still be computed, and must fit any window
        self._numbers[place] = self._numbers[last]
        self._numbers.pop()
        del self._drawn[number], self._tokens[number]

    @torch.inference_mode()
    def step(self) -> dict[int, Tensor | None]:
        """Draw one code of every picture. Gives those that leave: the codes (image_length,) of the finished ones, None
        for one whose logits were not finite.
        """
        if not self._numbers:
            return {}
        finite = self._step_of_some()().tolist()
        for number in self._numbers:
            self._drawn[number] += 1
        ends = {
            number: self._codes[place].clone() if finite[place] else None
            for place, number in enumerate(self._numbers)
            if self._drawn[number] == self._length or not finite[place]
        }
        for number, codes in ends.items():
            if codes is None:  # what it leaves in its place would make others infinite, masked or not
                self._memory.clear(self._rows_of(self._numbers.index(number)))
            self.leave(number)
        return ends

    def _rows_of(self, place: int) -> slice:
        return slice(place * self.rows_each, (place + 1) * self.rows_each)

    def _step_of_some(self) -> Callable[[], Tensor]:
        """What draws a code in every place taken, and in as few others as may be."""
        return next((step for some, step in self._fixed_steps.items() if some >= self.taken), self._those_in_use)

    def _fixed(self, places: int) -> Tensor:
        rows = _up(places * self.rows_each, ROWS_TOGETHER)
        return self._advance(places, rows, self._length, self._config.transformer.max_text_length)

    def _those_in_use(self) -> Tensor:
        longest = self._config.transformer.max_text_length
        return self._advance(
            self.taken,
            _up(self.taken * self.rows_each, ROWS_TOGETHER),
            min(_up(max(self._drawn.values()) + 1, KEYS_TOGETHER), self._length),
            min(_up(max(self._tokens.values()), KEYS_TOGETHER), longest),
        )

    def _advance(self, pictures: int, rows: int, codes: int, tokens: int) -> Tensor:
        """One code for the first pictures; whether each one's logits were finite, bool (pictures,)."""
        window = self._memory.window(rows, codes, tokens)
        used = pictures * self.rows_each
        logits = guide(self._decoder.step(self._previous[:rows], window)[:used], self._settings.condition_scale)
        at = self._memory.positions[: used : self.rows_each, None]
        with_code = logits[:, : self._config.vqgan.n_embed]  # ids beyond have no code
        chosen = choose(with_code, self._uniform[:pictures].gather(1, at)[:, 0], self._settings)
        self._codes[:pictures].scatter_(1, at, chosen[:, None])
        self._previous[:used] = chosen[:, None].expand(-1, self.rows_each).flatten()
        self._memory.positions[:used] = (self._memory.positions[:used] + 1) % self._length  # empty places go round
        return logits.isfinite().all(-1)


def _recorded(advance: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """The same as a CUDA graph: one launch for some hundred kernels. Needs fixed shapes and memory."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):  # libraries set themselves up in the first rounds
            advance()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        finite = advance()

    def replay() -> Tensor:
        graph.replay()
        return finite

    return replay
