"""Reference 4.4 F: what a broken gate or generator may never lead to."""

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from prometheus_client import REGISTRY
from torch import Tensor
from typer.testing import CliRunner

from gateway import assembly, metrics
from gateway.app import create_app
from gateway.assembly import GUARD_NANO, House
from gateway.cli import app
from gateway.errors import ClassifierUnavailable, GatewayError, GeneratorUnavailable
from gateway.generation import Generation
from gateway.store.decisions import State
from generator import batcher
from generator.at_once import Cancelled
from generator.contract import GeneratedImage, PictureRequest
from policies.identity import MANIFEST, write_manifest
from policies.signals import Category, Signal
from policies.verdict import CouldNotJudge
from safety.checks.image_concepts import ImageConcepts
from safety.checks.prompt_classifier import PromptClassifier
from safety.checks.realism import PersonPresence, Realism
from safety.concept_banks import load_banks
from safety.normalize import NormalizedPrompt
from safety.pictures import PictureBatch, load_embedder
from safety.screen import Screen
from safety.self_test import blind_models
from tests.fakes import KNIFE, FakeEmbedder, paint, same_paint
from tests.gateway.walks import Book, asked, walked
from tests.houses import Parts, build

GATE_SECONDS = 0.3  # how long a test's gate may take
HANG_SECONDS = 1.5  # longer than the gate may take, short enough that the thread is over soon

Prompts = Sequence[NormalizedPrompt]


def hang(*_: object) -> None:
    time.sleep(HANG_SECONDS)


def explode(*_: object) -> Any:
    raise RuntimeError("CUDA out of memory")


def unknown_label(prompts: Prompts) -> object:
    return [[Signal("prompt_classifier", "rudeness", 0.0)] for _ in prompts]  # type: ignore[arg-type]


def missing_category(prompts: Prompts) -> object:
    return [[Signal("prompt_classifier", c, 0.0) for c in Category if c is not Category.HATE] for _ in prompts]


def scored(score: object) -> Callable[[object], Any]:
    """An answer with one such score for each prompt."""

    def answer(prompts: Any) -> object:
        return [[Signal("prompt_classifier", category, score) for category in Category] for _ in prompts]  # type: ignore[arg-type]

    return answer


PROMPT_FAULTS: dict[str, tuple[Callable[[Prompts], object], str]] = {
    "raises": (explode, "exception"),
    "hangs": (hang, "timeout"),
    "returns_none": (lambda prompts: [None] * len(prompts), "schema"),
    "returns_no_list": (lambda _: 0.0, "schema"),
    "unknown_label": (unknown_label, "missing"),
    "missing_category": (missing_category, "missing"),
    "misaligned": (lambda prompts: [[]] * (len(prompts) + 1), "schema"),
    "nan": (scored(float("nan")), "nan"),
    "infinite": (scored(float("inf")), "nan"),
    "negative": (scored(-0.1), "schema"),
    "above_one": (scored(1.1), "schema"),
    "no_number": (scored(None), "schema"),
    "truth_value": (scored(False), "schema"),
}


@pytest.mark.parametrize("fault", PROMPT_FAULTS)
def test_f60_f62_a_prompt_gate_that_gives_no_sound_answer_ends_in_503_before_anything_is_drawn(
    fault: str, tmp_path: Path
) -> None:
    on_check, reason = PROMPT_FAULTS[fault]
    parts = Parts()
    parts.classifier.on_check = lambda prompts: on_check(prompts) if prompts[0].original == "now" else None
    house = build(tmp_path, parts, gate_seconds=GATE_SECONDS)
    before = failures("prompt", reason)
    told, good = walked(house, asked("now"), asked("a cat"))
    assert isinstance(told, ClassifierUnavailable)
    assert (told.status, told.code) == (503, "classifier_unavailable")
    book = Book(house)
    assert book.decisions[0].action == "none"
    assert (book.decisions[0].failure or "").startswith(f"{reason}:")
    assert book.requests[0].error_code == "classifier_unavailable"
    assert failures("prompt", reason) == before + 1
    assert isinstance(good, Generation)
    assert [request.prompt for request in parts.generator.asked] == ["a cat"]
    assert book.ends == [("aborted", "error"), ("released", "allowed")]
    assert house.decisions.broken_ledger() is None


