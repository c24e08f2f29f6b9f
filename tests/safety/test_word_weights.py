import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from policies.identity import IntegrityFailure, write_manifest
from safety.checks.prompt_classifier import PromptClassifier
from safety.normalize import normalize
from safety.word_weights import FILE, WordWeights
from tests.safety.test_prompt_classifier import judge, write_model

RUDE = ["you utter toad", "what a toad you are", "a toad and a weasel", "weasel, you are a weasel"]
KIND = ["what a calm lake", "a lake and a garden", "you are in the garden", "a quiet garden path"]


@pytest.fixture(scope="module")
def vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer().fit(RUDE + KIND)


@pytest.fixture(scope="module")
def machine(vectorizer: TfidfVectorizer) -> LinearSVC:
    return LinearSVC().fit(vectorizer.transform(RUDE + KIND), [1] * len(RUDE) + [0] * len(KIND))


@pytest.fixture
def folder(tmp_path: Path, vectorizer: TfidfVectorizer, machine: LinearSVC) -> Path:
    words = [str(word) for word in vectorizer.get_feature_names_out()]
    WordWeights.write(tmp_path, words, vectorizer.idf_, machine.coef_[0], float(machine.intercept_[0]))
    return tmp_path


@pytest.mark.parametrize("text", [*RUDE, *KIND, "toad toad lake", "nothing of this was ever seen", ""])
def test_it_computes_what_the_model_that_it_was_made_from_computes(
    folder: Path, vectorizer: TfidfVectorizer, machine: LinearSVC, text: str
) -> None:
    ours = WordWeights.read(folder)
    assert ours
    assert ours.logit(text) == pytest.approx(machine.decision_function(vectorizer.transform([text]))[0], abs=2e-3)


def test_no_word_stands_in_the_file(folder: Path) -> None:
    content = (folder / FILE).read_bytes()
    assert not any(word.encode() in content for word in ("toad", "weasel", "garden"))


def test_a_model_without_the_file_has_none_and_half_a_file_is_refused(folder: Path, tmp_path: Path) -> None:
    assert WordWeights.read(tmp_path / "elsewhere") is None
    tensors = load_file(folder / FILE)
    save_file({name: values for name, values in tensors.items() if name != "rarity"}, folder / FILE)
    with pytest.raises(IntegrityFailure, match="rarity"):
        WordWeights.read(folder)


def test_the_calibration_says_how_much_words_weigh(tmp_path: Path) -> None:
    def score(weight: float) -> float:
        calibration = {"any": {"scale": 1.0, "offset": 0.0, "words": weight}}
        folder = write_model(tmp_path / str(weight), ["unsafe", "hate"], calibration=calibration)
        WordWeights.write(folder, ["knife"], np.ones(1, np.float32), np.full(1, 2.0, np.float32), 0.0)
        write_manifest(folder, "tiny")
        return judge(PromptClassifier.load(folder), "knife")[0].score

    plain, weighed = score(0.0), score(1.5)
    assert np.log(weighed / (1 - weighed)) - np.log(plain / (1 - plain)) == pytest.approx(3.0, abs=1e-3)


def test_the_shipped_classifier_knows_rude_words() -> None:
    shipped = Path(__file__).parents[2] / "safety" / "weights" / "guard-nano"
    calibration = json.loads((shipped / "config.json").read_text())["calibration"]
    assert all(numbers["words"] >= 0 for numbers in calibration.values())
    classifier = PromptClassifier.load(shipped)
    (rude, kind) = classifier.word_logits([normalize("you stupid idiot, shut up"), normalize("a calm lake at dawn")])
    assert rude > 0 > kind
