"""Pictures as a CLIP model sees them: one forward for a few views of each picture, shared by every check."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import open_clip
import torch
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model
from open_clip.transform import PreprocessCfg, to_2tuple
from torch import Tensor, nn
from torch.nn.functional import interpolate

from policies.identity import IntegrityFailure, ModelIdentity, verify_folder
from safety.faster_resnet import make_faster

SHIPPED = Path(__file__).with_name("weights") / "clip-nano"
HEADS = "heads.safetensors"
CONFIG = "open_clip_config.json"
PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")
SMALLEST_SIDE = 8  # pixels; below this nothing can be recognised
VIEWS = ("whole", "mirrored", "centre")
CENTRE = 0.75  # of the shorter side: what fills the middle is seen 1.8 times as large

Tokenizer = Callable[[list[str]], Tensor]


def use_threads(count: int) -> None:
    """So many processor threads for the networks of this process; torch's own choice is one per core."""
    torch.set_num_threads(count)


class UnreadablePicture(ValueError):
    """A picture is not a uint8 RGB tensor of usable size: it cannot be judged."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureBatch:
    """Pictures and their embeddings, computed once and shared by all checks.

    pixels: each uint8 (3, height, width) RGB; sizes may differ.
    embeddings: float32 (n, VIEWS, d), L2-normalised; a view is NaN when the model gave nothing usable for it.
    """

    pixels: Sequence[Tensor]
    embeddings: Tensor


class ClipModel(Protocol):
    """The part of an open_clip model that is used."""

    logit_scale: Tensor

    def encode_image(self, image: Tensor) -> Tensor: ...

    def encode_text(self, text: Tensor) -> Tensor: ...


class PictureEmbedder:
    """An open_clip model and how it wants its pictures."""

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, identity: ModelIdentity, heads: Path | None) -> None:
        """heads: linear heads made for this model, a .safetensors file, None when there are none."""
        self.identity = identity
        self.heads = heads
        ready = make_faster(model.eval().requires_grad_(False))
        self._model = cast(ClipModel, ready.to(memory_format=torch.channels_last))  # convolutions: a fifth faster
        self._tokenizer = tokenizer
        self._preprocess = PreprocessCfg(**open_clip.get_model_preprocess_cfg(model))
        self._mean = torch.tensor(self._preprocess.mean)[:, None, None]
        self._std = torch.tensor(self._preprocess.std)[:, None, None]

    @property
    def logit_scale(self) -> float:
        """The factor by which the model was trained to multiply cosines."""
        return float(self._model.logit_scale.exp())

    @torch.inference_mode()
    def embed(self, pixels: Sequence[Tensor]) -> PictureBatch:
        """Embed pictures as they came from the generator, without an encoded file in between; one forward for all.

        Raises UnreadablePicture when one is not uint8 (3, height, width) or is smaller than SMALLEST_SIDE.
        """
        if not pixels:
            raise UnreadablePicture("no picture was given")
        for picture in pixels:
            _refuse_unreadable(picture)
        views = self._views(pixels).flatten(0, 1)
        prepared = (views.float() / 255 - self._mean) / self._std
        prepared = prepared.contiguous(memory_format=torch.channels_last)
        rows = _normalise(self._model.encode_image(prepared))
        return PictureBatch(pixels, rows.reshape(-1, len(VIEWS), rows.shape[-1]))

    @torch.inference_mode()
    def embed_phrases(self, phrases: Sequence[str]) -> Tensor:
        """float32 (n, d), L2-normalised."""
        return _normalise(self._model.encode_text(self._tokenizer(list(phrases))))

    def _views(self, pixels: Sequence[Tensor]) -> Tensor:
        """uint8 (n, VIEWS, 3, height, width) at the model's own resolution; pictures of one size are resized together.

        A picture that is not square is squashed, not cropped: what stands at its edges must be seen too.
        """
        size = to_2tuple(self._preprocess.size)
        views = torch.empty((len(pixels), len(VIEWS), 3, *size), dtype=torch.uint8)
        for rows in _rows_of_one_size(pixels):
            pictures = torch.stack([pixels[row].permute(1, 2, 0) for row in rows]).permute(0, 3, 1, 2)
            whole = self._resized(pictures, size)
            views[rows] = torch.stack([whole, whole.flip(-1), self._resized(_centre_square(pictures), size)], 1)
        return views

    def _resized(self, pictures: Tensor, size: tuple[int, int]) -> Tensor:
        """As Pillow does it; in channels-last order uint8 is many times faster than float."""
        channels_last = pictures.contiguous(memory_format=torch.channels_last)
        return interpolate(channels_last, size, mode=self._preprocess.interpolation, antialias=True)


def _rows_of_one_size(pixels: Sequence[Tensor]) -> list[list[int]]:
    rows: dict[tuple[int, ...], list[int]] = {}
    for row, picture in enumerate(pixels):
        rows.setdefault(tuple(picture.shape), []).append(row)
    return list(rows.values())


def _centre_square(pictures: Tensor) -> Tensor:
    height, width = pictures.shape[-2:]
    side = round(CENTRE * min(height, width))
    top, left = (height - side) // 2, (width - side) // 2
    return pictures[..., top : top + side, left : left + side]


def _refuse_unreadable(picture: Tensor) -> None:
    if picture.dtype != torch.uint8 or picture.ndim != 3 or picture.shape[0] != 3:
        raise UnreadablePicture(f"expected uint8 (3, height, width), got {picture.dtype} {tuple(picture.shape)}")
    if min(picture.shape[1:]) < SMALLEST_SIDE:
        raise UnreadablePicture(f"a side of {min(picture.shape[1:])} pixels is too small to judge")


def _normalise(vectors: Tensor) -> Tensor:
    """Unit length; NaN where a vector is zero or not finite, so that nothing can be concluded from it."""
    vectors = vectors.float()
    length = vectors.norm(dim=-1, keepdim=True)
    usable = torch.isfinite(length) & (length > 0)
    unit: Tensor = vectors / length
    return unit.masked_fill(~usable, torch.nan)


def load_embedder(model: str | Path = SHIPPED, pretrained: str | None = None) -> PictureEmbedder:
    """Load any open_clip model through one call.

    model: a folder in open_clip's layout with a manifest (the shipped one), or the name of an open_clip
    architecture; then `pretrained` is a published tag or a checkpoint file.
    Raises IntegrityFailure naming the file when a folder is not what was published, ValueError when an
    architecture comes without weights, or a file for one whose published weights want their pictures differently.
    """
    if isinstance(model, Path):
        identity = verify_folder(model)
        name, heads = f"local-dir:{model}", model / HEADS
        network, tokenizer = _create(name, None), open_clip.get_tokenizer(name)
        return PictureEmbedder(network, tokenizer, identity, heads if heads.is_file() else None)
    if not pretrained:
        raise ValueError(f"{model} needs pretrained weights: a published tag or a checkpoint file")
    network = _create(model, pretrained, _preprocessing_of_file(model, pretrained))
    identity = ModelIdentity(f"{model}/{Path(pretrained).name}", sha256_of_weights(network))
    return PictureEmbedder(network, open_clip.get_tokenizer(model), identity, heads=None)


def _preprocessing_of_file(architecture: str, pretrained: str) -> dict[str, object] | None:
    """What the published weights of an architecture agree on: a file does not say how its pictures are to be made.

    None for a published tag, which says so itself.
    """
    if not Path(pretrained).is_file():
        return None
    tags = list_pretrained_tags_by_model(architecture)
    said = [get_pretrained_cfg(architecture, tag) for tag in tags]
    asked = [{key: one[key] for key in PREPROCESSING if key in one} for one in said]
    filled = [{key: getattr(PreprocessCfg(**one), key) for key in PREPROCESSING} for one in asked]
    if any(one != filled[0] for one in filled):
        raise ValueError(
            f"{pretrained}: the published weights of {architecture} want their pictures in different ways; "
            f"give a folder with an {CONFIG} that says which"
        )
    return filled[0] if filled else None


def _create(name: str, pretrained: str | None, preprocessing: dict[str, object] | None = None) -> nn.Module:
    try:
        network: nn.Module = open_clip.create_model(
            name, pretrained=pretrained, require_pretrained=True, force_preprocess_cfg=preprocessing
        )
    except RuntimeError as error:
        raise IntegrityFailure(
            f"{name} {pretrained or ''}: the weights do not fit the architecture: {error}"
        ) from error
    return network


def sha256_of_weights(network: nn.Module) -> str:
    """Hex sha256 over names and values, for checkpoints that come without a manifest."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
