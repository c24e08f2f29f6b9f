import io
import json
from pathlib import Path

import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from policies.identity import IntegrityFailure
from safety.pictures import SHIPPED, VIEWS, PictureEmbedder, UnreadablePicture, _preprocessing_of_file, load_embedder

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def shipped() -> PictureEmbedder:
    return load_embedder()


@pytest.fixture(scope="module")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """An open_clip architecture known by name only, and a checkpoint file for it."""
    folder = tmp_path_factory.mktemp("architectures")
    (folder / "tiny-test-clip.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "tiny-test-clip.json")
    torch.manual_seed(0)
    weights = open_clip.create_model("tiny-test-clip").state_dict()
    checkpoint = folder / "tiny.safetensors"
    save_file({name: tensor.clone().contiguous() for name, tensor in weights.items()}, checkpoint)
    return "tiny-test-clip", checkpoint


def a_picture(seed: int = 0, size: tuple[int, int] = (256, 256)) -> Tensor:
    """Smooth colours, uint8 RGB."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 6, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)
    return (smooth[0] * 255).to(torch.uint8)


def test_the_shipped_model_gives_unit_vectors_for_pictures_of_any_size(shipped: PictureEmbedder) -> None:
    batch = shipped.embed([a_picture(), a_picture(size=(64, 64)), a_picture(size=(300, 97))])

    assert batch.embeddings.dtype == torch.float32
    torch.testing.assert_close(batch.embeddings.norm(dim=-1), torch.ones(3, len(VIEWS)))


def test_an_architecture_by_name_with_a_checkpoint_file_loads_through_the_same_call(
    tiny_checkpoint: tuple[str, Path],
) -> None:
    architecture, checkpoint = tiny_checkpoint

    embedder = load_embedder(architecture, str(checkpoint))

    assert embedder.identity.name == "tiny-test-clip/tiny.safetensors"
    assert embedder.embed([a_picture()]).embeddings.shape == (1, len(VIEWS), 16)
    assert embedder.embed_phrases(["a cat", "a knife"]).shape == (2, 16)


def test_the_identity_of_a_checkpoint_follows_its_weights(tiny_checkpoint: tuple[str, Path], tmp_path: Path) -> None:
    architecture, checkpoint = tiny_checkpoint
    torch.manual_seed(1)
    other = open_clip.create_model(architecture).state_dict()
    save_file({name: tensor.clone().contiguous() for name, tensor in other.items()}, tmp_path / "tiny.safetensors")

    first = load_embedder(architecture, str(checkpoint)).identity
    second = load_embedder(architecture, str(tmp_path / "tiny.safetensors")).identity

    assert first.name == second.name
    assert first.sha256 != second.sha256


def test_a_file_for_siglip_gets_its_pictures_as_the_published_weights_want_them() -> None:
    """open_clip itself takes CLIP's colours and a crop for any file."""
    asked = _preprocessing_of_file("ViT-B-16-SigLIP", __file__)
    assert asked == {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    assert _preprocessing_of_file("ViT-B-16-SigLIP", "webli") is None  # a tag says so itself


def test_a_file_that_could_want_its_pictures_either_way_is_refused() -> None:
    with pytest.raises(ValueError, match="different ways"):
        load_embedder("ViT-L-14", __file__)


def test_an_architecture_without_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="needs pretrained weights"):
        load_embedder("ViT-B-32")


def seen_by_open_clip(picture: Tensor) -> Tensor:
    """float32 (d): the embedding of a picture that went through a file, Pillow and open_clip's own transform."""
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{SHIPPED}")
    file = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, "PNG")
    with torch.inference_mode():
        embedding: Tensor = model.eval().encode_image(preprocess(Image.open(file))[None], normalize=True)[0]
        return embedding


@pytest.mark.parametrize("side", [256, 64, 200])
def test_a_tensor_is_seen_as_open_clip_sees_the_same_picture_read_from_a_file(
    shipped: PictureEmbedder, side: int
) -> None:
    picture = a_picture(3, (side, side))
    whole, mirrored, centre = shipped.embed([picture]).embeddings[0]

    margin = side // 8
    middle = picture[:, margin : side - margin, margin : side - margin]
    for view, shown in ((whole, picture), (mirrored, picture.flip(-1)), (centre, middle)):
        assert torch.cosine_similarity(view, seen_by_open_clip(shown), dim=0).item() > 0.999


