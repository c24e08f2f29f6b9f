"""Why a prompt was judged as it was: all of it for a key that may know, the category or the span for every other."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from gateway.store.engine import open_engine
from policies.signals import Category, Signal
from safety.normalize import NormalizedPrompt
from tests.fakes import FakePromptCheck
from tests.houses import Parts, client_of, serving
from tests.wire import Service, assert_error

NAKED = "a portrait of a naked woman"  # the blocklist sees a word whose span may be told
GORY = "a quiet lake full of blood"  # the classifier does not like the last word


def classified(prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
    return [[_signal(category, prompt.original) for category in Category] for prompt in prompts]


def _signal(category: Category, prompt: str) -> Signal:
    scores = {Category.GORE: ("blood", 0.9), Category.SEXUAL_MINORS: ("unspeakable", 1.0)}
    word, score = scores.get(category, ("", 0.0))
    return Signal("prompt_classifier", category, score if word and word in prompt else 0.0)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    parts = Parts(classifier=FakePromptCheck("prompt_classifier", on_check=classified))
    with (
        serving(tmp_path_factory.mktemp("explained"), parts, requests_per_minute=100_000) as (house, url),
        client_of(house, url) as client,
    ):
        yield Service(house, url, client, parts.generator)


def refused(service: Service, prompt: str, **options: Any) -> dict[str, Any]:
    answer = service.client.post("/v1/images/generations", json={"prompt": prompt}, **options)
    facts: dict[str, Any] = assert_error(answer, 400, "content_policy_violation", "prompt")["x_gateway"]
    return facts


def decision(service: Service, decision_id: str, **options: Any) -> dict[str, Any]:
    answer = service.client.get(f"/api/v1/decisions/{decision_id}", **options)
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def with_scopes(service: Service, *scopes: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Authorization": f"Bearer {service.house.keys.create('narrow', scopes)}"}}


def test_matches_are_told_with_their_place_in_the_prompt_as_it_was_typed(service: Service) -> None:
    explanation = decision(service, refused(service, NAKED)["decision_id"])["explanation"]
    (match,) = [match for match in explanation["matches"] if match["category"] == "sexual"]
    assert (match["source"], match["text"], match["span"]) == ("blocklist", "naked", [16, 21])
    assert match["evidence"]


def test_each_score_stands_beside_the_thresholds_that_were_in_force(service: Service) -> None:
    scores = decision(service, refused(service, GORY)["decision_id"])["explanation"]["scores"]
    gravest = scores[0]
    assert (gravest["subject"], gravest["source"], gravest["score"]) == ("gore", "prompt_classifier", 0.9)
    said = service.house.policy_in_force.policy.prompt.table[Category.GORE]["prompt_classifier"].in_force
    assert gravest["thresholds"] == dict(said)
    assert gravest["action"] == "block"
    assert {score["action"] for score in scores[1:] if score["score"] == 0} == {"allow"}
    assert len(scores) >= 2 * len(Category)


def test_the_words_that_weighed_most_with_the_classifier_come_first(service: Service) -> None:
    words = decision(service, refused(service, GORY)["decision_id"])["explanation"]["words"]
    assert (words["category"], words["source"]) == ("gore", "prompt_classifier")
    assert words["weights"][0] == {"text": "blood", "span": [21, 26], "drop": 0.9}
    assert all(weight["drop"] == 0 for weight in words["weights"][1:])


def test_a_caller_without_the_scope_learns_the_span_where_the_category_allows_it(service: Service) -> None:
    narrow = with_scopes(service, "images:generate", "decisions:read")
    facts = refused(service, NAKED, **narrow)
    assert (facts["categories"], facts["spans"]) == (["sexual"], [[16, 21]])
    told = decision(service, facts["decision_id"], **narrow)
    assert (told["categories"], told["spans"]) == (["sexual"], [[16, 21]])
    assert "Try clothed people" in told["message"]["en"]
    assert "Essayez" in told["message"]["fr"]
    assert not {"explanation", "signals", "thresholds", "reasons"} & told.keys()


def test_a_category_that_hides_the_place_tells_its_name_alone(service: Service) -> None:
    facts = refused(service, "a swastika flag, gas the jews")
    assert facts["categories"] == ["hate"]
    assert "spans" not in facts


def test_what_may_not_be_disclosed_is_told_to_nobody_without_the_scope(service: Service) -> None:
    narrow = with_scopes(service, "images:generate", "decisions:read")
    facts = refused(service, "something unspeakable", **narrow)
    told = decision(service, facts["decision_id"], **narrow)
    assert (told["categories"], told["spans"], told["message"]) == ([], [], None)
    assert "minors" not in json.dumps([facts, told])


def test_a_prompt_that_passed_can_be_explained_too(service: Service) -> None:
    service.client.post("/v1/moderations", json={"input": "a cat"})
    told = decision(service, service.house.decisions.latest(1)[0].id)
    assert (told["action"], told["explanation"]["matches"], told["explanation"]["words"]) == ("allow", [], None)


def test_of_several_texts_judged_together_no_words_are_guessed(service: Service) -> None:
    service.client.post("/v1/moderations", json={"input": ["a cat", GORY]})
    newest = service.house.decisions.latest(2)
    gory = next(row for row in newest if row.action == "block")
    assert decision(service, gory.id)["explanation"]["words"] is None


def test_after_erasure_scores_stay_and_words_are_gone(service: Service) -> None:
    decision_id = refused(service, NAKED)["decision_id"]
    engine = open_engine(service.house.settings.database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE requests SET prompt = NULL, prompt_salt = NULL"))
        connection.execute(text("UPDATE decisions SET evidence = NULL"))
    engine.dispose()
    told = decision(service, decision_id)
    assert (told["spans"], told["explanation"]["matches"], told["explanation"]["words"]) == ([], [], None)
    assert told["explanation"]["scores"]
    assert service.house.decisions.broken_ledger() is None


def test_words_are_not_weighed_by_other_models_than_those_that_judged(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision_id = refused(service, GORY)["decision_id"]
    monkeypatch.setattr(type(service.house.judge), "prompt_models", {"fake": "0" * 64})
    assert decision(service, decision_id)["explanation"]["words"] is None


def test_explaining_takes_from_the_rate_of_the_caller(service: Service) -> None:
    decision_id = refused(service, GORY)["decision_id"]
    before = service.client.get("/v1/models").headers["x-ratelimit-remaining-requests"]
    decision(service, decision_id)
    after = service.client.get("/v1/models").headers["x-ratelimit-remaining-requests"]
    assert int(after) == int(before) - 1


def test_nothing_of_an_explanation_reaches_a_log(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0):
        decision(service, refused(service, GORY)["decision_id"])
    assert "blood" not in caplog.text
