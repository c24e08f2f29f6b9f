"""Train clip-nano's tokenizer and text tower to say what the sentence encoder says; write the model folder.

    python -m safety.training.clip_nano_text --prompts FOLDER --out safety/weights/clip-nano

--prompts is a folder of *.csv.gz with a `text` column, read for its words only. --begin-with goes on from the text
tower and the tokenizer of a clip-nano; with --steps 0 they stay what they are, as they may when the picture tower was
trained with the same --begin-with and so in the same space.
"""

import argparse
import csv
import gzip
import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import open_clip
import torch
from open_clip.model import CLIP
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor
from torch.nn import functional

from safety.concept_banks import load_banks
from safety.training.clip_nano import (
    DIMENSIONS,
    FINISHED,
    GENDER_PHRASES,
    MEAN,
    MEDIUM_PHRASES,
    STD,
    VISION,
    PictureTower,
    TextSpace,
    concept_phrases,
    load_photographs,
    photograph_phrases,
)
from safety.training.emoji_artwork import load_concepts
from safety.training.picture_labels import tone_phrases
from safety.training.sentence_targets import embed_sentences

VOCABULARY = 6000
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
CONTEXT = 32
LONGEST_TAUGHT = 24  # tokens: longer sentences cost most of the time and teach no new words
PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<s>", "</s>"
TEXT = {
    "context_length": CONTEXT,
    "vocab_size": VOCABULARY,
    "hf_tokenizer_name": "clip-nano",
    "width": 128,
    "heads": 4,
    "layers": 2,
    "pool_type": "argmax",  # END has the largest id, so that argmax finds it
}
PROMPT_FILES = {
    "coco_captions_benign": 5000,
    "coprov2": 7000,
    "compbench_benign": 1500,
    "overt_train": 1500,
    "aart": 800,
    "nibbler": 800,
}


def train_tokenizer(sentences: Sequence[str]) -> Tokenizer:
    """Byte-pair encoding over lower-case letters without accents, END with the largest id."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 1,
        special_tokens=[PAD, UNKNOWN, BEGIN],
        end_of_word_suffix="</w>",
        limit_alphabet=200,
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.add_special_tokens([END])
    last = tokenizer.token_to_id(END)
    if last != VOCABULARY - 1:
        raise ValueError(f"{END} has id {last}: too few sentences for {VOCABULARY} tokens")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(BEGIN, tokenizer.token_to_id(BEGIN)), (END, last)]
    )
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write it as transformers reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"pad_token": PAD, "unk_token": UNKNOWN, "bos_token": BEGIN, "eos_token": END}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONTEXT, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def read_prompts(folder: Path) -> list[str]:
    """A fixed sample of prompts, each at most 200 characters."""
    draw = random.Random(0)  # noqa: S311 (a sample, not a secret)
    found = []
    for name, count in PROMPT_FILES.items():
        with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
            texts = [row["text"] for row in csv.DictReader(file) if len(row["text"]) <= 200]
        found += draw.sample(texts, min(count, len(texts)))
    return found


def own_phrases(arguments: argparse.Namespace) -> list[str]:
    """Phrases that must be understood exactly: the concept banks and the attributes."""
    banks = load_banks().values()
    phrases = [p for bank in banks for p in (*bank.positive, *bank.benign)]
    tones = [f"a person with {tone}" for tone in tone_phrases()]
    names = sorted(set(load_photographs(arguments.photographs, "train")[1]))
    photographs = [phrase for name in names for phrase in photograph_phrases(name)]
    return [*phrases, *tones, *GENDER_PHRASES, *MEDIUM_PHRASES, *photographs]


def name_pairs(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """(what is read, the English that says what it means): emoji names and keywords in English and French."""
    pairs = []
    for concept in load_concepts(arguments.artwork):
        if concept.tone == 0:
            pairs += [(phrase, phrase) for phrase in concept_phrases(concept)]
            pairs += [(f"a {word}", f"a {word}") for word in concept.keywords]
            pairs += [
                (concept.french, concept.base),
                (f"un dessin de {concept.french}", f"a drawing of {concept.base}"),
            ]
        else:
            pairs.append((concept.label, concept.label))
    return pairs


def corpus(arguments: argparse.Namespace) -> tuple[list[str], Tensor, Tensor]:
    """Sentences, their float (n, WIDTH) targets and how often to draw each; the targets are cached."""
    own = own_phrases(arguments)
    pairs = name_pairs(arguments) + [(p, p) for p in own] + [(p, p) for p in read_prompts(arguments.prompts)]
    pairs = list(dict.fromkeys(pairs))
    mine = set(own)
    weights = torch.tensor([8.0 if read in mine else 1.0 for read, _ in pairs])
    cached = arguments.work / "text_targets.pt"
    meanings = list(dict.fromkeys(meaning for _, meaning in pairs))
    known = torch.load(cached, weights_only=True) if cached.is_file() else {}
    missing = [meaning for meaning in meanings if meaning not in known]
    if missing:
        known |= dict(zip(missing, embed_sentences(missing), strict=True))
        torch.save(known, cached)
    return [read for read, _ in pairs], torch.stack([known[meaning] for _, meaning in pairs]), weights


def tower_config() -> dict[str, object]:
    """The model part of open_clip_config.json."""
    return {"embed_dim": DIMENSIONS, "vision_cfg": VISION, "text_cfg": TEXT}


def new_model() -> CLIP:
    """clip-nano with fresh weights."""
    return CLIP(DIMENSIONS, VISION, dict(TEXT), output_dict=False)


def load_space(work: Path) -> tuple[PictureTower, TextSpace]:
    """The trained picture tower and the space it lives in."""
    stored = torch.load(work / FINISHED, weights_only=True)["tower"]
    tower = PictureTower(torch.load(work / "sentence_targets.pt", weights_only=True)[0])
    tower.load_state_dict(stored)
    return tower.eval(), tower.space


def encode_short(model: CLIP, tokens: Tensor) -> Tensor:
    """CLIP.encode_text without the padding: attention is causal, so it adds nothing."""
    length = tokens.shape[1]
    states = model.token_embedding(tokens) + model.positional_embedding[:length]
    states = model.ln_final(model.transformer(states, attn_mask=model.attn_mask[:length, :length]))
    pooled: Tensor = states[torch.arange(len(tokens)), tokens.argmax(-1)]
    projected: Tensor = pooled @ model.text_projection
    return projected


def text_loss(model: CLIP, tokens: Tensor, targets: Tensor) -> Tensor:
    """Point where the target points, and be nearer to it than to the other targets of the batch."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        embedding = encode_short(model, tokens)
    embedding = functional.normalize(embedding.float(), dim=-1)
    cosines = embedding @ targets.T
    own = cosines.diagonal()
    same = (targets @ targets.T) > 0.99
    rivals = cosines.masked_fill(same, -torch.inf)
    rivals[range(len(own)), range(len(own))] = own
    return (1 - own).mean() * 4 + functional.cross_entropy(20 * rivals, torch.arange(len(own)))