@pytest.mark.parametrize("size", [(200, 320), (320, 200), (64, 500)])
def test_what_stands_at_the_edges_of_a_picture_that_is_not_square_is_seen(
    shipped: PictureEmbedder, size: tuple[int, int]
) -> None:
    picture = torch.full((3, *size), 255, dtype=torch.uint8)
    with_edge = picture.clone()
    edge = with_edge[:, :, :40] if size[1] > size[0] else with_edge[:, :40]
    edge[:] = a_picture(1, tuple(edge.shape[1:]))  # type: ignore[arg-type]

    without, having = shipped.embed([picture, with_edge]).embeddings[:, VIEWS.index("whole")]

    assert torch.cosine_similarity(without, having, dim=0) < 0.95


def test_a_picture_and_its_mirror_image_are_seen_alike(shipped: PictureEmbedder) -> None:
    picture = a_picture(5)
    one, other = shipped.embed([picture, picture.flip(-1)]).embeddings
    torch.testing.assert_close(one[:2], other[[1, 0]], atol=1e-4, rtol=1e-3)


def test_all_views_of_all_pictures_go_through_the_network_at_once(
    shipped: PictureEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []
    encode = shipped._model.encode_image

    def watched(images: Tensor) -> Tensor:
        seen.append(tuple(images.shape))
        return encode(images)

    monkeypatch.setattr(shipped._model, "encode_image", watched)
    shipped.embed([a_picture(seed, size) for seed, size in enumerate([(256, 256), (96, 96), (256, 256)])])
    assert seen == [(9, 3, 64, 64)]


def test_pictures_of_different_sizes_keep_their_places(shipped: PictureEmbedder) -> None:
    pictures = [a_picture(0), a_picture(1, (96, 96)), a_picture(2), a_picture(3, (96, 96))]
    alone = torch.cat([shipped.embed([picture]).embeddings for picture in pictures])
    torch.testing.assert_close(shipped.embed(pictures).embeddings, alone, atol=1e-4, rtol=1e-3)


def test_the_batch_a_picture_comes_in_does_not_change_its_embedding(shipped: PictureEmbedder) -> None:
    pictures = [a_picture(seed) for seed in range(5)]

    alone = torch.cat([shipped.embed([picture]).embeddings for picture in pictures])

    torch.testing.assert_close(shipped.embed(pictures).embeddings, alone, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    "picture",
    [
        torch.zeros(3, 64, 64),
        torch.full((3, 64, 64), torch.nan),
        torch.zeros(4, 64, 64, dtype=torch.uint8),
        torch.zeros(64, 64, 3, dtype=torch.uint8),
        torch.zeros(1, 3, 64, 64, dtype=torch.uint8),
        torch.zeros(3, 64, 4, dtype=torch.uint8),
        torch.zeros(3, 0, 0, dtype=torch.uint8),
    ],
    ids=["float", "nan", "rgba", "channels last", "a batch", "a sliver", "empty"],
)
def test_what_is_not_an_8_bit_rgb_picture_is_refused(shipped: PictureEmbedder, picture: Tensor) -> None:
    with pytest.raises(UnreadablePicture):
        shipped.embed([a_picture(), picture])


def test_no_pictures_at_all_is_refused(shipped: PictureEmbedder) -> None:
    with pytest.raises(UnreadablePicture):
        shipped.embed([])


def test_a_broken_model_yields_nan_and_no_direction(tiny_checkpoint: tuple[str, Path]) -> None:
    architecture, checkpoint = tiny_checkpoint
    embedder = load_embedder(architecture, str(checkpoint))
    embedder._model.visual.proj.data.fill_(torch.nan)  # type: ignore[attr-defined]

    assert embedder.embed([a_picture()]).embeddings.isnan().all()

    embedder._model.visual.proj.data.zero_()  # type: ignore[attr-defined]

    assert embedder.embed([a_picture()]).embeddings.isnan().all()


def test_truncated_weights_are_refused_by_name(tmp_path: Path) -> None:
    for file in SHIPPED.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])

    with pytest.raises(IntegrityFailure, match=r"open_clip_model\.safetensors"):
        load_embedder(tmp_path)


def test_the_shipped_weights_are_small_enough_for_a_repository() -> None:
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 12_000_000


def test_the_pixels_stay_as_they_came(shipped: PictureEmbedder) -> None:
    picture = a_picture()
    before = picture.clone()

    batch = shipped.embed([picture])

    assert batch.pixels[0] is picture
    assert torch.equal(picture, before)
