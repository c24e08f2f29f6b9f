"""What a diffusers pipeline must be like, how it is recognised, and what it never does: run foreign code, or tell."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from generator import diffusers_pipeline as module
from generator.at_once import draw_at_once
from generator.contract import GenerationCancelled, GenerationFailed, GeneratorUnusable, PictureRequest
from generator.diffusers_pipeline import DiffusersPipeline
from policies.identity import IntegrityFailure, write_manifest
from tests.generator.tiny_pipelines import PIPELINES, write_pipeline

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")

SIZE = "32x32"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every tiny pipeline, each in a folder of its own name."""
    folder = tmp_path_factory.mktemp("pipelines")
    for name in PIPELINES:
        write_pipeline(name, folder / name)
    return folder


@pytest.fixture
def folder(folders: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(folders / "stable-diffusion", tmp_path / "sd"))


def edit(folder: Path, **keys: Any) -> Path:
    index = folder / "model_index.json"
    index.write_text(json.dumps({k: v for k, v in (json.loads(index.read_text()) | keys).items() if v is not None}))
    return folder


def asked(*seeds: int, prompt: str = "a cat") -> list[PictureRequest]:
    return [PictureRequest(prompt, seed, SIZE) for seed in seeds]


@pytest.mark.parametrize("name", [name for name in PIPELINES if name != "flux"])
def test_the_size_that_the_network_was_made_for_is_the_default(name: str, folders: Path) -> None:
    assert DiffusersPipeline(str(folders / name)).sizes == (SIZE,)


@pytest.mark.parametrize("name", list(PIPELINES))
def test_cancelling_stops_every_pipeline_within_one_step(name: str, folders: Path) -> None:
    generator = DiffusersPipeline(str(folders / name), sizes=(SIZE,), arguments={"num_inference_steps": 6})
    shares: list[float] = []
    with pytest.raises(GenerationCancelled):
        draw_at_once(generator, asked(1), shares.append, lambda: len(shares) == 2)
    assert shares == pytest.approx([1 / 6, 2 / 6])


def test_arguments_change_the_picture(folder: Path) -> None:
    def pixels(steps: int, guidance: float) -> torch.Tensor:
        arguments = {"num_inference_steps": steps, "guidance_scale": guidance}
        (image,) = draw_at_once(DiffusersPipeline(str(folder), arguments=arguments), asked(1))
        return image.pixels

    assert not torch.equal(pixels(1, 0.0), pixels(2, 0.0))
    assert not torch.equal(pixels(2, 0.0), pixels(2, 9.0))


def test_a_safety_checker_that_comes_along_is_neither_needed_nor_loaded(folder: Path) -> None:
    checked = edit(
        folder, safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"], requires_safety_checker=True
    )
    generator = DiffusersPipeline(str(checked), arguments={"num_inference_steps": 1})
    assert len(draw_at_once(generator, asked(1))) == 1


def test_one_changed_byte_of_a_weight_is_another_model(folder: Path) -> None:
    before = DiffusersPipeline(str(folder)).identity
    weights = next((folder / "unet").glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    after = DiffusersPipeline(str(folder)).identity
    assert before.name == after.name == "sd"
    assert before.sha256 != after.sha256


def test_a_manifest_is_obeyed(folder: Path) -> None:
    write_manifest(folder, "ours")
    assert DiffusersPipeline(str(folder)).identity.name == "ours"
    edit(folder, edited=["diffusers", "x"])
    with pytest.raises(IntegrityFailure, match=r"model_index\.json"):
        DiffusersPipeline(str(folder))


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"_class_name": "NoSuchPipeline"}, "NoSuchPipeline, which diffusers"),
        ({"_class_name": ["pipeline", "Mine"]}, "does not have"),
        ({"_class_name": None}, "does not have"),
        ({"_class_name": "StableDiffusionImg2ImgPipeline"}, "from text alone"),
        ({"_class_name": "StableDiffusionInpaintPipeline"}, "from text alone"),
        ({"_class_name": "TextToVideoSDPipeline"}, "from text alone"),
        ({"_class_name": "DDPMPipeline"}, "from text alone"),
        ({"_class_name": "AutoencoderKL"}, "from text alone"),
    ],
)
def test_what_is_no_text_to_image_pipeline_is_refused_by_name(folder: Path, keys: dict[str, Any], says: str) -> None:
    with pytest.raises(GeneratorUnusable, match=says):
        DiffusersPipeline(str(edit(folder, **keys)))


