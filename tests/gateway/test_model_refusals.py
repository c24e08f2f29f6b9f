"""When the model itself refuses: no failure and no allow, but a decision of its own, told like any other."""

import asyncio
import json
import pickle
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import torch

from gateway.assembly import House
from gateway.errors import ContentRefused, GeneratorUnavailable
from gateway.generation import Generation
from gateway.store.views import RequestView
from gateway.web.panes import Drawing, Ending, Face, draw
from gateway.web.texts import ENGLISH
from generator.at_once import Cancelled, PartlyDrawn
from generator.batcher import BREAKER_FAILURES, WaitingLine
from generator.contract import (
    GeneratedImage,
    GenerationFailed,
    Outcome,
    PictureRequest,
    Refusal,
)
from policies.signals import Category
from tests.fakes import IDENTITY, FakeGenerator, paint
from tests.gateway.walks import CALLER, Book, asked, inside, walked
from tests.houses import Parts, build, client_of, serving

GENERATIONS = "/v1/images/generations"


def refusing(*seeds: int, categories: tuple[Category, ...] = (), failed: tuple[int, ...] = ()) -> FakeGenerator:
    """Will not draw these seeds, and fails at others."""

    def outcome(request: PictureRequest) -> Outcome:
        if request.seed in seeds:
            return Refusal(IDENTITY, categories)
        if request.seed in failed:
            return GenerationFailed("broken")
        return GeneratedImage(paint(request), request.seed)

    def on_draw(requests: Sequence[PictureRequest], _: Cancelled) -> None:
        outcomes = [outcome(request) for request in requests]
        if not all(isinstance(each, GeneratedImage) for each in outcomes):
            raise PartlyDrawn(outcomes)

    return FakeGenerator(on_draw=on_draw)


def refused(house: House, count: int = 1) -> ContentRefused:
    (end,) = walked(house, asked(count=count))
    assert isinstance(end, ContentRefused)
    return end


def seen(house: House, count: int) -> Drawing:
    """What the page shows when the request is over."""

    async def walk() -> RequestView | None:
        request_id = await house.pipeline.start(asked(count=count), CALLER)
        await asyncio.gather(house.pipeline.finish(request_id), return_exceptions=True)
        return await house.view(request_id)

    view = inside(house, walk)
    assert view is not None
    return draw(view, house.policy_in_force.policy, ENGLISH)


def test_two_of_nine_refused_by_the_model_are_seven_pictures_and_two_places_that_say_why(tmp_path: Path) -> None:
    parts = Parts(refusing(2, 5, categories=(Category.VIOLENCE,)))
    with serving(tmp_path, parts, gate_seconds=60) as (house, url), client_of(house, url) as client:
        body = client.post(GENERATIONS, json={"prompt": "a cat", "n": 9, "seed": 0}).json()
        told = body["x_gateway"]
        decision = client.get(f"/api/v1/decisions/{told['blocked'][0]['decision_id']}").json()
    assert len(body["data"]) == told["returned"] == 7
    assert [(b["index"], b["code"], b["outcome"]) for b in told["blocked"]] == [
        (2, "violence", "withheld"),
        (5, "violence", "withheld"),
    ]
    assert not any("appeal_url" in blocked for blocked in told["blocked"]), "an appeal here changes nothing there"
    assert (decision["action"], decision["stage"], decision["picture_index"]) == ("block", "picture", 2)


def test_all_refused_by_the_model_is_a_refusal_and_the_book_says_whose(tmp_path: Path) -> None:
    house = build(tmp_path, Parts(refusing(*range(9), categories=(Category.HATE, Category.GORE))))
    told = refused(house, 9)
    book = Book(house)
    assert told.facts["stage"] == "model"
    assert "appeal_url" not in told.facts
    assert told.facts["outcome"] == "blocked"
    assert told.facts["categories"] == ["hate", "gore"]
    assert book.ends == [("withheld", "blocked_model")]
    decisions = [d for d in book.decisions if d.stage == "picture"]
    assert sorted(d.picture_index or 0 for d in decisions) == list(range(9))
    assert {(d.action, d.picture_sha256, d.failure) for d in decisions} == {("block", None, None)}
    assert all(json.loads(d.models) == {IDENTITY.name: IDENTITY.sha256} for d in decisions)
    assert told.facts["decision_id"] in {d.id for d in decisions}
    assert book.pictures == []
    assert house.decisions.broken_ledger() is None


