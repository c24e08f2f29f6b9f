"""What every generator promises: pictures for prompts, one seed each, as 8-bit tensors."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image, PngImagePlugin

from policies.identity import ModelIdentity
from policies.signals import Category

if TYPE_CHECKING:
    from torch import Tensor  # a worker whose generator does without torch starts in a fraction of the time

ENCODINGS: dict[str, dict[str, int]] = {"png": {"compress_level": 3}, "jpeg": {"quality": 90}, "webp": {"quality": 90}}
PNG_XMP = "XML:com.adobe.xmp"  # the text chunk that PNG keeps XMP in
MAX_SEED = 2**63 - 1  # the largest seed that fits a signed 64-bit database column


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """One picture to draw. The same prompt, seed and size on the same device give the same picture."""

    prompt: str
    seed: int  # 0 .. MAX_SEED
    size: str  # "256x256": one of the generator's sizes


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedImage:
    """One drawn picture. pixels: uint8 (3, height, width) RGB, exactly what will be served and is scored."""

    pixels: "Tensor"
    seed: int

    def encode(self, output_format: str = "png", xmp: bytes = b"") -> bytes:
        """Encode as png (lossless), jpeg or webp. xmp: metadata to put into the file."""
        encoded = io.BytesIO()
        picture = Image.fromarray(self.pixels.permute(1, 2, 0).cpu().numpy())
        said = PngImagePlugin.PngInfo()
        said.add_itxt(PNG_XMP, xmp.decode())
        metadata: dict[str, Any] = {"pnginfo": said} if output_format == "png" else {"xmp": xmp}
        picture.save(encoded, output_format, **ENCODINGS[output_format], **(metadata if xmp else {}))
        return encoded.getvalue()


class GenerationFailed(Exception):
    """The generator could not draw; nothing about the prompt is implied."""


class GenerationCancelled(Exception):
    """The caller went away; the generator stopped within one step."""


class GeneratorUnusable(Exception):
    """A generator cannot be made as the settings say. The message says what to set, install or fetch."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model's own safety system would not draw a picture: nothing failed, and nothing was allowed.

    by: the model that refused. categories: the harms it named, as far as they are ours.
    """

    by: ModelIdentity
    categories: tuple[Category, ...] = ()


Outcome = GeneratedImage | Refusal | GenerationFailed


class PartlyDrawn(Exception):
    """Some pictures of a batch were refused by the model itself, or failed each for itself.

    outcomes: one per request, in order.
    """

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        super().__init__(outcomes)
        self.outcomes = outcomes


Progress = Callable[[float], None]  # 0..1, share of the batch's steps done
Cancelled = Callable[[], bool]


class ImageGenerator(Protocol):
    """Draws a batch of pictures, possibly for several prompts at once. Blocking: call it from a worker thread."""

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def sizes(self) -> tuple[str, ...]:
        """Sizes a caller may ask for, the default first."""
        ...

    @property
    def batch_size(self) -> int:
        """The most pictures one call of draw takes."""
        ...

    def draw(
        self, requests: Sequence[PictureRequest], progress: Progress, cancelled: Cancelled
    ) -> list[GeneratedImage]:
        """One picture per request, in order.

        Raises GenerationFailed when it cannot, PartlyDrawn when it can only in part, GenerationCancelled when
        cancelled() turned true.
        """
        ...


def require_drawable(requests: Sequence[PictureRequest], generator: ImageGenerator) -> None:
    """Raises ValueError for what must not be asked of a generator."""
    if len(requests) > generator.batch_size:
        raise ValueError(f"{len(requests)} pictures asked at once, at most {generator.batch_size} are drawn")
    for request in requests:
        if request.size not in generator.sizes:
            raise ValueError(f"size {request.size!r} is not one of {', '.join(generator.sizes)}")
        if not 0 <= request.seed <= MAX_SEED:
            raise ValueError(f"seed {request.seed} is outside 0..{MAX_SEED}")


def sides_of(size: str) -> tuple[int, int]:
    """Width and height of "WIDTHxHEIGHT"."""
    width, height = (int(side) for side in size.split("x"))
    return width, height


class DrawingBoard(Protocol):
    """Pictures of several requests drawn side by side, each at its own step. For one thread at a time.

    A picture does not depend on who else is on the board, nor on when it came.
    """

    @property
    def free(self) -> int:
        """Places left."""
        ...

    def enter(self, requests: Sequence[PictureRequest]) -> list[int]:
        """Begin pictures at any time; each gets a number. Raises ValueError (more than free), GenerationFailed."""
        ...

    def leave(self, number: int) -> None:
        """Stop a picture; its place is free at once."""
        ...

    def share(self, number: int) -> float:
        """How much of a picture on the board is drawn, 0..1."""
        ...

    def step(self) -> dict[int, GeneratedImage]:
        """Draw one step of all. Gives those now finished, which leave. Raises GenerationFailed: the board is lost."""
        ...


class ContinuousGenerator(ImageGenerator, Protocol):
    """One that can also take pictures while others are being drawn."""

    def board(self) -> DrawingBoard:
        """A new board with batch_size places."""
        ...
