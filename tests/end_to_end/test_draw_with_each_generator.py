"""`gardefou draw` with each kind of generator: through both real gates, into one whole ledger, never around them."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway import assembly
from gateway.cli import app
from gateway.settings import Settings
from gateway.store.decisions import Decisions
from gateway.store.tables import DecisionRow
from generator.registry import create_generator
from policies.loader import load_policy, shipped_policies
from policies.signals import Category
from safety.screen import Screen
from tests.generator.kinds import write_hub_folder
from tests.generator.tiny_pipelines import write_pipeline
from tests.houses import Parts, serving

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")

Environment = dict[str, str]
GRID = 9
PROMPT = "a cat and a red car"


@pytest.fixture(scope="module")
def screen() -> Screen:
    """The real checks of the default policy, loaded once."""
    return assembly.build_screen(Settings(), load_policy(shipped_policies()["default"]))


@pytest.fixture(autouse=True)
def real_gates(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "build_screen", lambda *_: screen)


class RealParts(Parts):
    """A second gardefou with the same real gates, which draws with dalle-nano."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(generator=create_generator("dalle-nano"))  # type: ignore[arg-type]  # none of its fakes
        self._screen = screen

    @property
    def screen(self) -> Screen:
        return self._screen


@contextmanager
def second_gardefou(folder: Path, parts: Parts) -> Iterator[tuple[Environment, Decisions]]:
    """What to set to draw behind it, and its own book."""
    with serving(folder, parts, gate_seconds=60, requests_per_minute=1000) as (house, url):
        sizes = house.generator.sizes
        yield (
            {
                "GARDEFOU_GENERATOR": "openai",
                "GARDEFOU_GENERATOR_SIZES": json.dumps(sizes[:1]),
                "GARDEFOU_UPSTREAM_URL": f"{url}/v1",
                "GARDEFOU_UPSTREAM_KEY": house.keys.create("in front"),
                "GARDEFOU_UPSTREAM_MODEL": house.generator.identity.name,
                "GARDEFOU_UPSTREAM_SEEDS": "true",
            },
            house.decisions,
        )


def _nano(_: Path, __: Screen) -> AbstractContextManager[Environment]:
    return nullcontext({})


def _mini(folder: Path, _: Screen) -> AbstractContextManager[Environment]:
    weights = write_hub_folder(folder / "mini")
    return nullcontext({"GARDEFOU_GENERATOR": "dalle-mini", "GARDEFOU_GENERATOR_WEIGHTS": str(weights)})


def _diffusers(folder: Path, _: Screen) -> AbstractContextManager[Environment]:
    weights = write_pipeline("stable-diffusion", folder / "tiny-sd")
    return nullcontext(
        {
            "GARDEFOU_GENERATOR": "diffusers",
            "GARDEFOU_GENERATOR_WEIGHTS": str(weights),
            "GARDEFOU_GENERATOR_ARGUMENTS": json.dumps({"num_inference_steps": 2, "guidance_scale": 0}),
        }
    )


@contextmanager
def _upstream(folder: Path, screen: Screen) -> Iterator[Environment]:
    with second_gardefou(folder / "second", RealParts(screen)) as (environment, _):
        yield environment


KINDS: dict[str, Callable[[Path, Screen], AbstractContextManager[Environment]]] = {
    "dalle-nano": _nano,
    "dalle-mini": _mini,
    "diffusers": _diffusers,
    "openai": _upstream,
}


def gardefou(data: Path, *arguments: str, **environment: str) -> Result:
    settings = {"GARDEFOU_DATA": str(data), "GARDEFOU_GATE_SECONDS": "60", **environment}
    return CliRunner().invoke(app, list(arguments), env=settings)


def drawn(folder: Path, prompt: str, environment: Environment) -> tuple[Result, dict[str, Any]]:
    ended = gardefou(
        folder / "data", "draw", prompt, "--seed", "1", "--out", str(folder / "out"), "--json", **environment
    )
    return ended, json.loads(ended.stdout)


