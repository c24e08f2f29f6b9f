"""Train dalle-nano's transformer: `python -m generator.training.train_transformer --seconds 4000`.

First the text encoder alone learns to name what a caption speaks of, then everything learns the codes.
Stopped and started again with --resume it goes on where it was; with --start FOLDER it goes on from published
weights. Under `torchrun --nproc-per-node 2 -m ...`
the processes share each step: on a busy machine two of one thread are faster than one of two threads.
"""

import argparse
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from generator.dalle_mini.config import TransformerConfig
from generator.dalle_mini.tokenizer import TextTokenizer
from generator.dalle_mini.transformer import DalleMiniTransformer
from generator.dalle_mini.weights import load_transformer
from generator.training.artwork import NOTO, Artwork, fetch
from generator.training.captions import Captioner
from generator.training.compositions import may_be_learnt
from generator.training.concepts import load_concepts
from generator.training.patch_codes import CODES, CODES_FILE, encode, load_codes, pictures
from generator.training.scenes import WEIGHTS, Scene, SceneMaker
from generator.training.text_objective import TextObjective, text_targets
from generator.training.train_decoder import track_mean

CONFIG = TransformerConfig(
    d_model=256,
    encoder_layers=2,
    decoder_layers=4,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    encoder_ffn_dim=512,
    decoder_ffn_dim=512,
    encoder_vocab_size=1536,
    image_vocab_size=CODES,
    max_text_length=64,
    image_length=144,
)
SCENES = 14_000  # per process
BATCH = 32  # per process
BLANK_SHARE = 0.1
TEXT_RATE = 2e-3
MUON_RATE = 0.02
ADAM_RATE = 3e-3
TEXT_SIDE = 0.2  # share of the rates that the text encoder gets once it is trained
OBJECTIVE_WEIGHT = 0.1
WARM_UP = 60  # steps
COOL_DOWN = 0.4  # share of the time in which the rates fall to zero
EMA = 0.995


def rank() -> int:
    """Which of the processes this is."""
    return distributed.get_rank() if distributed.is_initialized() else 0


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """ids, visible: (n, text); codes: (n, 144); targets: (n, 4)."""

    ids: Tensor
    visible: Tensor
    codes: Tensor
    targets: Tensor


class Scenes:
    """A pool of scenes as codes, with fresh captions each time."""

    def __init__(self, args: argparse.Namespace) -> None:
        concepts = load_concepts()
        self.concepts = len(concepts)
        maker = SceneMaker(concepts, args.seed + rank(), args.mix)
        shown = (scene for scene in iter(maker.any, None) if may_be_learnt(scene))
        self._scenes = list(itertools.islice(shown, args.scenes))
        self._targets = text_targets(self._scenes, self.concepts)
        self._captioner = Captioner(args.seed + int(time.time()) + rank())
        self._tokenizer = TextTokenizer(args.tokenizer, CONFIG.max_text_length)
        self._codes = torch.zeros(args.scenes, CONFIG.image_length, dtype=torch.int16)

    def encode(self, centres: Tensor, artwork: Artwork) -> None:
        """Turn every scene into codes, once."""
        for start in range(0, len(self._scenes), 256):
            drawn = pictures(self._scenes[start : start + 256], artwork)
            self._codes[start : start + 256] = encode(drawn, centres).to(torch.int16)

    def _captions(self, scenes: list[Scene]) -> tuple[Tensor, Tensor]:
        blank = torch.rand(len(scenes)) < BLANK_SHARE
        texts = ["" if empty else self._captioner(scene) for scene, empty in zip(scenes, blank, strict=True)]
        return self._tokenizer.batch(texts)

    def batches(self, size: int) -> Iterator[Batch]:
        """Without end."""
        while True:
            index = torch.randint(len(self._scenes), (size,))
            ids, visible = self._captions([self._scenes[number] for number in index.tolist()])
            yield Batch(ids, visible, self._codes[index].long(), self._targets[index])


