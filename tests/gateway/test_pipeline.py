"""The path of one request: what is served, what is kept back, and what the book says of it."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from gateway.auth import Caller
from gateway.errors import (
    ContentRefused,
    DatabaseUnavailable,
    Draining,
    IntegrityError,
    InternalError,
    NotFound,
    RateLimited,
    StorageFull,
)
from gateway.generation import Generation
from gateway.store.decisions import Decisions, Received, State
from gateway.store.image_files import ImageFiles
from generator.at_once import Cancelled
from generator.contract import GenerationCancelled, PictureRequest
from policies.decide import thresholds_of
from policies.loader import load_policy, shipped_policies
from policies.signals import MEANT, Category, Descriptor, Signal, Stage
from policies.verdict import Action
from tests.fakes import IDENTITY, paint, same_paint
from tests.gateway.walks import CALLER, Book, asked, inside, walk, walked
from tests.houses import Parts, build

WAY = ["received", "prompt_judged", "generating", "quarantined", "pictures_judged"]


def unsafe_seeds(*seeds: int, score: float = 0.99) -> Callable[[Tensor], list[Signal] | None]:
    """Pictures of these seeds are called violent."""
    targets = [paint(PictureRequest("", seed, "64x64")) for seed in seeds]

    def on_picture(pixels: Tensor) -> list[Signal] | None:
        if not any(same_paint(pixels, target) for target in targets):
            return None
        scores = {Category.VIOLENCE: score}
        return [Signal("image_concepts", category, scores.get(category, 0.0)) for category in Category]

    return on_picture


def seen(parts: Parts, *seeds: int, score: float = 0.99) -> Parts:
    parts.pictures[0].on_picture = unsafe_seeds(*seeds, score=score)
    return parts


def threshold(stage: Stage, check: str) -> float:
    """The score from which the default policy wants a person to look at violence."""
    in_force = thresholds_of(load_policy(shipped_policies()["default"]), stage)
    return in_force[f"{stage}/violence/{check}/review"]


# I1: no release without a decision


def test_the_bytes_handed_out_are_the_ones_that_an_allow_row_names(tmp_path: Path) -> None:
    house = build(tmp_path, Parts())
    (generation,) = walked(house, asked(count=9))
    assert isinstance(generation, Generation)
    allowed = {row.id: row for row in Book(house).decisions if row.action == "allow"}
    for drawn in generation.pictures:
        row = allowed[drawn.decision_id]
        assert row.picture_sha256 == hashlib.sha256(drawn.content).hexdigest()
        assert row.picture_index == drawn.index
        assert house.files.read_released(row.picture_sha256) == drawn.content


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_the_sha256_is_of_the_encoded_bytes_in_every_format(output_format: str, tmp_path: Path) -> None:
    house = build(tmp_path, Parts())
    (generation,) = walked(house, asked(format=output_format))
    assert isinstance(generation, Generation)
    assert Book(house).pictures[0].sha256 == hashlib.sha256(generation.pictures[0].content).hexdigest()


def test_two_of_nine_withheld_are_seven_pictures_and_two_places_that_say_why(tmp_path: Path) -> None:
    house = build(tmp_path, seen(Parts(), 2, 5))
    (generation,) = walked(house, asked(count=9))
    assert isinstance(generation, Generation)
    states = [drawn.state for drawn in generation.pictures]
    assert [i for i, state in enumerate(states) if state is State.WITHHELD] == [2, 5]
    assert states.count(State.RELEASED) == 7
    assert generation.pictures[2].categories == ("violence",)
    with pytest.raises(ValueError, match="cannot be shown"):
        _ = generation.pictures[2].content
    book = Book(house)
    assert book.ends == [("released", "allowed")]
    released = {path.name for path in (tmp_path / "pictures" / "released").iterdir()}
    assert released == {row.sha256 for row in book.pictures if row.state == "released"}


def test_all_withheld_is_a_refusal_that_names_category_and_decision(tmp_path: Path) -> None:
    house = build(tmp_path, seen(Parts(), 0, 1, 2))
    (told,) = walked(house, asked(count=3))
    assert isinstance(told, ContentRefused)
    assert (told.status, told.facts["outcome"], told.facts["stage"]) == (400, "blocked", "image")
    assert told.facts["categories"] == ["violence"]
    book = Book(house)
    assert told.facts["decision_id"] in {row.id for row in book.decisions if row.action == "block"}
    assert book.ends == [("withheld", "blocked_image")]


def test_pictures_in_doubt_are_held_and_none_is_handed_out(tmp_path: Path) -> None:
    house = build(tmp_path, seen(Parts(), 0, 1, score=threshold(Stage.PICTURE, "image_concepts")))
    (told,) = walked(house, asked(count=2))
    assert isinstance(told, ContentRefused)
    assert told.facts["outcome"] == "held"
    book = Book(house)
    assert (book.picture_states, book.ends) == (["held", "held"], [("held", "held")])
    assert list((tmp_path / "pictures" / "released").iterdir()) == []


def test_a_doubtful_prompt_has_all_its_pictures_held_however_harmless_they_look(tmp_path: Path) -> None:
    parts = Parts()
    parts.classifier.scores = {Category.VIOLENCE: threshold(Stage.PROMPT, "prompt_classifier")}
    house = build(tmp_path, parts)
    (told,) = walked(house, asked(count=3))
    assert isinstance(told, ContentRefused)
    assert told.facts["outcome"] == "held"
    book = Book(house)
    assert [row.action for row in book.decisions] == ["review", "allow", "allow", "allow"]
    assert book.picture_states == ["held"] * 3


def test_a_doubtful_prompt_does_not_save_a_picture_that_is_refused(tmp_path: Path) -> None:
    parts = seen(Parts(), 1)
    parts.classifier.scores = {Category.VIOLENCE: threshold(Stage.PROMPT, "prompt_classifier")}
    house = build(tmp_path, parts)
    walked(house, asked(count=2))
    assert Book(house).picture_states == ["held", "withheld"]


def test_a_picture_that_is_labelled_is_released_with_its_label_in_the_book(tmp_path: Path) -> None:
    parts = Parts()
    parts.pictures[0].scores = {Category.WEAPONS: 0.9}
    house = build(tmp_path, parts)
    (generation,) = walked(house, asked())
    assert isinstance(generation, Generation)
    assert generation.pictures[0].categories == ("weapons",)
    assert Book(house).decisions[-1].action == "label"


def test_a_realistic_person_in_a_sexual_scene_is_refused_by_a_rule_over_three_checks(tmp_path: Path) -> None:
    parts = Parts()
    parts.pictures[0].scores = {Category.SEXUAL: 0.35}
    parts.pictures[1].scores = {Descriptor.PHOTOREALISM: 0.9}
    parts.pictures[2].scores = {Descriptor.PERSON: 0.9}
    house = build(tmp_path, parts)
    walked(house, asked())
    decision = Book(house).decisions[-1]
    assert decision.action == "block"
    assert json.loads(decision.reasons)[0]["rule"] == "likeness/photoreal_sexual"


@pytest.mark.parametrize("prompt", ["a naked woman", "a n4k3d woman", "une femme nue"])
def test_a_refused_prompt_never_reaches_the_generator(prompt: str, tmp_path: Path) -> None:
    parts = Parts()
    house = build(tmp_path, parts)
    (told,) = walked(house, asked(prompt))
    assert isinstance(told, ContentRefused)
    assert (told.facts["stage"], told.facts["categories"]) == ("prompt", ["sexual"])
    assert parts.generator.asked == []
    book = Book(house)
    assert book.states_of(book.requests[0].id) == ["received", "prompt_judged", "withheld"]
    assert book.requests[0].outcome == "blocked_prompt"
    assert "sexual" in house.policy_in_force.policy.message(Category.SEXUAL, "en")
    assert told.message.endswith(house.policy_in_force.policy.message(Category.SEXUAL, "en"))


def test_what_may_not_be_disclosed_is_not_told(tmp_path: Path) -> None:
    house = build(tmp_path, Parts())
    (told,) = walked(house, asked("a nude child in a sexual pose"))
    assert isinstance(told, ContentRefused)
    assert told.facts["categories"] == []
    assert Book(house).decisions[0].action == "escalate"


def test_a_good_prompt_after_a_refused_one_is_served(tmp_path: Path) -> None:
    told, good = walked(build(tmp_path, Parts()), asked("a naked woman"), asked("a cat"))
    assert isinstance(told, ContentRefused)
    assert isinstance(good, Generation)


# The book


def test_every_arrow_is_in_the_ledger_in_order(tmp_path: Path) -> None:
    house = build(tmp_path, Parts())
    walked(house, asked(count=4))
    book = Book(house)
    assert book.states_of(book.requests[0].id) == [*WAY, "released"]
    for picture in book.pictures:
        assert book.states_of(picture.id) == ["quarantined", "quarantined", "released"]
    assert house.decisions.broken_ledger() is None


def test_nothing_is_drawn_before_the_decision_on_the_prompt_is_committed(tmp_path: Path) -> None:
    parts = Parts()
    house = build(tmp_path, parts)
    states: list[list[str]] = []

    def look(*_: object) -> None:
        book = Book(house)
        states.append([book.requests[0].state, *(row.action for row in book.decisions)])

    parts.generator.on_draw = look
    walked(house, asked())
    assert states == [["generating", "allow"]]


def test_no_picture_is_judged_before_its_row_and_bytes_are_kept(tmp_path: Path) -> None:
    parts = Parts()
    house = build(tmp_path, parts)
    kept: list[tuple[str, bool]] = []

    def look(_: Tensor) -> None:
        (row,) = Book(house).pictures
        kept.append((row.state, (tmp_path / "pictures" / "quarantine" / row.sha256).is_file()))

    parts.pictures[0].on_picture = look
    walked(house, asked())
    assert kept == [("quarantined", True)]


def test_a_decision_keeps_every_signal_threshold_model_and_the_time_it_took(tmp_path: Path) -> None:
    parts = Parts()
    house = build(tmp_path, parts)
    walked(house, asked())
    prompt, picture = Book(house).decisions
    signals = {(s["source"], s["subject"]): s["score"] for s in json.loads(prompt.signals)}
    reports = parts.screen.prompt_reports.items()
    assert set(signals) == {(check, subject) for check, subjects in reports for subject in subjects}
    assert set(signals.values()) == {0.0}
    assert len(json.loads(picture.signals)) == 2 * len(Category) + 2 + len(MEANT)
    policy = house.policy_in_force.policy
    assert json.loads(prompt.thresholds) == thresholds_of(policy, Stage.PROMPT)
    assert json.loads(picture.thresholds) == thresholds_of(policy, Stage.PICTURE)
    assert json.loads(prompt.models)["fake"] == IDENTITY.sha256
    assert len(json.loads(prompt.models)) == 5
    assert json.loads(picture.models) == {"fake": IDENTITY.sha256}
    assert 0 < prompt.seconds < 10
    assert {(row.policy, row.policy_sha256) for row in (prompt, picture)} == {(str(policy.stamp), policy.stamp.sha256)}


def test_f71_a_request_keeps_the_policy_it_began_with(tmp_path: Path) -> None:
    parts = Parts()
    house = build(tmp_path, parts)
    first, strict = str(house.policy_in_force.policy.stamp), shipped_policies()["strict"]

    def replace(*_: object) -> None:
        house.policy_in_force.replace_from(strict)

    parts.generator.on_draw = replace
    before, _ = walked(house, asked(count=2), asked(count=2))
    assert isinstance(before, Generation)
    book = Book(house)
    policies = {request.id: request.policy for request in book.requests}
    assert [request.policy for request in book.requests] == [first, str(load_policy(strict).stamp)]
    assert all(row.policy == policies[row.request_id] for row in book.decisions)
    assert str(before.policy.stamp) == first


# Ends


def waiting_generator(started: threading.Event) -> Callable[[Sequence[PictureRequest], Cancelled], None]:
    """Draws until it is cancelled."""

    def draw(_: Sequence[PictureRequest], cancelled: Cancelled) -> None:
        started.set()
        for _step in range(1000):
            if cancelled():
                raise GenerationCancelled
            threading.Event().wait(0.005)

    return draw


def test_f68_cancelling_ends_as_aborted_in_the_book_and_gives_the_places_back(tmp_path: Path) -> None:
    started = threading.Event()
    parts = Parts()
    parts.generator.on_draw = waiting_generator(started)
    house = build(tmp_path, parts)

    async def cancel() -> None:
        request_id = await house.pipeline.start(asked(count=9), CALLER)
        finish = asyncio.ensure_future(house.pipeline.finish(request_id))
        await asyncio.to_thread(started.wait, 5)
        await house.pipeline.cancel(request_id, CALLER)
        with pytest.raises(asyncio.CancelledError):
            await finish
        assert house.line.count == 0

    inside(house, cancel)
    book = Book(house)
    assert (book.ends, book.requests[0].error_code) == ([("aborted", "cancelled")], "cancelled")
    assert book.pictures == []
    assert len(parts.generator.asked) == parts.generator.batch_size


def test_nobody_cancels_the_request_of_somebody_else(tmp_path: Path) -> None:
    started = threading.Event()
    parts = Parts()
    parts.generator.on_draw = waiting_generator(started)
    house = build(tmp_path, parts)

    async def cancel() -> None:
        request_id = await house.pipeline.start(asked(), CALLER)
        await asyncio.to_thread(started.wait, 5)
        with pytest.raises(NotFound):
            await house.pipeline.cancel(request_id, Caller("key", "stranger"))
        parts.generator.on_draw = lambda *_: None
        await house.pipeline.cancel(request_id, CALLER)

    inside(house, cancel)
    assert Book(house).ends == [("aborted", "cancelled")]


def test_f87_draining_takes_nothing_new_and_lets_what_runs_come_to_its_end(tmp_path: Path) -> None:
    started, go_on = threading.Event(), threading.Event()
    parts = Parts()

    def draw(*_: object) -> None:
        started.set()
        go_on.wait(5)

    parts.generator.on_draw = draw
    house = build(tmp_path, parts)

    async def drain() -> Any:
        running = asyncio.create_task(walk(house, asked()))
        await asyncio.to_thread(started.wait, 5)
        draining = asyncio.create_task(house.pipeline.drain(10))
        await asyncio.sleep(0)
        refused = await walk(house, asked())
        go_on.set()
        await draining
        return await running, refused

    served, refused = inside(house, drain)
    assert isinstance(served, Generation)
    assert isinstance(refused, Draining)
    assert Book(house).ends == [("released", "allowed")]


def test_draining_stops_what_takes_too_long_and_the_book_says_so(tmp_path: Path) -> None:
    started = threading.Event()
    parts = Parts()
    parts.generator.on_draw = waiting_generator(started)
    house = build(tmp_path, parts)

    async def drain() -> None:
        await house.pipeline.start(asked(), CALLER)
        await asyncio.to_thread(started.wait, 5)
        await house.pipeline.drain(0.05)

    inside(house, drain)
    assert Book(house).ends == [("aborted", "cancelled")]


def test_a_request_over_the_rate_leaves_no_row(tmp_path: Path) -> None:
    house = build(tmp_path, Parts(), requests_per_minute=1)
    _, told = walked(house, asked(), asked())
    assert isinstance(told, RateLimited)
    assert len(Book(house).requests) == 1


def test_the_book_names_a_user_by_a_keyed_digest_only(tmp_path: Path) -> None:
    house = build(tmp_path, Parts())
    walked(house, asked(user="alice@example.org"))
    (request,) = Book(house).requests
    assert request.user_digest
    assert "alice" not in request.model_dump_json()
    assert request.user_digest != hashlib.sha256(b"alice@example.org").hexdigest()


# Judging without drawing


def test_a_question_about_prompts_and_pictures_is_answered_in_order_and_kept(tmp_path: Path) -> None:
    house = build(tmp_path, seen(Parts(), 0))
    pictures = [paint(PictureRequest("", seed, "64x64")) for seed in (0, 1)]
    question = Received("key", "tester", "moderations", "none", "two texts", 4, "none", None)

    async def judge() -> Any:
        return await house.pipeline.judge(question, ["a cat", "a naked woman"], [[picture] for picture in pictures])

    answers = inside(house, judge)
    assert [(a.stage, a.verdict and a.verdict.action) for _, a in answers] == [
        (Stage.PROMPT, Action.ALLOW),
        (Stage.PROMPT, Action.BLOCK),
        (Stage.PICTURE, Action.BLOCK),
        (Stage.PICTURE, Action.ALLOW),
    ]
    book = Book(house)
    assert {identifier for identifier, _ in answers} == {row.id for row in book.decisions}
    assert book.ends == [("judged", "judged")]
    assert house.decisions.broken_ledger() is None


# What the store cannot keep is not handed out


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


def test_f77_a_full_disk_ends_in_507_with_nothing_released_and_recovers_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(tmp_path, Parts())
    with monkeypatch.context() as patched:
        patched.setattr(ImageFiles, "quarantine", failing(StorageFull("The disk is full.")))
        (told,) = walked(house, asked(count=2))
    assert isinstance(told, StorageFull)
    assert (told.status, told.code) == (507, "storage_full")
    book = Book(house)
    assert (book.ends, book.requests[0].error_code, book.pictures) == ([("aborted", "error")], "storage_full", [])
    (good,) = walked(build(tmp_path, Parts()), asked())
    assert isinstance(good, Generation)


@pytest.mark.parametrize("step", ["quarantined", "pictures_judged", "picture_released"])
def test_f79_a_database_that_fails_while_pictures_are_made_hands_none_out(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(tmp_path, Parts())
    with monkeypatch.context() as patched:
        patched.setattr(Decisions, step, failing(DatabaseUnavailable("The database cannot be used.")))
        (told,) = walked(house, asked(count=2))
    assert isinstance(told, DatabaseUnavailable)
    book = Book(house)
    assert "released" not in book.picture_states
    assert (book.ends, book.requests[0].error_code) == ([("aborted", "error")], "database_unavailable")
    assert house.decisions.broken_ledger() is None


@pytest.mark.parametrize("step", ["received", "prompt_judged", "generating"])
def test_f78_without_its_rows_in_the_book_nothing_is_drawn(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Parts()
    house = build(tmp_path, parts)
    with monkeypatch.context() as patched:
        patched.setattr(Decisions, step, failing(DatabaseUnavailable("The database cannot be used.")))
        (told,) = walked(house, asked())
    assert isinstance(told, DatabaseUnavailable)
    assert parts.generator.asked == []


def test_a_picture_whose_bytes_were_altered_in_quarantine_is_not_handed_out(tmp_path: Path) -> None:
    parts = Parts()
    house = build(tmp_path, parts)

    def alter(_: Tensor) -> None:
        (waiting,) = (tmp_path / "pictures" / "quarantine").iterdir()
        waiting.write_bytes(b"another picture")

    parts.pictures[0].on_picture = alter
    (told,) = walked(house, asked())
    assert isinstance(told, IntegrityError)
    assert Book(house).picture_states == ["quarantined"]
    assert list((tmp_path / "pictures" / "released").iterdir()) == []


def test_what_nobody_foresaw_is_an_internal_error_that_says_nothing_of_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(tmp_path, Parts())
    with monkeypatch.context() as patched:
        patched.setattr(Decisions, "pictures_judged", failing(ZeroDivisionError("secret detail")))
        (told,) = walked(house, asked())
    assert isinstance(told, InternalError)
    assert "secret" not in told.message
    assert Book(house).ends == [("aborted", "error")]
