"""Any image classifier of transformers as one more source of signals; what it says is translated, and never guessed."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

from gateway.assembly import PolicyUnfit, build_screen
from gateway.settings import Settings
from policies.decide import decide
from policies.identity import IntegrityFailure, write_manifest
from policies.likeness import NOTHING_MEANT
from policies.loader import load_policy, shipped_policies
from policies.signals import Category, Signal, Stage
from policies.verdict import Action, CouldNotJudge
from safety.canary_pictures import cat, knife
from safety.checks.second_opinion import Opinion, SecondOpinion
from safety.pictures import PictureBatch
from safety.screen import Screen
from tests.fakes import FakeEmbedder

LABELS = ("normal", "porn", "hentai", "gun")
MEANING = {"normal": "harmless", "porn": "sexual", "hentai": "sexual", "gun": "weapons"}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny vision transformer with random weights, saved as transformers saves any."""
    folder = tmp_path_factory.mktemp("classifier")
    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=32, patch_size=8,
        id2label=dict(enumerate(LABELS)), label2id={label: n for n, label in enumerate(LABELS)}, initializer_range=0.3,
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def an_opinion(model: Path, **fields: Any) -> Opinion:
    return Opinion.model_validate({"name": "second_opinion", "model": str(model), "labels": MEANING, **fields})


def a_batch(*pictures: torch.Tensor) -> PictureBatch:
    return PictureBatch(pictures, torch.zeros(len(pictures), 3, 4))


def probabilities(folder: Path, picture: torch.Tensor) -> torch.Tensor:
    """What transformers itself makes of a picture."""
    model = ViTForImageClassification.from_pretrained(folder).eval()  # type: ignore[no-untyped-call]
    inputs = ViTImageProcessor.from_pretrained(folder)(picture.permute(1, 2, 0).numpy(), return_tensors="pt")
    with torch.inference_mode():
        logits: torch.Tensor = model(**inputs).logits[0]
    return logits.softmax(-1)


def test_labels_that_mean_the_same_add_up_and_harmless_ones_are_not_reported(classifier: Path) -> None:
    check = SecondOpinion(an_opinion(classifier))
    (of_knife, of_cat) = check.check(a_batch(knife(), cat()))

    assert check.reports == {Category.SEXUAL, Category.WEAPONS}
    for signals, picture in ((of_knife, knife()), (of_cat, cat())):
        expected = probabilities(classifier, picture)
        scores = {signal.subject: signal.score for signal in signals}
        assert scores[Category.SEXUAL] == pytest.approx(float(expected[1] + expected[2]), abs=1e-4)
        assert scores[Category.WEAPONS] == pytest.approx(float(expected[3]), abs=1e-4)
        assert {signal.source for signal in signals} == {"second_opinion"}


def test_of_labels_that_do_not_exclude_each_other_the_surest_counts(classifier: Path, tmp_path: Path) -> None:
    folder = copied(classifier, tmp_path, problem_type="multi_label_classification")
    (signals,) = SecondOpinion(an_opinion(folder)).check(a_batch(knife()))
    logits = probabilities(classifier, knife()).log()
    assert all(0 <= signal.score <= 1 for signal in signals)
    model = ViTForImageClassification.from_pretrained(folder).eval()  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        inputs = ViTImageProcessor.from_pretrained(folder)(knife().permute(1, 2, 0).numpy(), return_tensors="pt")
        logits = model(**inputs).logits[0]
    sexual = next(signal.score for signal in signals if signal.subject is Category.SEXUAL)
    assert sexual == pytest.approx(float(logits.sigmoid()[1:3].amax()), abs=1e-4)


def copied(classifier: Path, to: Path, **config: Any) -> Path:
    for file in classifier.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    said = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps(said | config))
    return to


def test_its_scores_are_uncalibrated_until_the_operator_vouches_for_exactly_these_weights(classifier: Path) -> None:
    unsure = SecondOpinion(an_opinion(classifier))
    sure = SecondOpinion(an_opinion(classifier, calibrated_for=unsure.identity.sha256))
    other = SecondOpinion(an_opinion(classifier, calibrated_for="0" * 64))
    told = [{s.calibrated for s in check.check(a_batch(cat()))[0]} for check in (unsure, sure, other)]
    assert told == [{False}, {True}, {False}]


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ({label: MEANING[label] for label in LABELS[:-1]}, "without a meaning: gun"),
        (MEANING | {"knife": "weapons"}, "not among them: knife"),
    ],
    ids=["a label of the model nobody explains", "a label the model does not have"],
)
def test_labels_that_are_unknown_on_either_side_keep_the_service_from_starting(
    classifier: Path, labels: dict[str, str], named: str
) -> None:
    with pytest.raises(IntegrityFailure, match=named):
        SecondOpinion(an_opinion(classifier, labels=labels))


