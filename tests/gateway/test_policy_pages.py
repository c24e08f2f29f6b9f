"""The pages of the policies: every rule can be read, its firings are counted from the record, nothing is changed."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from gateway.assembly import House
from gateway.errors import NotFound
from gateway.policy_shelf import PolicyShelf, named
from gateway.store.decisions import Decisions, Judgement, KeptPicture, Received, State
from gateway.store.engine import open_engine, transaction
from gateway.store.firings import FRESH_S, Firings
from gateway.store.ids import new_id
from gateway.store.overruling import as_new, let
from gateway.store.people import Role
from gateway.store.tables import DecisionRow, PictureRow
from gateway.web.policy_texts import POLICY_TEXTS
from gateway.web.policy_view import Judged, groups, silent
from policies.loader import PolicyInForce, load_policy, shipped_policies
from policies.schema import Policy, Thresholds
from policies.signals import Category, Signal, Stage
from policies.verdict import Action, Reason, Verdict
from tests.gateway.desk_parts import Moderator, close_all, desk_parts, hold, later, opened, until, wipe, words
from tests.gateway.walks import Book
from tests.houses import client_of, serving
from tests.policies.builders import policy_file

DEFAULT = shipped_policies()["default"]


@pytest.fixture(scope="module")
def default() -> Policy:
    return load_policy(DEFAULT)


# counting


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def book(engine: Engine) -> Decisions:
    return Decisions(engine, "ins", b"key")


def judgement(policy: Policy, stage: Stage, action: Action, *rules: str, **of: object) -> Judgement:
    reasons = tuple(Reason(action, Category.GORE, "image_concepts", 0.9, 0.5, rule) for rule in rules)
    signals = [Signal("image_concepts", Category.GORE, 0.9)]
    verdict = Verdict(action, stage, policy.stamp, reasons)
    made = Judgement(stage, signals, {}, policy.stamp, [], 0.1, verdict)
    return replace(made, **of)  # type: ignore[arg-type]


def picture(
    book: Decisions, policy: Policy, action: Action, *rules: str, prompt: Judgement | None = None
) -> tuple[str, str]:
    """A request for one picture, and what its gate made of it. Returns request and picture."""
    request_id = book.received(Received("key", "k", "openai", "m", "a cat", 1, "64x64", 1), policy.stamp)
    book.prompt_judged(request_id, prompt or judgement(policy, Stage.PROMPT, Action.ALLOW))
    picture_id = new_id("img")
    book.quarantined(request_id, [KeptPicture(picture_id, 0, "a" * 64, 1, "png")])
    hold_it = prompt is not None
    judged = judgement(policy, Stage.PICTURE, action, *rules, picture_index=0, picture_sha256="a" * 64)
    book.pictures_judged(request_id, {picture_id: judged}, hold=hold_it)
    return request_id, picture_id


def by_person(engine: Engine, picture_id: str, action: Action) -> None:
    """A person decides about a picture."""
    with transaction(engine, "test") as session:
        row = session.get_one(PictureRow, picture_id)
        before = session.get_one(DecisionRow, row.decision_id)
        after = as_new(before, action=action, decided_by="per_x", reasons='[{"rule":"review/false_alarm"}]')
        let(session, row, after, State.HELD)


def counts(engine: Engine, policy: Policy) -> dict[str, tuple[int, int, int, int, int]]:
    found = Firings(engine).of(policy.stamp.sha256).fired
    return {one.rule: (one.week, one.month, one.allowed, one.blocked, one.undecided) for one in found}


def aged(engine: Engine, request_id: str, days: int) -> None:
    """As if the request had come so many days ago."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE decisions DISABLE TRIGGER ALL"))
        else:
            connection.execute(text("DROP TRIGGER IF EXISTS decisions_no_UPDATE"))
        for table, key in (("requests", "id"), ("decisions", "request_id")):
            found = connection.execute(text(f"SELECT created_at FROM {table} WHERE {key} = :id"), {"id": request_id})  # noqa: S608
            then = _days_before(str(found.scalars().first()), days)
            connection.execute(text(f"UPDATE {table} SET created_at = :at WHERE {key} = :id"),  # noqa: S608
                               {"at": then, "id": request_id})  # fmt: skip


