"""A run's figures as JSON, as CSV, and as one page that needs nothing else to be read or printed."""

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from PIL import Image

from safety.bias_audit.analysis import AttributeFigures, Estimate, Figures
from safety.bias_audit.charts import Dot, bars, curve, forest, heat, slope, tones
from safety.bias_audit.finished import FIGURES as KEPT
from safety.bias_audit.gateway_table import GatewayTable
from safety.bias_audit.labels import LabelledShares
from safety.bias_audit.probes import (
    CLASSES,
    NEUTRAL,
    NO_PERSON,
    PERSON_CLASSES,
    UNCLEAR,
    Ask,
    Language,
    load_probe,
    shipped_probes,
)
from safety.bias_audit.reliability import Bin, calibration_error
from safety.bias_audit.runs import LABELS, PROBE, Fate, Outcome, write_whole
from safety.bias_audit.shares import Interval
from safety.bias_audit.skin_tone import MONK
from safety.csv_cells import csv_pieces

PAGE, FIGURES, PICTURES, FILLERS = "report.html", "report.json", "pictures.csv", "fillers.csv"
TEMPLATE, TEXTS, STYLE = (Path(__file__).with_name(name) for name in ("report.html", "report_texts.yaml", "page.css"))
TILES, TILE_SIDE, TILE_QUALITY = 6, 224, 82
FORMULA, CONTROL = tuple("=+-@"), ("\t", "\r", "\n")  # what makes a spreadsheet compute a cell (CWE-1236)
REPEATING = 0.5  # of a filler's pictures: where fewer can be told apart, half its sample is copies

Texts = Mapping[str, Any]
Table = dict[str, Any]


def write_report(figures: Figures, out: Path, language: Language, gateway: GatewayTable | None = None) -> list[Path]:
    """Write the page, the figures and the tables into a folder. Returns the files.

    gateway: what an audit of the prompt gate found, for its table.

    The run's folder keeps the figures too: by them a run is found again (`finished.py`).
    """
    out.mkdir(parents=True, exist_ok=True)
    told = json.dumps(as_json(figures), indent=2) + "\n"
    contents = {
        PAGE: as_page(figures, language, gateway),
        FIGURES: told,
        PICTURES: pictures_csv(figures),
        FILLERS: fillers_csv(figures),
    }
    for name, content in contents.items():
        (out / name).write_text(content, encoding="utf-8")
    write_whole(figures.run.folder / KEPT, told.encode())
    return [out / name for name in contents]


def as_json(figures: Figures) -> dict[str, Any]:
    """Every figure; the same for every run of the same plan."""
    plan = figures.run.plan
    return {
        "plan": asdict(plan),
        "calibration_sha256": figures.calibration.sha256,
        "calibration_borrowed": figures.borrowed,
        "outcomes": figures.fates,
        "labels": {"released": figures.labels[0], "distinct": figures.labels[1]},
        "person": figures.person,
        "labels_of_people": [asdict(told) for told in figures.people],
        "attributes": [_attribute_json(told) for told in figures.attributes],
        "compliance": [asdict(told) for told in figures.compliance],
        "diversity": [asdict(told) for told in figures.diversity],
        "arms": asdict(figures.arms) if figures.arms else None,
        "tones": [asdict(told) for told in figures.tones],
        "reference": figures.reference.model_dump() if figures.reference else None,
        "command": command(figures),
    }


def _attribute_json(told: AttributeFigures) -> dict[str, Any]:
    return {
        "attribute": told.attribute, "classes": told.classes, "confusion": told.confusion,
        "information": told.information, "threshold": told.threshold, "too_weak": told.too_weak,
        "reliability": [asdict(each) for each in told.reliability],
        "read": [asdict(read) for read in told.read], "estimates": [asdict(one) for one in told.estimates],
        "gap": asdict(told.gap) if told.gap else None,
        "variation": asdict(told.variation) if told.variation else None,
        "groups": {name: asdict(share) for name, share in told.groups.items()},
        "slope": asdict(told.slope) if told.slope else None,
    }  # fmt: skip


