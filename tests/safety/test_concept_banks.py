from pathlib import Path

import pytest

from policies.signals import Category, Descriptor
from safety.concept_banks import CONCEPTS, load_banks
from safety.pictures import SHIPPED, load_embedder


def a_folder(folder: Path, **banks: str) -> Path:
    for name, text in banks.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_every_category_and_descriptor_of_pictures_has_a_bank() -> None:
    assert {*Category, Descriptor.PHOTOREALISM, Descriptor.PERSON} <= set(load_banks())


def test_every_bank_is_calibrated_for_the_shipped_model_or_says_why_not() -> None:
    banks, checkpoint = load_banks(), load_embedder(SHIPPED).identity.sha256

    for bank in banks.values():
        parts = [banks[name] for name in bank.all_of] or [bank]
        assert all(part.calibration_for(checkpoint) for part in parts) != bool(bank.not_scored_by), bank.subject


def test_a_flag_never_comes_later_than_a_block() -> None:
    for bank in load_banks().values():
        for calibration in bank.calibrations.values():
            assert calibration.flag <= calibration.block, bank.subject


def test_a_calibration_for_another_checkpoint_is_not_used() -> None:
    assert load_banks()["weapons"].calibration_for("0" * 64) is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("subject: gore\npositive: [blood]\n", "needs positive and benign"),
        ("subject: gore\npositive: [blood]\nbenign: [paint]\nall_of: [gore]\n", "needs positive and benign"),
        ("subject: blood\npositive: [blood]\nbenign: [paint]\n", "its name says"),
        ("subject: gore\ncontrast: pairs\npositive: [a, b]\nbenign: [c]\n", "pairs need"),
        ("subject: gore\npositive: [blood]\nbenign: [paint]\nthreshold: 1\n", "threshold"),
        ("subject: gore\nall_of: [absent]\n", "absent"),
        ("subject: [", "gore.yaml"),
    ],
)
def test_a_malformed_bank_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as problem:
        load_banks(a_folder(tmp_path, gore=text))
    assert "gore" in str(problem.value)


def test_phrases_are_never_repeated_on_both_sides() -> None:
    for bank in load_banks(CONCEPTS).values():
        assert not set(bank.positive) & set(bank.benign), bank.subject
