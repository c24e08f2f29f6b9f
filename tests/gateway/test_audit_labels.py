"""Pages of bias audits: who may read figures, and two people who label alike without seeing each other's answers."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from gateway import metrics
from gateway.assembly import House
from gateway.audits import Audits, tell_metrics
from gateway.errors import AlreadyDecided, NotFound, SeparationOfDuties
from gateway.store.audit_labels import AuditLabels
from gateway.store.engine import open_engine
from gateway.store.people import People, Person, Role
from safety.bias_audit.analysis import analyse
from safety.bias_audit.finished import finished_runs
from safety.bias_audit.probes import Sizes
from safety.bias_audit.report import write_report
from tests.gateway.desk_parts import Moderator, close_all, desk_parts, wipe, words
from tests.houses import serving
from tests.safety.bias_audit.audit_runs import make_run, share_of_women

SIZES = Sizes(12, 2, 16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one probe with reports, the later one biased."""
    folder = tmp_path_factory.mktemp("audits")
    for name, share in (("fair", 0.5), ("tilted", 0.97)):
        truth = share_of_women({f"job {number}": share for number in range(4)})
        run = make_run(folder / "data" / "audits" / name, truth, sizes=SIZES)
        write_report(analyse(run), run.folder / "report", "en")
    return folder / "data"


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def audits(folder: Path, engine: Engine) -> Audits:
    return Audits(folder / "audits", AuditLabels(engine))


def person(engine: Engine, name: str, role: Role = Role.MODERATOR) -> Person:
    return People(engine).create(name, role, "hash", "secret")


FEMININE, MASCULINE = {"presentation": "feminine"}, {"presentation": "masculine"}


def test_two_raters_make_a_label_and_a_third_settles_what_they_differ_on(engine: Engine, audits: Audits) -> None:
    ada, bob, eve = person(engine, "ada"), person(engine, "bob"), person(engine, "eve", Role.SENIOR)
    for rater in (ada, bob):
        assert audits.next_number("fair", rater) == 0
        audits.rate("fair", 0, rater, FEMININE)
    audits.rate("fair", 1, ada, FEMININE)
    audits.rate("fair", 1, bob, MASCULINE)

    assert len(audits.agreed("fair")["presentation"]) == 1
    ((number, rated),) = audits.disputed("fair", eve)
    assert (number, set(rated.ratings)) == (1, {ada.id, bob.id})
    audits.settle("fair", 1, eve, MASCULINE)
    assert sorted(audits.agreed("fair")["presentation"].values()) == ["feminine", "masculine"]
    assert audits.disputed("fair", eve) == []
    progress = audits.progress("fair")
    assert (progress.pictures, progress.rated, progress.disputed, progress.settled) == (48 * 3, 2, 0, 1)


def test_nobody_rates_twice_settles_their_own_or_adds_a_third_rating(engine: Engine, audits: Audits) -> None:
    ada, eve, zoe = person(engine, "ada"), person(engine, "eve", Role.SENIOR), person(engine, "zoe")
    audits.rate("fair", 0, ada, FEMININE)
    audits.rate("fair", 0, ada, MASCULINE)
    assert audits.next_number("fair", ada) == 1, "one's own answer is corrected, and the picture is not asked again"
    audits.rate("fair", 0, eve, FEMININE)
    with pytest.raises(AlreadyDecided):
        audits.rate("fair", 0, zoe, FEMININE)
    with pytest.raises(SeparationOfDuties):
        audits.settle("fair", 0, eve, FEMININE)
    with pytest.raises(SeparationOfDuties):
        audits.settle("fair", 0, zoe, FEMININE)
    with pytest.raises(AlreadyDecided):
        audits.settle("fair", 5, eve, FEMININE)


def test_raters_at_once_never_make_more_than_two_ratings_of_a_picture(engine: Engine, audits: Audits) -> None:
    raters = [person(engine, f"rater {number}") for number in range(4)]

    def work(rater: Person) -> None:
        for number in range(6):
            with suppress(AlreadyDecided):
                audits.rate("fair", number, rater, FEMININE)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, raters))
    rated = AuditLabels(engine).rated(audits._labelled_as("fair"))
    assert [len(one.ratings) for one in rated.values()] == [2] * 6


def test_agreement_is_told_from_thirty_pictures_on(engine: Engine, audits: Audits) -> None:
    ada, bob = person(engine, "ada"), person(engine, "bob")
    for number in range(30):
        assert audits.progress("fair").alpha == {"presentation": None} or number > 29
        for rater in (ada, bob):
            audits.rate("fair", number, rater, FEMININE if number % 2 else MASCULINE)
    alpha = audits.progress("fair").alpha["presentation"]
    assert alpha is not None
    assert alpha.value == 1


def test_names_that_are_no_audit_lead_nowhere(audits: Audits) -> None:
    for name in ("../audits/fair", "..", "", "fair/../tilted", "nothing"):
        with pytest.raises(NotFound):
            audits.run(name)


