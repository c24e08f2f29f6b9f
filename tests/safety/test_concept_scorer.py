import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from policies.identity import ModelIdentity
from policies.signals import Category
from safety.concept_banks import Calibration, ConceptBank, Measured
from safety.concept_scorer import BankScores, LinearHead, PhraseContrast, SubjectScorer, build_scorer
from safety.pictures import VIEWS, PictureBatch

MEASURED = Measured(
    positives=1,
    benign=1,
    recall_at_flag=1,
    recall_at_block=1,
    false_positives_at_flag=0,
    false_positives_at_block=0,
)
AXES = torch.eye(4)


def a_calibration(checkpoint: str = "a" * 64, head: float = 0, margin: float = 1) -> Calibration:
    return Calibration(
        checkpoint=checkpoint,
        head=head,
        margin=margin,
        intercept=0,
        temperature=0.1,
        flag=0.3,
        block=0.8,
        measured=MEASURED,
    )


class AxisEmbedder:
    """Embeds the phrase "axis n" as the n-th unit vector."""

    identity = ModelIdentity("axes", "a" * 64)
    heads = None
    logit_scale = 10.0

    def embed_phrases(self, phrases: list[str]) -> Tensor:
        return torch.stack([AXES[int(phrase[-1])] for phrase in phrases])


def a_bank(subject: str, positive: int, benign: int, **more: object) -> ConceptBank:
    fields = {"subject": subject, "positive": (f"axis {positive}",), "benign": (f"axis {benign}",), **more}
    return ConceptBank.model_validate(fields)


def scores_of(banks: dict[str, ConceptBank], subjects: list[Category]) -> BankScores:
    return BankScores(AxisEmbedder(), banks, subjects)  # type: ignore[arg-type]


def a_batch(*embeddings: Tensor) -> PictureBatch:
    """Pictures whose views all look the same."""
    views = torch.stack(embeddings)[:, None].repeat(1, len(VIEWS), 1)
    return PictureBatch([torch.zeros(3, 8, 8, dtype=torch.uint8)] * len(embeddings), views)


@given(st.integers(0, 10_000), st.floats(0.02, 1.0))
@settings(max_examples=50)
def test_swapping_the_sides_of_a_contrast_swaps_its_sign(seed: int, temperature: float) -> None:
    random = torch.Generator().manual_seed(seed)
    a, b, pictures = (torch.randn(3, 8, generator=random, dtype=torch.float64) for _ in range(3))
    for pairs in (False, True):
        forward = PhraseContrast(a, b, pairs, temperature)(pictures)
        backward = PhraseContrast(b, a, pairs, temperature)(pictures)
        torch.testing.assert_close(forward, -backward)


def test_saying_a_phrase_twice_changes_nothing() -> None:
    once = PhraseContrast(AXES[:1], AXES[1:2], False, 0.1)
    twice = PhraseContrast(AXES[[0, 0]], AXES[1:2], False, 0.1)
    picture = torch.tensor([[0.6, 0.8, 0.0, 0.0]])
    torch.testing.assert_close(once(picture), twice(picture))


def test_a_score_is_the_logistic_of_head_and_phrases_weighed_by_the_calibration() -> None:
    contrast = PhraseContrast(AXES[:1], AXES[1:2], False, temperature=0.5)
    head = LinearHead(torch.tensor([0.0, 0.0, 4.0, 0.0]), torch.tensor(1.0))
    scorer = SubjectScorer("weapons", contrast, head, a_calibration(head=2, margin=3))

    score = scorer(torch.tensor([[[0.6, 0.0, 0.8, 0.0]]]))

    expected = 2 * (4 * 0.8 + 1) + 3 * (0.6 / 0.5)
    assert score.item() == pytest.approx(1 / (1 + math.exp(-expected)))


def test_the_highest_view_counts_for_the_phrases_and_for_the_head() -> None:
    contrast = PhraseContrast(AXES[:1], AXES[1:2], False, temperature=1)
    head = LinearHead(AXES[2], torch.tensor(0.0))
    scorer = SubjectScorer("weapons", contrast, head, a_calibration(head=1, margin=1))
    nothing, phrase, headed = AXES[3], AXES[0], AXES[2]

    scores = scorer(torch.stack([torch.stack([nothing] * 3), torch.stack([nothing, phrase, headed])]))

    assert scores.tolist() == pytest.approx([0.5, 1 / (1 + math.exp(-2))])