def failures(gate: str, reason: str) -> float:
    return REGISTRY.get_sample_value("gateway_gate_failures_total", {"gate": gate, "reason": reason}) or 0.0


def for_seed(seed: int, fault: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    """A fault that strikes only the picture drawn from that seed."""
    target = paint(PictureRequest("", seed, "64x64"))
    return lambda pixels: fault(pixels) if same_paint(pixels, target) else None


def concepts(score: object) -> Callable[[Tensor], list[Signal]]:
    return lambda _: [Signal("image_concepts", category, score) for category in Category]  # type: ignore[arg-type]


PICTURE_FAULTS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "raises": (explode, "exception"),
    "hangs": (hang, "timeout"),
    "out_of_memory": (lambda _: (_ for _ in ()).throw(MemoryError()), "exception"),
    "returns_nothing": (lambda _: [], "missing"),
    "wrong_shape": (lambda _: 0.5, "schema"),
    "nan": (concepts(float("nan")), "nan"),
    "infinite": (concepts(float("inf")), "nan"),
    "negative": (concepts(-0.1), "schema"),
    "above_one": (concepts(1.1), "schema"),
    "no_number": (concepts(torch.tensor([0.0, 1.0])), "schema"),
}


@pytest.mark.parametrize("fault", PICTURE_FAULTS)
def test_f61_f62_a_picture_gate_that_fails_for_one_of_nine_keeps_back_that_one_for_a_person(
    fault: str, tmp_path: Path
) -> None:
    on_picture, reason = PICTURE_FAULTS[fault]
    parts = Parts()
    parts.pictures[0].on_picture = for_seed(4, on_picture)
    house = build(tmp_path, parts, gate_seconds=GATE_SECONDS)
    before = failures("picture", reason)
    (generation,) = walked(house, asked(count=9))
    assert isinstance(generation, Generation)
    assert [drawn.state for drawn in generation.pictures] == [State.RELEASED] * 4 + [State.HELD] + [State.RELEASED] * 4
    with pytest.raises(ValueError, match="cannot be shown"):
        _ = generation.pictures[4].content
    book = Book(house)
    assert book.picture_states == ["released"] * 4 + ["held"] + ["released"] * 4
    (failed,) = [row for row in book.decisions if row.action == "none"]
    assert failed.picture_index == 4
    assert (failed.failure or "").startswith(f"{reason}:")
    assert failures("picture", reason) == before + 1


def test_f61_when_no_picture_could_be_judged_the_answer_is_503_and_all_of_them_wait_for_a_person(
    tmp_path: Path,
) -> None:
    parts = Parts()
    parts.pictures[0].on_picture = explode
    house = build(tmp_path, parts)
    (told,) = walked(house, asked(count=9))
    assert isinstance(told, ClassifierUnavailable)
    book = Book(house)
    assert book.picture_states == ["held"] * 9
    assert book.ends == [("held", "held")]
    assert book.requests[0].error_code == "classifier_unavailable"
    assert released_files(tmp_path) == []
    assert house.decisions.broken_ledger() is None


def test_f61_one_judged_unsafe_among_unjudged_ones_is_a_refusal_not_an_outage(tmp_path: Path) -> None:
    parts = Parts()
    unsafe = [Signal("image_concepts", category, 0.99) for category in Category]
    parts.pictures[0].on_picture = lambda pixels: for_seed(0, lambda _: unsafe)(pixels) or explode()
    (told,) = walked(build(tmp_path, parts), asked(count=3))
    assert isinstance(told, GatewayError)
    assert (told.status, told.code, told.facts["outcome"]) == (400, "content_policy_violation", "held")


class MisalignedEmbedder(FakeEmbedder):
    """Gives one embedding too many for a batch."""

    def embed(self, pixels: Sequence[Tensor]) -> Any:
        return super().embed([*pixels, pixels[0]])


def test_f62_ten_scores_for_nine_pictures_release_none_of_them(tmp_path: Path) -> None:
    class Misaligned(Parts):
        @property
        def screen(self) -> Any:
            screen = super().screen
            screen._embedder = MisalignedEmbedder()
            return screen

    house = build(tmp_path, Misaligned())
    (told,) = walked(house, asked(count=9))
    assert isinstance(told, ClassifierUnavailable)
    assert all((row.failure or "").startswith("schema:") for row in Book(house).decisions if row.stage == "picture")
    assert released_files(tmp_path) == []