def decisions(folder: Path) -> list[DecisionRow]:
    return assembly.reopen_decisions(Settings(data=folder / "data")).latest(50)


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_draws_nine_through_both_gates_into_a_whole_ledger(kind: str, tmp_path: Path, screen: Screen) -> None:
    with KINDS[kind](tmp_path, screen) as environment:
        ended, told = drawn(tmp_path, PROMPT, environment)
    book = decisions(tmp_path)
    prompts = [decision for decision in book if decision.stage == "prompt"]
    pictures = {d.picture_index: d for d in book if d.picture_index is not None}
    assert [decision.action for decision in prompts] == ["allow"], ended.stderr
    assert sorted(pictures) == list(range(GRID))
    for decision in pictures.values():
        assert {signal["source"] for signal in json.loads(decision.signals)} >= {"image_concepts", "realism"}
        assert decision.picture_sha256
        assert decision.failure is None
    shown = {picture["index"]: Path(picture["file"]) for picture in told.get("pictures", [])}
    assert sorted(shown) == sorted(index for index, d in pictures.items() if d.action in ("allow", "label"))
    for index, file in shown.items():
        assert hashlib.sha256(file.read_bytes()).hexdigest() == pictures[index].picture_sha256
    assert ended.exit_code == (0 if shown else 1)
    assert gardefou(tmp_path / "data", "ledger", "verify").exit_code == 0


def test_a_prompt_that_our_gate_refuses_never_reaches_the_upstream(tmp_path: Path) -> None:
    with second_gardefou(tmp_path / "second", Parts()) as (environment, their_book):
        ended, told = drawn(tmp_path, "a naked woman", environment)
        assert their_book.latest(1) == []
    assert ended.exit_code == 1
    assert told["error"]["x_gateway"]["stage"] == "prompt"


def test_what_the_second_gardefou_refuses_is_refused_by_the_first_in_its_own_words(tmp_path: Path) -> None:
    parts = Parts()
    parts.classifier.scores[Category.VIOLENCE] = 1.0
    with second_gardefou(tmp_path / "second", parts) as (environment, _):
        ended, told = drawn(tmp_path, PROMPT, environment)
    assert ended.exit_code == 1
    assert told["error"]["code"] == "content_policy_violation"
    assert told["error"]["x_gateway"]["stage"] == "model"
    assert told["error"]["x_gateway"]["categories"] == ["violence"]
    assert {d.action for d in decisions(tmp_path) if d.stage == "picture"} == {"block"}
    assert gardefou(tmp_path / "data", "ledger", "verify").exit_code == 0


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"GARDEFOU_GENERATOR": "openai"}, "GARDEFOU_UPSTREAM_URL and GARDEFOU_UPSTREAM_MODEL"),
        ({"GARDEFOU_GENERATOR": "openai", "GARDEFOU_UPSTREAM_URL": "x", "GARDEFOU_UPSTREAM_MODEL": "m"}, "https://"),
        ({"GARDEFOU_GENERATOR": "diffusers"}, "GARDEFOU_GENERATOR_WEIGHTS"),
        ({"GARDEFOU_GENERATOR": "diffusers", "GARDEFOU_GENERATOR_WEIGHTS": "/nowhere/at/all"}, "neither a folder nor"),
        ({"GARDEFOU_GENERATOR_ARGUMENTS": '{"quality": "low"}'}, "dalle-nano has no arguments"),
        ({"GARDEFOU_GENERATOR_SIZES": '["huge"]'}, "generator_sizes"),
    ],
)
def test_a_generator_that_cannot_be_used_is_a_usage_error_that_says_what_to_set(
    environment: Environment, says: str, tmp_path: Path
) -> None:
    ended = gardefou(tmp_path / "data", "draw", PROMPT, "--out", str(tmp_path), **environment)
    assert ended.exit_code == 2
    assert says in ended.stderr
