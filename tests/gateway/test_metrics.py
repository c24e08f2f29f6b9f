"""What operators see: the names they were promised, a bounded number of series, and never a word that a user typed."""

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from gateway.app import ROUTERS
from gateway.middleware import METHODS
from gateway.provenance import Conclusion
from gateway.store.queue import Band
from gateway.store.webhooks import Result
from policies.signals import Category, Stage
from policies.verdict import Action
from safety.bias_audit.probes import CLASSES
from tests.houses import Parts, client_of, serving
from tests.wire import GENERATIONS, Service, assert_error

CANARY = "canary7f3a9e"
PROMISED: dict[str, set[str]] = {
    "gateway_http_requests_total": {"route", "method", "status"},
    "gateway_http_request_duration_seconds_count": {"route"},
    "gateway_generations_total": {"surface", "model", "outcome"},
    "gateway_gate_decisions_total": {"gate", "verdict", "category", "policy"},
    "gateway_gate_duration_seconds_count": {"gate"},
    "gateway_gate_failures_total": {"gate", "reason"},
    "gateway_generator_queue_items": set(),
    "gateway_generator_duration_seconds_count": {"model"},
    "gateway_audit_rows_total": set(),
    "gateway_db_errors_total": {"op", "kind"},
    "gateway_ignored_params_total": set(),
    "gateway_released_without_decision_total": set(),
    "gateway_audit_last_verified_timestamp_seconds": set(),
    "gateway_audit_chain_broken": set(),
    "gateway_ratelimit_rejections_total": {"scope"},
    "gateway_worker_up": set(),
    "gateway_worker_memory_bytes": set(),
    "gateway_worker_ends_total": {"reason"},
}
ROUTES = {getattr(route, "path", "") for module in ROUTERS for route in module.router.routes} | {"unmatched"}
NAME = r"[a-z0-9][a-z0-9_.-]{0,40}"
CLOSED: dict[str, str] = {
    "method": "|".join([*METHODS, "other"]),
    "status": r"[1-5]\d\d",
    "event": "filed|upheld|overturned|opened|proposed|decided|rejected|reverted",
    "conclusion": "|".join(Conclusion),
    "surface": "openai|studio|moderations|check|terminal|bench|audit",
    "model": NAME,
    "policy": NAME,
    "outcome": "allowed|blocked_prompt|blocked_image|blocked_model|unconfirmed|held|cancelled|error",
    "gate": "|".join(Stage),
    "verdict": "|".join(Action),
    "category": "|".join([*Category, "none"]),
    "reason": NAME,
    "op": NAME,
    "kind": r"[A-Za-z]{1,40}",
    "scope": "key|session|terminal|public|sign_in|report|appeal",
    "band": "|".join(Band),
    "attribute": "|".join(CLASSES),
    "bound": "value|low|high",
    "probe": NAME,
    "generator": NAME,
    "language": "en|fr",
    "queue": NAME,
    "action": "decide|escalate|skip|undo|propose|revert",
    "result": "|".join([*Result, "agreed", "differed", "right", "wrong"]),
    "le": r"[0-9.]+(e-?\d+)?|\+Inf",
}
FUZZ = settings(max_examples=60)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TOKEN = st.text(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=20
)
PLACES = (
    "/",
    "/v1/",
    "/v1/models/",
    "/images/",
    "/static/",
    "/studio/",
    "/api/v1/decisions/",
    "/v1/images/generations/",
)


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, parts: Parts) -> Iterator[Service]:
    with (
        serving(tmp_path_factory.mktemp("metrics"), parts, requests_per_minute=100_000) as (house, url),
        client_of(house, url) as client,
    ):
        yield Service(house, url, client, parts.generator)


def scraped(service: Service) -> list[Sample]:
    families = text_string_to_metric_families(httpx.get(service.url + "/metrics").text)
    return [sample for family in families for sample in family.samples if sample.name.startswith("gateway_")]


def series(service: Service) -> set[tuple[str, ...]]:
    return {(sample.name, *sorted(sample.labels.values())) for sample in scraped(service)}


def value(service: Service, name: str) -> float:
    return next(sample.value for sample in scraped(service) if sample.name == name)


def mixed_run(service: Service, parts: Parts, word: str) -> list[httpx.Response]:
    """Requests of every kind of ending, each with the word in every place that takes one."""
    check = parts.pictures[0]
    unsafe = f"a naked woman {word}"
    ask = service.client.request
    answers = [
        service.generate(prompt=f"a cat {word}", user=word, n=3),
        service.generate(prompt=f"a cat {word}", stream=True),
        service.generate(prompt=unsafe),
        service.generate(prompt=f"a cat {word}", model=word),
        service.generate(prompt=f"a cat {word}", size=word),
        service.generate(prompt=f"a cat {word}", **{word: word}),
        service.generate(prompt=[word]),
        service.generate(prompt=f"{word}\x00\x1b[31m"),
        service.send(f'{{"prompt": "{word}"'.encode()),
        service.send(f'{{"prompt": "{word}", "prompt": "{word}"}}'.encode()),
        ask("POST", GENERATIONS, content=word, headers={"Content-Type": f"text/{word}"}),
        ask("POST", "/v1/moderations", json={"input": [word, unsafe]}),
        ask(
            "POST", "/v1/moderations", json={"input": [{"type": "image_url", "image_url": {"url": f"http://{word}/"}}]}
        ),
        ask("GET", f"/{word}"),
        ask("GET", f"/v1/models/{word}"),
        ask("GET", f"/images/{word}?expires={word}&signature={word}"),
        ask("GET", f"/images/img_{'a' * 22}?expires={word}&signature={word}"),
        ask("GET", f"/api/v1/decisions/{word}"),
        ask(word.upper(), GENERATIONS),
        ask("GET", "/v1/models", headers={"Authorization": f"Bearer {word}"}),
    ]
    for score in (0.7, 0.99):
        with patch.object(check, "scores", {Category.GORE: score}):
            answers.append(service.generate(prompt=f"a cat {word}"))
    with patch.object(parts.classifier, "on_check", side_effect=RuntimeError(word)):
        answers.append(service.generate(prompt=f"a cat {word}"))
    with patch.object(parts.generator, "on_draw", side_effect=RuntimeError(word)):
        answers.append(service.generate(prompt=f"a cat {word}"))
    with patch.object(service.house.pipeline, "start", side_effect=ValueError(f"[parameters: ({word})]")):
        answers.append(service.generate(prompt=f"a cat {word}"))
    with patch.object(service.house.files, "quarantine", side_effect=KeyError(word)):
        answers.append(service.generate(prompt=f"a cat {word}"))
    return answers