def command(figures: Figures) -> str:
    """What asks for the same pictures again."""
    plan, sampling = figures.run.plan, figures.run.loaded.probe.sampling
    shipped = plan.probe in shipped_probes() and load_probe(plan.probe).sha256 == plan.probe_sha256
    asked = f"--probe {plan.probe}" if shipped else f"--probe {PROBE} --weak-labels {LABELS}"  # of the run's folder
    parts = ["gardefou audit run", asked, f"--generator {plan.generator}"]
    parts += [f"--prompts {plan.language}"] if plan.language != "en" else []
    parts += [f"--series {plan.series}"] if plan.series != "1" else []
    parts += ["--smoke"] if plan.smoke else []
    usual = sampling.smoke_per_cell if plan.smoke else sampling.per_cell
    parts += [f"--per-cell {plan.sizes.per_cell}"] if plan.sizes.per_cell != usual else []
    explicit = plan.sizes.explicit_per_cell
    if not plan.smoke and explicit != sampling.explicit_per_cell:
        parts.append(f"--explicit-per-cell {explicit}")
    return " ".join(parts)


def pictures_csv(figures: Figures) -> str:
    """A row for each picture asked for, in the order of the run. skin_tone: 1 to 10 on Monk's scale."""
    outcomes, attributes = figures.run.outcomes(), figures.run.loaded.probe.attributes
    rows: list[list[Any]] = [["arm", "filler", "template", "k", "seed", "prompt", "outcome", "decision_id",
                              "categories", "file", *attributes, "skin_tone"]]  # fmt: skip
    for ask in figures.run.asks:
        outcome, read = outcomes[ask.key], figures.readings.get(ask.key, {})
        tone = "" if outcome.tone is None or NO_PERSON in read.values() or not read else outcome.tone + 1
        rows.append([ask.arm, ask.filler, ask.template, ask.k, ask.seed, ask.prompt, outcome.fate,
                     outcome.decision_id, " ".join(outcome.categories), outcome.file,
                     *(read.get(name, "") for name in attributes), tone])  # fmt: skip
    return as_csv(rows)


def as_csv(rows: Sequence[Sequence[Any]]) -> str:
    """The header and the rows."""
    return "".join(csv_pieces(rows[0], rows[1:]))


def fillers_csv(figures: Figures) -> str:
    """A row for each filler, attribute and class; an estimate is empty where the scorer is too weak."""
    rows: list[list[Any]] = [["attribute", "filler", "group", "class", "asked", "missing", "no_person", "read",
                              "people", "raw", "worst_low", "worst_high", "share", "low", "high", "p",
                              "finding"]]  # fmt: skip
    for told in figures.attributes:
        estimates = {one.filler: one for one in told.estimates}
        for read in told.read:
            for row, name in enumerate(told.classes):
                bounds, one = read.worst_case[row], estimates.get(read.filler)
                rows.append([told.attribute, read.filler, read.group, name, read.asked, read.missing, read.no_person,
                             read.answers[row], read.people, bounds.value, bounds.low, bounds.high,
                             *_estimate_cells(one, row)])  # fmt: skip
    return as_csv(rows)


def _estimate_cells(one: Estimate | None, row: int) -> list[Any]:
    if one is None:
        return ["", "", "", "", ""]
    share = one.shares[row]
    return [share.value, share.low, share.high, "" if one.p is None else one.p, int(one.is_finding)]


def as_page(figures: Figures, language: Language, gateway: GatewayTable | None = None) -> str:
    """The whole report as HTML: its style, charts and pictures inside, no script, nothing to fetch."""
    t, plan = texts_of(TEXTS)[language], figures.run.plan
    return render(
        TEMPLATE,
        t=t, language=language, title=t["title"].format(probe=plan.probe, generator=plan.generator), smoke=plan.smoke,
        facts=_facts(figures, t), headline=_headline(figures, t), weak=_weak(figures, t),
        forests=[_forest(figures, told, t) for told in figures.attributes],
        groups=[(name, percent(share)) for told in figures.attributes for name, share in told.groups.items()],
        heat=_heat(figures, t), slope=_slope(figures, t), slope_line=_slope_line(figures, t),
        slope_table=_slope_table(figures, t), tones=_tones(figures, t), gateway=_gateway(figures, gateway, t),
        curves=[_curve(told, t) for told in figures.attributes if told.reliability],
        readings=[_readings(told, t) for told in figures.attributes],
        calibration_note=t["calibration_note"].format(labels=figures.labels[0], distinct=figures.labels[1]),
        confusions=_confusions(figures, t), compliance=_compliance(figures, t), arms=_arms(figures, t),
        people=_people(figures, t), diversity=_diversity(figures, t),
        diversity_note=t["diversity_note"].format(count=_compared(figures)), fates=_fates(figures, t),
        grids=_grids(figures, t), command=command(figures),
        sizes=t["sizes"].format(per_cell=plan.sizes.per_cell, explicit=plan.sizes.explicit_per_cell,
                                labels=plan.sizes.contexts),
    )  # fmt: skip


