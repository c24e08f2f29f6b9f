"""A run's report: its figures are the run's, it stands alone, and it says plainly what it cannot say."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.identity import IntegrityFailure
from safety.bias_audit.analysis import NothingToRead, analyse
from safety.bias_audit.gate import NotComparable, Outcome
from safety.bias_audit.gateway_table import NotAGatewayAudit, read_gateway_audit
from safety.bias_audit.manifest import verify_manifest, write_manifest
from safety.bias_audit.probes import NEUTRAL, WEAK, Ask, Sizes, load_reference
from safety.bias_audit.report import (
    FIGURES,
    FILLERS,
    PAGE,
    PICTURES,
    as_json,
    as_page,
    percent,
    pictures_csv,
    write_report,
)
from safety.bias_audit.run_gate import compare_figures, worst
from safety.bias_audit.runs import OUTCOMES, PLAN, Fate, Run, RunUnusable
from safety.bias_audit.scorer import Calibration
from safety.provenance.keys import open_keys
from tests.safety.bias_audit.audit_runs import (
    fill,
    make_run,
    probe_content,
    share_of_women,
    woman_or_man,
    write_probe,
)

SHARES = {"job 0": 0.05, "job 1": 0.95, "job 2": 0.5, "job 3": 0.5}
SIZES = Sizes(30, 2, 16)


@pytest.fixture(scope="module")
def biased(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("biased") / "run", share_of_women(SHARES), sizes=SIZES)


class Page(HTMLParser):
    """What a page refers to, and what it says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.said = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")]

    def handle_data(self, data: str) -> None:
        self.said += data


def test_planted_shares_are_found_and_only_they_are_findings(biased: Run) -> None:
    (told,) = analyse(biased).attributes
    assert told.too_weak is None
    for one in told.estimates:
        assert one.shares[0].low <= SHARES[one.filler] + 0.03
        assert one.shares[0].high >= SHARES[one.filler] - 0.03
    assert {one.filler for one in told.estimates if one.is_finding} == {"job 0", "job 1"}


def test_the_same_run_gives_the_same_figures_to_the_digit(biased: Run, tmp_path: Path) -> None:
    again = make_run(tmp_path / "run", share_of_women(SHARES), sizes=SIZES)
    assert json.dumps(as_json(analyse(biased))) == json.dumps(as_json(analyse(again)))


def test_page_and_tables_say_what_the_figures_say(biased: Run, tmp_path: Path) -> None:
    files = write_report(analyse(biased), tmp_path, "en")
    assert [path.name for path in files] == [PAGE, FIGURES, PICTURES, FILLERS]
    told = json.loads((tmp_path / FIGURES).read_text())["attributes"][0]
    said = Page((tmp_path / PAGE).read_text()).said
    gap = told["gap"]
    assert f"is {gap['value']:+.2f} [{gap['low']:+.2f}, {gap['high']:+.2f}]" in said
    assert "2 of 4 fillers are findings" in said
    rows = list(csv.DictReader((tmp_path / FILLERS).read_text().splitlines()))
    for row, one in zip(rows[::2], told["estimates"], strict=True):
        assert float(row["share"]) == one["shares"][0]["value"]
        assert row["finding"] == str(int(one["is_finding"]))
    pictures = list(csv.DictReader((tmp_path / PICTURES).read_text().splitlines()))
    assert len(pictures) == len(biased.asks)
    for read in told["read"]:
        cell = [p["presentation"] for p in pictures if p["arm"] == NEUTRAL and p["filler"] == read["filler"]]
        assert [cell.count(name) for name in ("feminine", "masculine", "unclear")] == read["answers"]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_stands_alone(biased: Run, language: str) -> None:
    text = as_page(analyse(biased), "fr" if language == "fr" else "en")
    page = Page(text)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(reference.startswith(("data:image/jpeg;base64,", "#")) for reference in page.references)
    assert not re.search(r"https?:|url\(|@import|\son\w+=", text)
    assert f'<html lang="{language}">' in text


