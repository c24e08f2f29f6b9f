"""A keyed invisible watermark: 64 bits in a faint pattern that only the holder of the key can make or find.

Spread spectrum (Cox, Kilian, Leighton and Shamoon, 1997) on a tile of 128 x 128 pixels that repeats over the picture.
A quarter of the tile is the same in every picture of a key: correlation with it finds the tile wherever a crop has
moved it. The rest carries eight bytes, each as one of 256 sign patterns, so that a byte is read by the likeliest of 256
correlations and not bit by bit: that is the error correction.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

TILE = 128  # pixels
BYTES = 8
KEY_BYTES = 32
VALUES = 256
SYNC_CHIPS = TILE * TILE // 4
BYTE_CHIPS = (TILE * TILE - SYNC_CHIPS) // BYTES
BAND = (0.06, 0.28)  # cycles per pixel: below it the eye sees the pattern, above it JPEG and half the size lose it
LUMA = (0.299, 0.587, 0.114)
NEIGHBOURHOOD = 9  # pixels: how far around it a pixel's activity is looked for
FAINTEST, STRONGEST = 1.8, 4.0  # grey levels, root mean square: in flat and in busy parts
HEADROOM = 3  # grey levels kept free at black and at white, where half of the pattern would be cut off
THRESHOLD = 7.0  # standard deviations; docs/provenance.md says how often a foreign picture reaches it


@dataclass(frozen=True, slots=True)
class Mark:
    """The best match in a picture. z: standard deviations above chance. payload: 64 bits; None below THRESHOLD."""

    z: float
    payload: int | None = None

    @property
    def found(self) -> bool:
        """Whether the pattern is there."""
        return self.payload is not None

    @property
    def height(self) -> int:
        """z as the public is told it: whole numbers only, so that nobody is led step by step to a mark that fades."""
        return int(self.z)

    @property
    def text(self) -> str | None:
        """The payload as it is kept and told: 16 hexadecimal digits."""
        return None if self.payload is None else f"{self.payload:016x}"


class Watermark:
    """Marks and finds marks of one key."""

    def __init__(self, key: bytes) -> None:
        """Raises ValueError for a key of another length than KEY_BYTES."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a watermark key has {KEY_BYTES} bytes, this one {len(key)}")
        self._key = key

    @torch.inference_mode()
    def embed(self, pixels: Tensor, payload: int) -> Tensor:
        """The marked picture. pixels: uint8 (3, height, width) RGB; payload: 0 .. 2**64 - 1. Raises ValueError."""
        if pixels.dtype != torch.uint8 or pixels.ndim != 3 or pixels.shape[0] != len(LUMA):
            raise ValueError(f"expected uint8 (3, height, width), got {pixels.dtype} {tuple(pixels.shape)}")
        picture = pixels.cpu().float().clamp(HEADROOM, 255 - HEADROOM)
        height, width = picture.shape[1:]
        pattern = _repeated(self._pattern(payload), height, width)
        strength = _activity(_luma(picture)).clamp(FAINTEST, STRONGEST)
        return (picture + strength * pattern).round().clamp(0, 255).to(torch.uint8)

    @torch.inference_mode()
    def find(self, pixels: Tensor) -> Mark:
        """The best match in a picture, whether it is turned, mirrored or shifted. pixels: uint8 (3, height, width)."""
        return self.find_in(evened(pixels))

    @torch.inference_mode()
    def find_in(self, tile: Tensor) -> Mark:
        """The best match in what `evened` made of a picture."""
        z, aligned = max((self._aligned(turned) for turned in _orientations(tile)), key=lambda match: match[0])
        return Mark(z, self._read(aligned) if z >= THRESHOLD else None)

    def _aligned(self, tile: Tensor) -> tuple[float, Tensor]:
        """How well the sync pattern fits where it fits best, and the tile shifted to there."""
        correlation = torch.fft.irfft2(torch.fft.rfft2(tile) * self._sync_spectrum.conj(), s=(TILE, TILE))
        spread, mean = torch.std_mean(correlation)
        if not spread > 0:  # a picture of one colour
            return 0.0, tile
        row, column = divmod(int(correlation.argmax()), TILE)
        return float((correlation.max() - mean) / spread), tile.roll((-row, -column), (0, 1))

    def _read(self, tile: Tensor) -> int:
        chips = _band_passed(tile).flatten()[self._places].view(BYTES, BYTE_CHIPS)
        likeliest = torch.einsum("bvc,bc->bv", self._signs, chips).argmax(dim=1)
        return int.from_bytes(bytes(likeliest.tolist()))

    def _pattern(self, payload: int) -> Tensor:
        """float32 (TILE, TILE), root mean square 1."""
        values = torch.tensor(list(payload.to_bytes(BYTES)))
        chips = self._sync_chips.clone()
        chips[self._places] = self._signs[torch.arange(BYTES), values].flatten()
        pattern = _band_passed(chips.view(TILE, TILE))
        return pattern / pattern.square().mean().sqrt()

    @cached_property
    def _order(self) -> Tensor:
        """The tile's chips in the key's own order: first those of the sync pattern, then each byte's."""
        words = np.frombuffer(self._stream("order", TILE * TILE * 8), dtype=">u8")
        return torch.from_numpy(np.argsort(words, kind="stable"))

    @cached_property
    def _places(self) -> Tensor:
        return self._order[SYNC_CHIPS:]

    @cached_property
    def _sync_chips(self) -> Tensor:
        """float32 (TILE * TILE): +1 or -1 where the sync pattern is, else 0."""
        chips = torch.zeros(TILE * TILE)
        chips[self._order[:SYNC_CHIPS]] = self._random_signs("sync", SYNC_CHIPS)
        return chips

    @cached_property
    def _sync_spectrum(self) -> Tensor:
        spectrum: Tensor = torch.fft.rfft2(self._sync_chips.view(TILE, TILE)) * _pass_band()
        return spectrum

    @cached_property
    def _signs(self) -> Tensor:
        """float32 (BYTES, VALUES, BYTE_CHIPS): what each byte looks like for each of its values."""
        count = BYTES * VALUES * BYTE_CHIPS
        return self._random_signs("bytes", count).view(BYTES, VALUES, BYTE_CHIPS)

    def _random_signs(self, name: str, count: int) -> Tensor:
        bits = np.unpackbits(np.frombuffer(self._stream(name, count // 8), dtype=np.uint8))
        return torch.from_numpy(bits.astype(np.float32) * 2 - 1)

    def _stream(self, name: str, length: int) -> bytes:
        """Bytes that follow from the key on every machine and in every version: marks must stay readable."""
        return hashlib.shake_256(self._key + name.encode()).digest(length)


def evened(pixels: Tensor) -> Tensor:
    """A picture as marks are looked for in it, whatever the key: float32 (TILE, TILE)."""
    return _folded(_whitened(_luma(pixels.float())))


def _luma(picture: Tensor) -> Tensor:
    """(3, height, width) -> (height, width)."""
    return torch.einsum("c,chw->hw", torch.tensor(LUMA), picture)


def _mean_around(plane: Tensor, reach: int) -> Tensor:
    padded = functional.pad(plane[None, None], [reach // 2] * 4, mode="replicate")
    return functional.avg_pool2d(functional.avg_pool2d(padded, (reach, 1), stride=1), (1, reach), stride=1)[0, 0]


def _activity(plane: Tensor) -> Tensor:
    """The standard deviation of the neighbourhood of each pixel."""
    mean = _mean_around(plane, NEIGHBOURHOOD)
    return (_mean_around(plane.square(), NEIGHBOURHOOD) - mean.square()).clamp(min=0).sqrt()


def _whitened(plane: Tensor) -> Tensor:
    """What the surroundings of a pixel do not foretell, evened out so that no edge outshouts the pattern."""
    surprise = plane - _mean_around(plane, 5)
    return surprise / (_activity(surprise) + 1)


def _folded(plane: Tensor) -> Tensor:
    """All tiles laid over each other: (height, width) -> (TILE, TILE)."""
    height, width = plane.shape
    padded = functional.pad(plane, (0, -width % TILE, 0, -height % TILE))
    rows, columns = padded.shape[0] // TILE, padded.shape[1] // TILE
    return padded.reshape(rows, TILE, columns, TILE).sum(dim=(0, 2))


def _orientations(tile: Tensor) -> list[Tensor]:
    turned = [tile.rot90(quarter) for quarter in range(4)]
    return turned + [picture.flip(1) for picture in turned]


def _pass_band() -> Tensor:
    frequency = torch.hypot(torch.fft.fftfreq(TILE)[:, None], torch.fft.rfftfreq(TILE)[None, :])
    return ((frequency >= BAND[0]) & (frequency <= BAND[1])).float()


def _band_passed(tile: Tensor) -> Tensor:
    passed: Tensor = torch.fft.irfft2(torch.fft.rfft2(tile) * _pass_band(), s=(TILE, TILE))
    return passed


def _repeated(tile: Tensor, height: int, width: int) -> Tensor:
    rows, columns = -(-height // TILE), -(-width // TILE)
    return tile.repeat(rows, columns)[:height, :width]