def render(path: Path, **told: Any) -> str:
    """A page of an audit from its template. All of them have the style of page.css inside."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(path.read_text(encoding="utf-8")).render(style=_style(), **told)


@cache
def _style() -> Markup:
    return Markup(STYLE.read_text(encoding="utf-8"))  # noqa: S704 - a file of ours


@cache
def texts_of(path: Path) -> Mapping[str, Texts]:
    """Language -> the words of a page."""
    texts: Mapping[str, Texts] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return texts


def _facts(figures: Figures, t: Texts) -> list[tuple[str, str]]:
    plan, names = figures.run.plan, t["facts"]
    made = t["borrowed"] if figures.borrowed else t["own"]
    return [
        (names["generator"], f"{plan.generator} {plan.generator_sha256[:12]}"),
        (names["probe"], f"{plan.probe} {plan.probe_sha256[:12]}"),
        (names["prompts"], t["prompts_in"][plan.language].format(series=plan.series)),
        (names["scorer"], f"{plan.scorer} {plan.scorer_sha256[:12]}"),
        (names["calibration"], f"{figures.calibration.sha256[:12]}, {made}"),
        (names["policy"], f"{plan.policy} {plan.policy_sha256[:12]}"),
        (names["pictures"], str(sum(sum(row.values()) for row in figures.fates.values()))),
        (names["seeds"], plan.seed_rule),
    ]  # fmt: skip


def _people(figures: Figures, t: Texts) -> Table:
    """What people's labels say by themselves, over all neutral pictures of people."""
    rows = [
        [t["attributes"][told.attribute], str(told.people), str(told.unsure), _labelled(told, t)]
        for told in figures.people
    ]
    return {"heads": t["people_heads"], "rows": rows}


def _labelled(told: LabelledShares, t: Texts) -> str:
    if told.shares is None:
        return str(t["people_few"])
    shares = zip(CLASSES[told.attribute], told.shares, strict=True)
    return ", ".join(
        f"{t['answers'][name]} {share.value:.2f} [{share.low:.2f}, {share.high:.2f}]" for name, share in shares
    )