def initialise(model: DalleMiniTransformer) -> None:
    """Small normal weights, as in the original (init_std 0.02)."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)


def shifted(codes: Tensor) -> Tensor:
    """Decoder input: the codes one later, the start token first."""
    start = torch.full_like(codes[:, :1], CONFIG.decoder_start_token_id)
    return torch.cat([start, codes[:, :-1]], 1)


def share_step(parameters: Sequence[Tensor], seconds: float) -> float:
    """Average the gradients of all processes, in place, and their clocks: all get the same learning rate."""
    if not distributed.is_initialized():
        return seconds
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([torch.tensor([seconds]), *(gradient.flatten() for gradient in gradients)])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    parts = torch.split(flat[1:], [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
    return float(flat[0])


class Trainee:
    """The model, its aid, its running mean, and two optimizers: Muon for hidden matrices, AdamW elsewhere."""

    def __init__(self, concepts: int, rate_scale: float) -> None:
        self._rate_scale = rate_scale
        self.model, self.mean = DalleMiniTransformer(CONFIG), DalleMiniTransformer(CONFIG)
        initialise(self.model)
        self.mean.load_state_dict(self.model.state_dict())
        self.objective = TextObjective(CONFIG.d_model, concepts)
        self.step = 0
        self.seconds = 0.0
        self.optimizers = self._optimizers()

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        muon: dict[bool, list[Tensor]] = {True: [], False: []}
        adam: dict[bool, list[Tensor]] = {True: list(self.objective.parameters()), False: []}
        for name, parameter in self.model.named_parameters():
            hidden = parameter.ndim == 2 and "embed" not in name and "lm_head" not in name
            (muon if hidden else adam)[name.startswith("encoder.")].append(parameter)
        return [
            torch.optim.Muon(
                [{"params": muon[text], "text": text, "peak": MUON_RATE} for text in (True, False)],
                lr=MUON_RATE,
                weight_decay=0.0,
            ),
            torch.optim.AdamW(
                [{"params": adam[text], "text": text, "peak": ADAM_RATE} for text in (True, False)],
                lr=ADAM_RATE,
                betas=(0.9, 0.95),
                weight_decay=0.0,
            ),
        ]

    def set_rates(self, share: float) -> None:
        """share: 0..1 of the time used."""
        factor = min(1.0, (self.step + 1) / WARM_UP, max(0.0, 1 - share) / COOL_DOWN)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._rate_scale * group["peak"] * factor * (TEXT_SIDE if group["text"] else 1.0)

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the codes, and of naming the caption."""
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            states = self.model.encoder(batch.ids, batch.visible)
            logits = self.model.decoder(shifted(batch.codes), self.model.decoder.read(states, batch.visible))
        codes = functional.cross_entropy(logits.flatten(0, 1).float(), batch.codes.flatten())
        return codes, self.objective(states, batch.visible, batch.targets)

    def start_from(self, folder: Path) -> None:
        """Published weights; the optimizers and the aid begin anew. Raises CheckpointInvalid."""
        state = load_transformer(folder, CONFIG).state_dict()
        self.model.load_state_dict(state)
        self.mean.load_state_dict(state)

    def learn(self, batch: Batch, seconds: float, budget: float) -> float:
        """One step, this many seconds into the budget; the loss of the codes."""
        codes, naming = self.loss(batch)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(codes + OBJECTIVE_WEIGHT * naming)
        parameters = [*self.model.parameters(), *self.objective.parameters()]
        self.seconds = share_step(parameters, seconds)
        self.set_rates(self.seconds / budget)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        track_mean(self.mean, self.model, min(EMA, (1 + self.step) / (10 + self.step)))
        return codes.item()

    def save(self, path: Path) -> None:
        """Everything needed to go on."""
        state = {
            "model": self.model.state_dict(),
            "mean": self.mean.state_dict(),
            "objective": self.objective.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
        }
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def load(self, path: Path) -> None:
        """Go on from save()."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.mean.load_state_dict(state["mean"])
        self.objective.load_state_dict(state["objective"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.step, self.seconds = state["step"], state["seconds"]


def train_text(trainee: Trainee, scenes: Scenes, seconds: float, heads_alone: bool) -> None:
    """The text encoder and its aid; heads_alone: the encoder stays as it is."""
    model, objective = trainee.model.encoder, trainee.objective
    parameters = [*([] if heads_alone else model.parameters()), *objective.parameters()]
    optimizer = torch.optim.AdamW(parameters, TEXT_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    start = time.monotonic()
    for step, batch in enumerate(scenes.batches(128)):
        used = (time.monotonic() - start) / seconds
        optimizer.param_groups[0]["lr"] = TEXT_RATE * min(1.0, (step + 1) / 50, max(0.0, 2 - 2 * used))
        states = model(batch.ids, batch.visible)
        loss = objective(states, batch.visible, batch.targets)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        if step % 100 == 0 or used >= 1:
            right = objective.accuracy(states, batch.visible, batch.targets)
            print(f"text {step} {loss.item():.3f} " + " ".join(f"{share:.2f}" for share in right), flush=True)
        if used >= 1:
            return


def train_codes(trainee: Trainee, scenes: Scenes, args: argparse.Namespace) -> None:
    """Everything, until args.seconds in all are used."""
    before, start, losses = trainee.seconds, time.monotonic(), []
    for batch in scenes.batches(BATCH):
        losses.append(trainee.learn(batch, before + time.monotonic() - start, args.seconds))
        done = trainee.seconds >= args.seconds
        if rank() == 0 and (done or trainee.step % 50 == 0):
            print(
                f"{trainee.step} {trainee.seconds:.0f}s cpu {time.process_time():.0f}s "
                f"loss {sum(losses) / len(losses):.4f}",
                flush=True,
            )
            losses.clear()
            trainee.save(args.out)
        if done:
            return


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4000, help="wall clock for the codes, over all sittings")
    parser.add_argument("--text-seconds", type=float, default=150)
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--artwork", type=Path, default=Path(".training/artwork"))
    parser.add_argument("--codes", type=Path, default=CODES_FILE)
    parser.add_argument("--tokenizer", type=Path, default=Path("generator/dalle_mini/nano/tokenizer.json"))
    parser.add_argument("--out", type=Path, default=Path(".training/transformer.pt"))
    parser.add_argument("--resume", action="store_true", help="go on from --out")
    parser.add_argument("--start", type=Path, help="a folder of published weights to go on from")
    parser.add_argument("--mix", type=int, nargs=5, default=WEIGHTS, help="how often each kind of scene")
    parser.add_argument("--rate-scale", type=float, default=1.0)
    args = parser.parse_args()
    if "WORLD_SIZE" in os.environ:
        distributed.init_process_group("gloo")
    torch.manual_seed(args.seed)
    scenes = Scenes(args)
    trainee = Trainee(scenes.concepts, args.rate_scale)
    if args.resume:
        trainee.load(args.out)
        torch.manual_seed(args.seed + trainee.step * 100 + rank())
    else:
        if args.start:
            trainee.start_from(args.start)
        train_text(trainee, scenes, args.text_seconds, heads_alone=args.start is not None)
        trainee.mean.load_state_dict(trainee.model.state_dict())
        trainee.save(args.out)
    if args.seconds > 0:
        scenes.encode(load_codes(args.codes), Artwork(fetch(NOTO, args.artwork)))
        train_codes(trainee, scenes, args)


if __name__ == "__main__":
    main()
