from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generator.dalle_mini.sampling import SamplingSettings, choose, guide, random_stream

LOGITS = torch.tensor([[0.0, 3.0, 1.0, 2.0]])


def chosen(settings: SamplingSettings, uniforms: list[float]) -> set[int]:
    rows = LOGITS.repeat(len(uniforms), 1)
    return set(choose(rows, torch.tensor(uniforms, dtype=torch.float64), settings).tolist())


EVERYWHERE = [number / 100 for number in range(100)]


def test_top_k_1_always_takes_the_best() -> None:
    assert chosen(SamplingSettings(top_k=1), EVERYWHERE) == {1}


def test_top_k_keeps_the_k_best() -> None:
    assert chosen(SamplingSettings(top_k=2), EVERYWHERE) == {1, 3}


def test_top_k_beyond_the_vocabulary_keeps_all() -> None:
    assert chosen(SamplingSettings(top_k=99), EVERYWHERE) == {0, 1, 2, 3}


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    shares = LOGITS[0].softmax(0)
    assert chosen(SamplingSettings(top_p=float(shares[1]) + 0.01), EVERYWHERE) == {1, 3}


def test_a_tiny_top_p_still_keeps_the_best() -> None:
    assert chosen(SamplingSettings(top_p=1e-9), EVERYWHERE) == {1}


def test_a_low_temperature_takes_the_best() -> None:
    assert chosen(SamplingSettings(temperature=0.001), EVERYWHERE) == {1}


@given(st.floats(0, 1, exclude_max=True))
def test_an_impossible_id_is_never_chosen(uniform: float) -> None:
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]])
    number = choose(logits, torch.tensor([uniform], dtype=torch.float64), SamplingSettings())
    assert number.item() in (1, 3)


def test_choices_follow_the_distribution() -> None:
    uniforms = torch.rand(4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    numbers = choose(LOGITS.repeat(4000, 1), uniforms, SamplingSettings())
    shares = torch.bincount(numbers, minlength=4) / 4000
    torch.testing.assert_close(shares, LOGITS[0].softmax(0), atol=0.03, rtol=0)


def test_guidance_moves_each_picture_away_from_its_blank_prompt() -> None:
    logits = torch.tensor([[1.0, 2.0], [0.0, 4.0], [5.0, 1.0], [5.0, 0.0]])
    assert torch.equal(guide(logits, 10.0), torch.tensor([[10.0, -16.0], [5.0, 10.0]]))


def test_without_guidance_there_is_no_blank_prompt() -> None:
    assert guide(LOGITS, 1.0) is LOGITS


def test_a_stream_depends_on_its_seed_alone() -> None:
    assert torch.equal(random_stream(6, 16), random_stream(6, 16))
    assert not torch.equal(random_stream(5, 16), random_stream(6, 16))


def test_the_largest_seed_has_a_stream() -> None:
    assert random_stream(2**63 - 1, 4).isfinite().all()


@pytest.mark.parametrize(
    "values",
    [
        {"condition_scale": 0.5},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"top_k": 0},
        {"top_p": 1.5},
    ],
)
def test_settings_without_meaning_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        SamplingSettings(**values)