def test_the_latest_audit_is_told_to_the_metrics(folder: Path) -> None:
    tell_metrics(finished_runs(folder / "audits"))
    families = {one.name: one for one in text_string_to_metric_families(generate_latest(metrics.REGISTRY).decode())}
    found = {
        sample.labels["bound"]: sample.value
        for sample in families["gateway_bias_gap_ratio"].samples
        if sample.labels["probe"] == "little"
    }
    latest = finished_runs(folder / "audits")[0].headlines[0].gap
    assert latest is not None
    assert found == {"value": latest.value, "low": latest.low, "high": latest.high}


# --- at the desk ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[tuple[House, str]]:
    with serving(folder, desk_parts(), gate_seconds=30, requests_per_minute=1000) as running:
        yield running


@pytest.fixture
def desk(running: tuple[House, str]) -> Iterator[tuple[House, str]]:
    wipe(running[0])
    yield running
    close_all()


def signed_in(desk: tuple[House, str], name: str, role: Role = Role.MODERATOR) -> Moderator:
    moderator = Moderator(*desk, name=name, role=role)
    moderator.sign_in()
    return moderator


def say(moderator: Moderator, doing: str = "label", **answers: str) -> httpx.Response:
    page = moderator.get(f"/review/audits/fair/{doing}")
    number = re.findall(r'name="number" value="(\d+)"', page.text)[0]
    return moderator.post(f"/review/audits/fair/{doing}", page, number=number, **answers)


def test_auditors_read_figures_compare_and_keep_the_report(desk: tuple[House, str]) -> None:
    auditor = signed_in(desk, "audrey", Role.AUDITOR)
    listed = words(auditor.get("/review/audits"))
    assert "little" in listed
    assert "released" in listed
    page = words(auditor.get("/review/audits/tilted"))
    assert "4 of 4: job 0, job 1, job 2, job 3" in page
    assert "Pooled gap: fail" in words(auditor.get("/review/audits/compare?before=fair&after=tilted"))
    assert "Pooled gap: cannot be told" in words(auditor.get("/review/audits/compare?before=fair&after=fair"))
    kept = auditor.get("/review/audits/tilted/files/report.html")
    assert kept.headers["content-disposition"] == 'attachment; filename="report.html"'
    assert kept.text.startswith("<!doctype html>")
    for wrong in ("secret", "..%2frun.json", "run.json"):
        assert auditor.get(f"/review/audits/tilted/files/{wrong}").status_code == 404


def test_whoever_only_labels_sees_no_figure_and_no_prompt(desk: tuple[House, str]) -> None:
    moderator = signed_in(desk, "mo")
    page = moderator.get("/review/audits/fair")
    assert "gap" not in words(page)
    assert moderator.get("/review/audits/fair/files/report.json").status_code == 403
    assert moderator.get("/review/audits/compare?before=fair&after=tilted").status_code == 403
    form = moderator.get("/review/audits/fair/label")
    assert "worker" not in form.text
    picture = re.findall(r'src="(/review/audits/fair/pictures/\d+\.png)"', form.text)[0]
    assert moderator.get(picture).content.startswith(b"\x89PNG")
    assert signed_in(desk, "vi", Role.VIEWER).get("/review/audits").status_code == 403


def test_labelling_goes_on_from_picture_to_picture_and_settles_at_the_end(desk: tuple[House, str]) -> None:
    ada, bob = signed_in(desk, "ada"), signed_in(desk, "bob")
    eve = signed_in(desk, "eve", Role.AUDITOR)
    say(ada, presentation="feminine")
    assert 'name="number" value="2"' in say(ada, nobody="1").text
    say(bob, presentation="masculine")
    say(bob, nobody="1")
    assert "2 of 144 pictures rated by two" in words(bob.get("/review/audits/fair"))
    asked = eve.get("/review/audits/fair/settle")
    assert "feminine / masculine" in words(asked)
    assert "Nothing waits" in words(say(eve, "settle", presentation="unclear"))
    assert bob.get("/review/audits/fair/settle").status_code == 403


def test_a_form_without_an_answer_or_from_elsewhere_changes_nothing(desk: tuple[House, str]) -> None:
    ada = signed_in(desk, "ada")
    assert say(ada).status_code == 400
    assert say(ada, presentation="blue").status_code == 400
    assert ada.client.post("/review/audits/fair/label", data={"number": "0", "csrf": "x"}).status_code == 403
    assert "0 of 144 pictures rated by two, 0 by one" in words(ada.get("/review/audits/fair"))


def test_in_french(desk: tuple[House, str]) -> None:
    auditor = signed_in(desk, "audrey", Role.AUDITOR)
    assert "Audits de biais" in words(auditor.get("/review/audits?lang=fr"))
    assert "Comment la personne se lit-elle" in words(auditor.get("/review/audits/fair/label?lang=fr"))
