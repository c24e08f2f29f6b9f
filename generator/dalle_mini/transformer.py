"""Both halves of DALL-E Mini's transformer as one set of weights."""

from torch import Tensor, nn

from generator.dalle_mini.config import TransformerConfig
from generator.dalle_mini.image_decoder import EncodedText, ImageDecoder
from generator.dalle_mini.text_encoder import TextEncoder


class DalleMiniTransformer(nn.Module):
    """Both halves, text ids in, logits of picture codes out."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.encoder = TextEncoder(config)
        self.decoder = ImageDecoder(config)

    def read(self, ids: Tensor, visible: Tensor) -> EncodedText:
        """Encode prompts once: (n, length) ids and their mask."""
        return self.decoder.read(self.encoder(ids, visible), visible)

    def forward(self, ids: Tensor, visible: Tensor, codes: Tensor) -> Tensor:
        """Teacher-forced logits (n, codes, image_vocab_size + 1); codes start with the start token."""
        logits: Tensor = self.decoder(codes, self.read(ids, visible))
        return logits
