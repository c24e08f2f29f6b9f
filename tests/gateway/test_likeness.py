"""Whom a prompt means and how its picture looks, walked through the real pipeline and the real prompt gate."""

import base64
import json
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gateway.errors import ClassifierUnavailable, ContentRefused
from gateway.generation import Generation
from gateway.store.tables import DecisionRow
from policies.signals import Category, Descriptor, Signal
from safety.picture_files.pixels import decode_picture
from safety.provenance.credentials import LABELLED
from tests.gateway.walks import Book, asked, walked
from tests.houses import Parts, build, client_of, serving

FIGURE = "Emmanuel Macron on a bicycle"
CROWD = "a crowd on a market square"


def looking(photorealism: float, person: float = 0.9, **concepts: float) -> Parts:
    """A house whose pictures all look like that."""
    parts = Parts()
    parts.pictures[0].scores = {Category(name): score for name, score in concepts.items()}
    parts.pictures[1].scores = {Descriptor.PHOTOREALISM: photorealism}
    parts.pictures[2].scores = {Descriptor.PERSON: person}
    return parts


def in_turn(*scores: float) -> Callable[[Tensor], list[Signal]]:
    """One photorealism after the other, the last for ever."""
    told: Iterator[float] = chain(scores, repeat(scores[-1]))
    return lambda _: [Signal("realism", Descriptor.PHOTOREALISM, next(told))]


def rules(decision: DecisionRow) -> list[str]:
    return [reason["rule"] for reason in json.loads(decision.reasons)]


def bears_label(content: bytes) -> bool:
    """Whether there is white on dark in the lower right corner of a flat coloured picture."""
    corner = decode_picture(content, 1 << 20)[:, -24:, -32:].float()
    return bool((corner.amin(0) > 230).sum() > 10 and (corner.amax(0) < 60).sum() > 10)


def files_in(data: Path, area: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((data / "pictures" / area).iterdir())]


@pytest.mark.parametrize(
    ("prompt", "photorealism", "action", "rule"),
    [
        ("a cartoon of Emmanuel Macron on a bicycle", 0.1, "allow", "likeness/public_figure/drawn"),
        (CROWD, 0.9, "label", "likeness/nobody/photoreal"),
        (FIGURE, 0.9, "review", "likeness/public_figure/photoreal"),
        ("un dessin d’Emmanuel Macron au bureau de vote", 0.1, "review", "likeness/public_figure/election/drawn"),
        ("le premier ministre du Japon près d’une ambulance", 0.9, "block", "likeness/role_holder/medical/photoreal"),
        ("the actor who played Batman in a library", 0.5, "label", "likeness/described_likeness/lifelike"),
        ("Priya Wetherby in her garden", 0.5, "review", "likeness/private_person/lifelike"),
        ("Karim Benslimane dans son jardin", 0.9, "block", "likeness/private_person/photoreal"),
    ],
)
def test_a_decision_names_the_cell_of_whom_the_prompt_means_and_how_the_picture_looks(
    prompt: str, photorealism: float, action: str, rule: str, tmp_path: Path
) -> None:
    house = build(tmp_path, looking(photorealism))
    walked(house, asked(prompt))
    picture = Book(house).decisions[-1]
    assert (picture.stage, picture.action, rules(picture)[0]) == ("picture", action, rule)
    meant = {signal["source"] for signal in json.loads(picture.signals) if signal["subject"] == "public_figure"}
    assert meant == {"prompt"}
    assert house.decisions.broken_ledger() is None


# The visible label


def test_a_cell_that_asks_for_the_visible_label_gets_it_into_the_bytes_that_are_decided_and_served(
    tmp_path: Path,
) -> None:
    house = build(tmp_path, looking(0.5))
    (generation,) = walked(house, asked(FIGURE, count=2))
    assert isinstance(generation, Generation)
    book = Book(house)
    assert [(row.action, row.picture_sha256) for row in book.decisions[1:]] == [
        ("label", picture.sha256) for picture in book.pictures
    ]
    assert book.picture_states == ["released", "released"]
    assert all(bears_label(content) for content in files_in(tmp_path, "released"))
    assert files_in(tmp_path, "quarantine") == []
    assert all(LABELLED.encode() in drawn.content for drawn in generation.pictures)
    assert house.decisions.broken_ledger() is None


@pytest.mark.parametrize(("prompt", "photorealism"), [(FIGURE, 0.1), (CROWD, 0.9), ("a cat", 0.1)])
def test_no_other_picture_bears_it(prompt: str, photorealism: float, tmp_path: Path) -> None:
    (generation,) = walked(build(tmp_path, looking(photorealism)), asked(prompt))
    assert isinstance(generation, Generation)
    assert not bears_label(generation.pictures[0].content)
    assert LABELLED.encode() not in generation.pictures[0].content