def test_every_promised_name_is_exported_with_its_labels(service: Service, parts: Parts) -> None:
    mixed_run(service, parts, "word")
    found: dict[str, set[str]] = {}
    for sample in scraped(service):
        found.setdefault(sample.name, set()).update(sample.labels)
    for name in ("gateway_db_errors_total", "gateway_ratelimit_rejections_total", "gateway_worker_ends_total"):
        found.setdefault(name, PROMISED[name])  # they appear with the first mishap; their declaration is below
    assert {name: found.get(name) for name in PROMISED} == PROMISED


def test_names_that_appear_with_the_first_mishap_are_declared(service: Service) -> None:
    told = httpx.get(service.url + "/metrics").text
    assert "# TYPE gateway_db_errors_total counter" in told
    assert "# TYPE gateway_ratelimit_rejections_total counter" in told
    assert "# TYPE gateway_worker_ends_total counter" in told


def test_a58_a_word_that_a_user_typed_is_in_no_metric_no_error_and_no_log(
    service: Service, parts: Parts, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.WARNING, "httpx")  # the test's own client
    answers = mixed_run(service, parts, CANARY)
    refused = [answer for answer in answers if answer.status_code >= 400]
    assert {answer.status_code for answer in refused} == {400, 401, 403, 404, 405, 415, 500, 503}
    assert not [answer.text for answer in refused if CANARY in answer.text.lower()]
    assert CANARY not in httpx.get(service.url + "/metrics").text.lower()
    told = capfd.readouterr()
    assert CANARY not in (caplog.text + told.out + told.err).lower()
    for unforeseen in ("failed with ValueError", "failed with KeyError"):
        assert unforeseen in caplog.text, "what nobody foresaw is in the log, without its words"


def test_a59_an_error_shows_no_sql_no_path_and_no_stack(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving(tmp_path, Parts()) as (house, url), client_of(house, url) as client:
        with closing(sqlite3.connect(house.settings.data / "gardefou.db")) as database, database:
            database.execute("ALTER TABLE requests RENAME TO elsewhere")
        answer = client.post(GENERATIONS, json={"prompt": f"a cat {CANARY}"})
        assert_error(answer, 503, "database_unavailable")
    for word in ("insert", "requests", "sqlite", "traceback", ".py", str(tmp_path), CANARY):
        assert word not in answer.text.lower()
    assert CANARY not in caplog.text


def test_no_picture_was_served_without_a_decision_in_a_mixed_run(service: Service, parts: Parts) -> None:
    before = value(service, "gateway_released_without_decision_total")
    answers = mixed_run(service, parts, "word")
    links = [item["url"] for answer in answers for item in _data(answer)]
    assert len(links) >= 3
    assert all(httpx.get(link).is_success for link in links)
    assert value(service, "gateway_released_without_decision_total") == before
    assert value(service, "gateway_generator_queue_items") == 0


def test_no_address_and_no_method_makes_a_series_of_its_own(service: Service) -> None:
    @given(place=st.sampled_from(PLACES), rest=TEXT, method=TOKEN)
    @FUZZ
    def ask(place: str, rest: str, method: str) -> None:
        url = httpx.URL(service.url).copy_with(raw_path=(place + _quoted(rest)).encode())
        service.client.request(method, url)
        service.client.get(url)

    ask()
    _assert_closed(service)


def test_no_prompt_makes_a_series_of_its_own(service: Service) -> None:
    @given(texts=st.lists(TEXT, max_size=3))
    @FUZZ
    def ask(texts: list[str]) -> None:
        service.client.post("/v1/moderations", json={"input": texts})

    ask()
    _assert_closed(service)


def test_the_number_of_series_has_an_end(service: Service, parts: Parts) -> None:
    mixed_run(service, parts, "first")
    before = series(service)
    for i in range(5):
        mixed_run(service, parts, f"another{i}")
    assert series(service) == before


def _assert_closed(service: Service) -> None:
    for sample in scraped(service):
        for name, label in sample.labels.items():
            closed = label in ROUTES if name == "route" else re.fullmatch(CLOSED[name], label)
            assert closed, f"{name}={label!r}"


def _data(answer: httpx.Response) -> list[dict[str, str]]:
    is_json = answer.headers["content-type"] == "application/json"
    return list(answer.json().get("data", [])) if is_json else []


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())