def test_the_french_page_is_french(biased: Run) -> None:
    said = Page(as_page(analyse(biased), "fr")).said
    assert "Ce qui a été trouvé" in said
    assert "Limits" not in said
    assert "2 sujets sur 4 sont des constats" in said


def test_texts_of_both_languages_have_the_same_keys_and_places() -> None:
    texts = yaml.safe_load(Path("safety/bias_audit/report_texts.yaml").read_text())

    def places(told: object) -> object:
        if isinstance(told, dict):
            return {key: places(value) for key, value in told.items()}
        return sorted(re.findall(r"{\w+}", told)) if isinstance(told, str) else None

    assert places(texts["en"]) == places(texts["fr"])


def test_no_cell_of_a_table_is_a_formula(tmp_path: Path) -> None:
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " ＝1"]
    content = probe_content(fillers=len(formulas))
    fillers: Any = content["fillers"]
    for filler, formula in zip(fillers, formulas, strict=True):
        filler |= {"name": formula, "group": formula, "neutral": {"en": formula, "fr": formula}}
    run = make_run(tmp_path / "run", sizes=Sizes(2, 1, 16), probe=write_probe(tmp_path, content))
    write_report(analyse(run), tmp_path / "out", "en")
    for name in (FILLERS, PICTURES):
        rows = list(csv.reader(io.StringIO((tmp_path / "out" / name).read_bytes().decode(), newline="")))
        assert all(any(f"'{formula}" in row for row in rows) for formula in formulas)
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_the_reliability_curve_is_of_the_labels_and_stands_on_the_page(biased: Run) -> None:
    (told,) = analyse(biased).attributes
    assert sum(each.pictures for each in told.reliability) == sum(map(sum, told.confusion))
    said = Page(as_page(analyse(biased), "en")).said
    assert "how right it is where it is so sure" in said
    assert f"{told.reliability[-1].right} of {told.reliability[-1].pictures} right" in said


def test_tones_are_counted_of_people_alone_with_what_was_not_read(tmp_path: Path) -> None:
    def truth(ask: Ask) -> str:
        return "nobody" if ask.arm == NEUTRAL and ask.k == 0 else woman_or_man(ask)

    run = make_run(tmp_path / "run", truth, tone=lambda ask: None if ask.template == 0 else 7)
    figures = analyse(run)
    for told, read in zip(figures.tones, figures.attributes[0].read, strict=True):
        assert sum(told.swatches) + told.unread == read.people
        assert told.swatches[7] == sum(told.swatches) == 18  # of ten pictures of two templates, nobody on the first
    said = Page(as_page(figures, "en")).said
    assert f"Read in 72 of {72 + sum(told.unread for told in figures.tones)} neutral pictures" in said
    rows = list(csv.DictReader(pictures_csv(figures).splitlines()))
    assert [row["skin_tone"] for row in rows].count("8") >= 72
    assert not [row for row in rows if row["presentation"] == "no_person" and row["skin_tone"]]


def test_the_table_of_the_prompt_gate_says_of_which_policy_it_is(biased: Run, tmp_path: Path) -> None:
    row = {"kind": "grave", "language": "fr", "dimension": "religion", "name": "religion", "pairs": 40,
           "stopped": {"named": 31, "neutral": 30}, "only_named": 2, "only_neutral": 1, "ratio": [1.03, 0.98, 1.1],
           "p": 1.0, "shift": [0.01, -0.02, 0.04]}  # fmt: skip
    policy = {"name": "default@1", "sha256": biased.plan.policy_sha256}
    content = {"passed": True, "dimensions": [row], "people": [], "policy": policy}
    path = tmp_path / "gate.json"
    path.write_text(json.dumps(content))
    page = as_page(analyse(biased), "en", read_gateway_audit(path))
    assert "<td>31 / 30</td><td>1.03 [0.98, 1.10]</td><td>1.000</td><td>+0.01 [-0.02, +0.04]</td>" in page
    assert "under which this run was asked too" in page
    path.write_text(json.dumps(content | {"policy": policy | {"sha256": "f" * 64}, "passed": False}))
    other = as_page(analyse(biased), "en", read_gateway_audit(path))
    assert "asked under another one" in other
    assert "Not passed" in other
    assert 'id="gateway"' not in as_page(analyse(biased), "en")
    for wrong in ("", "[]", '{"passed": true}', json.dumps(content | {"dimensions": [{}]})):
        path.write_text(wrong)
        with pytest.raises(NotAGatewayAudit, match=r"gate\.json is not what"):
            read_gateway_audit(path)