def _days_before(moment: str, days: int) -> str:
    return (datetime.fromisoformat(moment) - timedelta(days=days)).isoformat(timespec="microseconds")


def test_a_rule_is_counted_with_how_a_person_decided_afterwards(
    book: Decisions, engine: Engine, default: Policy
) -> None:
    ids = [picture(book, default, Action.REVIEW, "picture/gore/review")[1] for _ in range(4)]
    picture(book, default, Action.ALLOW)
    by_person(engine, ids[0], Action.ALLOW)
    by_person(engine, ids[1], Action.BLOCK)
    by_person(engine, ids[2], Action.BLOCK)
    by_person(engine, ids[2], Action.LABEL)
    assert counts(engine, default) == {"picture/gore/review": (4, 4, 2, 1, 1)}


def test_a_sentence_that_a_person_must_look_at_ends_as_its_pictures_do(
    book: Decisions, engine: Engine, default: Policy
) -> None:
    doubtful = judgement(default, Stage.PROMPT, Action.REVIEW, "prompt/gore/review")
    ids = [picture(book, default, Action.ALLOW, prompt=doubtful)[1] for _ in range(3)]
    by_person(engine, ids[0], Action.ALLOW)
    by_person(engine, ids[1], Action.BLOCK)
    assert counts(engine, default) == {"prompt/gore/review": (3, 3, 1, 1, 1)}


def test_weeks_and_months_end(book: Decisions, engine: Engine, default: Policy) -> None:
    for days in (1, 8, 29, 31):
        aged(engine, picture(book, default, Action.BLOCK, "likeness/photoreal_harm")[0], days)
    assert counts(engine, default) == {"likeness/photoreal_harm": (1, 3, 0, 0, 3)}


def test_another_version_has_its_own_counts_and_every_version_is_on_record(
    book: Decisions, engine: Engine, default: Policy
) -> None:
    strict = load_policy(shipped_policies()["strict"])
    picture(book, default, Action.BLOCK, "picture/gore/block")
    picture(book, strict, Action.BLOCK, "picture/hate/block")
    assert {*counts(engine, default)} == {"picture/gore/block"}
    assert {*counts(engine, strict)} == {"picture/hate/block"}
    counted = Firings(engine).of(strict.stamp.sha256)
    assert [(usage.policy, usage.requests) for usage in counted.usages] == [
        (str(strict.stamp), 1),
        (str(default.stamp), 1),
    ]
    assert counted.usage("0" * 64) is None


def test_two_rules_of_one_decision_and_two_checks_of_one_rule_are_counted_apart(
    book: Decisions, engine: Engine, default: Policy
) -> None:
    picture(book, default, Action.BLOCK, "picture/gore/block", "likeness/photoreal_harm", "picture/gore/block")
    assert counts(engine, default) == {
        "likeness/photoreal_harm": (1, 1, 0, 0, 1),
        "picture/gore/block": (1, 1, 0, 0, 1),
    }


def test_a_count_serves_for_a_minute(book: Decisions, engine: Engine, default: Policy) -> None:
    firings = Firings(engine)
    assert firings.of(default.stamp.sha256).fired == ()
    picture(book, default, Action.BLOCK, "picture/gore/block")
    assert firings.of(default.stamp.sha256).fired == ()
    firings._kept = {key: (at - FRESH_S - 1, kept) for key, (at, kept) in firings._kept.items()}
    assert len(firings.of(default.stamp.sha256).fired) == 1


# the shelf


def test_the_policy_in_force_is_what_was_loaded_and_its_changed_file_stands_beside_it(tmp_path: Path) -> None:
    path = policy_file(tmp_path)
    shelf = PolicyShelf(PolicyInForce(load_policy(path)), path)
    assert [(one.key, one.in_force) for one in shelf.all()] == [
        ("small", True), ("default", False), ("lenient", False), ("strict", False),
    ]  # fmt: skip
    policy_file(tmp_path, ("version", 4))
    changed = named(shelf.all(), "small-file")
    assert changed.changed
    assert changed.policy is not None
    assert (shelf.all()[0].policy or changed.policy).version == 3


