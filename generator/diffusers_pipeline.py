"""Any text-to-image pipeline of diffusers as an ImageGenerator, from a folder or a hub id.

Weights are read as safetensors only, and no code that comes with them is run. A pipeline's own safety checker is left
out: our gates stand behind every picture, and its black squares would tell nobody why.
"""

import hashlib
import inspect
import json
import logging as python_logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.utils import logging
from torch import Tensor
from transformers.utils import logging as transformers_logging

from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    GeneratorUnusable,
    Order,
    Orders,
    Outcome,
    PictureRequest,
    sides_of,
)
from generator.failures import place_of
from policies.identity import MANIFEST, ModelIdentity, sha256_of, verify_folder

INDEX = "model_index.json"
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*\Z")
NEEDED = {"prompt", "height", "width", "generator"}  # what a call must take for us to use it
OURS = NEEDED | {"output_type", "return_dict", "num_images_per_prompt", "callback", "callback_on_step_end"}
OTHER_TASKS = {"strength", "mask_image", "control_image", "num_frames"}  # a picture or a film is needed, or comes out
HASHED = {".json", ".safetensors", ".txt", ".model"}  # configurations, weights, vocabularies: all that is loaded
Step = Callable[[int, int], None]  # done, of how many

_log = python_logging.getLogger("gardefou")


