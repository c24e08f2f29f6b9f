import emoji
import pytest

from policies.loader import load_policy, shipped_policies
from policies.signals import Category, Signal
from policies.verdict import Action
from policies.wordlists import SHIPPED, Wordlist, load_blocklists, load_wordlist
from safety.checks.blocklist import Blocklist
from safety.normalize import normalize
from tests.safety.sentences_of_languages import HONEST, honest, unsafe

DEFAULT = load_policy(shipped_policies()["default"])
BLOCKLIST = Blocklist.from_lists(load_blocklists(DEFAULT.blocklists))
each_language = pytest.mark.parametrize("language", HONEST)


def _signals(prompt: str) -> list[Signal]:
    (signals,) = BLOCKLIST.check([normalize(prompt)])
    return signals


def _held(prompt: str) -> dict[str, str]:
    """The categories for which the default policy holds or refuses the prompt by its words, and what was seen."""
    return {
        signal.subject.value: signal.evidence
        for signal in _signals(prompt)
        if isinstance(signal.subject, Category)
        for action, threshold in DEFAULT.prompt.table[signal.subject][Blocklist.name].in_force
        if action.gravity >= Action.REVIEW.gravity and signal.score >= threshold
    }


def _list(language: str, name: str) -> Wordlist:
    return load_wordlist(SHIPPED / language / f"{name}.yaml")


def test_the_shipped_policies_read_prompts_by_the_lists_of_every_language() -> None:
    for path in shipped_policies().values():
        assert {*load_policy(path).blocklists} == {*HONEST}


@each_language
def test_honest_sentences_with_false_friends_pass_though_all_languages_are_in_force(language: str) -> None:
    sentences = honest(language)

    assert len({*sentences}) >= 100
    assert {sentence: held for sentence in sentences if (held := _held(sentence))} == {}


@each_language
def test_unsafe_sentences_of_every_category_are_held_or_refused(language: str) -> None:
    assert [(text, category) for text, category in unsafe(language) if category not in _held(text)] == []


@each_language
def test_a_word_for_a_child_beside_a_sexual_one_is_refused_whichever_languages_they_are_in(language: str) -> None:
    child = next(text for terms in _list(language, "minors").terms for text in terms.text if terms.score is None)
    hard = [
        next(text for terms in _list(other, "sexual").terms for text in terms.text if terms.score in (None, 1))
        for other in ("english", "french", language)
    ]

    assert all("sexual_minors" in _held(f"{child} , {word}") for word in hard)


@each_language
def test_no_word_for_a_child_is_held_alone(language: str) -> None:
    coded = {text for terms in _list(language, "sexual_minors").terms for text in terms.text}
    words = {text for terms in _list(language, "minors").terms for text in terms.text} - coded

    assert {word: held for word in words if (held := _held(word))} == {}


@each_language
def test_a_head_of_state_in_a_sexual_scene_is_refused_whichever_language_the_scene_is_in(language: str) -> None:
    scene = next(text for terms in _list(language, "sexual").terms for text in terms.text if terms.score in (None, 1))

    assert {"deception", "sexual"} <= _held(f"Vladimir Putin {scene}").keys()


def test_words_that_are_honest_in_another_language_count_in_their_own_only() -> None:
    honest_here = ["un nudo en la cuerda de la barca", "the kind child of the baker in the garden"]

    assert [_held(prompt) for prompt in honest_here] == [{}, {}]
    assert "sexual" in _held("la donna è nuda sul letto")
    assert "sexual" in _held("w pokoju jest goła baba")


@pytest.mark.parametrize("twin", ["cono", "conos"])
def test_words_that_an_accent_makes_harmless_are_told_apart(twin: str) -> None:
    assert not _held(f"un {twin} en la mesa")
    assert _held("un coño en la mesa")


@pytest.mark.parametrize("code", ["ar", "de", "en", "es", "fr", "it", "ja", "pt", "ru", "zh"])
def test_the_names_of_emoji_pass_in_every_language_they_have(code: str) -> None:
    emoji.config.load_language(code)
    names = sorted({entry[code].strip(":").replace("_", " ") for entry in emoji.EMOJI_DATA.values() if code in entry})

    assert {name: held for name in names[::4] if (held := _held(name))} == {}
