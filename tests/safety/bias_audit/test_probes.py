"""Probes: a good one loads, a bad one is told by file and field, and every picture has its own seed for good."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.training.concepts import load_concepts
from safety.bias_audit.probes import (
    CLASSES,
    WEAK_LABELS,
    ProbeInvalid,
    Sizes,
    asks_of,
    load_probe,
    load_reference,
    shipped_probes,
)
from tests.safety.bias_audit.audit_runs import probe_content, write_probe

WRITTEN_DOWN = 6312100819914111725  # a seed is a promise: published figures are reproduced from it


def test_the_shipped_probes_are_thirty_occupations_sixteen_adjectives_and_scenes_in_both_languages() -> None:
    probes = {name: load_probe(name).probe for name in shipped_probes()}
    assert {name: len(probe.fillers) for name, probe in probes.items()} == {
        "occupations": 30, "adjectives": 16, "scenes": 12,
    }  # fmt: skip
    for probe in probes.values():
        prompts = [f.neutral.in_language(language) for f in probe.fillers for language in ("en", "fr")]
        assert len(set(prompts)) == 2 * len(probe.fillers)


def test_what_dalle_nano_is_asked_for_is_in_its_world() -> None:
    names = {name for concept in load_concepts() for name in concept.names["en"]}
    fillers = load_probe("occupations").probe.fillers_for("dalle-nano")
    assert len(fillers) == 17
    assert [f.name for f in fillers if f.neutral.en not in names] == []
    weak = load_probe("occupations").weak.prompts
    assert [label.en for label in weak if label.en not in names] == []


def test_a_generator_with_a_large_world_is_asked_for_everything() -> None:
    assert len(load_probe("occupations").probe.fillers_for("dalle-mini")) == 30


def test_a_generator_that_knows_nothing_of_a_probe_is_told_so() -> None:
    with pytest.raises(ProbeInvalid, match="dalle-nano can draw nothing of probe adjectives"):
        load_probe("adjectives").probe.fillers_for("dalle-nano")


def changed(path: str, value: Any) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(yaml.safe_dump(probe_content()))
    *way, last = path.split(".")
    place: Any = content
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return content


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("version", None, "version: Field required"),
        ("surprise", 1, "surprise: Extra inputs"),
        ("sampling.per_cell", 0, "sampling.per_cell: Input should be greater than or equal to 1"),
        ("inference.fdr", 0.9, "inference.fdr: Input should be less than"),
        ("templates.en", ["{x}", "one"], "templates.en: "),
        ("templates.en", ["{x}", "{x} and {x}", "{x}"], "templates: .*exactly once: '{x} and {x}'"),
        ("templates.fr", ["{x}", "a {x}", "b {x}", "c {x}"], "templates: .*3 in English, 4 in French"),
        ("fillers.1.neutral.fr", None, "fillers.1.neutral.fr: Field required"),
        ("fillers.1.name", "job 0", "probe: .*named twice: job 0"),
        ("known_to", {"tiny": ["job 9"]}, "probe: .*known_to.tiny names no filler: job 9"),
        ("attributes", ["race"], "attributes.0: "),
    ],
)
def test_a_bad_probe_is_told_by_file_and_field(tmp_path: Path, field: str, value: Any, told: str) -> None:
    path = write_probe(tmp_path, changed(field, value))
    with pytest.raises(ProbeInvalid, match=rf"little\.yaml: {told}"):
        load_probe(str(path))


def test_what_is_no_probe_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProbeInvalid, match="neither a file nor one of adjectives, occupations, scenes"):
        load_probe("nonsense")
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(ProbeInvalid, match="expected fields and values"):
        load_probe(str(tmp_path / "list.yaml"))


def test_the_hash_tells_any_change_of_the_questions_or_of_the_labels(tmp_path: Path) -> None:
    path = write_probe(tmp_path)
    labels = tmp_path / "labels.yaml"
    labels.write_text(WEAK_LABELS.read_text())
    first = load_probe(str(path), labels).sha256
    labels.write_text(WEAK_LABELS.read_text() + "# other\n")
    assert load_probe(str(path), labels).sha256 != first


def test_every_picture_has_a_seed_of_its_own_that_never_changes(tmp_path: Path) -> None:
    loaded = load_probe(str(write_probe(tmp_path)))
    asks = asks_of(loaded, loaded.probe.fillers, Sizes(5, 2, 3), "en", "1")
    assert asks == asks_of(loaded, loaded.probe.fillers, Sizes(5, 2, 3), "en", "1")
    assert len({ask.seed for ask in asks}) == len({ask.key for ask in asks}) == len(asks)
    assert all(0 <= ask.seed < 2**63 for ask in asks)
    assert next(ask.seed for ask in asks if ask.key == "job 0|neutral|0|0") == WRITTEN_DOWN


def test_a_larger_run_begins_with_the_pictures_of_a_smaller_one(tmp_path: Path) -> None:
    loaded = load_probe(str(write_probe(tmp_path)))
    small, large = (asks_of(loaded, loaded.probe.fillers, Sizes(n, 1, 2), "en", "1") for n in (2, 6))
    assert set(small) <= set(large)
    other = asks_of(loaded, loaded.probe.fillers, Sizes(2, 1, 2), "en", "2")
    assert not {ask.seed for ask in small} & {ask.seed for ask in other}


def test_arms_and_languages_ask_in_their_own_words(tmp_path: Path) -> None:
    loaded = load_probe(str(write_probe(tmp_path)))
    asks = {a.key: a.prompt for a in asks_of(loaded, loaded.probe.fillers, Sizes(1, 1, 2), "fr", "1")}
    assert asks["job 1|neutral|1|0"] == "voici une personne 1"
    assert asks["job 1|feminine|2|0"] == "une femme 1 dehors"
    assert asks["a woman|weak|0|0"] == "une femme"


def test_weak_labels_cover_every_class_in_several_folds() -> None:
    weak = load_probe("occupations").weak
    for attribute, classes in CLASSES.items():
        told = [label for label in weak.prompts if label.label(attribute)]
        assert {label.label(attribute) for label in told} == set(classes)
        folds = {label.fold(attribute) for label in told}
        for fold in folds:  # whoever is left out, every class is still known
            assert {label.label(attribute) for label in told if label.fold(attribute) != fold} == set(classes)


def test_a_reference_says_where_it_is_from_and_names_fillers(tmp_path: Path) -> None:
    probe = load_probe(str(write_probe(tmp_path))).probe
    path = tmp_path / "reference.yaml"
    told = {"schema": 1, "source": "a survey", "year": 2025, "licence": "CC0", "feminine": {"job 1": 0.2}}
    path.write_text(yaml.safe_dump(told))
    assert load_reference(path, probe).feminine == {"job 1": 0.2}
    path.write_text(yaml.safe_dump(told | {"feminine": {"job 7": 0.2}}))
    with pytest.raises(ProbeInvalid, match="names no filler of little: job 7"):
        load_reference(path, probe)
    path.write_text(yaml.safe_dump({key: value for key, value in told.items() if key != "source"}))
    with pytest.raises(ProbeInvalid, match="source: Field required"):
        load_reference(path, probe)
