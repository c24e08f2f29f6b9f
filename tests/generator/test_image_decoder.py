import torch
from torch import Tensor
from torch.nn import functional

from generator.dalle_mini.config import TransformerConfig
from generator.dalle_mini.image_decoder import EncodedText, Memory
from generator.dalle_mini.transformer import DalleMiniTransformer
from tests.generator.tiny import TRANSFORMER, transformer

IDS = torch.tensor([[0, 300, 301, 302, 2], [0, 400, 2, 1, 1]])
VISIBLE = IDS != 1


def random_codes(length: int) -> Tensor:
    codes = torch.randint(TRANSFORMER.image_vocab_size, (2, length), generator=torch.Generator().manual_seed(1))
    codes[:, 0] = TRANSFORMER.decoder_start_token_id
    return codes


def alone(network: DalleMiniTransformer, row: int) -> EncodedText:
    """The row's prompt, read without padding."""
    ids = IDS[row][VISIBLE[row]][None]
    return network.read(ids, torch.ones_like(ids, dtype=torch.bool))


def step_by_step(network: DalleMiniTransformer, codes: Tensor) -> Tensor:
    """Logits of both rows, each with its own prompt, the second row starting three steps later."""
    memory, drawn = Memory(TRANSFORMER, 2, torch.zeros(())), torch.zeros(*codes.shape, TRANSFORMER.image_vocab_size + 1)
    positions, late, length = torch.arange(codes.shape[1] + 3), 3, codes.shape[1]
    memory.start(0, alone(network, 0))
    for at in positions:
        if at == late:
            memory.start(1, alone(network, 1))
        rows = torch.tensor([0, 1])
        logits = network.decoder.step(codes[rows, memory.positions], memory.window(2, length, 16))
        drawn[rows, memory.positions] = logits
        memory.positions[:] = (memory.positions + 1).clamp(max=length - 1)
    return drawn


def test_drawing_step_by_step_gives_the_logits_of_the_whole_forward_pass() -> None:
    network, codes = transformer(), random_codes(TRANSFORMER.image_length)
    torch.testing.assert_close(step_by_step(network, codes), network(IDS, VISIBLE, codes), atol=1e-4, rtol=1e-4)


def test_a_code_sees_only_those_before_it() -> None:
    network, codes = transformer(), random_codes(8)
    other = codes.clone()
    other[:, 5:] = 7
    torch.testing.assert_close(network(IDS, VISIBLE, codes)[:, :5], network(IDS, VISIBLE, other)[:, :5])


def test_padding_changes_nothing() -> None:
    network, codes = transformer(), random_codes(8)
    padded = functional.pad(IDS, (0, 6), value=1)
    expected = network(IDS, VISIBLE, codes)
    torch.testing.assert_close(network(padded, padded != 1, codes), expected, atol=1e-4, rtol=1e-4)


def test_the_released_mini_has_its_published_size() -> None:
    config = TransformerConfig(
        d_model=1024,
        encoder_layers=12,
        decoder_layers=12,
        encoder_attention_heads=16,
        decoder_attention_heads=16,
        encoder_ffn_dim=2730,
        decoder_ffn_dim=2730,
        encoder_vocab_size=50264,
        image_vocab_size=16384,
    )
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in DalleMiniTransformer(config).parameters())
    assert round(parameters / 1e6, 1) == 437.8