class DiffusersPipeline:
    """Every picture has its own seed; pictures of one size are drawn together where the pipeline can."""

    def __init__(
        self,
        name: str,
        *,
        revision: str | None = None,
        sizes: Sequence[str] = (),
        batch_size: int = 3,
        arguments: Mapping[str, Any] | None = None,
        threads: int | None = None,
    ) -> None:
        """name: a folder that holds model_index.json, or a hub id, fetched once.

        revision: of a hub id; a commit pins it. arguments: of every call. What is not set is the pipeline's own.
        Raises GeneratorUnusable.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        logging.set_verbosity_error()  # its warnings quote prompts
        logging.disable_progress_bar()
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        folder = _fetched(name, revision)
        index = _read_index(folder)
        self._identity = _identity(name, folder, index)
        self._pipeline = _load(folder, index)
        self._accepts = inspect.signature(self._pipeline.__call__).parameters
        self._arguments = self._understood(arguments or {})
        self._sizes = tuple(sizes) or (_native_size(self._pipeline),)
        self._batch_size = batch_size

    @property
    def identity(self) -> ModelIdentity:
        """The hub id or the folder's name, and a hash over every file that is loaded."""
        return self._identity

    @property
    def sizes(self) -> tuple[str, ...]:
        """What the operator set, else the one size that the network was made for."""
        return self._sizes

    @property
    def batch_size(self) -> int:
        """The most pictures drawn together."""
        return self._batch_size

    @property
    def continuous(self) -> bool:
        """A pipeline draws what it is called with."""
        return False

    @torch.inference_mode()
    def draw(self, orders: Orders) -> None:
        """Draw one batch; those of one size together. Stops within a step (a picture, where the pipeline has no
        callback) when nobody wants any of those.
        """
        for run in self._runs(orders.take(self._batch_size)):
            self._draw_together(run)

    def _runs(self, orders: Sequence[Order]) -> Iterator[list[Order]]:
        """What one call draws: neighbours of one size, or one picture if the pipeline takes one seed only."""
        takes_many = "list" in str(self._accepts["generator"].annotation).lower()
        for _, same in groupby(enumerate(orders), lambda item: item[1].request.size if takes_many else item[0]):
            yield [order for _, order in same]

    def _draw_together(self, orders: Sequence[Order]) -> None:
        wanted = [order for order in orders if order.wanted]
        for order, outcome in zip(wanted, self._outcomes(wanted), strict=True):
            order.end(outcome)
        for order in orders:
            if order not in wanted:
                order.end(GenerationCancelled())

    def _outcomes(self, orders: Sequence[Order]) -> list[Outcome]:
        """When several fail together each is tried alone: what one prompt does is not the others' failure."""
        try:
            pictures = self._run([order.request for order in orders], _told(orders)) if orders else []
        except GenerationCancelled as cancelled:
            return [cancelled] * len(orders)
        except GenerationFailed as failure:
            if len(orders) > 1:
                return [outcome for order in orders for outcome in self._outcomes([order])]
            cause = failure.__cause__ or failure
            _log.error("the pipeline failed with %s at:\n%s", type(cause).__name__, place_of(cause))
            return [failure]
        return [GeneratedImage(pixels, order.request.seed) for pixels, order in zip(pictures, orders, strict=True)]

    def _run(self, requests: Sequence[PictureRequest], on_step: Step) -> list[Tensor]:
        width, height = sides_of(requests[0].size)
        seeds = [torch.Generator().manual_seed(request.seed) for request in requests]
        try:
            drawn = self._pipeline(
                prompt=[request.prompt for request in requests], width=width, height=height, output_type="pt",
                generator=seeds if len(seeds) > 1 else seeds[0], **self._arguments, **self._listening(on_step),
            ).images  # fmt: skip
        except (RuntimeError, ValueError, TypeError, IndexError) as error:  # out of memory, shapes, a size it cannot
            raise GenerationFailed(f"the pipeline failed: {error}") from error
        return [_as_bytes(picture, width, height) for picture in drawn]

    def _listening(self, on_step: Step) -> dict[str, Any]:
        """The callback that this pipeline has: of today, of its first years, or none."""

        def at_step_end(_: object, step: int, __: object, tensors: dict[str, Any]) -> dict[str, Any]:
            on_step(step + 1, self._steps)
            return tensors

        def after_step(step: int, *_: object) -> None:
            on_step(step + 1, self._steps)

        if "callback_on_step_end" in self._accepts:
            return {"callback_on_step_end": at_step_end}
        return {"callback": after_step} if "callback" in self._accepts else {}

    @property
    def _steps(self) -> int:
        """Of the drawing under way."""
        return len(getattr(self._pipeline.scheduler, "timesteps", ()))

    def _understood(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Raises GeneratorUnusable for an argument that this pipeline does not know, or that is ours to set."""
        if wrong := sorted(arguments.keys() - self._accepts.keys() | arguments.keys() & OURS):
            raise GeneratorUnusable(f"{type(self._pipeline).__name__} has no {', '.join(wrong)} to set")
        binned = "use_resolution_binning" in self._accepts  # draws at the nearest size it knows, and rescales
        return ({"use_resolution_binning": False} if binned else {}) | dict(arguments)


def _told(orders: Sequence[Order]) -> Step:
    """Whoever waits is told after every step; raises GenerationCancelled when nobody does."""

    def on_step(done: int, steps: int) -> None:
        if not any(order.wanted for order in orders):
            raise GenerationCancelled
        for order in orders:
            order.advance(min(done / max(steps, 1), 1))

    return on_step


def _as_bytes(picture: Tensor, width: int, height: int) -> Tensor:
    """Floats of 0..1 -> uint8 (3, height, width). Raises GenerationFailed for another shape or what is no number."""
    if tuple(picture.shape) != (3, height, width):
        raise GenerationFailed(f"the pipeline drew {tuple(picture.shape)}, not {width}x{height}")
    if not bool(picture.isfinite().all()):
        raise GenerationFailed("the pipeline drew pixels that are not finite")
    return (picture.float().clamp(0, 1) * 255).round().to(torch.uint8).contiguous()


def _fetched(name: str, revision: str | None) -> Path:
    if Path(name).is_dir():
        return Path(name).resolve()
    if not HUB_ID.match(name):
        raise GeneratorUnusable(f"{name} is neither a folder nor a hub id like owner/name")
    try:
        return Path(
            diffusers.DiffusionPipeline.download(name, revision=revision, use_safetensors=True, safety_checker=None)
        )
    except (OSError, ValueError) as error:
        why = str(error).strip().partition("\n")[0]
        raise GeneratorUnusable(f"{name} is no folder here, and could not be fetched from the hub: {why}") from error


def _read_index(folder: Path) -> dict[str, Any]:
    try:
        index: dict[str, Any] = json.loads((folder / INDEX).read_text())
    except OSError as error:
        raise GeneratorUnusable(f"{folder} holds no {INDEX}: it is no folder of a diffusers pipeline") from error
    name = index.get("_class_name")
    if not isinstance(name, str) or not hasattr(diffusers, name):
        raise GeneratorUnusable(f"{folder} asks for {name}, which diffusers {diffusers.__version__} does not have")
    _require_text_to_image(name)
    return index


def _require_text_to_image(name: str) -> None:
    accepts = inspect.signature(getattr(diffusers, name).__call__).parameters
    if not accepts.keys() >= NEEDED or accepts.keys() & OTHER_TASKS:
        raise GeneratorUnusable(f"{name} does not draw pictures from text alone")


def _components(index: dict[str, Any]) -> list[str]:
    return [name for name, part in index.items() if isinstance(part, list) and part[0] and name != "safety_checker"]


def _identity(name: str, folder: Path, index: dict[str, Any]) -> ModelIdentity:
    """By the folder's manifest, if there is one; else by its files as they are.

    Raises IntegrityFailure for files that are not the manifest's.
    """
    if (folder / MANIFEST).is_file():
        return verify_folder(folder)
    files = [folder / INDEX]
    for component in _components(index):
        files += [path for path in sorted((folder / component).rglob("*")) if path.suffix in HASHED]
    listing = {str(path.relative_to(folder)): sha256_of(path) for path in files}
    known_as = folder.name if Path(name).is_dir() else name
    return ModelIdentity(known_as, hashlib.sha256(json.dumps(listing, sort_keys=True).encode()).hexdigest())


def _load(folder: Path, index: dict[str, Any]) -> Any:
    device, dtype = _capability()
    unchecked = {"safety_checker": None, "requires_safety_checker": False} if "safety_checker" in index else {}
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=dtype, use_safetensors=True, **unchecked)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def _capability() -> tuple[str, torch.dtype]:
    """Half precision where there is a GPU; CPUs are slower with it than without."""
    if not torch.cuda.is_available():
        return "cpu", torch.float32
    return "cuda", torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _native_size(pipeline: Any) -> str:
    networks = [getattr(pipeline, part, None) for part in ("transformer", "unet")]
    found = [getattr(network.config, "sample_size", None) for network in networks if network is not None]
    side = next((side for side in [getattr(pipeline, "default_sample_size", None), *found] if isinstance(side, int)), 0)
    if not side:
        raise GeneratorUnusable(f"{type(pipeline).__name__} does not say which sizes it draws: set them")
    return f"{side * pipeline.vae_scale_factor}x{side * pipeline.vae_scale_factor}"
