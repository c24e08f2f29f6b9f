"""A picture does not depend on its neighbours nor on when it came, however they come and go."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from generator.at_once import PartlyDrawn, draw_at_once
from generator.contract import GeneratedImage, GenerationFailed, PictureRequest
from generator.dalle_mini import layout
from generator.dalle_mini.code_board import CodeBoard
from generator.dalle_mini.config import DalleMiniConfig, TransformerConfig, VQGANConfig
from generator.dalle_mini.generator import DalleMini
from generator.dalle_mini.image_decoder import EncodedText
from generator.dalle_mini.layout import lay_out_transformer
from generator.dalle_mini.picture_board import PictureBoard
from generator.dalle_mini.sampling import SamplingSettings
from generator.dalle_mini.transformer import DalleMiniTransformer
from tests.generator import tiny

PROMPTS = ("a cat", "a firefighter and a very large dog on the moon, at night", "two red cars", "")
LENGTH = tiny.TRANSFORMER.image_length
POISON = 7  # a token that no prompt here has
NINE = [PictureRequest(PROMPTS[seed % 4], seed, "256x256") for seed in range(9)]


@pytest.fixture(scope="module", params=[3.0, 1.0], ids=["guided", "unguided"])
def drawer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DalleMini:
    return tiny.generator(tiny.write_folder(tmp_path_factory.mktemp("tiny")), condition_scale=request.param)


@pytest.fixture(scope="module")
def alone(drawer: DalleMini) -> list[Tensor]:
    """Each of the nine, drawn by itself."""
    return [draw_at_once(drawer, [request])[0].pixels for request in NINE]


def stepped(board: PictureBoard) -> dict[int, Tensor]:
    """The pictures finished by one step."""
    ends = board.step()
    return {number: image.pixels for number, image in ends.items() if isinstance(image, GeneratedImage)}


def finish(board: PictureBoard, drawn: dict[int, Tensor]) -> dict[int, Tensor]:
    """Step until the board is free."""
    for _ in range(2 * LENGTH):
        drawn |= stepped(board)
    return drawn


def test_nine_together_are_what_each_is_alone(drawer: DalleMini, alone: list[Tensor]) -> None:
    board = drawer.board()
    numbers = [board.enter(request) for request in NINE]
    drawn = finish(board, {})
    assert all(torch.equal(drawn[number], picture) for number, picture in zip(numbers, alone, strict=True))


@settings(max_examples=12)
@given(data=st.data())
def test_a_picture_is_the_same_whenever_it_comes_and_whoever_comes_and_goes(
    drawer: DalleMini, alone: list[Tensor], data: st.DataObject
) -> None:
    board, kept, drawn = drawer.board(), dict[int, int](), dict[int, Tensor]()
    for _ in range(data.draw(st.integers(1, 8))):
        for which in data.draw(st.lists(st.integers(0, 8), max_size=min(3, board.free))):
            kept[board.enter(NINE[which])] = which
        leaving = data.draw(st.sampled_from([None, *(kept.keys() - drawn.keys())]))
        if leaving is not None and data.draw(st.booleans()):
            board.leave(leaving)
            del kept[leaving]
        for _ in range(data.draw(st.integers(0, 9))):
            drawn |= stepped(board)
    finish(board, drawn)
    assert drawn.keys() == kept.keys()
    assert all(torch.equal(drawn[number], alone[which]) for number, which in kept.items())


def test_a_place_is_free_as_soon_as_a_picture_is_finished_or_leaves(drawer: DalleMini) -> None:
    board = drawer.board()
    first, second = (board.enter(request) for request in NINE[:2])
    assert board.free == 7
    board.leave(first)
    assert board.free == 8
    shares = [board.share(second)]
    while board.free < 9:
        shares += [board.share(second)] if not board.step() else [1.0]
    assert shares == [step / LENGTH for step in range(LENGTH + 1)]


def test_an_empty_board_may_step(drawer: DalleMini) -> None:
    assert drawer.board().step() == {}


def test_a_prompt_is_read_once_while_its_pictures_are_on_the_board(
    drawer: DalleMini, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    board, original = drawer.board(), DalleMiniTransformer.read

    def reading(network: DalleMiniTransformer, ids: Tensor, visible: Tensor) -> EncodedText:
        read.append(ids.shape[1])
        return original(network, ids, visible)

    monkeypatch.setattr(DalleMiniTransformer, "read", reading)
    for _ in range(3):
        board.enter(NINE[0])
        board.enter(NINE[4])
        board.step()
    assert len(read) == 1


def damaged(folder: Path) -> DalleMini:
    """One whose numbers are not finite for any text that has the first token of a prompt that begins with "a cat"."""
    drawer = tiny.generator(tiny.write_folder(folder), condition_scale=3.0)
    original = drawer._model.tokenizer.ids
    drawer._model.tokenizer.ids = lambda text: [POISON, *original(text)] if "cat" in text else original(text)  # type: ignore[method-assign]
    drawer._model.transformer.encoder.embedding.embed_tokens.weight[POISON] = torch.nan
    return drawer


def test_a_picture_whose_numbers_are_not_finite_fails_alone_and_leaves_nothing_behind(tmp_path: Path) -> None:
    sound = tiny.generator(tiny.write_folder(tmp_path / "sound"), condition_scale=3.0)
    requests = [request for request in NINE if "cat" not in request.prompt]
    board = damaged(tmp_path / "damaged").board()
    bad = board.enter(NINE[0])
    good = [board.enter(request) for request in requests[:2]]
    outcome = board.step()[bad]
    assert isinstance(outcome, GenerationFailed)
    good.append(board.enter(requests[2]))  # into the place that was damaged, or the one after
    drawn = finish(board, {})
    expected = draw_at_once(sound, requests[:3])
    assert all(torch.equal(drawn[number], image.pixels) for number, image in zip(good, expected, strict=True))


def test_a_prompt_that_cannot_be_read_fails_alone(drawer: DalleMini, monkeypatch: pytest.MonkeyPatch) -> None:
    def normalized(prompt: str) -> str:
        if "cat" in prompt:
            raise KeyError(prompt)
        return prompt

    monkeypatch.setattr(drawer, "normalized", normalized)
    monkeypatch.setattr(drawer, "_cleared", [])
    with pytest.raises(PartlyDrawn) as partly:
        draw_at_once(drawer, NINE[:3])
    assert [type(outcome) for outcome in partly.value.outcomes] == [GenerationFailed, GeneratedImage, GeneratedImage]


# The codes alone, in the forms that other devices need.


def codes_of(
    network: DalleMiniTransformer, fixed: bool, entering: list[tuple[int, int]], places: int = 5
) -> list[Tensor]:
    """The codes of pictures by (seed, the step at which it enters)."""
    board = CodeBoard(network.decoder, tiny.CONFIG, SamplingSettings(condition_scale=3.0), places, fixed)
    drawn: dict[int, Tensor] = {}
    with torch.inference_mode():
        texts = list(texts_of(network))
        for step in range(2 * LENGTH):
            for number, (seed, at) in enumerate(entering):
                if at == step:
                    board.enter(number, [texts[seed % 2], texts[2]], seed)
            drawn |= {number: codes for number, codes in board.step().items() if codes is not None}
    return [drawn[number] for number in range(len(entering))]


def texts_of(network: DalleMiniTransformer) -> Iterator[EncodedText]:
    for length in (5, 23, 2):
        ids = torch.arange(length)[None]
        yield network.read(ids, torch.ones_like(ids, dtype=torch.bool))


def same(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_steps_of_fixed_shape_as_a_cuda_graph_needs_them_draw_the_same_codes() -> None:
    network = tiny.transformer()
    entering = [(0, 0), (1, 0), (2, 5), (3, 7), (4, 7)]
    assert same(codes_of(network, True, entering), codes_of(network, False, entering))


def test_a_fixed_board_whose_empty_places_went_round_draws_as_a_new_one() -> None:
    network = tiny.transformer()
    assert same(codes_of(network, True, [(7, 0), (8, 15)], 2)[1:], codes_of(network, True, [(8, 0)], 2))


def test_who_leaves_far_into_a_long_drawing_leaves_nothing_behind() -> None:
    config = DalleMiniConfig(
        TransformerConfig.from_keys(tiny.TRANSFORMER_KEYS | {"image_length": 64}),
        VQGANConfig.from_keys(tiny.VQGAN_KEYS | {"resolution": 32}),
    )
    network = DalleMiniTransformer(config.transformer)
    tiny.randomise(network, 0)
    drawn: list[Tensor | None] = []
    for before in ([], [5, 6, 7]):
        board = CodeBoard(network.decoder, config, SamplingSettings(condition_scale=3.0), 3, fixed=False)
        with torch.inference_mode():
            texts = list(texts_of(network))
        for number in before:
            board.enter(number, [texts[1], texts[2]], number)
        for _ in range(40 if before else 0):
            board.step()
        for number in before:
            board.leave(number)
        board.enter(0, [texts[0], texts[2]], 0)
        drawn.append([board.step() for _ in range(64)][-1][0])
    first, second = drawn
    assert first is not None
    assert second is not None
    assert torch.equal(first, second)


@pytest.mark.parametrize("half", [True, False])
def test_with_packed_weights_a_picture_is_still_the_same_among_others(
    half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "PACKED_FROM", 1)
    network = tiny.transformer()
    lay_out_transformer(network, torch.device("cpu"), half)
    assert isinstance(network.decoder.lm_head, layout.PackedLinear)
    together = codes_of(network, False, [(seed, seed % 3) for seed in range(5)])
    assert same(together, [codes_of(network, False, [(seed, 0)])[0] for seed in range(5)])
