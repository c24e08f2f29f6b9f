import numpy as np

from safety.training.emoji_artwork import Concept
from safety.training.scorer_bias import Person, matched, person_of, rates

PEOPLE = [
    Person(activity, who, tone) for activity in map(str, range(40)) for who in ("female", "male") for tone in range(6)
]
BENIGN = {"weapons": np.ones(len(PEOPLE), dtype=np.bool_)}


def rates_of(scores: np.ndarray) -> dict[str, tuple[float | None, float]]:
    return {row.group: (row.ratio, row.p) for row in rates(PEOPLE, {"weapons": scores}, BENIGN, {"weapons": 0.5})}


def test_a_name_says_who_does_what() -> None:
    biking = Concept(
        "1f6b4", "woman biking: dark skin tone", "woman biking", "", (), (), 1, "person-sport", "female", 5
    )
    assert person_of(biking) == Person("biking", "female", 5)


def test_only_people_with_every_variant_are_compared() -> None:
    people = [Person("biking", "female", 1), Person("biking", "male", 1), Person("dancing", "female", 1)]
    assert matched(people, "presentation").tolist() == [True, True, False]
    assert not matched(people, "tone").any()
    assert matched([Person("biking", "", tone) for tone in range(6)], "tone").tolist() == [False] + [True] * 5


def test_a_planted_bias_is_found_and_named_with_its_ratio() -> None:
    random = np.random.default_rng(0)
    scores = random.random(len(PEOPLE)) * 0.55
    dark = np.array([person.tone == 5 for person in PEOPLE])
    scores[dark] += 0.3 * (random.random(int(dark.sum())) < 0.5)
    found = rates_of(scores)
    ratio, p = found["dark"]
    assert ratio is not None
    assert ratio > 2
    assert p < 0.001


def test_what_depends_on_the_activity_alone_is_no_bias() -> None:
    scores = np.array([float(person.activity in {"1", "2", "3"}) for person in PEOPLE])
    for ratio, p in rates_of(scores).values():
        assert ratio == 1
        assert p == 1


def test_what_a_picture_really_shows_is_no_false_alarm() -> None:
    scores, benign = np.ones(len(PEOPLE)), {"weapons": np.arange(len(PEOPLE)) % 2 == 0}
    for row in rates(PEOPLE, {"weapons": scores}, benign, {"weapons": 0.5}):
        assert row.flagged == row.pictures
        assert row.p == 1


def test_nobody_flagged_has_no_ratio() -> None:
    assert all(found == (None, 1) for found in rates_of(np.zeros(len(PEOPLE))).values())
