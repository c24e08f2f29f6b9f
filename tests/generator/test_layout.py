"""Laying a network out for drawing changes how fast it is, not what it computes."""

import pytest
import torch

from generator.dalle_mini import layout
from generator.dalle_mini.image_decoder import EncodedText
from generator.dalle_mini.layout import half_pays, lay_out_transformer, lay_out_vqgan
from tests.generator import tiny

CPU = torch.device("cpu")
IDS = torch.tensor([[0, 300, 301, 302, 2], [0, 400, 7, 9, 2]])
CODES = torch.randint(48, (2, 16), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("packed", [False, True])
def test_joined_and_packed_products_give_the_same_logits(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if packed:
        monkeypatch.setattr(layout, "PACKED_FROM", 1)
    plain, laid_out = tiny.transformer(), tiny.transformer()
    lay_out_transformer(laid_out, CPU, half=False)
    visible = torch.ones_like(IDS, dtype=torch.bool)
    torch.testing.assert_close(laid_out(IDS, visible, CODES), plain(IDS, visible, CODES), atol=1e-5, rtol=1e-5)
    assert not any("q_proj" in name for name in laid_out.state_dict() if "self_attn" in name)
    assert isinstance(laid_out.decoder.lm_head, layout.PackedLinear) is packed


def test_half_precision_gives_nearly_the_same_logits_in_full_precision() -> None:
    plain, laid_out = tiny.transformer(), tiny.transformer()
    lay_out_transformer(laid_out, CPU, half=True)
    visible = torch.ones_like(IDS, dtype=torch.bool)
    logits, expected = laid_out(IDS, visible, CODES), plain(IDS, visible, CODES)
    assert logits.dtype == torch.float32
    assert (logits - expected).abs().mean() < 0.03 * expected.abs().mean()
    assert isinstance(laid_out.read(IDS, visible), EncodedText)


@pytest.mark.parametrize("half", [False, True])
def test_a_laid_out_vqgan_gives_nearly_the_same_pixels(half: bool) -> None:
    plain, laid_out = tiny.vqgan(), tiny.vqgan()
    lay_out_vqgan(laid_out, CPU, half)
    difference = (laid_out(CODES).int() - plain(CODES).int()).abs().float()
    assert difference.mean() < (2 if half else 0.01)


def test_half_precision_is_for_gpus_and_for_wide_networks_on_processors_that_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert half_pays(torch.device("cuda"), 32)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    for has_it in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has_it=has_it: has_it)
        assert half_pays(CPU, 1024) is has_it
        assert not half_pays(CPU, 256)
