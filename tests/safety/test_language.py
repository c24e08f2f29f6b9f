import pytest

from policies.signals import Descriptor
from safety.checks.language import LanguageCheck
from safety.language import READ, guess_language
from safety.normalize import normalize
from safety.training.prompt_data import read_written

CLEAR = 0.65

OTHER_LANGUAGES = {
    "es": ["una mujer desnuda tumbada en la playa", "un perro pequeño que corre por el bosque nevado"],
    "de": ["eine nackte Frau am Strand", "ein kleiner Hund rennt durch den verschneiten Wald"],
    "it": ["una donna nuda sdraiata sulla spiaggia", "un piccolo cane che corre nella neve"],
    "pt": ["uma mulher nua deitada na praia", "um cachorrinho correndo pela floresta com neve"],
    "nl": ["een naakte vrouw op het strand", "een kleine hond rent door het besneeuwde bos"],
    "pl": ["naga kobieta leżąca na plaży", "mały pies biegnie przez zaśnieżony las"],
    "ru": ["голая женщина на пляже", "маленькая собака бежит по лесу"],
    "ar": ["امرأة عارية على الشاطئ", "كلب صغير يجري في الغابة"],
    "zh": ["海滩上的裸体女人", "一只小狗在雪地里奔跑"],
    "ja": ["浜辺の裸の女性", "雪の森を走る小さな犬"],
    "ko": ["해변의 벌거벗은 여자", "눈 덮인 숲을 달리는 작은 개"],
}
NAMES = ["tokyo", "emmanuel macron", "Leonardo da Vinci", "Zinedine Zidane", "hatsune miku", "Lviv", "Vincent van Gogh"]


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
def test_a_sentence_in_another_language_is_said_to_be_unread(code: str) -> None:
    for sentence in OTHER_LANGUAGES[code]:
        guess = guess_language(normalize(sentence).folded)
        assert guess.unread >= CLEAR, sentence
        assert guess.code not in READ, sentence


@pytest.mark.parametrize("name", NAMES)
def test_names_are_in_no_foreign_language(name: str) -> None:
    assert guess_language(normalize(name).folded).unread < CLEAR


@pytest.mark.parametrize("language", READ)
def test_prompts_in_the_languages_we_read_are_read(language: str) -> None:
    rows = [row.text for row in read_written() if row.language == language][::5]
    unread = [text for text in rows if guess_language(normalize(text).folded).unread >= CLEAR]
    assert len(unread) <= 0.002 * len(rows), unread


@pytest.mark.parametrize("odd", ["", "12345 !!", "\U0001f600\U0001f600", "x", "a" * 20_000, "π ≈ 3.14"])
def test_what_is_no_language_gets_an_answer_all_the_same(odd: str) -> None:
    assert 0 <= guess_language(normalize(odd).folded).unread <= 1


def test_the_check_reports_its_descriptor_and_the_code() -> None:
    check = LanguageCheck()
    ((english,), (german,)) = check.check([normalize("a red house by the sea"), normalize("ein rotes Haus am Meer")])
    assert english.subject is german.subject is Descriptor.UNREAD_LANGUAGE
    assert english.score == 0
    assert german.score >= CLEAR
    assert german.evidence == "de"
