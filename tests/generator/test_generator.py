from pathlib import Path

import pytest
import torch
from torch import Tensor

from generator.at_once import draw_at_once
from generator.contract import MAX_SEED, GenerationCancelled, GenerationFailed, PictureRequest
from generator.dalle_mini.generator import DalleMini
from generator.dalle_mini.vqgan import VQGANDecoder
from tests.generator import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def drawer(folder: Path) -> DalleMini:
    return tiny.generator(folder, condition_scale=3.0)


def asked(*seeds: int, prompt: str = "a cat on the moon", size: str = "256x256") -> list[PictureRequest]:
    return [PictureRequest(prompt, seed, size) for seed in seeds]


def draw(drawer: DalleMini, requests: list[PictureRequest]) -> list[Tensor]:
    return [image.pixels for image in draw_at_once(drawer, requests)]


def same(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_grid_of_nine_is_nine_single_drawings(drawer: DalleMini) -> None:
    requests = [PictureRequest(f"prompt {seed % 4}", seed, "256x256") for seed in range(9)]
    singles = [draw(drawer, [request])[0] for request in requests]
    assert same(draw(drawer, requests), singles)


def test_the_same_seed_gives_the_same_picture_and_another_one_another(drawer: DalleMini) -> None:
    first, second = draw(drawer, asked(1)), draw(drawer, asked(2))
    assert same(draw(drawer, asked(1)), first)
    assert not same(first, second)


def test_the_prompt_changes_the_picture(drawer: DalleMini) -> None:
    assert not same(draw(drawer, asked(1)), draw(drawer, asked(1, prompt="two red cars")))


def test_the_largest_seed_draws(drawer: DalleMini) -> None:
    assert len(draw(drawer, asked(0, MAX_SEED))) == 2


@pytest.mark.parametrize("prompt", ["", " ", "x" * 5000, "🖤 猫", "\x00", "<person>" * 99])
def test_any_prompt_draws(drawer: DalleMini, prompt: str) -> None:
    assert len(draw(drawer, asked(0, prompt=prompt))) == 1


def test_every_size_is_what_it_says(drawer: DalleMini) -> None:
    for size in drawer.sizes:
        width, height = map(int, size.split("x"))
        assert draw(drawer, asked(0, size=size))[0].shape == (3, height, width)


def test_pictures_come_in_the_order_asked(drawer: DalleMini) -> None:
    images = draw_at_once(drawer, asked(5, 3, 4))
    assert [image.seed for image in images] == [5, 3, 4]


def test_nothing_asked_nothing_drawn(drawer: DalleMini) -> None:
    assert draw(drawer, []) == []


def test_progress_rises_to_one(drawer: DalleMini) -> None:
    shares: list[float] = []
    draw_at_once(drawer, asked(0), shares.append)
    assert shares == [step / 16 for step in range(1, 17)]


def test_a_cancelled_drawing_stops_within_one_step(drawer: DalleMini) -> None:
    shares: list[float] = []
    with pytest.raises(GenerationCancelled):
        draw_at_once(drawer, asked(0), shares.append, lambda: len(shares) == 3)
    assert len(shares) == 3


def test_a_drawing_after_a_cancelled_or_failed_one_is_as_ever(
    drawer: DalleMini, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = draw(drawer, asked(1, 2))
    shares: list[float] = []
    with pytest.raises(GenerationCancelled):
        draw_at_once(drawer, asked(3, 4, 5), shares.append, lambda: len(shares) > 2)
    with monkeypatch.context() as patch:
        patch.setattr(VQGANDecoder, "forward", lambda *_: torch.zeros(2).view(3))
        with pytest.raises(GenerationFailed):
            draw(drawer, asked(6))
    assert same(draw(drawer, asked(1, 2)), first)


def test_progress_of_a_grid_that_becomes_pixels_in_several_steps_ends_at_one(drawer: DalleMini) -> None:
    shares: list[float] = []
    draw_at_once(drawer, asked(*range(9)), shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize(
    "requests",
    [asked(0, size="64x64"), asked(0, size="big"), asked(-1), asked(MAX_SEED + 1)],
)
def test_what_must_not_be_asked_is_refused(drawer: DalleMini, requests: list[PictureRequest]) -> None:
    with pytest.raises(ValueError, match=r"size|seed"):
        draw(drawer, requests)


@pytest.mark.parametrize("damage", [float("nan"), float("inf")])
def test_damaged_weights_fail_instead_of_drawing(tmp_path: Path, damage: float) -> None:
    network = tiny.transformer()
    network.decoder.lm_head.weight.data[3, 3] = damage
    drawer = tiny.generator(tiny.write_folder(tmp_path, network))
    with pytest.raises(GenerationFailed, match="not finite"):
        draw(drawer, asked(0))


def test_a_failing_network_is_a_failed_generation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawer = tiny.generator(folder)

    def out_of_memory(*_: object) -> None:
        raise RuntimeError("not enough memory")

    monkeypatch.setattr(VQGANDecoder, "forward", out_of_memory)
    with pytest.raises(GenerationFailed, match="not enough memory"):
        draw(drawer, asked(0))


def test_without_guidance_no_blank_prompt_is_read(folder: Path) -> None:
    assert len(draw(tiny.generator(folder, condition_scale=1.0), asked(0, 1))) == 2


def test_ids_without_a_code_are_never_drawn(tmp_path: Path) -> None:
    network = tiny.transformer()
    network.decoder.lm_head.weight.data[tiny.VQGAN.n_embed :] *= 1000
    drawer = tiny.generator(tiny.write_folder(tmp_path, network), condition_scale=1.0)
    assert len(draw(drawer, asked(*range(9)))) == 9


def test_the_text_read_is_the_normalised_prompt(drawer: DalleMini) -> None:
    assert drawer.normalized("A CAT!") == " a cat"


def test_hashtags_are_split_when_the_folder_has_a_word_list(tmp_path: Path) -> None:
    tiny.write_folder(tmp_path)
    (tmp_path / "enwiki-words-frequency.txt").write_text("dog 9\non 8\nmoon 7\n")
    assert tiny.generator(tmp_path).normalized("#dogonmoon") == " dog on moon"