def test_a_file_that_cannot_be_read_is_named_without_its_folder(tmp_path: Path) -> None:
    path = policy_file(tmp_path)
    (tmp_path / "broken.yaml").write_text("name: [\n")
    broken = named(PolicyShelf(PolicyInForce(load_policy(path)), path).all(), "broken")
    assert broken.policy is None
    assert broken.problem.startswith("broken.yaml:")
    assert str(tmp_path) not in broken.problem


def test_what_is_not_there_is_not_found(default: Policy) -> None:
    shelf = PolicyShelf(PolicyInForce(default), DEFAULT)
    with pytest.raises(NotFound):
        named(shelf.all(), "../secret")


# what is shown


@pytest.mark.parametrize("name", shipped_policies())
def test_every_category_of_every_stage_is_in_one_group_with_its_own_thresholds(name: str) -> None:
    policy = load_policy(shipped_policies()[name])
    for stage in Stage:
        asked = policy.stage(stage)
        found = groups(asked)
        assert sorted(category for group in found for category in group.categories) == sorted(Category)
        for group in found:
            for category in group.categories:
                told = {one.check: one.thresholds for one in group.judged if one.thresholds}
                assert told == asked.table[category]


@given(st.lists(st.integers(1, 100), min_size=5, max_size=5, unique=True).map(sorted))
def test_a_bar_shows_each_action_from_its_threshold_to_the_next(steps: list[int]) -> None:
    names = ("label", "confirm", "review", "block", "escalate")
    asked = Thresholds.model_validate({name: step / 100 for name, step in zip(names, steps, strict=True)})
    zones = Judged("check", asked).zones
    assert [zone.action for zone in zones] == list(names)
    assert all(0 <= zone.start <= 98.5 and zone.width >= 1.5 for zone in zones)
    for zone, step, end in zip(zones, steps, [*steps[1:], 100], strict=True):
        assert zone.start == pytest.approx(min(step, 98.5))
        assert zone.width == pytest.approx(max(end - step, 1.5))


def test_a_rule_is_silent_until_it_fires(book: Decisions, engine: Engine, default: Policy) -> None:
    before = silent(default, Firings(engine).of(default.stamp.sha256))
    picture(book, default, Action.BLOCK, "picture/gore/block", "likeness/public_figure/photoreal")
    after = silent(default, Firings(engine).of(default.stamp.sha256))
    assert set(before) - set(after) == {"picture/gore/block image_concepts", "likeness/public_figure/photoreal"}
    assert "likeness/child/sexual" in after


def test_both_languages_have_every_word() -> None:
    english, french = POLICY_TEXTS["en"], POLICY_TEXTS["fr"]
    for name in ("effects", "kinds", "said", "places", "stages", "subjects", "near_takes", "disclosures"):
        assert getattr(english, name).keys() == getattr(french, name).keys()


# the pages


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("policies")
    own = yaml.safe_load(DEFAULT.read_text())
    changed = {**own, "name": "house", "version": 7, "disclosure": {**own["disclosure"], "gore": "none"}}
    changed["messages"] = {**own["messages"], "gore": {"en": "<script>alert(1)</script>", "fr": "<b>non</b>"}}
    (folder / "house.yaml").write_text(yaml.safe_dump(changed, allow_unicode=True, sort_keys=False))
    (folder / "<img src=x>.yaml").write_text("no: policy\n")
    with serving(data, desk_parts(), policy=str(folder / "house.yaml"), undo_seconds=3600, gate_seconds=30) as running:
        yield running


@pytest.fixture
def served(running: tuple[House, str]) -> Iterator[tuple[House, str]]:
    wipe(running[0])
    running[0].records.firings._kept = {}
    yield running
    close_all()


def signed_in(served: tuple[House, str], role: Role = Role.VIEWER) -> Moderator:
    person = Moderator(*served, name="vera", role=role)
    person.sign_in()
    return person


@pytest.mark.parametrize("role", Role)
def test_whoever_may_sign_in_may_read_the_policies(served: tuple[House, str], role: Role) -> None:
    person = signed_in(served, role)
    assert 'href="/review/policies"' in person.get().text
    paths = ("/review/policies", "/review/policies/house", "/review/policies/strict?against=house")
    assert [person.get(path).status_code for path in paths] == [200] * 3