ODD_PICTURES: dict[str, Callable[[Tensor], Tensor]] = {
    "nan": lambda row: torch.full_like(row, torch.nan),
    "infinite": lambda row: torch.full_like(row, torch.inf),
    "zeros": torch.zeros_like,
}


@pytest.mark.parametrize("fault", ODD_PICTURES)
def test_f62_f66_one_picture_without_a_usable_embedding_is_kept_back_and_the_other_eight_are_not(fault: str) -> None:
    """With the shipped model and its own checks: what the network answers for one view of one picture is spoilt."""
    embedder, banks = load_embedder(), load_banks()
    checks = [build(embedder, banks) for build in (ImageConcepts, Realism, PersonPresence)]
    encode = embedder._model.encode_image

    def spoilt(images: Tensor) -> Tensor:
        rows = encode(images)
        is_black = images.amax((1, 2, 3)) == images.amin((1, 2, 3))
        return torch.where(is_black[:, None], ODD_PICTURES[fault](rows), rows)

    embedder._model.encode_image = spoilt  # type: ignore[method-assign, assignment]
    pictures = [KNIFE] * 4 + [torch.zeros(3, 64, 64, dtype=torch.uint8)] + [KNIFE] * 4
    answers = Screen([], embedder, checks).pictures(pictures)
    assert [isinstance(answer, CouldNotJudge) for answer in answers] == [False] * 4 + [True] + [False] * 4
    assert isinstance(answers[4], CouldNotJudge)
    assert answers[4].reason == "nan"


@pytest.mark.parametrize("rows", [26, 30], ids=["a view too few", "ten scores for nine"])
def test_f62_embeddings_that_are_not_three_a_picture_judge_none_of_them(rows: int) -> None:
    embedder, banks = load_embedder(), load_banks()
    encode = embedder._model.encode_image
    embedder._model.encode_image = lambda images: encode(images).repeat(2, 1)[:rows]  # type: ignore[method-assign, assignment]
    answers = Screen([], embedder, [ImageConcepts(embedder, banks)])._pictures
    with pytest.raises(CouldNotJudge):
        answers([KNIFE] * 9)


def uncalibrated(score: float) -> Callable[[Tensor], list[Signal]]:
    return lambda _: [Signal("image_concepts", category, score, calibrated=False) for category in Category]


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_a_scorer_without_calibration_releases_nothing_and_refuses_nothing_a_person_looks(
    score: float, tmp_path: Path
) -> None:
    parts = Parts()
    parts.pictures[0].on_picture = uncalibrated(score)
    house = build(tmp_path, parts)
    walked(house, asked(count=3))
    book = Book(house)
    assert book.picture_states == ["held"] * 3
    assert [row.action for row in book.decisions if row.stage == "picture"] == ["review"] * 3
    assert released_files(tmp_path) == []


def released_files(data: Path) -> list[str]:
    return [path.name for path in (data / "pictures" / "released").iterdir()]


# F63: the files of models


def truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def flip_a_bit(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def remove(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def relabel(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {"0": "harmless"}}))


WEIGHT_FAULTS = {
    "missing": (remove, "model.safetensors"),
    "truncated": (truncate, "model.safetensors"),
    "bit_flipped": (flip_a_bit, "model.safetensors"),
    "other_labels": (relabel, "config.json"),
    "no_manifest": (lambda folder: (folder / MANIFEST).unlink(), MANIFEST),
}

needs_guard_nano = pytest.mark.skipif(not (GUARD_NANO / MANIFEST).is_file(), reason="guard-nano is not made yet")


@pytest.fixture
def guard_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GUARD_NANO, tmp_path / "guard"))


def serve_with(folder: Path, data: Path) -> Any:
    environment = {"GARDEFOU_PROMPT_CLASSIFIER": str(folder), "GARDEFOU_DATA": str(data)}
    return CliRunner().invoke(app, ["serve", "--port", "0"], env=environment)


