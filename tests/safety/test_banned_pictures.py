"""The check reports how near a picture lies to a banned one, and never that it does not when it could not look."""

from datetime import UTC, datetime, timedelta

import pytest
import torch

from policies.decide import decide
from policies.likeness import NOTHING_MEANT
from policies.loader import load_policy, shipped_policies
from policies.signals import Category, Descriptor, Signal, Stage
from policies.verdict import Action, CouldNotJudge
from safety.bans import Banned, likeness, matches_told
from safety.checks.banned_pictures import BannedPictures
from safety.fingerprint import fingerprint
from safety.hashes import RADIUS
from safety.screen import Screen
from tests.fakes import FakeEmbedder
from tests.look_alikes import CHANGES, detailed, pixels_of

ORIGINAL = pixels_of(detailed())
HASH = fingerprint(ORIGINAL).hash
POLICIES = {name: load_policy(path) for name, path in shipped_policies().items()}


def ban(name: str = "ban_one", category: Category = Category.GORE, days: float | None = None, bits: int = 0) -> Banned:
    ends = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="microseconds")
    return Banned(name, f"{int(HASH, 16) ^ ((1 << bits) - 1):064x}", category, ends)


def signals(check: BannedPictures, picture: torch.Tensor = ORIGINAL) -> dict[Category, Signal]:
    (told,) = check.check(FakeEmbedder().embed([picture]))
    return {Category(signal.subject): signal for signal in told}


def test_the_very_picture_scores_1_in_the_category_that_it_was_banned_for_and_0_in_the_others() -> None:
    told = signals(BannedPictures([ban()]))
    assert (told[Category.GORE].score, told[Category.GORE].evidence) == (1.0, "ban_one:0")
    assert {*told} == {*Category}
    assert all(signal.score == 0 for category, signal in told.items() if category is not Category.GORE)


@pytest.mark.parametrize("bits", [1, 15, 30, 31, 32, 40])
def test_the_score_falls_with_the_distance_and_ends_at_31_bits(bits: int) -> None:
    score = signals(BannedPictures([ban(bits=bits)]))[Category.GORE].score
    assert score == (likeness(bits) if bits <= RADIUS else 0.0)


@pytest.mark.parametrize("word", CHANGES)
def test_it_is_known_again_in_other_forms(word: str) -> None:
    changed = pixels_of(CHANGES[word](detailed()))
    assert signals(BannedPictures([ban()]), changed)[Category.GORE].score >= 0.5


def test_every_entry_that_matches_is_named_nearest_first_and_the_nearest_scores() -> None:
    check = BannedPictures([ban("ban_far", bits=20), ban("ban_near", bits=4), ban("ban_other", Category.HATE)])
    told = signals(check)
    assert (told[Category.GORE].evidence, told[Category.GORE].score) == ("ban_near:4 ban_far:20", likeness(4))
    assert matches_told(told.values()) == {"ban_near": 4, "ban_far": 20, "ban_other": 0}


def test_what_has_ended_matches_nothing_and_what_ends_later_does() -> None:
    assert signals(BannedPictures([ban(days=-1)]))[Category.GORE].score == 0
    assert signals(BannedPictures([ban(days=1)]))[Category.GORE].score == 1


def test_a_plain_picture_is_not_compared_and_the_signal_says_so() -> None:
    plain = torch.full((3, 128, 128), 90, dtype=torch.uint8)
    check = BannedPictures([Banned("ban_plain", fingerprint(plain).hash, Category.GORE)])
    told = signals(check, plain)
    assert all(signal.score == 0 and "not compared" in signal.evidence for signal in told.values())
    assert matches_told(told.values()) == {}


def test_a_picture_that_cannot_be_hashed_could_not_be_judged() -> None:
    screen = Screen([], FakeEmbedder(), [BannedPictures([ban()])])
    answers = screen.pictures([torch.zeros(3, 4, 64, dtype=torch.uint8), ORIGINAL])
    assert isinstance(answers[0], CouldNotJudge)
    assert isinstance(answers[1], list)


@pytest.mark.parametrize(
    ("policy", "category", "action"),
    [
        ("default", Category.GORE, Action.REVIEW),
        ("strict", Category.GORE, Action.BLOCK),
        ("lenient", Category.PRIVACY, Action.REVIEW),
        *((name, Category.SEXUAL_MINORS, Action.BLOCK) for name in POLICIES),
    ],
)
def test_the_policy_says_what_follows_from_the_faintest_match(policy: str, category: Category, action: Action) -> None:
    calm = [Signal("image_concepts", c, 0.0) for c in Category]
    calm += [Signal("realism", Descriptor.PHOTOREALISM, 0.0), Signal("person", Descriptor.PERSON, 0.0)]
    calm += NOTHING_MEANT
    told = signals(BannedPictures([ban(category=category, bits=RADIUS)])).values()
    verdict = decide([*calm, *told], POLICIES[policy], Stage.PICTURE)
    assert (verdict.action, verdict.reasons[0].source) == (action, "banned_pictures")
    assert f"picture/{category}/{action}" in {reason.rule for reason in verdict.reasons}
    assert not verdict.hash_only, "a lifted ban must have something to give back"
    with pytest.raises(CouldNotJudge):
        decide(calm, POLICIES[policy], Stage.PICTURE)