def test_examples_are_the_first_seeds_in_order(biased: Run) -> None:
    page = as_page(analyse(biased), "en")
    cell = sorted((a for a in biased.asks if a.arm == NEUTRAL and a.filler == "job 0"), key=lambda ask: ask.seed)
    outcomes = biased.outcomes()
    names = [outcomes[ask.key].decision_id for ask in cell]
    shown = re.findall(r"<figcaption>(dec_\w+)<", page)
    assert shown[:6] == names[:6]


def test_what_was_refused_is_counted_and_widens_the_bounds(tmp_path: Path) -> None:
    def fate(ask: Ask) -> Fate:
        if ask.filler != "job 0" or ask.arm == WEAK:
            return Fate.RELEASED
        return Fate.PROMPT_REFUSED if ask.template == 0 else Fate.WITHHELD if ask.k < 3 else Fate.RELEASED

    run = make_run(tmp_path / "run", fate=fate)
    figures = analyse(run)
    read = figures.attributes[0].read[0]
    assert (read.asked, read.missing, read.people) == (30, 16, 14)
    women = read.answers[0]
    assert read.worst_case[0].low == women / 30
    assert read.worst_case[0].high == (women + 16) / 30
    assert figures.fates[NEUTRAL]["prompt_refused"] == 10
    assert figures.fates[NEUTRAL]["withheld"] == 6
    assert "<td>neutral</td><td>104</td><td>10</td>" in as_page(figures, "en")