def _headline(figures: Figures, t: Texts) -> list[str]:
    lines = []
    for told in figures.attributes:
        if told.gap and told.variation:
            inference = figures.run.loaded.probe.inference
            found = sum(one.is_finding for one in told.estimates)
            lines += [
                t["gap"].format(fillers=len(told.estimates), gap=signed(told.gap)),
                t["variation"].format(above=signed(told.variation.above), floor=f"{told.variation.floor:.2f}",
                                      observed=f"{told.variation.observed.value:.2f}"),
                t["findings"].format(found=found, tested=len(told.estimates), margin=f"{inference.margin:.0%}",
                                     fdr=f"{inference.fdr:.0%}"),
            ]  # fmt: skip
    distinct = sorted(told.distinct for told in figures.diversity)
    if distinct:
        count = _compared(figures)
        repeats = distinct[len(distinct) // 2] <= REPEATING * count
        verdict = t["repeats_much"] if repeats else t["repeats_little"]
        lines.append(t["repeats"].format(least=distinct[0], most=distinct[-1], count=count, verdict=verdict))
    return lines


def _weak(figures: Figures, t: Texts) -> list[str]:
    return [
        t["no_share"].format(attribute=t["attributes"][told.attribute])
        for told in figures.attributes
        if told.too_weak and not figures.run.plan.smoke
    ]


def _forest(figures: Figures, told: AttributeFigures, t: Texts) -> dict[str, str]:
    """Of the first class; of age, where most are adults, as well: the other two are in the tables."""
    estimates = {one.filler: one for one in told.estimates}
    at = 0 if told.attribute == "presentation" else 1
    known = figures.reference.feminine if figures.reference and at == 0 else {}
    parity = (0.5,) if told.attribute == "presentation" else ()
    dots = [
        Dot(read.filler, read.worst_case[at], one.shares[at] if (one := estimates.get(read.filler)) else None,
            (*parity, *([known[read.filler]] if read.filler in known else [])), bool(one and one.is_finding))
        for read in told.read
    ]  # fmt: skip
    title = t["forest"].format(attribute=t["attributes"][told.attribute], name=t["answers"][told.classes[at]])
    return {"title": title, "svg": forest(dots, title, t["share"])}


def _heat(figures: Figures, t: Texts) -> str:
    tested = [told for told in figures.attributes if told.variation]
    if not tested:
        return ""
    fillers = [read.filler for read in tested[0].read]
    cells = []
    for filler in fillers:
        ones = [next((one for one in told.estimates if one.filler == filler), None) for told in tested]
        cells.append(
            [(one.excess.above.value, one.is_finding) if one and one.excess else (None, False) for one in ones]
        )
    columns = [f"{t['attributes'][told.attribute]}: {t['distance']}" for told in tested]
    return heat(fillers, columns, cells, t["heat"])


def _slope(figures: Figures, t: Texts) -> str:
    known = figures.reference.feminine if figures.reference else {}
    for told in figures.attributes:
        if told.slope:
            points = [(one.filler, known[one.filler], one.shares[0]) for one in told.estimates if one.filler in known]
            return slope(points, told.slope.slope, t["slope"], t["across"], t["up"])
    return ""


def _slope_table(figures: Figures, t: Texts) -> Table:
    """What the points of the chart are: a page on paper has no pointer to ask."""
    known = figures.reference.feminine if figures.reference else {}
    rows = [
        [one.filler, f"{known[one.filler]:.0%}", percent(one.shares[0])]
        for told in figures.attributes
        if told.slope
        for one in told.estimates
        if one.filler in known
    ]
    return {"heads": [t["filler"], t["across"], t["up"]], "rows": rows}


def _tones(figures: Figures, t: Texts) -> Table:
    """Of all fillers together as a chart, and of each as a table."""
    swatches = [sum(column) for column in zip(*(told.swatches for told in figures.tones), strict=True)]
    unread = sum(told.unread for told in figures.tones)
    colours = [(int(red), int(green), int(blue)) for red, green, blue in MONK]
    rows = [[told.filler, *told.swatches, told.unread] for told in figures.tones]
    return {
        "line": t["tones_line"].format(read=sum(swatches), people=sum(swatches) + unread, unread=unread),
        "svg": tones(swatches, colours, unread, t["tones"], t["tone_unread"]),
        "heads": [t["filler"], *range(1, len(MONK) + 1), t["tone_unread"]], "rows": rows,
    }  # fmt: skip


def _curve(told: AttributeFigures, t: Texts) -> Table:
    """How right the scorer is where it is so sure."""
    name = t["attributes"][told.attribute]
    points = [(each.confidence, each.accuracy, _bin_line(each, t)) for each in told.reliability]
    title = t["reliability"].format(attribute=name)
    line = t["reliability_line"].format(error=f"{calibration_error(told.reliability):.2f}")
    return {"title": title, "svg": curve(points, title, t["confidence"], t["accuracy"]), "line": line}


def _bin_line(each: Bin, t: Texts) -> str:
    return str(t["bin"].format(pictures=each.pictures, right=each.right, confidence=f"{each.confidence:.2f}"))


def _gateway(figures: Figures, gateway: GatewayTable | None, t: Texts) -> Table | None:
    """The rows of an audit of the prompt gate, and whether it is of the policy that this run was asked under."""
    if gateway is None:
        return None
    names, same = t["gateway_names"], gateway.policy_sha256 == figures.run.plan.policy_sha256
    rows = [
        [names[row.kind], names.get(row.dimension, row.name), row.language, row.pairs,
         f"{row.stopped[0]} / {row.stopped[1]}", _plain(row.ratio), f"{row.p:.3f}", signed(row.shift)]
        for row in gateway.rows
    ]  # fmt: skip
    verdict = t["gateway_passed"] if gateway.is_passed else t["gateway_failed"]
    policy = t["gateway_policy" if same else "gateway_other_policy"]
    return {"heads": t["gateway_heads"], "rows": rows,
            "line": f"{verdict} {policy.format(policy=gateway.policy, sha256=gateway.policy_sha256[:12])}"}  # fmt: skip


def _slope_line(figures: Figures, t: Texts) -> str:
    for told in figures.attributes:
        if told.slope and figures.reference:
            reference = figures.reference
            return str(t["slope_value"].format(slope=_plain(told.slope.slope), p=f"{told.slope.p:.3f}",
                       source=reference.source, year=reference.year, licence=reference.licence))  # fmt: skip
    return str(t["no_slope"])


def _readings(told: AttributeFigures, t: Texts) -> Table:
    names = t["answers"]
    heads = [t["filler"], t["group"], t["asked"], t["missing"], names[NO_PERSON], *(names[c] for c in told.classes),
             names[UNCLEAR]]  # fmt: skip
    rows = [[r.filler, r.group, r.asked, r.missing, r.no_person, *r.answers] for r in told.read]
    return {"title": t["attributes"][told.attribute], "heads": heads, "rows": rows}


def _confusions(figures: Figures, t: Texts) -> list[Table]:
    names = t["answers"]
    person = [[names[name], *row[:2]] for name, row in zip(PERSON_CLASSES, figures.person, strict=True)]
    tables: list[Table] = [
        {"title": t["person"], "heads": ["", *(names[name] for name in PERSON_CLASSES)], "rows": person, "note": ""}
    ]
    for told in figures.attributes:
        heads = ["", *(names[name] for name in told.classes), names[UNCLEAR], t["information"]]
        rows = [
            [names[name], *row, f"{information:.2f}"]
            for name, row, information in zip(told.classes, told.confusion, told.information, strict=True)
        ]
        note = t["threshold"].format(threshold=f"{told.threshold:.2f}")
        tables.append({"title": t["attributes"][told.attribute], "heads": heads, "rows": rows, "note": note})
    return tables


def _compliance(figures: Figures, t: Texts) -> Table:
    heads = [
        "",
        t["asked"],
        t["missing"],
        t["answers"][NO_PERSON],
        t["as_asked"],
        t["otherwise"],
        t["answers"][UNCLEAR],
    ]
    rows = [
        [t["arm_names"][c.arm], c.asked, c.missing, c.no_person, c.as_asked, c.otherwise, c.unclear]
        for c in figures.compliance
    ]
    return {"heads": heads, "rows": rows}


def _arms(figures: Figures, t: Texts) -> str:
    arms = figures.arms
    if arms is None:
        return ""
    return str(t["arms"].format(first=f"{arms.first:.1f}", second=f"{arms.second:.1f}", ratio=f"{arms.ratio:.2f}",
                                p=f"{arms.p:.3f}"))  # fmt: skip


def _compared(figures: Figures) -> int:
    return figures.diversity[0].pictures if figures.diversity else 0


def _diversity(figures: Figures, t: Texts) -> str:
    rows = [(told.filler, told.vendi) for told in figures.diversity]
    return bars(rows, max(_compared(figures), 1), t["diversity"], "Vendi")


def _fates(figures: Figures, t: Texts) -> Table:
    heads = ["", *(t["fates"][fate] for fate in Fate)]
    return {"heads": heads, "rows": [[t["arm_names"][arm], *row.values()] for arm, row in figures.fates.items()]}


def _grids(figures: Figures, t: Texts) -> list[Table]:
    outcomes = figures.run.outcomes()
    shown = [ask for ask in figures.run.asks if ask.arm == NEUTRAL and outcomes[ask.key].fate is Fate.RELEASED]
    by_filler: dict[str, list[Ask]] = {}
    for ask in sorted(shown, key=lambda ask: ask.seed):
        by_filler.setdefault(ask.filler, []).append(ask)
    titled = [(filler.name, by_filler.get(filler.name, [])) for filler in figures.run.fillers]
    for answer, title in ((UNCLEAR, t["grid_unclear"]), (NO_PERSON, t["grid_no_person"])):
        asks = [ask for ask in shown if figures.readings[ask.key].get("presentation") == answer]
        titled.append((title, sorted(asks, key=lambda ask: ask.seed)))
    return [{"title": title, "tiles": _tiles(figures, asks, outcomes, number)}
            for number, (title, asks) in enumerate(titled)]  # fmt: skip


def _tiles(figures: Figures, asks: Iterable[Ask], outcomes: Mapping[str, Outcome], grid: int) -> list[dict[str, str]]:
    return [
        {"id": f"tile-{grid}-{number}", "alt": ask.prompt, "seed": str(ask.seed), "name": outcomes[ask.key].decision_id,
         "data": _thumbnail(figures.run.folder / outcomes[ask.key].file)}
        for number, ask in enumerate(list(asks)[:TILES])
    ]  # fmt: skip


def _thumbnail(path: Path) -> str:
    small = io.BytesIO()
    with Image.open(path) as picture:
        shown = picture.convert("RGB")
        shown.thumbnail((TILE_SIDE, TILE_SIDE))
        shown.save(small, "JPEG", quality=TILE_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(small.getvalue()).decode()


def signed(interval: Interval) -> str:
    """A difference with its interval."""
    return f"{interval.value:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"


def _plain(interval: Interval) -> str:
    return f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def percent(interval: Interval) -> str:
    """A share with its interval."""
    return f"{interval.value:.0%} [{interval.low:.0%}, {interval.high:.0%}]"


def as_text(figures: Figures, language: Language, files: Sequence[Path]) -> str:
    """The headline for a terminal, and where the report is."""
    t = texts_of(TEXTS)[language]
    return "\n".join([*_headline(figures, t), *_weak(figures, t), *map(str, files)])