def test_f65_another_order_of_labels_is_another_model(classifier: Path, tmp_path: Path) -> None:
    swapped = dict(enumerate(["normal", "gun", "hentai", "porn"]))
    folder = copied(classifier, tmp_path, id2label=swapped, label2id={label: n for n, label in swapped.items()})
    right, wrong = SecondOpinion(an_opinion(classifier)), SecondOpinion(an_opinion(folder))
    assert right.identity.sha256 != wrong.identity.sha256


def test_files_that_are_not_those_of_the_manifest_are_refused_by_name(classifier: Path, tmp_path: Path) -> None:
    folder = copied(classifier, tmp_path)
    write_manifest(folder, "a classifier")
    assert SecondOpinion(an_opinion(folder)).identity.name == "a classifier"
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    with pytest.raises(IntegrityFailure, match=r"config\.json"):
        SecondOpinion(an_opinion(folder))


def test_a_classifier_that_says_the_same_of_everything_is_refused(classifier: Path, tmp_path: Path) -> None:
    model = ViTForImageClassification.from_pretrained(classifier)
    torch.nn.init.zeros_(model.classifier.weight)  # type: ignore[arg-type]
    model.save_pretrained(copied(classifier, tmp_path))
    with pytest.raises(IntegrityFailure, match="does not tell a knife from a cat"):
        SecondOpinion(an_opinion(tmp_path))


def test_not_a_number_is_no_judgement(classifier: Path) -> None:
    check = SecondOpinion(an_opinion(classifier))
    torch.nn.init.constant_(check._model.classifier.bias, math.nan)
    (answer,) = Screen([], FakeEmbedder(), [check]).pictures([cat()])
    assert isinstance(answer, CouldNotJudge)
    assert answer.reason == "nan"


def test_answers_of_another_shape_are_no_judgement(classifier: Path) -> None:
    check = SecondOpinion(an_opinion(classifier))
    check._model.classifier = torch.nn.Linear(32, 3)
    (answer,) = Screen([], FakeEmbedder(), [check]).pictures([cat()])
    assert isinstance(answer, CouldNotJudge)


def test_who_gave_the_second_opinion_is_recorded_with_the_decision(classifier: Path) -> None:
    check = SecondOpinion(an_opinion(classifier))
    assert Screen([], FakeEmbedder(), [check]).picture_models == (FakeEmbedder().identity, check.identity)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: x\nmodel: y\nlabels: {a: harmless}\n", "at least one should mean a category"),
        ("name: x\nmodel: y\nlabels: {a: rude}\n", "labels"),
        ("name: x\nmodel: y\nlabels: {a: gore}\nthreshold: 1\n", "threshold"),
        ("name: X Y\nmodel: y\nlabels: {a: gore}\n", "name"),
        ("[", "opinion.yaml"),
    ],
)
def test_a_malformed_file_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "opinion.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=complaint) as problem:
        Opinion.load(path)
    assert str(path) in str(problem.value)


def written(folder: Path, model: Path, **fields: Any) -> Path:
    path = folder / "opinion.yaml"
    path.write_text(yaml.safe_dump({"name": "second_opinion", "model": str(model), "labels": MEANING, **fields}))
    return path


def a_policy(folder: Path) -> Path:
    """The default policy with a second opinion on sexual content and weapons."""
    policy = yaml.safe_load(shipped_policies()["default"].read_text())
    policy["picture"]["checks"].append("second_opinion")
    for category in Category:
        said = policy["picture"]["categories"].setdefault(category.value, {})
        if said != "not_scored":
            scored = category in (Category.SEXUAL, Category.WEAPONS)
            said["second_opinion"] = {"review": 0.5} if scored else "not_scored"
    path = folder / "with_second_opinion.yaml"
    path.write_text(yaml.safe_dump(policy, allow_unicode=True))
    return path


def test_a_service_asks_for_the_second_opinion_that_its_settings_name(classifier: Path, tmp_path: Path) -> None:
    policy = load_policy(a_policy(tmp_path))
    told = Settings(data=tmp_path, second_opinions=(written(tmp_path, classifier),))
    screen = build_screen(told, policy)
    (signals,) = screen.pictures([cat()])
    assert isinstance(signals, list)
    assert {s.subject for s in signals if s.source == "second_opinion"} == {Category.SEXUAL, Category.WEAPONS}
    surely = [
        Signal(s.source, s.subject, 1.0 if s.source == "second_opinion" and s.subject is Category.SEXUAL else 0.0)
        for s in signals
    ]
    verdict = decide([*surely, *NOTHING_MEANT], policy, Stage.PICTURE)
    assert (verdict.action, verdict.reasons[0].source) == (Action.REVIEW, "second_opinion")


@pytest.mark.parametrize(
    ("name", "complaint"), [("unlisted", "lists no picture check unlisted"), ("realism", "another check has")]
)
def test_an_opinion_that_the_policy_does_not_ask_for_keeps_the_service_from_starting(
    classifier: Path, tmp_path: Path, name: str, complaint: str
) -> None:
    told = Settings(data=tmp_path, second_opinions=(written(tmp_path, classifier, name=name),))
    with pytest.raises(PolicyUnfit, match=complaint):
        build_screen(told, load_policy(shipped_policies()["default"]))