def test_a_filler_that_is_wholly_refused_gets_bounds_and_no_estimate(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", fate=lambda a: Fate.PROMPT_REFUSED if a.filler == "job 0" else Fate.RELEASED)
    (told,) = analyse(run).attributes
    assert (told.read[0].worst_case[0].low, told.read[0].worst_case[0].high) == (0, 1)
    assert "job 0" not in {one.filler for one in told.estimates}
    as_page(analyse(run), "en")


def test_a_scorer_that_cannot_tell_gives_no_share_and_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", noise=3.0)
    figures = analyse(run)
    assert figures.attributes[0].estimates == ()
    said = Page(as_page(figures, "en")).said
    assert "scorer too weak for this attribute" in said
    assert "women minus the share" not in said
    assert "Refusals and blocks" in said


def test_pictures_that_cannot_be_told_apart_count_as_one_label(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", noise=0.0)
    figures = analyse(run)
    assert figures.labels == (240, 15)
    assert {told.distinct for told in figures.diversity} <= {1, 2}
    assert "draws the same picture again" in Page(as_page(figures, "en")).said
    assert "only" in (figures.attributes[0].too_weak or "")


def test_a_smoke_run_infers_nothing(tmp_path: Path) -> None:
    figures = analyse(make_run(tmp_path / "run", smoke=True))
    assert figures.attributes[0].too_weak == "a smoke run shows that the plumbing works: no inference"
    assert "Smoke run" in Page(as_page(figures, "en")).said


def test_without_labels_there_is_no_scorer_and_no_report(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", fate=lambda a: Fate.HELD if a.arm == WEAK else Fate.RELEASED)
    with pytest.raises(NothingToRead, match="no picture that was asked to show person"):
        analyse(run)


def test_a_reference_gives_a_slope_and_names_its_source(biased: Run, tmp_path: Path) -> None:
    path = tmp_path / "reference.yaml"
    feminine = {"job 0": 0.3, "job 1": 0.7, "job 2": 0.5}
    path.write_text(
        yaml.safe_dump({"schema": 1, "source": "a survey", "year": 2025, "licence": "CC0", "feminine": feminine})
    )
    figures = analyse(biased, load_reference(path, biased.loaded.probe))
    slope = figures.attributes[0].slope
    assert slope is not None
    assert 1.5 < slope.slope.value < 3  # .9 apart where the reference is .4 apart
    page = as_page(figures, "en")
    assert "a survey (2025, CC0)" in Page(page).said
    assert f"<td>job 0</td><td>30%</td><td>{percent(figures.attributes[0].estimates[0].shares[0])}</td>" in page


def test_a_scorer_reads_alike_from_its_file(biased: Run) -> None:
    scorer = analyse(biased).calibration
    again = Calibration.from_json(json.loads(json.dumps(scorer.as_json())))
    assert again.sha256 == scorer.sha256


def test_a_run_half_done_has_no_report_and_a_line_cut_short_is_asked_again(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    path = run.folder / OUTCOMES
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(RunUnusable, match=rf"has {len(run.asks) - 1} of {len(run.asks)} pictures"):
        analyse(run)
    fill(run, run.asks[-1:], woman_or_man)
    assert path.read_bytes() == whole


def test_another_plan_does_not_mix_into_a_run(biased: Run, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(RunUnusable, match="it differs in sizes"):
        make_run(tmp_path / "run", sizes=SIZES)
    (run.folder / "probe.yaml").write_text((run.folder / "probe.yaml").read_text() + "\n# changed\n")
    with pytest.raises(RunUnusable, match="was changed since the run began"):
        Run.open(run.folder)
    (run.folder / PLAN).write_text("{}")
    with pytest.raises(RunUnusable, match="not the folder of an audit run"):
        Run.open(run.folder)


def test_the_gate_passes_the_same_again_and_fails_what_became_worse(biased: Run, tmp_path: Path) -> None:
    fair = make_run(tmp_path / "fair" / "run", share_of_women(dict.fromkeys(SHARES, 0.5)), sizes=SIZES)
    skewed = make_run(tmp_path / "skewed" / "run", share_of_women(dict.fromkeys(SHARES, 0.9)), sizes=SIZES)
    assert worst(compare_figures(fair, skewed, 0.05)) is Outcome.FAIL
    assert worst(compare_figures(skewed, fair, 0.05)) is Outcome.PASS
    assert worst(compare_figures(fair, fair, 0.5)) is Outcome.PASS
    unsure = compare_figures(fair, fair, 0.001)
    assert worst(unsure) is Outcome.INCONCLUSIVE
    assert all((answer.more_pictures or 0) > 100 for answer in unsure.values())


def test_the_gate_refuses_to_compare_what_is_not_alike(biased: Run, tmp_path: Path) -> None:
    smoke = make_run(tmp_path / "smoke" / "run", smoke=True)
    with pytest.raises(NotComparable, match="smoke"):
        compare_figures(biased, smoke, 0.05)
    folder = tmp_path / "other"
    folder.mkdir()
    other = folder / "little.yaml"
    other.write_text((biased.folder / "probe.yaml").read_text() + "\n# other\n")
    with pytest.raises(NotComparable, match="probe_sha256"):
        compare_figures(biased, make_run(folder / "run", probe=other), 0.05)
    blurred = make_run(tmp_path / "blurred" / "run", noise=3.0, sizes=SIZES)
    with pytest.raises(NotComparable, match="cannot read the second"):
        compare_figures(biased, blurred, 0.05)


def test_a_changed_report_is_not_the_one_that_was_signed(biased: Run, tmp_path: Path) -> None:
    keys = open_keys(tmp_path / "keys")
    out = tmp_path / "report"
    files = write_report(analyse(biased), out, "en")
    write_manifest(files, keys)
    assert verify_manifest(out, keys.root) == [path.name for path in files]
    with pytest.raises(IntegrityFailure, match="not signed by this service"):
        verify_manifest(out, open_keys(tmp_path / "others").root)
    page = out / PAGE
    page.write_text(page.read_text().replace("Limits", "Praise"))
    with pytest.raises(IntegrityFailure, match=r"report\.html is not the one that was signed"):
        verify_manifest(out, keys.root)
