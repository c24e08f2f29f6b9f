"""The benchmark's figures are what they say: stages that add up to the whole, engines that had the same work."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from unicodedata import name as character_name

import open_clip
import pytest

from gateway import bench
from gateway.bench import (
    ALL_THREE,
    DRAW,
    OURS,
    OURS_MATCHING,
    OURS_MIXED,
    PICTURE,
    PROMPT,
    STAGES,
    WHOLE,
    ascii_prompts,
    evasive_prompts,
    generator_table,
    line_table,
    measure,
    measure_generator,
    measure_pictures,
    measure_prompts,
    measure_provenance,
    pictures_table,
    prompts_table,
    provenance_table,
    synthetic_terms,
    table,
    varied_prompts,
)
from generator import speed
from generator.line_speed import measure_line
from generator.speed import SideDied
from safety.picture_speed import LOOP, LOOP_OF_VIEWS, Measured
from safety.picture_speed import OURS as OUR_SCORING
from tests.fakes import FakePromptCheck
from tests.houses import Parts, build
from tests.safety.test_pictures import TINY


def test_the_stages_of_a_request_add_up_to_its_whole_time_and_each_is_told_apart(tmp_path: Path) -> None:
    parts = Parts(classifier=FakePromptCheck("prompt_classifier", on_check=lambda _: time.sleep(0.1)))
    parts.generator.on_draw = lambda *_: time.sleep(0.2)
    parts.pictures[0].on_picture = lambda _: time.sleep(0.02)
    measured = measure(build(tmp_path, parts), 1)
    medians = {name: row["median"] for name, row in measured["stages"].items()}
    assert list(medians) == [*STAGES, WHOLE]
    assert sum(medians[name] for name in STAGES) == pytest.approx(medians[WHOLE], abs=1e-4)
    assert medians[PROMPT] >= 0.1
    assert medians[PICTURE] >= 9 * 0.02
    assert medians[DRAW] >= 0.2
    assert all(seconds >= 0 for seconds in medians.values())
    assert measured["peak_mb"] > 50


def test_the_table_names_every_stage(tmp_path: Path) -> None:
    stages = {name: {"median": 0.5, "worst": 1.0} for name in (*STAGES, WHOLE)}
    told = table({"stages": stages, "requests": 3, "pictures": 9, "start_s": 2.0, "peak_mb": 900.0, "worker_mb": 600.0})
    assert [line.split("  ")[0] for line in told.splitlines()[1:-1]] == [*STAGES, WHOLE]
    assert "start 2.0 s, peak memory 900 MB" in told


def test_the_made_up_terms_are_many_different_ones_in_several_scripts_and_a_quarter_are_phrases() -> None:
    terms = synthetic_terms(8000)

    scripts = Counter(character_name(term[0]).split()[0] for term in terms)
    assert len(set(terms)) == 8000
    assert set(scripts) == {"LATIN", "CYRILLIC", "ARABIC", "DEVANAGARI", "CJK", "HANGUL"}
    assert 0.22 < sum(" " in term for term in terms) / 8000 < 0.28
    assert synthetic_terms(8000) == terms


def test_the_prompts_are_plain_ones_of_one_length_a_tenth_with_a_term_and_the_others_mostly_disguised() -> None:
    terms = synthetic_terms(2000)
    plain, evasive = ascii_prompts(100, terms), evasive_prompts(100, terms)

    assert {len(prompt) for prompt in plain} == {126}
    assert all(prompt.isascii() for prompt in plain)
    assert sum(any(prompt.startswith(f"{term} ") for term in terms) for prompt in plain) == 10
    assert 0.5 < sum(one != other for one, other in zip(plain, evasive, strict=True)) / 100 < 0.9
    assert len(set(varied_prompts(300))) > 290
    assert {len(prompt) > 200 for prompt in varied_prompts(300)} == {True, False}


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    return measure_prompts(terms=400, prompts=10, rounds=1)


def test_the_prompt_gate_and_its_peers_are_measured_in_one_run(measured: dict[str, Any]) -> None:
    assert list(measured["engines"])[:3] == [OURS, OURS_MIXED, OURS_MATCHING]
    assert all(row["median_us"] > 0 and row["cpu_us"] > 0 for row in measured["engines"].values())
    assert 0 < measured["start"]["cpu_s"] < 2
    assert measured["stages_ms"]["prompts"] == 20
    assert 0 < measured["stages_ms"]["wall_p50"] <= measured["stages_ms"]["wall_p99"]
    worst = list(measured["hostile_ms"].values())
    assert worst == sorted(worst, reverse=True)
    assert "combining marks" in measured["hostile_ms"]


def test_the_table_tells_every_figure_and_what_is_not_installed(measured: dict[str, Any]) -> None:
    told = prompts_table(measured | {"peers": dict.fromkeys(bench.PEERS)})

    for engine in measured["engines"]:
        assert engine in told
    assert "ahocorasick: not installed" in told
    assert "better_profanity: not installed" in told
    assert f"worst hostile text: {next(iter(measured['hostile_ms']))}, " in told


def test_a_peer_is_so_many_times_slower_as_its_prompts_take_longer() -> None:
    times = {OURS: 10.0, OURS_MATCHING: 2.0, "peer": 50.0}

    against = bench._against({name: {"median_us": spent, "cpu_us": 0.0} for name, spent in times.items()}, "peer")

    assert against == {"than_both": 5, "than_matching": 25}


def test_engines_take_turns_and_slow_rounds_do_not_count() -> None:
    pauses = iter([0.001, 0.001, 0.05])
    turns: list[str] = []

    def slow(prompt: str) -> None:
        turns.append(prompt)
        time.sleep(next(pauses))

    times = bench._interleaved({"slow": (slow, ["a"]), "fast": (turns.append, ["b"])}, 3)

    assert turns == list(islice("ab" * 3, 6))
    assert times["slow"].wall[0] < 0.02
    assert len(times["fast"].cpu) == 3


def test_provenance_is_timed_step_by_step_and_the_steps_add_up() -> None:
    measured = measure_provenance(rounds=1)
    steps = measured["steps_ms"]
    parts = [row["median"] for name, row in steps.items() if name != ALL_THREE]
    assert sum(parts) == pytest.approx(steps[ALL_THREE]["median"])
    assert all(row["cpu"] > 0 for row in steps.values())
    assert [line.split("  ")[0] for line in provenance_table(measured).splitlines()[1:-1]] == list(steps)


def test_scoring_is_timed_beside_loops_over_files_and_any_architecture_at_its_size(tmp_path: Path) -> None:
    (tmp_path / "tiny-bench-clip.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(tmp_path / "tiny-bench-clip.json")
    measured = measure_pictures(["tiny-bench-clip"], rounds=1, threads=1, drawing=False)
    ours, loop, _ = (measured["scoring"][name] for name in (OUR_SCORING, LOOP, LOOP_OF_VIEWS))
    assert ours["ratio_cpu"] == 1
    assert loop["ratio_cpu"] == pytest.approx(loop["cpu_s"] / ours["cpu_s"])
    size = measured["architectures"]["tiny-bench-clip"]
    assert size["embedding"] == (9, 3, 16)
    assert size["parameters"] == sum(p.numel() for p in open_clip.create_model("tiny-bench-clip").parameters())
    told = pictures_table(measured)
    assert "tiny-bench-clip: 1 M parameters, 3 MB, embeddings 9 x 3 x 16" in told
    assert "dalle-mini" not in told


def test_the_share_of_the_drawing_is_told_where_it_was_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {"sizes": {"mini": {"pictures": {9: {"whole": {"ours_wall_s": 50.0}}}}}}
    monkeypatch.setattr(bench, "measure_generator", lambda *_, **__: drawn)
    monkeypatch.setattr(bench, "measure_scoring", lambda _: {OUR_SCORING: Measured(0.1, 0.1), LOOP: Measured(0.6, 0.7)})
    measured = measure_pictures([], rounds=1, threads=1, drawing=True)
    assert measured["share_of_drawing"] == pytest.approx(0.002)
    assert measured["scoring"][LOOP]["ratio_wall"] == pytest.approx(6)
    assert "share of the 50.0 s that dalle-mini draws" in pictures_table(measured)
    assert "0.20%" in pictures_table(measured)


# The generator.


@pytest.fixture(scope="module")
def drawn() -> Iterator[dict[str, Any]]:
    """Measured at a tiny size."""
    small = {**speed.SIZES["mini"], "d_model": 32, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
             "encoder_ffn_dim": 40, "decoder_ffn_dim": 40, "encoder_vocab_size": 90, "encoder_layers": 1,
             "decoder_layers": 2}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(speed.SIZES, "mini", small)
        patch.setattr(bench, "POSITIONS", (3,))
        yield measure_generator(["mini"], [4], rounds=1, threads=1)


def test_every_part_of_a_drawing_is_timed_for_both_sides(drawn: dict[str, Any]) -> None:
    found = drawn["sizes"]["mini"]
    parts = found["pictures"][4]
    assert list(parts) == list(bench.PARTS)
    assert all(parts[part][f"{side}_cpu_s"] > 0 for part in parts for side in ("ours", "peer"))
    whole = sum(parts[part]["ours_wall_s"] for part in bench.PARTS[:-1])
    assert parts["whole"]["ours_wall_s"] == pytest.approx(whole)
    assert parts["whole"]["ratio_cpu"] == pytest.approx(parts["whole"]["peer_cpu_s"] / parts["whole"]["ours_cpu_s"])
    assert found["held_mb"][4]["peer"] > 180  # the picture decoder alone
    assert all(found["peak_mb"][side] > found["held_mb"][4][side] for side in ("ours", "peer"))


def test_the_generators_table_has_a_row_per_part_and_says_how_it_was_measured(drawn: dict[str, Any]) -> None:
    told = generator_table(drawn)
    assert [line.split()[3] for line in told.splitlines()[1:5]] == list(bench.PARTS)
    assert "mini, 4 pictures: a second such request half-way" in told
    assert "1 threads a side, median of 1 rounds" in told
    assert "not installed" not in told


def test_the_memory_peaks_stand_beside_each_other(drawn: dict[str, Any]) -> None:
    ours, peer = (drawn["sizes"]["mini"]["peak_mb"][side] for side in ("ours", "peer"))
    assert f"mini: peak memory of the process {ours:.0f} MB, min-dalle's {peer:.0f} MB" in generator_table(drawn)


def test_requests_that_meet_are_timed_on_one_board_and_in_closed_groups() -> None:
    measured = measure_line(requests=2, pictures=1, apart=0.5, rounds=1)
    means = measured["mean_s"]
    assert measured["ratio_mean"] == means["groups"] / means["board"]
    assert min(measured["alone_s"], *measured["longest_s"].values()) > 0
    told = line_table(measured)
    assert f"closed groups wait {measured['ratio_mean']:.2f} times as long" in told
    assert "2 requests for 1 pictures" in told


def test_without_the_peer_ours_is_timed_alone(drawn: dict[str, Any]) -> None:
    parts = {part: {"ours_wall_s": 1.0, "ours_cpu_s": 1.0} for part in bench.PARTS}
    told = generator_table(
        drawn | {"peer_installed": False, "sizes": {"nano": {"pictures": {4: parts}, "peak_mb": {"ours": 1}}}}
    )
    assert "nano, 4 pictures, whole" in told
    assert told.endswith("min-dalle: not installed")


def test_a_second_request_is_reckoned_from_steps_alone_and_together() -> None:
    second = bench._second(speed.Spent(9, 10), speed.Spent(9, 14))
    assert second == {"side_by_side": 12, "one_after_the_other": 15}


def test_a_side_whose_process_dies_is_told_instead_of_waited_for() -> None:
    with speed.Worker("nobody", {}, 1) as worker, pytest.raises(SideDied, match="nobody ended with 1 at encode"):
        worker.time("encode")
