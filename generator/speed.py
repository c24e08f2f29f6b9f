"""Times the parts of a drawing at full size with random weights, ours and a peer's, each in a process of its own.

The parent lets them take turns, so that what else the machine does weighs on both alike.
"""

import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Protocol, Self, cast

import torch
from torch import Tensor, nn

from generator.at_once import draw_at_once
from generator.contract import PictureRequest
from generator.dalle_mini.code_board import CodeBoard
from generator.dalle_mini.config import DalleMiniConfig, TransformerConfig, VQGANConfig
from generator.dalle_mini.image_decoder import EncodedText, ImageDecoder
from generator.dalle_mini.layout import best_device, half_pays, lay_out_transformer, lay_out_vqgan
from generator.dalle_mini.sampling import SamplingSettings
from generator.dalle_mini.transformer import DalleMiniTransformer
from generator.dalle_mini.vqgan import VQGANDecoder
from generator.registry import create_generator

PEER = "min_dalle"
SHARED_FROM, DISTINCT = 2048, 2
"""From this d_model on the layers take turns with two sets of weights: each is larger than any processor's cache, so
that they are read from memory as often as 24 sets would be."""
PROMPT_TOKENS = 12  # an everyday prompt; the blank one has two
MEMORY_UNIT = 1024  # Linux tells the peak in KiB

Run = Callable[[], object]

