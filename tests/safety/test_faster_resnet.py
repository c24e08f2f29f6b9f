"""The faster network answers what open_clip's own answers."""

import copy

import open_clip
import pytest
import torch
from open_clip.modified_resnet import ModifiedResNet
from torch import nn

from safety.canary_pictures import cat, knife
from safety.checks.image_concepts import ImageConcepts
from safety.checks.realism import PersonPresence, Realism
from safety.concept_banks import load_banks
from safety.faster_resnet import make_faster
from safety.picture_speed import nine_pictures
from safety.pictures import SHIPPED, load_embedder
from tests.safety.pictures_drawn_here import drawing_of_house, photograph_like, skull

PICTURES = [knife(), cat(), skull(), drawing_of_house(), photograph_like(), *nine_pictures()]
SCORES_APART = 1e-3  # at the most


def trained_looking(network: nn.Module) -> nn.Module:
    """No weight or statistic at the value it starts with: each must be used, and rightly."""
    torch.manual_seed(0)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.3)
            nn.init.normal_(part.running_mean, std=0.3)  # type: ignore[arg-type]
            nn.init.uniform_(part.running_var, 0.5, 2)  # type: ignore[arg-type]
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.bias, std=0.5)
    return network.eval()


@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("side", [32, 96])
@torch.inference_mode()
def test_any_clip_resnet_answers_the_same_when_it_is_faster(heads: int, side: int) -> None:
    own = trained_looking(ModifiedResNet([1, 2, 1, 1], output_dim=24, heads=heads, image_size=side, width=8))
    pictures = torch.randn(3, 3, side, side)
    expected = own(pictures)
    faster = make_faster(copy.deepcopy(own))
    torch.testing.assert_close(faster(pictures), expected, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in faster.modules())


def test_no_score_of_clip_nano_moves_by_a_thousandth() -> None:
    embedder, banks = load_embedder(), load_banks()
    checks = [build(embedder, banks) for build in (ImageConcepts, Realism, PersonPresence)]
    faster = embedder.embed(PICTURES)
    embedder._model.visual = open_clip.create_model(f"local-dir:{SHIPPED}").eval().visual  # type: ignore[attr-defined]
    own = embedder.embed(PICTURES)

    torch.testing.assert_close(faster.embeddings, own.embeddings, atol=1e-5, rtol=0)
    for check in checks:
        for one, other in zip(check.check(faster), check.check(own), strict=True):
            scores = {signal.subject: signal.score for signal in other}
            assert {signal.subject: signal.score for signal in one} == pytest.approx(scores, abs=SCORES_APART)


@torch.inference_mode()
def test_a_weight_that_is_no_number_still_shows() -> None:
    network = trained_looking(ModifiedResNet([1, 1, 1, 1], output_dim=8, heads=2, image_size=32, width=8))
    network.layer3[0].conv2.weight.fill_(torch.nan)  # type: ignore[index, union-attr]
    assert make_faster(network)(torch.randn(1, 3, 32, 32)).isnan().all()


def test_a_vision_transformer_is_left_as_it_is() -> None:
    cfg = open_clip.CLIPVisionCfg(layers=1, width=16, head_width=8, patch_size=16, image_size=32)
    network = open_clip.model._build_vision_tower(8, cfg).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    after = make_faster(network).state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
