"""Soft blocks: the same request with its signed answer goes on, is judged again in full, and the book says so."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

from gateway import auth
from gateway.assembly import House
from gateway.auth import Caller, Confirmations
from gateway.errors import (
    ClassifierUnavailable,
    ConfirmationInvalid,
    ConfirmationRequired,
    ContentRefused,
    GatewayError,
)
from gateway.generation import Asked, Generation
from gateway.store.decisions import CONFIRMED_DRAWINGS
from policies.loader import shipped_policies
from policies.signals import Category
from tests.fakes import FakePromptCheck
from tests.gateway.walks import CALLER, Book, asked, inside, walk
from tests.houses import Parts, build

SHOCKING = {Category.SHOCKING: 0.65}
PROMPT = "a heap of rotten fish"
Ending = Generation | GatewayError


def asking() -> Parts:
    """A classifier that finds every prompt a little shocking."""
    return Parts(classifier=FakePromptCheck("prompt_classifier", SHOCKING))


def token_of(told: Ending) -> str:
    assert isinstance(told, ConfirmationRequired)
    return str(told.facts["confirmation"])


def answered(house: House, *later: Callable[[str], tuple[Asked, Caller]]) -> list[Ending]:
    """The question, and then the ends of what is made of its token."""

    async def all_of_them() -> list[Ending]:
        first = await walk(house, asked(PROMPT))
        token = token_of(first)
        return [first, *[await walk(house, *request(token)) for request in later]]

    return inside(house, all_of_them)


def yes(token: str) -> tuple[Asked, Caller]:
    return asked(PROMPT, confirmation=token), CALLER


def test_a_doubtful_prompt_is_asked_about_and_nothing_is_drawn(tmp_path: Path) -> None:
    parts = asking()
    house = build(tmp_path, parts)
    (told,) = answered(house)
    assert isinstance(told, ConfirmationRequired)
    question = house.policy_in_force.policy.question(Category.SHOCKING, "en")
    assert told.message.startswith(f"Did you mean this? {question} ")
    assert "rejected" not in told.message
    facts = {key: told.facts[key] for key in ("outcome", "stage", "categories", "expires_in")}
    assert facts == {"outcome": "confirm", "stage": "prompt", "categories": ["shocking"], "expires_in": 900}
    assert parts.generator.asked == []
    book = Book(house)
    assert book.ends == [("withheld", "unconfirmed")]
    assert book.requests[0].error_code == "confirmation_required"
    assert [(row.id, row.action, row.confirms) for row in book.decisions] == [
        (told.facts["decision_id"], "confirm", None)
    ]
    assert house.decisions.broken_ledger() is None


def test_a_yes_draws_and_the_record_says_to_which_question(tmp_path: Path) -> None:
    parts = asking()
    house = build(tmp_path, parts)
    first, second = answered(house, yes)
    assert isinstance(first, ConfirmationRequired)
    assert isinstance(second, Generation)
    assert parts.classifier.asked == [PROMPT, PROMPT]  # judged again in full
    assert [picture.prompt for picture in parts.generator.asked] == [PROMPT]
    confirmed = Book(house).decisions[1]
    assert (confirmed.action, confirmed.confirms) == ("confirm", first.facts["decision_id"])
    view = house.decisions.view(second.id)
    assert view is not None
    assert view.confirms == first.facts["decision_id"]
    assert house.decisions.broken_ledger() is None


MISUSES: dict[str, tuple[Callable[[str], tuple[Asked, Caller]], str]] = {
    "another_prompt": (lambda t: (asked("a heap of rotten meat", confirmation=t), CALLER), "another prompt"),
    "one_character_more": (lambda t: (asked(PROMPT + " ", confirmation=t), CALLER), "another prompt"),
    "another_caller": (lambda t: (asked(PROMPT, confirmation=t), Caller("key", "somebody else")), "caller"),
    "a_page_of_that_name": (lambda t: (asked(PROMPT, confirmation=t), Caller("session", CALLER.id)), "caller"),
    "altered": (lambda t: (asked(PROMPT, confirmation=t[:-1] + ("a" if t[-1] != "a" else "b")), CALLER), "no conf"),
    "cut": (lambda t: (asked(PROMPT, confirmation=t[: len(t) // 2]), CALLER), "no confirmation of ours"),
    "empty": (lambda _: (asked(PROMPT, confirmation=""), CALLER), "no confirmation of ours"),
    "words": (lambda _: (asked(PROMPT, confirmation="yes, draw it"), CALLER), "no confirmation of ours"),
    "not_ascii": (lambda t: (asked(PROMPT, confirmation=t + "é"), CALLER), "no confirmation of ours"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_a_token_that_does_not_fit_is_told_so_and_never_a_pass(misuse: str, tmp_path: Path) -> None:
    request, why = MISUSES[misuse]
    parts = asking()
    house = build(tmp_path, parts)
    _, told = answered(house, request)
    assert isinstance(told, ConfirmationInvalid)
    assert (told.status, told.code, told.param) == (400, "confirmation_invalid", "x_gateway.confirmation")
    assert why in told.message
    assert parts.generator.asked == []
    assert len(Book(house).requests) == 1  # a request that cannot be read is not entered in the book


def test_a_token_grows_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = asking()
    monkeypatch.setattr(auth, "CONFIRMATION_SECONDS", -1)
    _, told = answered(build(tmp_path, parts), yes)
    assert isinstance(told, ConfirmationInvalid)
    assert "expired" in told.message
    assert parts.generator.asked == []


def test_a_token_of_another_policy_does_not_count(tmp_path: Path) -> None:
    parts = asking()
    house = build(tmp_path, parts)
    changed = yaml.safe_load(shipped_policies()["default"].read_text()) | {"version": 99}
    (tmp_path / "changed.yaml").write_text(yaml.safe_dump(changed))

    def after_a_change(token: str) -> tuple[Asked, Caller]:
        house.policy_in_force.replace_from(tmp_path / "changed.yaml")
        return yes(token)

    _, told = answered(house, after_a_change)
    assert isinstance(told, ConfirmationInvalid)
    assert parts.generator.asked == []


def test_a_token_of_another_house_does_not_count(tmp_path: Path) -> None:
    house = build(tmp_path, asking())
    stamp = house.policy_in_force.policy.stamp
    foreign = Confirmations(b"another secret")
    _, told = answered(house, lambda _: yes(foreign.token("dec_x", CALLER, PROMPT, stamp.sha256)))
    assert isinstance(told, ConfirmationInvalid)


def test_one_yes_is_good_for_a_few_drawings_and_then_asked_for_again(tmp_path: Path) -> None:
    parts = asking()
    house = build(tmp_path, parts)
    _, *ends = answered(house, *[yes] * (CONFIRMED_DRAWINGS + 1))
    assert [type(end) for end in ends] == [Generation] * CONFIRMED_DRAWINGS + [ConfirmationRequired]
    assert len(parts.generator.asked) == CONFIRMED_DRAWINGS
    assert token_of(ends[-1])


@pytest.mark.parametrize(
    ("found", "ending"),
    [
        pytest.param({Category.SHOCKING: 0.85}, ContentRefused, id="graver in the same category"),
        pytest.param({Category.GORE: 0.9}, ContentRefused, id="refused for another"),
        pytest.param({Category.SEXUAL_MINORS: 0.9}, ContentRefused, id="escalated"),
        pytest.param({Category.SEXUAL: 0.65}, ConfirmationRequired, id="asked about something else too"),
    ],
)
def test_hard_beats_soft_when_the_prompt_is_judged_again(
    found: dict[Category, float], ending: type[GatewayError], tmp_path: Path
) -> None:
    parts = asking()
    house = build(tmp_path, parts)

    def now_graver(token: str) -> tuple[Asked, Caller]:
        parts.classifier.scores = SHOCKING | found
        return yes(token)

    _, told = answered(house, now_graver)
    assert type(told) is ending
    assert parts.generator.asked == []
    assert Book(house).decisions[1].confirms is None


def test_a_yes_does_not_spare_the_pictures_their_moderator(tmp_path: Path) -> None:
    parts = asking()
    house = build(tmp_path, parts)

    def now_doubtful(token: str) -> tuple[Asked, Caller]:
        parts.classifier.scores = SHOCKING | {Category.GORE: 0.65}
        return yes(token)

    _, told = answered(house, now_doubtful)
    assert isinstance(told, ContentRefused)
    assert told.facts["outcome"] == "held"
    assert Book(house).picture_states == ["held"]


def test_a_yes_does_not_spare_the_pictures_their_gate(tmp_path: Path) -> None:
    parts = asking()
    parts.pictures[0].scores = {Category.VIOLENCE: 0.99}
    _, told = answered(build(tmp_path, parts), yes)
    assert isinstance(told, ContentRefused)
    assert told.facts["stage"] == "image"


def test_a_gate_that_fails_the_second_time_is_no_yes(tmp_path: Path) -> None:
    parts = asking()
    house = build(tmp_path, parts)

    def now_broken(token: str) -> tuple[Asked, Caller]:
        parts.classifier.on_check = lambda _: "nonsense"
        return yes(token)

    _, told = answered(house, now_broken)
    assert isinstance(told, ClassifierUnavailable)
    assert parts.generator.asked == []


def test_a_token_for_a_decision_that_asked_nothing_opens_nothing(tmp_path: Path) -> None:
    parts = asking()
    house = build(tmp_path, parts)
    sha256 = house.policy_in_force.policy.stamp.sha256

    def of(decision_id: str) -> Callable[[str], tuple[Asked, Caller]]:
        return lambda _: yes(house.confirmations.token(decision_id, CALLER, PROMPT, sha256))

    def of_the_confirmed_one(_: str) -> tuple[Asked, Caller]:
        confirmed = next(row for row in Book(house).decisions if row.confirms)
        return of(confirmed.id)("")

    _, unknown, drawn, chained = answered(house, of("dec_0000000000000000000000"), yes, of_the_confirmed_one)
    assert isinstance(drawn, Generation)
    assert [type(told) for told in (unknown, chained)] == [ConfirmationRequired] * 2


def test_a_harmless_prompt_with_a_token_is_drawn_and_nothing_is_confirmed(tmp_path: Path) -> None:
    parts = asking()
    house = build(tmp_path, parts)

    def now_calm(token: str) -> tuple[Asked, Caller]:
        parts.classifier.scores = {}
        return yes(token)

    _, drawn = answered(house, now_calm)
    assert isinstance(drawn, Generation)
    assert not drawn.confirmed
    assert [row.confirms for row in Book(house).decisions] == [None] * 3


def policy_with(folder: Path, **changes: Any) -> Path:
    said = yaml.safe_load(shipped_policies()["default"].read_text())
    path = folder / "changed.yaml"
    path.write_text(yaml.safe_dump({**said, **{key: {**said[key], **value} for key, value in changes.items()}}))
    return path


def test_what_the_policy_keeps_to_itself_is_asked_about_without_a_name(tmp_path: Path) -> None:
    policy = policy_with(tmp_path, disclosure={"shocking": "none"})
    house = build(tmp_path / "data", asking(), policy=str(policy))
    (told,) = answered(house)
    assert isinstance(told, ConfirmationRequired)
    assert told.facts["categories"] == []
    assert house.policy_in_force.policy.question(Category.SHOCKING, "en") not in told.message
    assert "shocking" not in json.dumps(told.envelope)


def test_the_token_says_nothing_to_whoever_reads_it(tmp_path: Path) -> None:
    (told,) = answered(build(tmp_path, asking()))
    _, read = URLSafeTimedSerializer("whoever").loads_unsafe(token_of(told), salt="gardefou confirmation")
    assert read[0] == told.facts["decision_id"]  # type: ignore[union-attr]
    assert len(read) == 2
    assert len(read[1]) == 64  # a keyed digest


CONFIRMATIONS = Confirmations(b"secret")


@given(st.text(max_size=200))
def test_no_text_is_a_token_by_chance(token: str) -> None:
    with pytest.raises(ConfirmationInvalid):
        CONFIRMATIONS.answered(token, CALLER, PROMPT, "a" * 64)


@given(st.lists(st.text(max_size=20), min_size=2, max_size=2, unique=True))
def test_a_token_is_good_for_its_own_prompt_alone(prompts: Sequence[str]) -> None:
    token = CONFIRMATIONS.token("dec_1", CALLER, prompts[0], "a" * 64)
    assert CONFIRMATIONS.answered(token, CALLER, prompts[0], "a" * 64) == "dec_1"
    with pytest.raises(ConfirmationInvalid):
        CONFIRMATIONS.answered(token, CALLER, prompts[1], "a" * 64)