@needs_guard_nano
@pytest.mark.parametrize("fault", WEIGHT_FAULTS)
def test_f63_serve_refuses_to_start_over_weights_that_are_not_the_published_ones(
    fault: str, guard_copy: Path, tmp_path: Path
) -> None:
    spoil, file = WEIGHT_FAULTS[fault]
    spoil(guard_copy)
    ended = serve_with(guard_copy, tmp_path / "data")
    assert ended.exit_code == 4
    assert str(guard_copy / file) in ended.stderr


@needs_guard_nano
def test_f63_serve_names_the_hash_it_expected(guard_copy: Path, tmp_path: Path) -> None:
    expected = json.loads((guard_copy / MANIFEST).read_text())["files"]["model.safetensors"]
    flip_a_bit(guard_copy)
    assert expected in serve_with(guard_copy, tmp_path / "data").stderr


class Bomb:
    """A pickle that leaves a file behind when it is opened."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (self.path, "w")


@needs_guard_nano
def test_f63_a_pickle_in_place_of_safetensors_is_never_opened(guard_copy: Path, tmp_path: Path) -> None:
    proof = tmp_path / "opened"
    torch.save(Bomb(str(proof)), guard_copy / "pytorch_model.bin")
    remove(guard_copy)
    write_manifest(guard_copy, "guard-nano")
    ended = serve_with(guard_copy, tmp_path / "data")
    assert ended.exit_code == 4
    assert str(guard_copy) in ended.stderr
    assert not proof.exists()


@needs_guard_nano
def test_f65_labels_of_a_new_model_file_that_mean_nothing_here_are_refused(guard_copy: Path, tmp_path: Path) -> None:
    relabel(guard_copy)
    write_manifest(guard_copy, "guard-nano")
    assert serve_with(guard_copy, tmp_path / "data").exit_code == 4


# F67: the generator


def eight_of_nine(requests: Sequence[PictureRequest], _: Cancelled) -> list[GeneratedImage]:
    return [GeneratedImage(paint(request), request.seed) for request in requests][:-1]


def wrong_size(requests: Sequence[PictureRequest], _: Cancelled) -> list[GeneratedImage]:
    return [GeneratedImage(paint(PictureRequest("", r.seed, "128x128")), r.seed) for r in requests]


def all_black(requests: Sequence[PictureRequest], _: Cancelled) -> list[GeneratedImage]:
    return [GeneratedImage(torch.zeros(3, 64, 64, dtype=torch.uint8), r.seed) for r in requests]


def not_a_number(requests: Sequence[PictureRequest], _: Cancelled) -> list[GeneratedImage]:
    return [GeneratedImage(torch.full((3, 64, 64), torch.nan), r.seed) for r in requests]


GENERATOR_FAULTS: dict[str, Callable[[Sequence[PictureRequest], Cancelled], Any]] = {
    "raises": explode,
    "out_of_memory": lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError()),
    "hangs": hang,
    "wrong_size": wrong_size,
    "all_black": all_black,
    "nan_pixels": not_a_number,
    "no_list": lambda *_: "pictures",
}


@pytest.mark.parametrize("fault", GENERATOR_FAULTS)
def test_f67_a_generator_that_fails_ends_in_503_and_the_prompts_decision_is_kept(fault: str, tmp_path: Path) -> None:
    parts = Parts()
    parts.generator.batch_size = 9
    parts.generator.on_draw = GENERATOR_FAULTS[fault]
    house = build(tmp_path, parts, generation_seconds=GATE_SECONDS)
    (told,) = walked(house, asked(count=9))
    assert isinstance(told, GeneratorUnavailable)
    assert (told.status, told.code) == (503, "generation_failed")
    book = Book(house)
    assert [(row.stage, row.action) for row in book.decisions] == [("prompt", "allow")]
    assert (book.ends, book.requests[0].error_code) == ([("aborted", "error")], "generation_failed")
    assert book.pictures == []


def test_f67_a_request_after_a_hung_one_is_served_without_waiting_for_it(tmp_path: Path) -> None:
    parts, hung = Parts(), threading.Event()

    def draw(requests: Sequence[PictureRequest], _: Cancelled) -> None:
        if requests[0].prompt == "hang":
            hung.wait(10)

    parts.generator.on_draw = draw
    told, good = walked(build(tmp_path, parts, generation_seconds=GATE_SECONDS), asked("hang"), asked("a cat"))
    hung.set()
    assert isinstance(told, GeneratorUnavailable)
    assert isinstance(good, Generation)


def test_f67_groups_drawn_before_a_failure_keep_their_decisions_and_are_not_handed_out(tmp_path: Path) -> None:
    parts = Parts()
    parts.generator.on_draw = lambda requests, _: explode() if requests[0].seed >= 3 else None
    house = build(tmp_path, parts)
    (told,) = walked(house, asked(count=9))
    assert isinstance(told, GeneratorUnavailable)
    book = Book(house)
    assert book.picture_states == ["released"] * 3
    assert [row.action for row in book.decisions] == ["allow"] * 4
    assert book.ends == [("aborted", "error")]
    assert house.decisions.broken_ledger() is None


def test_f67_eight_drawn_beside_one_that_is_missing_keep_their_decisions_and_are_not_handed_out(tmp_path: Path) -> None:
    parts = Parts()
    parts.generator.batch_size = 9
    parts.generator.on_draw = eight_of_nine
    house = build(tmp_path, parts)
    (told,) = walked(house, asked(count=9))
    assert isinstance(told, GeneratorUnavailable)
    book = Book(house)
    assert book.picture_states == ["released"] * 8
    assert [row.action for row in book.decisions] == ["allow"] * 9
    assert book.ends == [("aborted", "error")]


def test_f67_after_five_failures_the_generator_rests_and_then_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "BREAKER_REST_S", 0.2)
    parts = Parts()
    parts.generator.on_draw = explode
    house = build(tmp_path, parts)

    def recover(*_: object) -> None:
        time.sleep(0.2)
        parts.generator.on_draw = lambda *_: None

    parts.classifier.on_check = lambda prompts: recover() if prompts[0].original == "later" else None
    *failed, resting, good = walked(house, *[asked("a cat")] * 6, asked("later"))
    assert [type(told) for told in (*failed, resting)] == [GeneratorUnavailable] * 6
    assert len([request for request in parts.generator.asked if request.prompt == "a cat"]) == 5
    assert isinstance(good, Generation)
    assert [row.action for row in Book(house).decisions if row.stage == "prompt"] == ["allow"] * 7


# F64 and F66: models that are silently broken


def readiness(house: House) -> tuple[int, Any]:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(house))
        async with house, httpx.AsyncClient(transport=transport, base_url="http://house") as client:
            return await client.get("/readyz")

    answer = asyncio.run(ask())
    return answer.status_code, answer.json()["problems"]


def test_f64_a_service_whose_models_see_is_ready(tmp_path: Path) -> None:
    assert readiness(build(tmp_path, Parts(), gate_seconds=20)) == (200, [])
    assert REGISTRY.get_sample_value("gateway_canaries_misjudged") == 0


BROKEN: dict[str, Callable[[Prompts], object]] = {
    "always_harmless": scored(0.0),
    "always_unsafe": scored(0.95),
    "never_sure": scored(0.5),
    "not_a_number": scored(float("nan")),
    "raises": explode,
}


@pytest.mark.parametrize("fault", BROKEN)
def test_f64_a_classifier_that_misjudges_the_canaries_makes_the_service_unready_and_alerts(
    fault: str, tmp_path: Path
) -> None:
    """Though the lists refuse the unsafe one: they must not hide that the classifier is gone."""
    parts = Parts()
    parts.classifier.on_check = BROKEN[fault]
    assert readiness(build(tmp_path, parts, gate_seconds=20)) == (503, ["classifier_unavailable"])
    assert REGISTRY.get_sample_value("gateway_canaries_misjudged") == 1


def test_f64_the_canaries_are_looked_at_again_without_being_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "CANARY_SECONDS", 0.01)
    parts = Parts()
    parts.classifier.on_check = BROKEN["always_harmless"]
    metrics.canaries_misjudged.set(0)

    async def run() -> None:
        async with build(tmp_path, parts, gate_seconds=20):
            while not REGISTRY.get_sample_value("gateway_canaries_misjudged"):  # noqa: ASYNC110  a gauge wakes nobody
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), 60))


@needs_guard_nano
def test_f65_labels_in_another_order_are_another_model(guard_copy: Path, tmp_path: Path) -> None:
    """Refused by the manifest; where somebody wrote a new one, the canaries are misjudged."""
    swap_labels(guard_copy)
    ended = serve_with(guard_copy, tmp_path / "data")
    assert (ended.exit_code, str(guard_copy / "config.json") in ended.stderr) == (4, True)
    write_manifest(guard_copy, "guard-nano")
    classifier = PromptClassifier.load(guard_copy)
    assert blind_models(Screen([classifier], FakeEmbedder(), [])) == ["prompt_classifier"]
    assert blind_models(Screen([PromptClassifier.load(GUARD_NANO)], FakeEmbedder(), [])) == []


def swap_labels(folder: Path) -> None:
    """The label for sexual content trades its place with the one for weapons."""
    config = json.loads((folder / "config.json").read_text())
    traded = {"sexual": "weapons", "weapons": "sexual"}
    labels = {index: traded.get(label, label) for index, label in config["id2label"].items()}
    (folder / "config.json").write_text(json.dumps(config | {"id2label": labels}))


def scored_alike(score: float) -> Callable[[Tensor], list[Signal]]:
    return lambda _: [Signal("image_concepts", category, score) for category in Category]


BLIND_TO_PICTURES: dict[str, Callable[[Tensor], Any]] = {
    "always_harmless": scored_alike(0.0),
    "always_unsafe": scored_alike(0.95),
    "never_sure": scored_alike(0.5),
    "hardly_apart": lambda pixels: scored_alike(0.55 if torch.equal(pixels, KNIFE) else 0.5)(pixels),
    "not_a_number": scored_alike(float("nan")),
    "raises": explode,
}


@pytest.mark.parametrize("fault", BLIND_TO_PICTURES)
def test_f64_a_picture_scorer_that_misjudges_the_canary_pictures_makes_the_service_unready_and_alerts(
    fault: str, tmp_path: Path
) -> None:
    parts = Parts()
    parts.pictures[0].on_picture = BLIND_TO_PICTURES[fault]
    assert readiness(build(tmp_path, parts, gate_seconds=20)) == (503, ["classifier_unavailable"])
    assert REGISTRY.get_sample_value("gateway_canaries_misjudged") == 1


def test_f64_the_shipped_checks_know_a_knife_from_a_cat_and_swapped_heads_do_not() -> None:
    embedder, banks = load_embedder(), load_banks()
    assert blind_models(Screen([], embedder, [ImageConcepts(embedder, banks)])) == []
    weapons = banks["weapons"]
    turned = weapons.model_copy(update={"positive": weapons.benign, "benign": weapons.positive})
    swapped = ImageConcepts(embedder, banks | {"weapons": turned})
    for scorer in swapped._scores._scorers.values():
        if scorer.head is not None:
            scorer.head.weight.neg_()
    assert blind_models(Screen([], embedder, [swapped])) == ["image_concepts"]


class ConstantEmbedder(FakeEmbedder):
    """Gives every picture the same embedding."""

    value: float = 1.0

    def embed(self, pixels: Sequence[Tensor]) -> PictureBatch:
        return PictureBatch(list(pixels), torch.full((len(pixels), 4), self.value))


@pytest.mark.parametrize("value", [0.0, 0.5, float("nan")], ids=["zeros", "constant", "nan"])
def test_f66_a_picture_model_that_embeds_all_pictures_alike_makes_the_service_unready(
    value: float, tmp_path: Path
) -> None:
    class Blind(Parts):
        @property
        def screen(self) -> Screen:
            screen = super().screen
            screen._embedder = embedder
            return screen

    embedder = ConstantEmbedder()
    embedder.value = value
    assert readiness(build(tmp_path, Blind(), gate_seconds=20)) == (503, ["classifier_unavailable"])


@pytest.mark.parametrize("fill", [torch.zeros, torch.ones], ids=["zeros", "constant"])
def test_f66_the_shipped_picture_model_passes_and_the_same_with_a_dead_network_does_not(
    fill: Callable[[int, int], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = load_embedder()
    assert blind_models(Screen([], embedder, [])) == []
    monkeypatch.setattr(embedder._model, "encode_image", lambda pictures: fill(len(pictures), 8))
    assert blind_models(Screen([], embedder, [])) == ["embedder"]
