"""The pages and the API of deciding together: who sees whose figures, golden cases, what a policy would have done."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.assembly import House
from gateway.store.engine import open_engine
from gateway.store.listing import Filters
from gateway.store.people import Role
from gateway.store.together import Shares
from policies.loader import shipped_policies
from safety.evaluation.picture_rows import read_pictures
from tests.gateway.agreement_parts import seed_looks
from tests.gateway.desk_parts import (
    Moderator,
    case_path,
    close_all,
    desk_parts,
    hold,
    later,
    opened,
    program_of,
    until,
    wipe,
    words,
)
from tests.gateway.test_cli import gardefou
from tests.gateway.walks import Book
from tests.houses import client_of, serving
from tests.wire import assert_error


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    data = tmp_path_factory.mktemp("data")
    with serving(data, desk_parts(), undo_seconds=3600, gate_seconds=60, requests_per_minute=1000) as running:
        yield running


@pytest.fixture
def served(running: tuple[House, str]) -> Iterator[tuple[House, str]]:
    """A service that nobody has used."""
    wipe(running[0])
    running[0].desk.cases._shares = Shares(b"key", 0, 0)
    yield running
    close_all()


@pytest.fixture
def house(served: tuple[House, str]) -> House:
    return served[0]


@pytest.fixture
def client(served: tuple[House, str]) -> httpx.Client:
    return opened(client_of(*served))


@pytest.fixture
def ada(served: tuple[House, str]) -> Moderator:
    return signed_in(served, "ada")


def signed_in(served: tuple[House, str], name: str, role: Role = Role.MODERATOR) -> Moderator:
    moderator = Moderator(*served, name=name, role=role)
    assert moderator.sign_in().status_code == 200
    return moderator


def again(house: House) -> None:
    """From now on every decided case comes up again."""
    house.desk.cases._shares = Shares(b"key", 1, 0)


def seeded(served: tuple[House, str], client: httpx.Client, moderators: list[Moderator], cases: int = 80) -> None:
    house = served[0]
    hold(client)
    request = Book(house).requests[0].id
    seed_looks(open_engine(house.settings.database), request, [one.person for one in moderators], cases, 60)


class TestBlindness:
    def test_the_page_of_a_second_look_is_that_of_the_first(
        self, served: tuple[House, str], client: httpx.Client, ada: Moderator
    ) -> None:
        ben = signed_in(served, "ben")
        again(served[0])
        hold(client, count=2)
        first = ben.get(case_path(ada.take()))
        ada.decide(ada.take(), "block")
        assert "Nothing waits" in words(ada.get("/review"))
        assert "(1)" not in words(ada.get("/review"))  # no count tells her either
        second = ben.take()
        assert case_path(second) != str(first.url.path)
        for page in (first, second):
            assert page.text.count("data-picture") == 2
            assert "gore 0.60, from 0.5 picture/gore/review" in words(page)
        assert "withheld" not in words(second).lower()
        assert "ada" not in words(second)
        assert ada.get(case_path(second)).status_code == 404
        picture = re.search(r'src="(/review/cases/[^"]+\.png)"', second.text)
        assert picture
        assert ben.get(picture[1]).headers["content-type"] == "image/png"
        assert ada.get(picture[1]).status_code == 404
        told = words(ben.decide(second, "allow"))
        assert "Allowed. It is released in" in told

    def test_two_who_differ_are_shown_to_a_senior_who_settles_it(
        self, served: tuple[House, str], client: httpx.Client, ada: Moderator
    ) -> None:
        house, ben = served[0], signed_in(served, "ben")
        sue = signed_in(served, "sue", Role.SENIOR)
        again(house)
        hold(client)
        ada.decide(ada.take(), "block")
        ben.decide(ben.take(), "allow")
        later(house)
        until(lambda: any(case.source == "disagreement" for case in house.desk.cases.waiting(Filters())))
        assert Book(house).picture_states == ["withheld"]
        assert "waits for a senior moderator" in words(sue.get("/review/agreement"))
        page = sue.take()
        assert "Two people differ" in words(page)
        assert "First answer Picture 1: block" in words(page)
        assert "Second answer Picture 1: allow" in words(page)
        sue.decide(page, "allow")
        later(house)
        until(lambda: Book(house).picture_states == ["released"])
        until(lambda: house.desk.cases.counts().open == 0)
        assert "settled: the second answer was right" in words(sue.get("/review/agreement"))
        assert "différents" in words(sue.get("/review?lang=fr&source=disagreement"))
        assert house.decisions.broken_ledger() is None

    def test_a_program_is_told_as_little(self, served: tuple[House, str], client: httpx.Client) -> None:
        house = served[0]
        ada, ben = (program_of(*served, name=name) for name in ("ada", "ben"))
        again(house)
        hold(client)
        _decide(ada, "block")
        assert ada.get("/api/v1/reviews").json()["data"] == []
        (case,) = ben.get("/api/v1/reviews").json()["data"]
        assert not {"again_of", "golden_id", "first_review_id"} & case.keys()
        file = ben.get(f"/api/v1/reviews/{case['id']}").json()
        assert [item["state"] for item in file["items"]] == ["held"]
        assert [item["decision"]["by"] for item in file["items"]] == ["policy"]
        assert file["reviews"] == []
        assert_error(ada.get(f"/api/v1/reviews/{case['id']}"), 404, "not_found")
        assert_error(ada.post(f"/api/v1/reviews/{case['id']}/claim"), 404, "not_found")


class TestWhoSeesWhat:
    def test_a_moderator_sees_only_their_own(
        self, served: tuple[House, str], client: httpx.Client, ada: Moderator
    ) -> None:
        ben, cy = signed_in(served, "ben"), signed_in(served, "cy")
        seeded(served, client, [ben, cy])
        page = words(ada.get("/review/agreement"))
        assert "Nothing was looked at twice" in page
        assert "Where two differ" not in page
        page = words(ben.get("/review/agreement"))
        assert "What you and somebody else looked at" in page
        assert "cy" not in page.split()
        assert "Looked at by two people or more" not in page

    def test_seniors_and_auditors_see_all_together_and_no_names(
        self, served: tuple[House, str], client: httpx.Client, ada: Moderator
    ) -> None:
        ben = signed_in(served, "ben")
        seeded(served, client, [ada, ben])
        for role in (Role.SENIOR, Role.AUDITOR):
            page = signed_in(served, f"{role}-x", role).get("/review/agreement")
            told = words(page)
            assert "Looked at by two people or more" in told
            row = re.search(r"everything (\d+) (\d+) (\d+) % (\d+) % to (\d+) %", told.replace("\u00a0", " "))
            assert row
            assert (int(row[1]), int(row[2])) == (80, 80)
            assert int(row[4]) <= int(row[3]) <= int(row[5])
            assert "sexual 9 9 too few" in told.lower() or re.search(r"sexual \w* ?\d+ \d+ too few", told.lower())
            assert not {"ada", "ben"} & {*told.split()}
            assert signed_in(served, f"{role}-fr", role).get("/review/agreement?lang=fr").text.count("%") > 5

    def test_viewers_and_administrators_see_no_agreement(self, served: tuple[House, str]) -> None:
        for role in (Role.VIEWER, Role.ADMIN):
            somebody = signed_in(served, f"{role}-x", role)
            assert somebody.get("/review/agreement").status_code == 403
            assert "Your own" not in words(somebody.get("/review/numbers"))

    def test_numbers_are_of_queues_and_of_oneself(
        self, served: tuple[House, str], client: httpx.Client, ada: Moderator
    ) -> None:
        ben = signed_in(served, "ben")
        seeded(served, client, [ada, ben])
        told = words(ada.get("/review/numbers?days=90"))
        assert re.search(r"Held 81 80 \d+ min \d+ (min|h)", told)
        mine = ada.get("/review/numbers?days=90").text.split('id="own"')[1]
        assert "Only you see these." in mine
        assert not {"ada", "ben"} & {*words(ada.get("/review/numbers")).split("Sign out")[1].split()}
        theirs = ben.get("/review/numbers?days=90").text.split('id="own"')[1]
        assert mine != theirs

    def test_neither_the_api_nor_the_metrics_name_or_rank_anybody(
        self, served: tuple[House, str], client: httpx.Client, ada: Moderator
    ) -> None:
        ben = signed_in(served, "ben")
        sue = program_of(*served, name="sue", role=Role.SENIOR)
        seeded(served, client, [ada, ben])
        everything = [sue.get(f"/api/v1/agreement{path}") for path in
                      ("?scope=all", "?scope=own", "/disagreements", "/numbers", "/golden")]  # fmt: skip
        assert [answer.status_code for answer in everything] == [200] * 5
        told = " ".join(answer.text for answer in everything) + httpx.get(f"{served[1]}/metrics").text
        for person in (ada.person, ben.person):
            assert person.id not in told
            assert f'"{person.name}"' not in told
        assert json.loads(everything[1].text)["categories"][0]["pictures"] == 0
        assert json.loads(everything[0].text)["categories"][0]["pictures"] == 80

    def test_a_program_of_a_moderator_gets_their_own_alone(self, served: tuple[House, str]) -> None:
        program = program_of(*served)
        assert program.get("/api/v1/agreement").json()["scope"] == "own"
        for path in ("?scope=all", "/disagreements", "/golden"):
            assert_error(program.get(f"/api/v1/agreement{path}"), 403, "separation_of_duties")
        for wrong in ("days=0", "days=x", "person=ada"):
            assert program.get(f"/api/v1/agreement?{wrong}").status_code == 400


class TestGolden:
    def test_a_senior_marks_and_retires_one(
        self, served: tuple[House, str], client: httpx.Client, ada: Moderator
    ) -> None:
        house, sue = served[0], signed_in(served, "sue", Role.SENIOR)
        hold(client, count=2)
        path = case_path(page := ada.take())
        ada.decide(page, "block")
        page = sue.get(path)
        pictures = re.findall(r'name="(picture-[^"]+)" value="allow"', page.text)
        assert "Make this a golden case" in words(page)
        assert "Make this a golden case" not in words(signed_in(served, "otto", Role.AUDITOR).get(path))
        marked = sue.post(f"{path}/golden", page, **dict.fromkeys(pictures, "allow"))
        assert "0 of 0 answered rightly" in words(marked)
        assert "This is a golden case." in words(sue.get(path))
        house.desk.cases._shares = Shares(b"key", 0, 1)
        ben = signed_in(served, "ben")
        hold(client)
        ada.decide(ada.take(), "block")
        ben.decide(ben.take(), "allow")
        later(house)
        until(lambda: house.together.golden.all()[0].answers == 1)
        page = sue.get("/review/agreement")
        assert "1 of 1 answered rightly" in words(page)
        golden = re.search(r'action="(/review/golden/[^"]+)"', page.text)
        assert golden
        assert "No case is golden." in words(sue.post(golden[1], page))
        assert house.decisions.broken_ledger() is None

    def test_nobody_else_marks_one_whatever_they_send(
        self, served: tuple[House, str], client: httpx.Client, ada: Moderator
    ) -> None:
        hold(client)
        path = case_path(page := ada.take())
        ada.decide(page, "block")
        assert ada.post(f"{path}/golden", None, **{"picture-x": "allow"}).status_code == 403
        program = program_of(*served, name="sue", role=Role.SENIOR)
        body = {"case_id": path.rpartition("/")[2], "choices": {"img_other": "allow"}}
        assert_error(program.post("/api/v1/agreement/golden", json=body), 400, "invalid_value", "choices")
        right = {"case_id": body["case_id"], "choices": {Book(served[0]).pictures[0].id: "block"}}
        made = program.post("/api/v1/agreement/golden", json=right)
        assert made.status_code == 201
        assert program.post(f"/api/v1/agreement/golden/{made.json()['id']}/retire").status_code == 200
        assert_error(program.post(f"/api/v1/agreement/golden/{made.json()['id']}/retire"), 404, "not_found")


class TestReplay:
    @pytest.fixture
    def judged(self, served: tuple[House, str], client: httpx.Client, ada: Moderator) -> Path:
        """A data folder in which ada blocked one picture of two; another prompt was let through."""
        house = served[0]
        for prompt, choice in (("all doubtful =fox", "block"), ("all doubtful owl", "allow")):
            hold(client, prompt)
            ada.decide(ada.take(), choice)
            later(house)
        until(lambda: house.desk.cases.counts().open == 0 and "released" in Book(house).picture_states)
        until(lambda: [row.state for row in Book(house).requests].count("released") == 1)
        client.post("/v1/images/generations", json={"prompt": "a calm boat", "size": "64x64"})
        return house.settings.data

    def test_the_policy_that_judged_does_exactly_the_same(self, judged: Path) -> None:
        ended = gardefou("policy", "replay", "default", "--data", judged, "--json")
        found = json.loads(ended.stdout)
        newest = found["newest"]
        assert ended.exit_code == 0
        assert newest["same"] == newest["decisions"] >= 6
        assert (newest["newly_stopped"], newest["newly_passed"], newest["unknown"]) == (0, 0, 0)
        assert found["kinds"] == {"false_positive": 1, "true_positive": 1}
        everything = found["rows"][0]
        assert (everything["stage"], everything["category"]) == ("picture", "all")
        assert everything["caught_then"] == everything["caught_now"]
        assert (everything["caught_now"]["value"], everything["stopped_now"]["value"]) == (1, 1)

    def test_a_milder_policy_lets_through_what_people_called_harmless_and_what_they_did_not(
        self, judged: Path, tmp_path: Path
    ) -> None:
        text = shipped_policies()["default"].read_text(encoding="utf-8")
        mild = tmp_path / "mild.yaml"
        mild.write_text(_milder(text), encoding="utf-8")
        ended = gardefou("policy", "replay", mild, "--data", judged)
        assert ended.exit_code == 0, ended.output
        assert "2 newly let through" in ended.stdout
        row = next(line for line in ended.stdout.splitlines() if line.startswith("picture, all"))
        assert re.findall(r"\d+ \(\d+-\d+\)", row) == ["100 (2-100)", "0 (0-98)", "100 (2-100)", "0 (0-98)"]

    def test_a_folder_without_a_book_is_no_empty_book(self, tmp_path: Path) -> None:
        assert gardefou("policy", "replay", "default", "--data", tmp_path / "none").exit_code == 3
        assert gardefou("evaluate", "from-desk", tmp_path / "out", "--data", tmp_path / "none").exit_code == 3

    def test_what_people_said_is_written_as_labelled_sets_that_no_spreadsheet_runs(
        self, served: tuple[House, str], client: httpx.Client, ada: Moderator, judged: Path, tmp_path: Path
    ) -> None:
        hold(client, "childlike drawing")
        ada.decide(ada.take(), "block", clause="sexual_minors")
        ended = gardefou("evaluate", "from-desk", tmp_path / "out", "--data", judged, "--json")
        assert json.loads(ended.stdout) == {"prompts": 0, "pictures": 2, "left_out": 1}
        with (tmp_path / "out" / "pictures.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["shows"] for row in rows] == ["gore", ""]
        for row in rows:
            assert Path(row["file"]).is_file()
            assert "weapons" in row["unclear"].split()
            assert "gore" not in row["unclear"].split()
        answers = read_pictures(tmp_path / "out" / "pictures.csv").labelled.answers["gore"]
        assert answers.tolist() == [1, 0]


def _milder(policy: str) -> str:
    """The policy with a threshold for gore that the fake's score stays below."""
    before = "gore:\n      image_concepts: {review: 0.5,"
    assert before in policy
    return policy.replace(before, before.replace("0.5", "0.7"))


def _decide(program: httpx.Client, choice: str) -> None:
    lease = program.post("/api/v1/reviews/next", json={}).json()
    path = f"/api/v1/reviews/{lease['case_id']}"
    staked = program.get(path).json()["at_stake"]
    said = {"clause": "gore", "reason": "breaks_rule"} if choice == "block" else {"reason": "false_alarm"}
    body = {"lease": lease["lease"], "choices": dict.fromkeys(staked, choice), **said}
    assert program.post(f"{path}/decision", json=body).status_code == 200