def test_nobody_reads_them_without_signing_in(served: tuple[House, str]) -> None:
    assert httpx.get(f"{served[1]}/review/policies").headers["location"] == "/review/login"


def test_the_policy_in_force_is_named_by_its_digest_and_the_page_says_how_another_comes_in_force(
    served: tuple[House, str],
) -> None:
    page = signed_in(served).get("/review/policies")
    stamp = served[0].policy_in_force.policy.stamp
    assert "house Version 7" in words(page)
    assert stamp.sha256 in page.text
    assert "gardefou serve --policy NAME" in words(page)
    assert "strict Version 5" in words(page)
    forms = re.findall(r'<form method="post" action="([^"]+)"', page.text)
    assert forms == ["/review/logout"], "nothing on it changes anything"


def test_every_threshold_rule_and_cell_stands_on_the_page(served: tuple[House, str]) -> None:
    page, policy = signed_in(served).get("/review/policies/house"), served[0].policy_in_force.policy
    told = words(page)
    for stage in Stage:
        for rule in policy.stage(stage).rules:
            assert rule.id in told
    assert "ask first from 0.63 · a person must look from 0.7 · block from 0.8" in told
    assert "label from 0.5" in told
    assert "a person must look, with the letters AI" in told
    assert "Within 0.05 of the next look: a person looks, no more." in told
    assert page.text.count("<svg") >= 20
    assert "style=" not in page.text


def test_how_often_a_rule_fired_and_how_it_ended_is_counted_from_the_desk(served: tuple[House, str]) -> None:
    house, client = served[0], opened(client_of(*served))
    for number in range(3):
        hold(client, f"all doubtful fox {number}")
    ben = Moderator(*served, name="ben")
    ben.sign_in()
    ben.decide(ben.take(), "block")
    ben.decide(ben.take(), "allow")
    later(house)
    until(lambda: "released" in Book(house).picture_states)
    page = words(signed_in(served).get("/review/policies/house"))
    assert "picture · gore · a person must look picture/gore/review · image_concepts 3 3 1 1 1" in page


def test_two_policies_are_compared_in_words_of_the_readers_language(served: tuple[House, str]) -> None:
    vera = signed_in(served)
    english = words(vera.get("/review/policies/house?against=strict"))
    assert "What strict@5 says otherwise" in english
    assert "sentence · blocklist · weapons stricter" in english
    french = words(vera.get("/review/policies/house?against=strict&lang=fr"))
    assert "Ce que strict@5 dit autrement" in french
    assert "phrase · blocklist · armes plus strict" in french
    assert "They say the same." in words(vera.get("/review/policies/house?against=house&lang=en"))


def test_an_operators_own_words_and_file_names_are_inert(served: tuple[House, str]) -> None:
    vera = signed_in(served)
    page = vera.get("/review/policies/house")
    assert "<script>alert(1)" not in page.text
    assert "<script>alert(1)</script>" in html.unescape(page.text)
    listed = vera.get("/review/policies")
    assert "<img src=x>" not in listed.text
    assert "&lt;img src=x&gt;.yaml" in listed.text


@pytest.mark.parametrize("path", ["nobody", "house?against=nobody", "..%2Fsecret", "%3Cimg%20src=x%3E"])
def test_a_policy_that_is_not_there_or_cannot_be_read_is_a_page_that_says_so(
    served: tuple[House, str], path: str
) -> None:
    answer = signed_in(served).get(f"/review/policies/{path}")
    assert answer.status_code == 404


def test_reading_writes_nothing(served: tuple[House, str]) -> None:
    vera = signed_in(served)
    before = [row.hash for row in Book(served[0]).ledger]
    vera.get("/review/policies/house?against=strict")
    assert [row.hash for row in Book(served[0]).ledger] == before


def test_the_examples_of_a_policy_are_counted_and_not_shown(served: tuple[House, str]) -> None:
    page = signed_in(served).get("/review/policies/house?against=strict")
    policy = served[0].policy_in_force.policy
    assert f"{len(policy.examples)} · gardefou policy check" in words(page)
    shown = [example.prompt for example in policy.examples if example.prompt in html.unescape(page.text)]
    assert shown == [], json.dumps(shown)