def test_the_pixels_that_are_judged_last_bear_the_label_and_are_those_that_are_served(tmp_path: Path) -> None:
    parts, judged = looking(0.5), list[Tensor]()
    parts.pictures[0].on_picture = lambda pixels: judged.append(pixels)
    (generation,) = walked(build(tmp_path, parts), asked(FIGURE))
    assert isinstance(generation, Generation)
    first, last = judged
    assert torch.equal(last, decode_picture(generation.pictures[0].content, 1 << 20))
    assert not torch.equal(first, last)


def test_a_label_that_makes_a_picture_look_less_real_does_not_make_its_judgement_milder(tmp_path: Path) -> None:
    parts = looking(0.0)
    parts.pictures[1].on_picture = in_turn(0.9, 0.1)
    house = build(tmp_path, parts)
    (told,) = walked(house, asked(FIGURE))
    assert isinstance(told, ContentRefused)
    assert told.facts["outcome"] == "held"
    assert Book(house).decisions[-1].action == "review"
    (held,) = files_in(tmp_path, "quarantine")
    assert bears_label(held)  # whoever releases it, releases it labelled


def test_a_picture_that_needs_the_label_and_lacks_it_is_not_released(tmp_path: Path) -> None:
    parts = looking(0.0)
    parts.pictures[1].on_picture = in_turn(0.1, 0.5)
    house = build(tmp_path, parts)
    (told,) = walked(house, asked(FIGURE))
    assert isinstance(told, ClassifierUnavailable)
    book = Book(house)
    assert (book.decisions[-1].action, book.picture_states) == ("none", ["held"])
    assert book.decisions[-1].failure == "label: asks for a visible label that the picture does not bear"


def test_a_picture_of_somebody_known_that_cannot_be_looked_at_gets_the_label_before_a_person_sees_it(
    tmp_path: Path,
) -> None:
    parts = looking(0.1)

    def broken(_: Tensor) -> None:
        raise ValueError("as told")

    parts.pictures[0].on_picture = broken
    walked(build(tmp_path, parts), asked(FIGURE))
    (held,) = files_in(tmp_path, "quarantine")
    assert bears_label(held)


def test_pictures_of_nobody_are_looked_at_once(tmp_path: Path) -> None:
    parts, looks = looking(0.9), list[Tensor]()
    parts.pictures[0].on_picture = lambda pixels: looks.append(pixels)
    walked(build(tmp_path, parts), asked(CROWD, count=3))
    assert len(looks) == 3


# Nothing kept but the hash


@pytest.mark.parametrize("score", [0.61, 0.95])
def test_of_a_child_in_a_sexual_scene_no_byte_is_kept_and_the_row_with_its_hash_stays(
    score: float, tmp_path: Path
) -> None:
    house = build(tmp_path, looking(0.1, sexual_minors=score))
    (told,) = walked(house, asked("children at a pool", count=2))
    assert isinstance(told, ContentRefused)
    assert told.facts["categories"] == []
    book = Book(house)
    assert files_in(tmp_path, "quarantine") == files_in(tmp_path, "released") == []
    assert book.picture_states == ["withheld", "withheld"]
    assert all(len(row.sha256) == 64 for row in book.pictures)
    assert all("likeness/child/sexual" in rules(row) for row in book.decisions[1:])
    assert house.decisions.broken_ledger() is None


def test_what_is_refused_for_another_reason_stays_for_an_appeal(tmp_path: Path) -> None:
    house = build(tmp_path, looking(0.1, violence=0.95))
    walked(house, asked("children at a pool"))
    assert Book(house).picture_states == ["withheld"]
    assert len(files_in(tmp_path, "quarantine")) == 1


# Pictures that are only judged


def test_a_picture_sent_with_a_text_is_judged_by_whom_the_text_means(tmp_path: Path) -> None:
    parts = looking(0.9)
    with serving(tmp_path, parts) as (house, url), client_of(house, url) as client:
        drawn = client.post("/v1/images/generations", json={"prompt": "a cat", "response_format": "b64_json"}).json()
        url_of_picture = "data:image/png;base64," + drawn["data"][0]["b64_json"]
        picture = {"type": "image_url", "image_url": {"url": url_of_picture}}
        assert base64.b64decode(drawn["data"][0]["b64_json"])

        def verdict(*parts: object) -> str:
            answer = client.post("/v1/moderations", json={"input": [*parts]}).json()
            told: str = answer["results"][0]["x_gateway"]["verdict"]
            return told

        assert verdict(picture) == "label"
        assert verdict({"type": "text", "text": FIGURE}, picture) == "review"
        assert verdict({"type": "text", "text": "Karim Benslimane dans son jardin"}, picture) == "block"