_COMMON = {"max_text_length": 64, "image_length": 256, "decoder_start_token_id": 16384}
SIZES: dict[str, dict[str, Any]] = {  # of the released checkpoints
    "mini": _COMMON | {
        "d_model": 1024, "encoder_layers": 12, "decoder_layers": 12, "encoder_attention_heads": 16,
        "decoder_attention_heads": 16, "encoder_ffn_dim": 2730, "decoder_ffn_dim": 2730,
        "encoder_vocab_size": 50264, "image_vocab_size": 16384,
    },
    "mega": _COMMON | {
        "d_model": 2048, "encoder_layers": 24, "decoder_layers": 24, "encoder_attention_heads": 32,
        "decoder_attention_heads": 32, "encoder_ffn_dim": 4096, "decoder_ffn_dim": 4096,
        "encoder_vocab_size": 50272, "image_vocab_size": 16415,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of the clock, and of the processor (all threads)."""

    wall: float
    cpu: float


class Side(Protocol):
    """Parts of a drawing that can be timed alone. Each loads what it needs; what it returns keeps it loaded."""

    def encode(self) -> Run: ...

    def step(self, pictures: int, position: int) -> Run: ...

    def decode(self) -> Run:
        """One picture's codes to pixels."""
        ...


class Ours:
    """As generator.dalle_mini draws, laid out for this machine, with guidance. keys may say half: False."""

    def __init__(self, keys: dict[str, Any]) -> None:
        self._keys = keys
        self._device = best_device()
        self._half = keys.get("half", half_pays(self._device, keys["d_model"]))
        self._board: _AnywhereBoard | None = None

    def encode(self) -> Run:
        """The prompt and the blank prompt."""
        encoder = self._network(decoder_layers=1).encoder
        ids = [torch.zeros(1, length, dtype=torch.long, device=self._device) for length in (PROMPT_TOKENS, 2)]
        return lambda: [encoder(one, torch.ones_like(one, dtype=torch.bool)) for one in ids]

    def step(self, pictures: int, position: int) -> Run:
        """One code of each picture, chosen."""
        if self._board is None or self._board.places != pictures:
            decoder = self._board.decoder if self._board else self._network(encoder_layers=1).decoder
            self._board = None  # its memory is free before the next one takes its own
            self._board = _AnywhereBoard(decoder, DalleMiniConfig(self._config(), VQGANConfig()), pictures)
        self._board.jump(position)
        return self._board.step

    def decode(self) -> Run:
        """Codes to 8-bit pixels."""
        self._board = None
        network = VQGANDecoder(VQGANConfig()).requires_grad_(False)
        lay_out_vqgan(network, self._device, self._half)
        return lambda: network(torch.arange(self._config().image_length, device=self._device)[None])

    def _config(self, **fewer: int) -> TransformerConfig:
        return TransformerConfig.from_keys(self._keys | fewer)

    def _network(self, **fewer: int) -> DalleMiniTransformer:
        """fewer: layers of the half that is not needed now."""
        wanted = self._keys | fewer
        made = {name: _distinct(wanted, name) for name in ("encoder_layers", "decoder_layers")}
        network = DalleMiniTransformer(self._config(**made)).eval().requires_grad_(False)
        lay_out_transformer(network, self._device, self._half)
        network.encoder.layers = _repeated(network.encoder.layers, wanted["encoder_layers"])
        network.decoder.layers = _repeated(network.decoder.layers, wanted["decoder_layers"])
        return network


def _distinct(keys: dict[str, Any], name: str) -> int:
    """How many layers have weights of their own."""
    layers: int = keys[name]
    return min(layers, DISTINCT) if keys["d_model"] >= SHARED_FROM else layers


def _repeated(layers: nn.ModuleList, count: int) -> nn.ModuleList:
    return nn.ModuleList(layers[number % len(layers)] for number in range(count))


def held_mb(keys: dict[str, Any], pictures: int) -> dict[str, float]:
    """What all weights and the memory of a drawing take on each side; the peer's tensors are ours in float32."""
    config = TransformerConfig.from_keys(keys)
    with torch.device("meta"):
        networks = (DalleMiniTransformer(config), VQGANDecoder(VQGANConfig()))
    weights = sum(parameter.numel() for network in networks for parameter in network.parameters())
    keys_and_values = 2 * 2 * pictures * config.decoder_layers * config.d_model  # numbers per position
    half = keys.get("half", half_pays(best_device(), config.d_model))
    ours = weights * (2 if half else 4) + keys_and_values * (config.image_length + config.max_text_length) * 4
    return {"ours": ours / 1e6, "peer": (weights + keys_and_values * config.image_length) * 4 / 1e6}


class _AnywhereBoard(CodeBoard):
    """A full board that can be put at any position."""

    def __init__(self, decoder: ImageDecoder, config: DalleMiniConfig, pictures: int) -> None:
        like = decoder.embedding.embed_tokens.weight
        super().__init__(decoder, config, SamplingSettings(), pictures, fixed=like.is_cuda)
        self.decoder = decoder
        self._memory.codes.normal_()  # untouched memory would be read faster than it really is
        for number in range(pictures):
            self.enter(number, [self._text(length, like) for length in (PROMPT_TOKENS, 2)], seed=number)

    def _text(self, length: int, like: Tensor) -> EncodedText:
        states = torch.randn(1, length, like.shape[1], device=like.device, dtype=like.dtype)
        return self.decoder.read(states, torch.ones(1, length, dtype=torch.bool, device=like.device))

    def jump(self, position: int) -> None:
        self._drawn = dict.fromkeys(self._drawn, position)
        self._memory.positions.fill_(position)


class Peer:
    """min-dalle's networks, called as its MinDalle class does (which needs the network to start)."""

    def __init__(self, keys: dict[str, Any]) -> None:
        self._keys = keys
        self._device = best_device()
        self._models = import_module(f"{PEER}.models")
        self._sizes = {"attention_head_count": keys["decoder_attention_heads"], "embed_count": keys["d_model"],
                       "glu_embed_count": keys["decoder_ffn_dim"], "layer_count": _distinct(keys, "decoder_layers"),
                       "device": str(self._device)}  # fmt: skip
        self._decoder: Any = None
        self._state = torch.zeros(0)

    def encode(self) -> Run:
        """The blank prompt and the prompt, both as long as the longest could be."""
        encoder = self._models.DalleBartEncoder(
            text_token_count=64, text_vocab_count=self._keys["encoder_vocab_size"], **self._sizes
        )
        encoder.layers = _repeated(encoder.layers, self._keys["encoder_layers"])
        encoder.eval().to(self._device)
        return lambda: encoder.forward(self._ids())

    def step(self, pictures: int, position: int) -> Run:
        """As in MinDalle.generate_raw_image_stream."""
        if self._decoder is None:
            self._decoder = self._made_decoder()
        rows = [0] * pictures + [1] * pictures
        shape = (self._keys["decoder_layers"], 4 * pictures, 256, self._keys["d_model"])
        if self._state.shape != shape:
            self._state = torch.zeros(0)  # its memory is free before the next one takes its own
            self._state = torch.randn(shape, device=self._device)
        return partial(
            self._decoder.sample_tokens,
            settings=torch.tensor([1.0, 256, 16], device=self._device),
            attention_mask=self._ids()[rows].not_equal(1)[:, None, None, :],
            encoder_state=torch.randn(2, 64, self._keys["d_model"], device=self._device)[rows],
            attention_state=self._state,
            prev_tokens=torch.zeros(pictures, 1, dtype=torch.long, device=self._device),
            token_index=torch.tensor([position], device=self._device),
        )

    def decode(self) -> Run:
        """Codes to 8-bit pixels."""
        self._decoder, self._state = None, torch.zeros(0)
        network = self._models.VQGanDetokenizer().eval().to(self._device)
        return lambda: network.forward(False, torch.arange(256, device=self._device)[None]).to(torch.uint8)

    def _made_decoder(self) -> Any:
        decoder = self._models.DalleBartDecoder(image_vocab_count=self._keys["image_vocab_size"], **self._sizes)
        decoder.layer_count = self._keys["decoder_layers"]
        decoder.layers = _repeated(decoder.layers, decoder.layer_count)
        return decoder.eval().to(self._device)

    def _ids(self) -> Tensor:
        ids = torch.ones(2, 64, dtype=torch.long, device=self._device)
        ids[0, :2] = ids[1, :PROMPT_TOKENS] = 0
        return ids


class Nano:
    """The shipped dalle-nano with its real weights, whole drawings."""

    def __init__(self, _: dict[str, Any]) -> None:
        self._generator = create_generator("dalle-nano")

    def draw(self, pictures: int) -> Run:
        """As the waiting line has them drawn."""
        requests = [PictureRequest(f"a cat and {seed} dogs", seed, "256x256") for seed in range(pictures)]
        return lambda: draw_at_once(self._generator, requests)


SIDES: dict[str, Callable[[dict[str, Any]], Any]] = {"ours": Ours, "peer": Peer, "nano": Nano}


class SideDied(Exception):
    """A process that was timed ended, of hunger for memory most likely."""


class Worker:
    """`with Worker("ours", SIZES["mini"], threads=1) as worker`: a side in a process of its own."""

    def __init__(self, side: str, keys: dict[str, Any], threads: int) -> None:
        context = get_context("spawn")
        self._side = side
        self._connection, self._theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._theirs, side, keys, threads), daemon=True)
        self.peak_mb = 0.0

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._connection.close()
        self._process.join()

    def time(self, part: str, *arguments: int) -> Spent:
        """Do a part once. Raises SideDied."""
        try:
            self._connection.send((part, arguments))
            spent, self.peak_mb = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            raise SideDied(
                f"the process that timed {self._side} ended with {self._process.exitcode} at {part}"
            ) from error
        return cast("Spent", spent)


def peer_installed() -> bool:
    """Whether there is somebody to measure ours beside."""
    return find_spec(PEER) is not None


def _serve(connection: Connection, side: str, keys: dict[str, Any], threads: int) -> None:
    made = SIDES[side](keys)
    torch.set_num_threads(threads)  # after the peer's import, which takes all
    runs: dict[str, Run] = {}
    with torch.inference_mode(), suppress(EOFError):  # the parent has seen enough
        while True:
            part, arguments = connection.recv()
            if part == "step" or part not in runs:
                runs.clear()  # lets go of its networks before the next ones are made
                runs[part] = getattr(made, part)(*arguments)
            connection.send((_timed(runs[part]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEMORY_UNIT))


def _timed(run: Run) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)
