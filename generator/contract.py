"""What every generator promises: pictures for prompts, one seed each, as 8-bit tensors."""

import io
from collections.abc import Sequence
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


Outcome = GeneratedImage | Refusal | GenerationFailed | GenerationCancelled


class Order(Protocol):
    """One picture that somebody waits for, seen by whoever draws it."""

    @property
    def request(self) -> PictureRequest: ...

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for it. One that nobody wants ends in GenerationCancelled."""
        ...

    def advance(self, share: float) -> None:
        """Tell how much of it is drawn, 0..1."""
        ...

    def end(self, outcome: Outcome) -> None:
        """Hand the picture over, or say why there is none. Once."""
        ...


class Orders(Protocol):
    """Where a generator gets its work from. For the thread that draws."""

    def take(self, most: int) -> Sequence[Order]:
        """At most so many pictures to begin now, without waiting for any; none when nobody asks."""
        ...


class ImageGenerator(Protocol):
    """Draws pictures, possibly for several prompts at once. Blocking: call it from a worker thread."""

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def sizes(self) -> tuple[str, ...]:
        """Sizes a caller may ask for, the default first."""
        ...

    @property
    def batch_size(self) -> int:
        """The most pictures drawn side by side."""
        ...

    @property
    def continuous(self) -> bool:
        """Whether a picture may begin while others are being drawn; otherwise one call draws what it first takes."""
        ...

    def draw(self, orders: Orders) -> None:
        """Take orders and end each, until none of those taken is left and nothing more is there to take.

        A picture does not depend on what is drawn beside it, nor on when it began. Looks at `wanted` once a step.
        Raises GenerationFailed when all that it took and did not end have failed, GenerationCancelled when nobody
        wants any of that.
        """
        ...


def require_drawable(requests: Sequence[PictureRequest], generator: ImageGenerator) -> None:
    """Raises ValueError for what must not be asked of a generator."""
    for request in requests:
        if request.size not in generator.sizes:
            raise ValueError(f"size {request.size!r} is not one of {', '.join(generator.sizes)}")
        if not 0 <= request.seed <= MAX_SEED:
            raise ValueError(f"seed {request.seed} is outside 0..{MAX_SEED}")


def sides_of(size: str) -> tuple[int, int]:
    """Width and height of "WIDTHxHEIGHT"."""
    width, height = (int(side) for side in size.split("x"))
    return width, height
