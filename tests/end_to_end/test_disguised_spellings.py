"""`gardefou check --json` with the shipped models: a blocked word in any spelling, and words that only look it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.safety.honest_sentences import NEAR_MISSES
from tests.safety.test_blocklist import TWENTY_SPELLINGS

HARMLESS_PROMPTS = (
    "a firefighter and a dog",
    "un chat sur la lune",
    "a highly detailed portrait of an old woman, trending on artstation, 8k",
    "une recette de tarte aux pommes, photo de cuisine",
    "a kitchen knife beside tomatoes on a wooden board",
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """One process, every prompt on its standard input: prompt -> answer."""
    disguised = [f"a portrait of a {spelling} woman" for spelling in TWENTY_SPELLINGS]
    prompts = [*disguised, *NEAR_MISSES, *HARMLESS_PROMPTS]
    data = tmp_path_factory.mktemp("data")
    command = [str(Path(sys.executable).with_name("gardefou")), "check", "--json", "--data", str(data)]
    done = subprocess.run(command, input="\n".join(prompts), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr  # 1: some prompt was refused
    return {answer["prompt"]: answer for answer in map(json.loads, done.stdout.splitlines())}


def test_at_least_19_of_20_spellings_of_a_blocked_word_are_blocked(answers: dict[str, dict[str, Any]]) -> None:
    missed = [
        s for s in TWENTY_SPELLINGS if answers[f"a portrait of a {s} woman"]["action"] not in ("block", "escalate")
    ]
    assert len(missed) <= 1, missed


@pytest.mark.parametrize("prompt", [*NEAR_MISSES, *HARMLESS_PROMPTS])
def test_a_harmless_prompt_is_allowed(answers: dict[str, dict[str, Any]], prompt: str) -> None:
    assert answers[prompt]["action"] == "allow", answers[prompt]["rules"]


def test_an_answer_has_what_its_readers_look_for(answers: dict[str, dict[str, Any]]) -> None:
    for answer in answers.values():
        assert answer["action"] in ("allow", "label", "review", "block", "escalate")
        assert 0 <= answer["score"] <= 1
        assert answer["policy"].startswith("default@")
        assert {signal["source"] for signal in answer["signals"]} == {
            "blocklist",
            "prompt_classifier",
            "negative_prompt",
            "language",
            "private_names",
        }
        assert bool(answer["categories"]) == (answer["action"] != "allow")
