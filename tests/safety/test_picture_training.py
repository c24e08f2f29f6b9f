import numpy as np
import pytest
import torch

from safety.concept_scorer import LinearHead
from safety.evaluation.picture_calibration import fit_platt
from safety.training.calibrate_pictures import refit_head
from safety.training.emoji_artwork import Concept, fill_inside, render, slug
from safety.training.muon import orthogonalise
from safety.training.picture_labels import UNCLEAR, drawing_labels, merge, photograph_labels, subjects
from safety.training.picture_mix import SIZE, Drawings, Mixer, collect_photographs
from safety.training.picture_sets import NOISES, SIDE, Pictures, blurred, downscaled, noise


def a_concept(label: str, subgroup: str = "tool") -> Concept:
    return Concept("1f52a", label, label, label, (), (), 7, subgroup, "", 0)


def label_of(concept: Concept, subject: str) -> float:
    return float(drawing_labels([concept])[0, subjects().index(subject)])


def test_labels_say_shown_not_shown_or_unclear() -> None:
    assert label_of(a_concept("kitchen knife"), "weapons") == 1
    assert label_of(a_concept("hammer"), "weapons") == 0
    assert label_of(a_concept("scissors"), "weapons") == UNCLEAR
    assert label_of(a_concept("woman", "person"), "person") == 1


def test_a_weapon_beside_a_person_is_violence_and_neither_is_alone() -> None:
    knife, woman = drawing_labels([a_concept("kitchen knife")]), drawing_labels([a_concept("woman", "person")])
    violence = subjects().index("violence")
    assert knife[0, violence] == UNCLEAR
    assert woman[0, violence] == 0
    assert merge(knife, woman)[0, violence] == 1


def test_photographs_are_photographs_and_drawings_are_not() -> None:
    assert (photograph_labels(["apple", "baby", ""])[:, -1] == 1).all()
    assert drawing_labels([a_concept("hammer")])[0, -1] == 0


def test_names_become_the_file_names_icon_sets_use() -> None:
    assert slug("piñata") == "pinata"
    assert slug("Mrs. Claus") == "mrs-claus"
    assert slug("woman’s boot") == "womans-boot"


def test_a_vector_drawing_becomes_a_sprite_with_transparency() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="4" height="8" fill="red"/></svg>'
    sprite = render(svg, 16)
    assert sprite.shape == (4, 16, 16)
    assert sprite[:, 8, 2].tolist() == [255, 0, 0, 255]
    assert sprite[3, 8, 12] == 0


def a_mixer(seed: int) -> Mixer:
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (6, 4, 80, 80), dtype=torch.uint8, generator=random)
    concepts = [a_concept(label) for label in ("kitchen knife", "hammer", "bomb", "key", "skull", "ball")]
    drawings = Drawings(
        pixels,
        torch.arange(6),
        drawing_labels(concepts),
        torch.full((6,), -1),
        torch.full((6,), -1),
        torch.ones(6),
        torch.arange(6) >= 4,
    )
    photographs = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8, generator=random)
    return Mixer(drawings, [collect_photographs(photographs, ["apple"] * 4, 6, ["apple"])], 7, seed)


def test_a_batch_holds_pictures_in_range_and_targets_that_sum_to_one_or_nothing() -> None:
    batch = a_mixer(1).batch(64)
    assert batch.pixels.shape == (64, 3, SIZE, SIZE)
    assert batch.pixels.min() >= 0
    assert batch.pixels.max() <= 1
    assert all(total in (0, pytest.approx(1)) for total in batch.targets.sum(1).tolist())
    assert set(batch.labels[:, -1].tolist()) <= {0.0, 1.0, UNCLEAR}


def test_the_same_seed_mixes_the_same_batch() -> None:
    torch.testing.assert_close(a_mixer(3).batch(16).pixels, a_mixer(3).batch(16).pixels)
    assert not torch.equal(a_mixer(3).batch(16).pixels, a_mixer(4).batch(16).pixels)


def test_orthogonal_updates_have_singular_values_near_one() -> None:
    values = torch.linalg.svdvals(orthogonalise(torch.randn(24, 60, generator=torch.Generator().manual_seed(0))))
    assert values.min() > 0.5
    assert values.max() < 1.4


