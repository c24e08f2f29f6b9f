import torch

from generator.dalle_mini.config import VQGANConfig
from generator.dalle_mini.vqgan import VQGANDecoder
from tests.generator.tiny import VQGAN, vqgan


def test_codes_become_8_bit_pictures_of_the_configured_size() -> None:
    pictures = vqgan()(torch.arange(32).reshape(2, 16))
    assert pictures.shape == (2, 3, 16, 16)
    assert pictures.dtype == torch.uint8


def test_pixels_are_clipped_and_truncated_not_rounded() -> None:
    decoder = vqgan()
    codes = torch.arange(16)[None]
    raw = decoder.decode_latent(decoder.codebook(codes).reshape(1, 4, 4, 4).permute(0, 3, 1, 2))
    expected = (raw.clamp(0, 1) * 255).floor().to(torch.uint8)
    assert torch.equal(decoder(codes), expected)


def test_a_picture_does_not_depend_on_its_neighbours() -> None:
    decoder = vqgan()
    codes = torch.randint(VQGAN.n_embed, (3, 16))
    torch.testing.assert_close(decoder(codes)[1:2], decoder(codes[1:2]), atol=1, rtol=0)


def test_the_released_decoder_has_its_published_size() -> None:
    with torch.device("meta"):
        decoder = VQGANDecoder(VQGANConfig())
    parameters = sum(parameter.numel() for parameter in decoder.parameters())
    assert round(parameters / 1e6, 2) == 46.71


def test_tensor_names_are_tamings() -> None:
    with torch.device("meta"):
        names = VQGANDecoder(VQGANConfig()).state_dict().keys()
    assert {
        "codebook.weight",
        "post_quant_conv.weight",
        "decoder.mid.attn_1.proj_out.weight",
        "decoder.up.4.attn.2.q.weight",
        "decoder.up.3.block.0.nin_shortcut.weight",
        "decoder.up.1.upsample.conv.weight",
        "decoder.norm_out.bias",
    } <= names
