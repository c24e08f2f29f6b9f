"""The bench of the desk fills a database that the desk can work with, and times every step that it promises."""

from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from gateway.desk_bench import BARS, DatabaseInUse, desk_table, fill, sign_in, work
from gateway.settings import Settings
from gateway.store.engine import open_engine, reading
from gateway.store.tables import CaseRow
from policies.queues import load_queues
from tests.gateway.desk_parts import desk_parts
from tests.houses import serving


def test_a_queue_is_filled_served_and_worked_through(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    fill(settings, 300)
    engine = open_engine(settings.database)
    with reading(engine) as session:
        cases = session.exec(select(CaseRow)).all()
    engine.dispose()
    assert {case.queue for case in cases} <= set(load_queues().names)
    looks = [case.look for case in cases if case.look]
    assert len(set(looks)) < len(looks)
    with serving(tmp_path, desk_parts(), undo_seconds=3600) as (house, url), httpx.Client(base_url=url) as client:
        sign_in(house, client)
        spent = work(house, client, 1)
        assert house.desk.cases.counts().open == 298
    assert {step: len(taken) for step, taken in spent.items()} == dict.fromkeys(BARS, 1)
    with pytest.raises(DatabaseInUse):
        fill(settings, 100)


def test_the_table_sets_each_step_beside_its_bar() -> None:
    steps = {step: {"median": 20.0, "worst": 40.0, "processor": 10.0} for step in BARS}
    told = desk_table({"steps": steps, "cases": 5, "database": "sqlite", "fill_s": 1.0, "rounds": 2})
    assert "submit & next, with its page            10        20        40       150" in told
    assert told.count("\n") == len(BARS) + 1