def test_a_drawing_in_one_colour_is_filled_within_its_lines_and_nowhere_else() -> None:
    ring = torch.zeros(4, 20, 20, dtype=torch.uint8)
    ring[3, 5:15, 5:15] = 255
    ring[3, 7:13, 7:13] = 0
    filled = fill_inside(ring)
    assert filled[:, 10, 10].tolist() == [255, 255, 255, 255]
    assert filled[:, 5, 5].tolist() == [0, 0, 0, 255]
    assert filled[3, 1, 1] == 0


def test_drawings_in_one_colour_get_other_colours_each_time() -> None:
    mixer = a_mixer(2)
    sprites = torch.zeros(8, 4, 80, 80)
    sprites[:, :, 20:60, 20:60] = 1
    inked = mixer._inked(sprites, torch.ones(8, dtype=torch.bool))
    assert inked.min() >= 0
    assert inked.max() <= 1
    assert len({tuple(picture[:3, 40, 40].tolist()) for picture in inked}) == 8
    torch.testing.assert_close(mixer._inked(sprites, torch.zeros(8, dtype=torch.bool)), sprites)


def test_a_refitted_head_learns_what_its_pictures_show_and_passes_over_what_is_unclear() -> None:
    random = torch.Generator().manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(300, 8, generator=random), dim=-1)
    shown = (embeddings[:, 0] > 0).double().numpy()
    start, weights = LinearHead(torch.zeros(8), torch.tensor(0.0)), torch.ones(300)
    logits = refit_head(start, embeddings, shown, weights)(embeddings)
    assert ((logits > 0).numpy() == (shown == 1)).mean() > 0.97
    unclear = np.where(np.arange(300) < 150, np.nan, shown)
    half = refit_head(start, embeddings[150:], shown[150:], weights[150:])
    torch.testing.assert_close(refit_head(start, embeddings, unclear, weights).weight, half.weight)


def test_sexual_minors_is_told_by_its_parts_when_pictures_are_measured() -> None:
    order = subjects()
    labels = torch.zeros(4, len(order))
    child, sexual = order.index("child"), order.index("sexual")
    for row, (is_child, is_sexual) in enumerate([(1, 1), (1, 0), (UNCLEAR, 1), (UNCLEAR, 0)]):
        labels[row, child], labels[row, sexual] = is_child, is_sexual
    answers = Pictures(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), labels).answers("sexual_minors")
    assert answers[:2].tolist() == [1, 0]
    assert np.isnan(answers[2])
    assert answers[3] == 0


def test_damage_takes_detail_and_leaves_size_and_brightness() -> None:
    random = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (2, 3, SIDE, SIDE), dtype=torch.uint8, generator=random)
    for damaged in (blurred(pictures, 4), downscaled(pictures, 8)):
        assert damaged.shape == pictures.shape
        assert damaged.dtype == torch.uint8
        assert damaged.float().std() < 0.3 * pictures.float().std()
        assert damaged.float().mean() == pytest.approx(pictures.float().mean(), abs=2)


@pytest.mark.parametrize("kind", NOISES)
def test_noise_is_the_same_each_time_and_never_twice_in_one_set(kind: str) -> None:
    pictures = noise(kind, 3)
    torch.testing.assert_close(pictures, noise(kind, 3))
    assert pictures.shape == (3, 3, SIDE, SIDE)
    assert not torch.equal(pictures[0], pictures[1])


def test_platt_weights_are_never_negative_and_separate_what_can_be_separated() -> None:
    answers = torch.tensor([1.0, 0.0]).repeat(100)
    useful = answers + 0.3 * torch.randn(200, generator=torch.Generator().manual_seed(0))
    weights, intercept = fit_platt(torch.stack([useful, -useful], 1), answers, torch.ones(200))
    scores = (torch.stack([useful, -useful], 1) @ weights + intercept).sigmoid()
    assert (weights >= 0).all()
    assert weights[0] > weights[1]
    assert ((scores > 0.5) == (answers == 1)).float().mean() > 0.9