def train_text(model: CLIP, tokens: Tensor, targets: Tensor, weights: Tensor, steps: int, batch: int = 192) -> None:
    """AdamW with a straight decay."""
    parameters = [p for name, p in model.named_parameters() if not name.startswith("visual")]
    optimiser = torch.optim.AdamW(parameters, lr=2e-3, betas=(0.9, 0.98), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / 50) * max(0.01, 1 - step / steps)
    )
    random_ = torch.Generator().manual_seed(1)
    for step in range(steps):
        rows = torch.multinomial(weights, batch, generator=random_)
        length = int((tokens[rows] != 0).sum(1).max())
        loss = text_loss(model, tokens[rows, :length], targets[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            print(f"text {step} {loss.item():.3f}", flush=True)


def save_model(model: CLIP, tower: PictureTower, folder: Path) -> None:
    """Weights as float16 (running statistics as float32) and the open_clip configuration."""
    model.visual.load_state_dict(tower.visual.state_dict())
    with torch.no_grad():
        model.logit_scale.copy_(tower.scale)
    tensors = {
        name: tensor.contiguous() if "running" in name or not tensor.is_floating_point() else tensor.half().contiguous()
        for name, tensor in model.state_dict().items()
        if name != "attn_mask"
    }
    save_file(tensors, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
    preprocess = {"mean": [MEAN] * 3, "std": [STD] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
    settings = {"model_cfg": tower_config(), "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def tokenize(folder: Path, sentences: Sequence[str]) -> Tensor:
    """long (n, CONTEXT) as open_clip itself will tokenize."""
    tokens: Tensor = open_clip.get_tokenizer(f"local-dir:{folder}")(list(sentences))
    return tokens


def begin_with(model: CLIP, arguments: argparse.Namespace) -> None:
    """Load what training starts from, if anything: a stored text tower, or a clip-nano with its tokenizer."""
    stored = arguments.work / "text_tower.pt"
    if stored.is_file():
        model.load_state_dict(torch.load(stored, weights_only=True))
    elif arguments.begin_with:
        model.load_state_dict(load_file(arguments.begin_with / "open_clip_model.safetensors"), strict=False)
    if arguments.begin_with and arguments.begin_with.resolve() != arguments.out.resolve():
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name in TOKENIZER_FILES:
            shutil.copy(arguments.begin_with / name, arguments.out)


def go_on(model: CLIP, space: TextSpace, arguments: argparse.Namespace) -> None:
    """Train the text tower to say in `space` what the sentence encoder says."""
    sentences, meanings, weights = corpus(arguments)
    if not arguments.begin_with:
        save_tokenizer(train_tokenizer(sentences), arguments.out)
    (arguments.out / "open_clip_config.json").write_text(json.dumps({"model_cfg": tower_config()}))
    with torch.no_grad():
        targets = space(meanings)
    tokens = tokenize(arguments.out, sentences)
    weights = weights * ((tokens != 0).sum(1) <= LONGEST_TAUGHT)
    train_text(model, tokens, targets, weights, arguments.steps)
    torch.save(model.state_dict(), arguments.work / "text_tower.pt")


def main() -> None:
    """Train the text tower for the picture tower found in --work and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--prompts", type=Path, help="needed unless --steps is 0")
    parser.add_argument("--begin-with", type=Path, help="a clip-nano's folder to go on from")
    parser.add_argument("--artwork", type=Path, default=Path(".training/emoji"))
    parser.add_argument("--work", type=Path, default=Path(".training/clip_nano"))
    parser.add_argument("--out", type=Path, default=Path("safety/weights/clip-nano"))
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    tower, space = load_space(arguments.work)
    model = new_model()
    begin_with(model, arguments)
    if arguments.steps:
        go_on(model, space, arguments)
    save_model(model, tower, arguments.out)


if __name__ == "__main__":
    main()
