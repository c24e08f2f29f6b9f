"""The stock `openai` client with nothing changed but base_url and api_key, and request bodies that others send."""

import asyncio
import base64
import io
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types import ImageGenCompletedEvent
from PIL import Image
from prometheus_client import REGISTRY

from policies.signals import Category, Signal
from tests.houses import Parts, client_of, serving
from tests.wire import GENERATIONS, Service, assert_error

CAT = "a cat on a red chair"
UNSAFE = "a naked woman"
RETRIES = 2  # what the client does by itself
PAGE = "data:image/png;base64,"


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, parts: Parts) -> Iterator[Service]:
    with (
        serving(tmp_path_factory.mktemp("openai"), parts, requests_per_minute=100_000) as (house, url),
        client_of(house, url) as client,
    ):
        yield Service(house, url, client, parts.generator)


@pytest.fixture
def client(service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{service.url}/v1", api_key=service.key.removeprefix("Bearer ")) as client:
        yield client


@pytest.fixture
def slept() -> Iterator[list[float]]:
    """The seconds the client waited before its retries; it does not really wait."""
    waits: list[float] = []
    with patch("openai._base_client.time", SimpleNamespace(sleep=waits.append, time=time.time)):
        yield waits


def answered(status: int) -> float:
    """How many requests for pictures were answered with this status."""
    labels = {"route": GENERATIONS, "method": "POST", "status": str(status)}
    return REGISTRY.get_sample_value("gateway_http_requests_total", labels) or 0.0


def assert_answered(status: int, more: int, before: float) -> None:
    """The count is made when an answer has gone out, so it may come a moment after it."""
    give_up = time.monotonic() + 5
    while answered(status) < before + more and time.monotonic() < give_up:
        time.sleep(0.01)
    assert answered(status) - before == more


def png() -> str:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(file, "PNG")
    return PAGE + base64.b64encode(file.getvalue()).decode()


def size_of(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as picture:
        return picture.size


def test_nine_pictures_by_link(client: OpenAI) -> None:
    answer = client.images.generate(prompt="a cat", n=9)
    urls = [image.url for image in answer.data or []]
    assert len(set(urls)) == 9
    assert {size_of(httpx.get(str(url)).content) for url in urls} == {(64, 64)}


def test_nine_pictures_in_base64(client: OpenAI) -> None:
    answer = client.images.generate(prompt="a cat", n=9, response_format="b64_json")
    pictures = [base64.b64decode(image.b64_json or "") for image in answer.data or []]
    assert [size_of(picture) for picture in pictures] == [(64, 64)] * 9


def test_the_asynchronous_client_too(service: Service) -> None:
    async def ask() -> tuple[int, str]:
        async with AsyncOpenAI(base_url=f"{service.url}/v1", api_key=service.key.removeprefix("Bearer ")) as client:
            drawn = await client.images.generate(prompt="a cat", n=9)
            with pytest.raises(openai.BadRequestError) as refused:
                await client.images.generate(prompt=UNSAFE)
            return len(drawn.data or []), str(refused.value.code)

    assert asyncio.run(ask()) == (9, "content_policy_violation")


def test_the_answer_says_what_was_made_and_by_which_policy(service: Service, client: OpenAI) -> None:
    answer = client.images.generate(prompt=CAT, n=2, size="128x128", output_format="webp")
    assert (answer.size, answer.output_format, answer.background) == ("128x128", "webp", "opaque")
    assert abs(answer.created - time.time()) < 60
    extra = (answer.model_extra or {})["x_gateway"]
    assert extra["policy"] == str(service.house.policy_in_force.policy.stamp)
    assert (extra["requested"], extra["returned"], extra["blocked"]) == (2, 2, [])


def test_the_request_id_is_shown(client: OpenAI) -> None:
    raw = client.images.with_raw_response.generate(prompt=CAT)
    assert raw.headers["x-request-id"].startswith("hrq_")
    parsed = raw.parse()
    assert parsed._request_id == raw.headers["x-request-id"]
    assert len(parsed.data or []) == 1


def test_an_unsafe_prompt_is_a_bad_request_that_is_not_retried(service: Service, client: OpenAI) -> None:
    before = answered(400)
    with service.undrawn(), pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(prompt=UNSAFE, n=9)
    assert_answered(400, 1, before)
    error = refused.value
    assert (error.code, error.param, error.type) == ("content_policy_violation", "prompt", "invalid_request_error")
    assert "rejected as a result of our safety system" in error.message
    assert str(error.request_id).startswith("hrq_")
    body: Any = error.body
    told = body["x_gateway"]
    assert (told["outcome"], told["stage"], told["categories"]) == ("blocked", "prompt", ["sexual"])
    assert told["decision_id"].startswith("dec_")
    assert told["appeal_url"] == f"/decisions/{told['decision_id']}"
    allowed = {"outcome", "stage", "categories", "spans", "decision_id", "policy", "appeal_url"}
    assert told.keys() == allowed, "no score, no term"


@pytest.mark.parametrize(("score", "outcome"), [(0.99, "blocked"), (0.8, "held")])
def test_pictures_that_may_not_be_shown_are_a_bad_request(
    client: OpenAI, parts: Parts, score: float, outcome: str
) -> None:
    with (
        patch.object(parts.pictures[0], "scores", {Category.VIOLENCE: score}),
        pytest.raises(openai.BadRequestError) as refused,
    ):
        client.images.generate(prompt=CAT, n=3)
    body: Any = refused.value.body
    assert refused.value.code == "content_policy_violation"
    told = body["x_gateway"]
    assert (told["outcome"], told["stage"]) == (outcome, "image")
    where = f"/decisions/{told['decision_id']}" if outcome == "blocked" else None
    assert told.get("appeal_url") == where, "what a person looks at anyway needs no appeal"


def test_a_soft_block_is_a_bad_request_whose_answer_goes_on(client: OpenAI, parts: Parts) -> None:
    with patch.object(parts.classifier, "scores", {Category.SHOCKING: 0.65}):
        with pytest.raises(openai.BadRequestError) as asked:
            client.images.generate(prompt=CAT, n=2)
        body: Any = asked.value.body
        again = {"x_gateway": {"confirmation": body["x_gateway"]["confirmation"]}}
        with pytest.raises(openai.BadRequestError) as other:
            client.images.generate(prompt="another cat", extra_body=again)
        answer = client.images.generate(prompt=CAT, n=2, extra_body=again)
    assert (asked.value.code, other.value.code) == ("confirmation_required", "confirmation_invalid")
    assert "Did you mean this?" in asked.value.message
    assert len(answer.data or []) == 2
    assert (answer.model_extra or {})["x_gateway"]["confirmed"] == body["x_gateway"]["decision_id"]


def test_a_soft_block_sends_no_byte_of_a_stream_and_its_answer_streams(client: OpenAI, parts: Parts) -> None:
    with patch.object(parts.classifier, "scores", {Category.SHOCKING: 0.65}):
        with pytest.raises(openai.BadRequestError) as asked:
            client.images.generate(prompt=CAT, model="gpt-image-1", stream=True)
        body: Any = asked.value.body
        again = {"x_gateway": {"confirmation": body["x_gateway"]["confirmation"]}}
        events = list(client.images.generate(prompt=CAT, model="gpt-image-1", stream=True, extra_body=again))
    assert asked.value.code == "confirmation_required"
    assert [event.type for event in events] == ["image_generation.completed"]


def test_moderation_tells_a_soft_block_with_its_question(client: OpenAI, parts: Parts) -> None:
    with patch.object(parts.classifier, "scores", {Category.SHOCKING: 0.65}):
        (result,) = client.moderations.create(input=CAT).results
    told = (result.model_extra or {})["x_gateway"]
    assert (result.flagged, told["verdict"], told["categories"]) == (True, "confirm", ["shocking"])
    assert "Is that what you want to see?" in told["question"]


def test_a_wrong_key_is_an_authentication_error(service: Service) -> None:
    with (
        OpenAI(base_url=f"{service.url}/v1", api_key="sk-proj-something") as client,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        client.images.generate(prompt=CAT)
    assert refused.value.code == "invalid_api_key"


def test_a_key_that_may_not_is_a_permission_error(service: Service) -> None:
    narrow = service.house.keys.create("narrow", ("moderations:create",))
    with (
        OpenAI(base_url=f"{service.url}/v1", api_key=narrow) as client,
        pytest.raises(openai.PermissionDeniedError) as refused,
    ):
        client.images.generate(prompt=CAT)
    assert refused.value.code == "insufficient_scope"


def test_a_model_that_is_none_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.images.generate(prompt=CAT, model="dall-e-9")
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


def test_a_value_that_is_none_is_a_bad_request(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(prompt=CAT, n=11)
    assert (refused.value.code, refused.value.param) == ("invalid_value", "n")


def test_a_body_that_is_too_large_is_told_so(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.images.generate(prompt="a" * (2 << 20))
    assert (refused.value.status_code, refused.value.code) == (413, "request_too_large")


def test_a_gate_that_fails_is_retried_after_the_time_we_ask_for(
    service: Service, client: OpenAI, parts: Parts, slept: list[float]
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("broken")

    before = answered(503)
    with (
        service.undrawn(),
        patch.object(parts.classifier, "on_check", fail),
        pytest.raises(openai.InternalServerError) as refused,
    ):
        client.images.generate(prompt=CAT)
    assert (refused.value.status_code, refused.value.code) == (503, "classifier_unavailable")
    assert slept == [5.0] * RETRIES
    assert_answered(503, 1 + RETRIES, before)


def test_a_gate_that_recovers_is_not_noticed(client: OpenAI, parts: Parts, slept: list[float]) -> None:
    failures = iter([RuntimeError("broken")])

    def fail_once(_: object) -> None:
        for failure in failures:
            raise failure

    with patch.object(parts.classifier, "on_check", fail_once):
        assert client.images.generate(prompt=CAT).data
    assert len(slept) == 1


def test_what_nobody_foresaw_is_not_asked_for_again(
    service: Service, client: OpenAI, slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    before = answered(500)
    with (
        patch.object(service.house.pipeline, "start", side_effect=ValueError("unforeseen")),
        pytest.raises(openai.InternalServerError) as refused,
    ):
        client.images.generate(prompt=CAT)
    assert refused.value.code == "internal_error"
    assert str(refused.value.request_id) in caplog.text, "the log can be found by the id"
    assert "unforeseen" not in caplog.text
    assert slept == []
    assert_answered(500, 1, before)


def test_too_many_requests_are_retried_after_the_time_we_ask_for(
    tmp_path_factory: pytest.TempPathFactory, slept: list[float]
) -> None:
    with serving(tmp_path_factory.mktemp("rate"), Parts(), requests_per_minute=1) as (house, url):
        with OpenAI(base_url=f"{url}/v1", api_key=house.keys.create("fast")) as client:
            client.images.generate(prompt=CAT)
            with pytest.raises(openai.RateLimitError) as refused:
                client.images.generate(prompt=CAT)
        assert refused.value.code == "rate_limit_exceeded"
        assert len(slept) == RETRIES
        assert all(1 <= wait <= 60 for wait in slept)


def test_a_stream_gives_completed_pictures_only(client: OpenAI) -> None:
    stream = client.images.generate(prompt=CAT, model="gpt-image-1", n=3, stream=True, partial_images=3)
    events = list(stream)
    assert [event.type for event in events] == ["image_generation.completed"] * 3
    for event in events:
        assert isinstance(event, ImageGenCompletedEvent)
        assert size_of(base64.b64decode(event.b64_json)) == (64, 64)


def test_a_refusal_before_the_stream_is_a_plain_bad_request(service: Service, client: OpenAI) -> None:
    with service.undrawn(), pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(prompt=UNSAFE, model="gpt-image-1", stream=True)
    assert refused.value.code == "content_policy_violation"
    assert refused.value.response.headers["content-type"] == "application/json"


def test_pictures_that_are_refused_send_no_byte_of_a_stream(service: Service, parts: Parts) -> None:
    with patch.object(parts.pictures[0], "scores", {Category.VIOLENCE: 0.99}):
        answer = service.generate(stream=True, partial_images=3, n=3)
    assert_error(answer, 400, "content_policy_violation", "prompt")
    assert "b64_json" not in answer.text


def test_one_text_is_moderated(client: OpenAI) -> None:
    answer = client.moderations.create(input=UNSAFE)
    (result,) = answer.results
    assert result.flagged
    assert result.categories.sexual
    assert not result.categories.violence_graphic


def test_several_texts_are_moderated(client: OpenAI) -> None:
    answer = client.moderations.create(input=[CAT, UNSAFE], model="omni-moderation-latest")
    assert [result.flagged for result in answer.results] == [False, True]


def test_a_text_and_a_picture_are_moderated_together(client: OpenAI) -> None:
    parts: Any = [{"type": "text", "text": CAT}, {"type": "image_url", "image_url": {"url": png()}}]
    (result,) = client.moderations.create(input=parts).results
    assert not result.flagged
    assert result.category_applied_input_types.violence == ["image", "text"]


def test_all_thirteen_categories_and_ours_are_there(client: OpenAI) -> None:
    (result,) = client.moderations.create(input=CAT).results
    for part in (result.categories, result.category_scores, result.category_applied_input_types):
        assert len(type(part).model_fields) == 13
        assert all(getattr(part, name) is not None for name in type(part).model_fields)
        assert {"deception", "shocking", "privacy"} <= (part.model_extra or {}).keys()


def test_models_are_listed_and_found_by_an_alias(client: OpenAI) -> None:
    (model,) = client.models.list().data
    assert (model.id, model.owned_by) == ("fake", "gardefou")
    assert client.models.retrieve("gpt-image-1").id == "fake"


LANGCHAIN = {"prompt": CAT, "model": "dall-e-3", "n": 2, "size": "64x64"}
LITELLM = {"prompt": CAT, "model": "fake", "n": 1, "size": "64x64"}
OPEN_WEBUI = {"model": "dall-e-2", "prompt": CAT, "n": 1, "size": "64x64", "response_format": "b64_json"}
OPEN_WEBUI_GPT_IMAGE = {"model": "gpt-image-1", "prompt": CAT, "n": 1, "size": "64x64", "background": "auto"}


@pytest.mark.parametrize("body", [LANGCHAIN, LITELLM], ids=["LangChain", "LiteLLM"])
def test_clients_that_name_no_format_get_links_they_can_open(service: Service, body: dict[str, Any]) -> None:
    answer = service.client.post(GENERATIONS, json=body).json()
    links = [item["url"] for item in answer["data"]]
    assert len(links) == body["n"]
    assert size_of(httpx.get("\n".join(links).partition("\n")[0]).content) == (64, 64)


@pytest.mark.parametrize("body", [OPEN_WEBUI, OPEN_WEBUI_GPT_IMAGE], ids=["dall-e", "gpt-image"])
def test_open_webui_gets_base64(service: Service, body: dict[str, Any]) -> None:
    (item,) = service.client.post(GENERATIONS, json=body).json()["data"]
    assert item.keys() == {"b64_json"}
    assert size_of(base64.b64decode(item["b64_json"])) == (64, 64)


def test_a_withheld_picture_is_left_out_never_null(service: Service, parts: Parts) -> None:
    check, scores = parts.pictures[0], iter([0.0, 0.99, 0.0])

    def second_is_violent(_: object) -> list[Signal]:
        score = next(scores)
        return [Signal(check.name, subject, score * (subject is Category.VIOLENCE)) for subject in check.subjects]

    with patch.object(check, "on_picture", second_is_violent):
        answer = service.generate(n=3).json()
    assert len(answer["data"]) == 2
    assert all(item["url"] for item in answer["data"])
    (blocked,) = answer["x_gateway"]["blocked"]
    assert (blocked["index"], blocked["code"]) == (1, "violence")
    assert blocked["appeal_url"] == f"/decisions/{blocked['decision_id']}"


def test_where_to_appeal_is_a_page_that_takes_one(service: Service, client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(prompt=UNSAFE)
    body: Any = refused.value.body
    where = body["x_gateway"]["appeal_url"]
    assert '<textarea id="text"' in httpx.get(f"{service.url}{where}").text
    read = service.client.get(f"/api/v1/decisions/{body['x_gateway']['decision_id']}").json()
    assert read["appeal_url"] == where
    sent = service.client.post(f"/api/v1{where}/appeal", json={"text": "It is a painting."})
    assert sent.status_code == 201
    again = service.client.get(f"/api/v1/decisions/{body['x_gateway']['decision_id']}").json()
    assert again["appeal_url"] is None, "a decision is appealed once"
