"""The scorecard of provenance: measured on pictures that went the whole way, and honest about what takes marks off."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from gateway.provenance_scorecard import MANIPULATIONS, measure_in, table
from generator.at_once import Cancelled
from generator.contract import GeneratedImage, PictureRequest
from safety.canary_pictures import cat
from tests.fakes import FakeGenerator
from tests.houses import Parts, build
from tests.safety.pictures_drawn_here import skull


def draw(requests: Sequence[PictureRequest], _: Cancelled) -> list[GeneratedImage]:
    return [GeneratedImage((cat() if request.seed % 2 else skull()), request.seed) for request in requests]


def test_every_manipulation_has_its_row_and_the_words_are_those_of_the_layers(tmp_path: Path) -> None:
    house = build(tmp_path, Parts(FakeGenerator(on_draw=draw, sizes=("256x256",))), requests_per_minute=1000)
    card = asyncio.run(measure_in(house, pictures=2, keys=3))
    rows = {row.manipulation: row for row in card.rows}
    assert (card.pictures, list(rows)) == (2, list(MANIPULATIONS))
    assert (rows["nothing"].credentials, rows["nothing"].conclusion) == ("ours", "ours")
    assert rows["one byte added to the file"].credentials == "invalid"
    assert rows["JPEG, quality 75"].credentials == "absent"
    assert rows["JPEG, quality 75"].leads_back.value == 1
    assert rows["turned by 5 degrees"].leads_back.value == 0
    assert (card.false_alarms.trials, card.false_alarms.alarms) == (6, 0)
    told = table(card)
    assert all(f"| {name} |" in told for name in MANIPULATIONS)
    assert "0 in 6 looks with other keys" in told