@given(st.integers(0, 10_000))
@settings(max_examples=50)
def test_no_view_alone_scores_above_the_picture_whatever_their_order(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    sides, views, weight = (torch.randn(*shape, generator=random) for shape in ((2, 5, 8), (4, 3, 8), (8,)))
    contrast = PhraseContrast(sides[0], sides[1], False, 0.5)
    scorer = SubjectScorer("gore", contrast, LinearHead(weight, torch.tensor(0.1)), a_calibration(head=0.7, margin=1.3))
    scores = scorer(views)
    assert (scorer(views.flatten(0, 1)[:, None]).reshape(4, 3) <= scores[:, None] + 1e-6).all()
    torch.testing.assert_close(scorer(views.flip(1)), scores)


@pytest.mark.parametrize("view", range(3))
def test_one_view_without_an_embedding_leaves_the_picture_without_a_score(view: int) -> None:
    batch = a_batch(AXES[0], AXES[1])
    batch.embeddings[0, view] = torch.nan
    (spoilt,), (fine,) = scores_of({"gore": a_bank("gore", 0, 1)}, [Category.GORE]).signals("test", batch)
    assert math.isnan(spoilt.score)
    assert 0 <= fine.score <= 1


def test_embeddings_without_views_are_refused() -> None:
    batch = PictureBatch([torch.zeros(3, 8, 8, dtype=torch.uint8)], AXES[:1])
    with pytest.raises(ValueError, match="views"):
        scores_of({"gore": a_bank("gore", 0, 1)}, [Category.GORE]).signals("test", batch)


def test_a_picture_nearer_to_the_phrases_scores_higher() -> None:
    scores = scores_of({"gore": a_bank("gore", 0, 1)}, [Category.GORE])
    (near,), (far,) = scores.signals("test", a_batch(AXES[0], AXES[1]))
    assert near.score > 0.5 > far.score


@pytest.mark.parametrize("calibrations", [{}, {"axes": a_calibration()}])
def test_a_nan_embedding_gives_nan_and_never_a_low_score(calibrations: dict[str, Calibration]) -> None:
    banks = {
        "gore": a_bank("gore", 0, 1, calibrations=calibrations),
        "sexual": a_bank("sexual", 2, 3, calibrations=calibrations),
        "sexual_minors": ConceptBank(subject="sexual_minors", all_of=("gore", "sexual")),
    }
    scores = scores_of(banks, [Category.GORE, Category.SEXUAL, Category.SEXUAL_MINORS])

    broken, fine = scores.signals("test", a_batch(torch.full((4,), torch.nan), AXES[1]))

    assert len(broken) == 3
    assert all(math.isnan(signal.score) for signal in broken)
    assert all(0 <= signal.score <= 1 for signal in fine)


def test_without_a_calibration_for_this_checkpoint_a_score_says_so() -> None:
    fitted = {"axes": a_calibration()}
    foreign = {"other": a_calibration("b" * 64)}
    banks = {
        "gore": a_bank("gore", 0, 1, calibrations=fitted),
        "hate": a_bank("hate", 0, 1, calibrations=foreign),
    }
    ((gore, hate),) = scores_of(banks, [Category.GORE, Category.HATE]).signals("test", a_batch(AXES[0]))
    assert gore.calibrated
    assert not hate.calibrated


def test_what_a_model_cannot_score_is_left_out_of_what_is_reported() -> None:
    banks = {
        "gore": a_bank("gore", 0, 1),
        "hate": a_bank("hate", 0, 1, not_scored_by={"axes": "it never saw any"}),
        "sexual": a_bank("sexual", 0, 1, not_scored_by={"other": "it never saw any"}),
        "sexual_minors": ConceptBank(subject="sexual_minors", all_of=("hate", "sexual")),
    }
    scores = scores_of(banks, list(Category))
    assert scores.subjects == {Category.GORE, Category.SEXUAL}


def test_a_conjunction_is_as_high_as_its_lower_part_and_names_both() -> None:
    banks = {
        "gore": a_bank("gore", 0, 1),
        "sexual": a_bank("sexual", 2, 3),
        "sexual_minors": ConceptBank(subject="sexual_minors", all_of=("gore", "sexual")),
    }
    scores = scores_of(banks, [Category.GORE, Category.SEXUAL, Category.SEXUAL_MINORS])
    ((gore, sexual, both),) = scores.signals("test", a_batch(AXES[0] * 0.6 + AXES[2] * 0.8))
    assert both.score == min(gore.score, sexual.score)
    assert both.evidence == "gore and sexual"


def test_a_calibration_that_needs_a_missing_head_is_refused() -> None:
    bank = a_bank("gore", 0, 1, calibrations={"axes": a_calibration(head=1)})
    with pytest.raises(ValueError, match="head"):
        build_scorer(bank, AxisEmbedder(), {})  # type: ignore[arg-type]