def test_pickled_weights_are_not_loaded(folder: Path) -> None:
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(OSError, match="safetensors"):
        DiffusersPipeline(str(folder))


def test_code_that_comes_along_is_not_run(folder: Path) -> None:
    ran = folder / "ran"
    (folder / "unet" / "mine.py").write_text(f"open({str(ran)!r}, 'w')\nclass Mine: pass\n")
    with pytest.raises(Exception, match=r"mine|Mine"):
        DiffusersPipeline(str(edit(folder, unet=["mine", "Mine"])))
    assert not ran.exists()


def test_a_folder_that_is_none_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(GeneratorUnusable, match=r"no model_index\.json"):
        DiffusersPipeline(str(tmp_path))
    with pytest.raises(GeneratorUnusable, match="neither a folder nor a hub id"):
        DiffusersPipeline(str(tmp_path / "a" / "b"))


def test_a_hub_id_that_cannot_be_fetched_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(GeneratorUnusable, match="nobody/nothing is no folder here, and could not be fetched"):
        DiffusersPipeline("nobody/nothing")


@pytest.mark.parametrize("name", ["quality", "num_images_per_prompt", "prompt", "generator", "output_type"])
def test_an_argument_that_is_unknown_or_ours_is_named(name: str, folder: Path) -> None:
    with pytest.raises(GeneratorUnusable, match=f"StableDiffusionPipeline has no {name} to set"):
        DiffusersPipeline(str(folder), arguments={name: 2})


class Drawn:
    def __init__(self, images: torch.Tensor) -> None:
        self.images = images


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.full((1, 3, 32, 32), float("nan")), "not finite"),
        (torch.full((1, 3, 32, 32), float("inf")), "not finite"),
        (torch.zeros(1, 3, 32, 64), "not 32x32"),
        (torch.zeros(1, 1, 32, 32), "not 32x32"),
    ],
)
def test_a_picture_that_is_none_is_a_failure(
    images: torch.Tensor, says: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = DiffusersPipeline(str(folder))
    monkeypatch.setattr(generator, "_pipeline", lambda **_: Drawn(images))
    monkeypatch.setattr(generator, "_listening", lambda _: {})
    with pytest.raises(GenerationFailed, match=says):
        draw_at_once(generator, asked(1))


def test_out_of_memory_is_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = DiffusersPipeline(str(folder))

    def out_of_memory(**_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(generator, "_pipeline", out_of_memory)
    monkeypatch.setattr(generator, "_listening", lambda _: {})
    with pytest.raises(GenerationFailed, match="out of memory"):
        draw_at_once(generator, asked(1))


@pytest.mark.parametrize("name", list(PIPELINES))
def test_no_prompt_is_written_anywhere(
    name: str, folders: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    generator = DiffusersPipeline(str(folders / name), sizes=(SIZE,), arguments={"num_inference_steps": 1})
    canary = "canarywords and far more than the encoder can read"
    draw_at_once(generator, asked(1, prompt=canary))
    assert not any(
        word in text for word in ("canary", "encoder can read") for text in (caplog.text, *capfd.readouterr())
    )


@pytest.mark.parametrize(("cuda", "bfloat", "found"), [
    (False, False, ("cpu", torch.float32)),
    (True, True, ("cuda", torch.bfloat16)),
    (True, False, ("cuda", torch.float16)),
])  # fmt: skip
def test_precision_follows_from_what_the_machine_can(
    cuda: bool, bfloat: bool, found: tuple[str, torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bfloat)
    assert module._capability() == found
