"""min-dalle 0.4.11 (PyTorch) with our random weights, as a second measure of ours and of its own start token."""

from pathlib import Path

import torch
from min_dalle.models import DalleBartDecoder, DalleBartEncoder, VQGanDetokenizer
from torch import Tensor

from generator.dalle_mini.config import TransformerConfig
from generator.dalle_mini.min_dalle_reader import DECODER, DETOKENIZER, ENCODER

START_TOKEN = 16383  # what it feeds since August 2022; the released networks learnt 16384


class MinDalle:
    """Its two halves and its picture decoder, without the class that wants the network to start."""

    def __init__(self, config: TransformerConfig, folder: Path) -> None:
        """folder: its own files; it reads them leniently."""
        sizes = {"attention_head_count": config.encoder_attention_heads, "embed_count": config.d_model}
        self._config = config
        self._encoder = DalleBartEncoder(
            layer_count=config.encoder_layers,
            text_vocab_count=config.encoder_vocab_size,
            text_token_count=config.max_text_length,
            glu_embed_count=config.encoder_ffn_dim,
            device="cpu",
            **sizes,
        ).eval()
        self._decoder = DalleBartDecoder(
            image_vocab_count=config.image_vocab_size,
            glu_embed_count=config.decoder_ffn_dim,
            layer_count=config.decoder_layers,
            device="cpu",
            **sizes,
        ).eval()
        for network, file in ((self._encoder, ENCODER), (self._decoder, DECODER)):
            network.load_state_dict(torch.load(folder / file, weights_only=True), strict=False)
        self._painter = VQGanDetokenizer().eval()
        self._painter.load_state_dict(torch.load(folder / DETOKENIZER, weights_only=True))

    @torch.inference_mode()
    def encode(self, blank_and_prompt: Tensor) -> Tensor:
        """(2, max_text_length) ids, the blank prompt first, as it wants them -> states."""
        states: Tensor = self._encoder(blank_and_prompt)
        return states

    @torch.inference_mode()
    def most_likely(self, blank_and_prompt: Tensor, scale: float, start: int) -> Tensor:
        """Its cached decoding, top-1 -> (image_length,) codes."""
        length, width = self._config.image_length, self._config.d_model
        states = self.encode(blank_and_prompt)
        held = torch.zeros(self._config.decoder_layers, 4, length, width)
        mask = (blank_and_prompt != 1)[:, None, None, :]
        settings = torch.tensor([1.0, 1.0, scale])
        drawn = torch.full((1, length + 1), start)
        for position in range(length):
            drawn[:, position + 1], held = self._decoder.sample_tokens(
                settings=settings,
                attention_mask=mask,
                encoder_state=states,
                attention_state=held,
                prev_tokens=drawn[:, [position]],
                token_index=torch.tensor([position]),
            )
        return drawn[0, 1:]

    @torch.inference_mode()
    def paint(self, codes: Tensor) -> Tensor:
        """(1, 256) codes -> (256, 256, 3), 0 to 255, not rounded."""
        picture: Tensor = self._painter(is_seamless=False, z=codes)
        return picture