def test_a_model_that_does_not_say_why_is_told_without_a_category(tmp_path: Path) -> None:
    told = refused(build(tmp_path, Parts(refusing(0))))
    assert told.facts["categories"] == []
    assert told.message == "Your request was rejected as a result of our safety system."


def test_what_the_policy_keeps_to_itself_is_kept_of_the_models_reasons_too(tmp_path: Path) -> None:
    house = build(tmp_path, Parts(refusing(0, categories=(Category.SEXUAL_MINORS,))))
    assert house.policy_in_force.policy.disclosure(Category.SEXUAL_MINORS) == "none"
    assert refused(house).facts["categories"] == []


def test_refusals_of_the_model_never_count_as_its_failures(tmp_path: Path) -> None:
    house = build(tmp_path, Parts(refusing(0)))
    ends = walked(house, *[asked()] * (BREAKER_FAILURES + 1), asked(seed=1))
    assert {type(end) for end in ends[:-1]} == {ContentRefused}
    assert isinstance(ends[-1], Generation)


def test_a_picture_that_fails_beside_others_fails_its_own_request_alone(tmp_path: Path) -> None:
    house = build(tmp_path, Parts(refusing(failed=(7,))))
    broken, whole = walked(house, asked(seed=7), asked(seed=1))
    assert isinstance(broken, GeneratorUnavailable)
    assert isinstance(whole, Generation)
    assert Book(house).ends == [("aborted", "error"), ("released", "allowed")]


def test_one_callers_refusal_and_failure_leave_the_others_of_the_batch_alone() -> None:
    async def draw_for(line: WaitingLine, seed: int) -> str:
        try:
            async with aclosing(line.draw([PictureRequest("a", seed, "64x64")], f"caller {seed}")) as groups:
                ((_, outcome),) = [each async for group in groups for each in group]
                return type(outcome).__name__
        except GenerationFailed as failure:
            return type(failure).__name__

    async def all_of_them() -> list[str]:
        async with WaitingLine(refusing(0, failed=(1,)), 9, 10) as line:
            return await asyncio.gather(*(draw_for(line, seed) for seed in range(3)))

    assert asyncio.run(all_of_them()) == ["Refusal", "GenerationFailed", "GeneratedImage"]


def test_outcomes_can_be_sent_from_a_process_of_their_own() -> None:
    outcomes: list[Outcome] = [
        Refusal(IDENTITY, (Category.HATE,)),
        GenerationFailed("broken"),
        GeneratedImage(torch.zeros(3, 8, 8), 7),
    ]
    sent = pickle.loads(pickle.dumps(PartlyDrawn(outcomes))).outcomes  # noqa: S301 (our own)
    assert sent[0] == outcomes[0]
    assert str(sent[1]) == "broken"
    assert sent[2].seed == 7


def test_the_page_shows_what_the_model_refused_as_withheld(tmp_path: Path) -> None:
    house = build(tmp_path, Parts(refusing(1, categories=(Category.VIOLENCE,))))
    shown = seen(house, count=3)
    assert [pane.face for pane in shown.panes] == [Face.SHOWN, Face.WITHHELD, Face.SHOWN]
    assert shown.panes[1].labels
    assert shown.panes[1].decision_id
    nothing = seen(build(tmp_path, Parts(refusing(0))), count=1)
    assert nothing.ending is Ending.ALL_WITHHELD
    assert [pane.face for pane in nothing.panes] == [Face.WITHHELD]
