"""The self-test as a whole: every law with its table, HEIM's and DALL-Eval's figures beside ours, and the page."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from safety.bias_audit.findings import beyond_margin, discoveries, pooled
from safety.bias_audit.gate import Outcome
from safety.bias_audit.planted import acceptance as law
from safety.bias_audit.planted.acceptance import Check, Covered
from safety.bias_audit.planted.glyphs import NO_PERSON, PRESENTATIONS
from safety.bias_audit.planted.pool import Pool, pool_of_rates
from safety.bias_audit.planted.world import SEED, World, built
from safety.bias_audit.power import shifted
from safety.bias_audit.published import DALL_EVAL_PICTURES, HEIM_PICTURES, dall_eval_deviation, heim_imbalance
from safety.bias_audit.shares import Counts, Floats
from safety.evaluation.tables import aligned, markdown

PAGE = "audit-selftest.md"
COMMAND = "gardefou audit selftest --out docs"
WAYS = len(PRESENTATIONS) + 1
PEOPLE = np.array([0.5, 0.5, 0.0])  # published audits assume that every picture shows somebody


@dataclass(frozen=True, slots=True)
class Replicates:
    """How often each law is tried."""

    coverage: int = 300
    discoveries: int = 50
    doses: int = 120
    gate: int = 40
    refusals: int = 300
    permuted: int = 100
    alarms: int = 30
    published: int = 300


SHIPPED: Final = Replicates()


@dataclass(frozen=True, slots=True)
class Section:
    """One law. told: what was done and found, in prose. table: lines, the first one its heading."""

    title: str
    told: str
    table: list[list[str]]
    checks: list[Check]


@dataclass(frozen=True, slots=True)
class SelfTest:
    """All laws, in order."""

    sections: list[Section]

    @property
    def checks(self) -> list[Check]:
        """Every promise of every law."""
        return [check for section in self.sections for check in section.checks]

    @property
    def is_passed(self) -> bool:
        """All promises are kept."""
        return all(check.is_kept for check in self.checks)


Step = Callable[[World, Replicates, np.random.Generator], Section]


def run(times: Replicates = SHIPPED, each: Callable[[str], None] = lambda title: None) -> SelfTest:
    """Every law, always from its own seed. each: is told the title of a section that is done."""
    world, sections = built(np.random.default_rng(SEED)), []
    for number, step in enumerate(STEPS):
        sections.append(step(world, times, np.random.default_rng([SEED, number])))
        each(sections[-1].title)
    return SelfTest(sections)


def coverage_section(world: World, times: Replicates, rng: np.random.Generator) -> Section:
    """(a)"""
    rows = law.coverages(world, times.coverage, rng)
    rows.append(law.pooled_coverage(world.presentation(world.flat), WAYS, max(times.coverage // 4, 1), rng))
    table = [["what is read", "true share", "pictures", "labels", "naive", "corrected", "width"], *map(_covered, rows)]
    checks = [Check(f"coverage, {row.name}, {row.truth:.2f}", row.corrected, law.COVERAGE) for row in rows[:-1]]
    return Section(
        "Coverage of 95 % intervals", f"{times.coverage} replicates a row (the pooled row a quarter of it, and outside "
        "the promise of 300). Naive is Wilson's interval around the scorer's own answers.", table, checks,
    )  # fmt: skip


def discovery_section(world: World, times: Replicates, rng: np.random.Generator) -> Section:
    """(b) and (c)"""
    pool = world.presentation(world.flat)
    change = law.detectable(pool, WAYS, rng)
    edge = law.discovered(pool, WAYS, law.PLANTED, change, -law.MARGIN, times.discoveries, rng)
    fair = law.discovered(pool, WAYS, 0, 0.0, 0.0, max(times.discoveries // 2, 1), rng)
    table = [
        ["audit", "false discoveries", "power", "fair fillers beyond the margin, uncorrected"],
        [f"{law.PLANTED} of {law.FILLERS} planted, the others at the margin's edge", f"{edge.false_rate:.3f}",
         f"{edge.power:.2f}", f"{edge.naive:.3f}"],
        [f"{law.FILLERS} fair", f"{fair.false_rate:.3f}", "-", f"{fair.naive:.3f}"],
    ]  # fmt: skip
    checks = [
        Check("false discovery rate, at the edge", edge.false_rate, (0, law.RATE + 2 * edge.error)),
        Check("false discovery rate, all fair", fair.false_rate, (0, law.RATE + 2 * fair.error)),
        Check("power at the stated change", edge.power, (law.POWER, 1)),
    ]
    told = (
        f"{law.PICTURES} pictures a filler, margin {law.MARGIN:.2f}. The audit states that it finds a share "
        f"{change:.3f} from its reference; planted is that. The fair fillers of the first row lie exactly at the "
        "margin, where false findings are likeliest."
    )
    return Section("False discoveries and power", told, table, checks)


def dose_section(world: World, times: Replicates, rng: np.random.Generator) -> Section:
    """(d)"""
    corrected, raw, slopes = law.dose_response(world.presentation(world.flat), WAYS, times.doses, rng)
    table = [
        ["planted", *(f"{dose:.1f}" for dose in law.DOSES), "slope"],
        ["corrected", *(f"{value:+.3f}" for value in corrected), f"{slopes[0]:.3f}"],
        ["uncorrected", *(f"{value:+.3f}" for value in raw), f"{slopes[1]:.3f}"],
    ]
    bounds = (1 - law.SLOPE, 1 + law.SLOPE)
    told = f"Mean estimate over {times.doses} audits of {law.PICTURES} pictures."
    return Section("Dose and response", told, table, [Check("dose-response slope", float(slopes[0]), bounds)])


def gate_section(world: World, times: Replicates, rng: np.random.Generator) -> Section:
    """(e)"""
    pool = world.presentation(world.flat)
    planted = law.detectable_by_gate(pool, WAYS, rng)
    scenes = {"A and A": 0.0, "B at the margin": law.GATE_EDGE, f"B with {planted:.3f} planted": planted}
    figures = [(law.pooled_gap, law.GAP_MARGIN), (law.pooled_variation, law.VARIATION_MARGIN)]
    said = {name: law.gate_answers(pool, WAYS, change, figures, times.gate, rng) for name, change in scenes.items()}
    table = [["versions", "figure", *(outcome.value for outcome in Outcome)]]
    for name, both in said.items():
        for figure, answers in zip(("gap", "total variation"), both, strict=True):
            table.append([name, figure, *(f"{_share(answers, outcome):.3f}" for outcome in Outcome)])
    gaps = [both[0] for both in said.values()]
    checks = [
        Check("the gate fails an equal version", _share(gaps[0], Outcome.FAIL), (0, 0.05)),
        Check("the gate passes a version at the margin", _share(gaps[1], Outcome.PASS), (0, 0.05)),
        Check("the gate fails a planted change", _share(gaps[2], Outcome.FAIL), (law.POWER, 1)),
    ]
    told = (
        f"{times.gate} pairs of audits of {law.GATE_FILLERS} fillers with {law.PICTURES} pictures each; margin of the "
        f"gap {law.GAP_MARGIN:.2f}, of total variation {law.VARIATION_MARGIN:.2f}. The gate judges the pooled gap with "
        "its sign. The same gate on pooled total variation is shown because it must not be used: chance alone gives a "
        "fair version a total variation, and a version as biased as the margin allows hides in it and passes."
    )
    return Section("The gate between two versions", told, table, checks)


def refusal_section(world: World, times: Replicates, rng: np.random.Generator) -> Section:
    """(f)"""
    guess = pool_of_rates(np.array([[0.6, 0.4], [0.4, 0.6]]))
    refused = {
        "sensitivity .60, specificity .60": law.refusals(guess, PRESENTATIONS[:2], 2, times.refusals, rng),
        "a head that sees the mean colour": law.refusals(
            world.weak_presentation(), PRESENTATIONS, WAYS, times.refusals, rng
        ),
        "the head that is used": law.refusals(
            world.presentation(world.flat), PRESENTATIONS, WAYS, times.refusals, rng
        ),
    }  # fmt: skip
    table = [["scorer", "refused"], *([name, f"{share:.3f}"] for name, share in refused.items())]
    weak, blind, used = refused.values()
    checks = [
        Check("a weak scorer is refused", min(weak, blind), (0.99, 1)),
        Check("a good scorer is used", used, (0, 0.01)),
    ]
    return Section("Refusal of a weak scorer", f"{times.refusals} calibration sets.", table, checks)


def permutation_section(world: World, times: Replicates, rng: np.random.Generator) -> Section:
    """(g)"""
    slopes = law.permuted_slopes(world.presentation(world.flat), times.permuted, rng)
    alike = law.permuted_diversity(world.flat.embeddings, times.permuted, rng)
    named = {"stereotype slope": slopes, "homogenisation": alike}
    table = [["test", "p <= .05", "p <= .5", "uniform, p"]]
    table += [
        [name, f"{(values <= 0.05).mean():.3f}", f"{(values <= 0.5).mean():.3f}", f"{law.uniformity(values):.3f}"]
        for name, values in named.items()
    ]
    checks = [
        Check(f"p-values of {name} are uniform", law.uniformity(v), (law.LEAST_P, 1)) for name, v in named.items()
    ]
    told = f"{times.permuted} audits in which attributes were dealt at random; Kolmogorov and Smirnov's test."
    return Section("Permuted attributes", told, table, checks)


def drift_section(world: World, times: Replicates, rng: np.random.Generator) -> Section:
    """(h)"""
    mix = np.array([0.65, 0.30, 0.05])
    calm, alarmed = (law.alarms(world, seen, mix, times.alarms, rng) for seen in (world.flat, world.ink))
    misled = law.coverage_without_alarm(world, times.coverage, rng)
    table = [
        ["audited pictures", "drift reported"],
        ["same style, other mix of classes", f"{calm:.3f}"],
        ["other style, other mix of classes", f"{alarmed:.3f}"],
    ]
    checks = [Check("no drift, no alarm", calm, (0, 0.05)), Check("drift raises the alarm", alarmed, (0.95, 1))]
    told = (
        f"{times.alarms} audits of 200 pictures beside 600 labelled ones. Without the alarm the corrected 95 % "
        f"interval of the other style would hold the truth in {misled:.2f} of audits."
    )
    return Section("Drift between calibration and audit", told, table, checks)


def published_section(world: World, times: Replicates, rng: np.random.Generator) -> Section:
    """HEIM's and DALL-Eval's figures of the same planted data."""
    forced, pool = world.forced(), world.presentation(world.flat)
    table = [["planted", "HEIM, 8 pictures", "DALL-Eval, 9 pictures", "HEIM's formula, 100 pictures",
              "ours, 100 pictures",
              "findings of 30"]]  # fmt: skip
    held = 0
    for dose in law.DOSES:
        mix = shifted(PEOPLE, 0, dose)
        heim, dall_eval, many = _published(forced, mix, times.published, rng)
        confusion = pool.calibration(law.LABELLED, WAYS, rng)
        found = law.audited([(pool, mix)] * law.FILLERS, WAYS, confusion, rng)
        share = pooled(np.array([one.point[0] for one in found]), np.stack([one.draws[:, 0] for one in found]))
        held += share.low - 0.5 <= dose <= share.high - 0.5
        p_values = [beyond_margin(one.point[0], one.draws[:, 0], 0.5, law.MARGIN) for one in found]
        table.append([
            f"{dose:.1f}", f"{heim:.3f}", f"{dall_eval:.3f}", f"{many:.3f}",
            f"{share.value - 0.5:+.3f} [{share.low - 0.5:+.3f}, {share.high - 0.5:+.3f}]",
            str(int(discoveries(p_values, law.RATE).sum())),
        ])  # fmt: skip
    told = (
        "The share of one class above one half, as planted in every filler. HEIM and DALL-Eval force one of two "
        "classes on every picture and take plug-in values: a fair generator looks biased to them, and a biased one "
        f"less so than it is. Means over {times.published} prompts; ours is one audit of {law.FILLERS} fillers, with "
        "its interval."
    )
    return Section("Published formulas on the same data", told, table, [Check("ours holds the dose", held, (4, 5))])


def tone_section(world: World, times: Replicates, rng: np.random.Generator) -> Section:
    """HEIM's figure of ten tones."""
    pool, fair = world.swatch(), np.full(10, 0.1)
    heim, ours = [], []
    for _ in range(times.published):
        heim.append(heim_imbalance(pool.serve(fair, HEIM_PICTURES, rng)[0], 10))
        ours.append(heim_imbalance(pool.serve(fair, 400, rng)[0], 10))
    right = [float((answers == index).mean()) for index, answers in enumerate(pool.classes)]
    table = [
        ["swatch", *(str(number) for number in range(1, 11))],
        ["read as itself", *(f"{share:.2f}" for share in right)],
    ]
    told = (
        "Tone by the typology angle on the relative mask, of glyphs with noise and changing light. A generator that "
        f"draws the ten tones equally has HEIM's skin tone imbalance {np.mean(heim):.3f} at {HEIM_PICTURES} pictures "
        f"and {np.mean(ours):.3f} at 400: the difference is chance."
    )
    return Section("Skin tone", told, table, [])


def world_section(world: World, times: Replicates, rng: np.random.Generator) -> Section:
    """The scorer's real confusion matrix."""
    pool = world.presentation(world.flat)
    table = [["drawn", "pictures", *PRESENTATIONS, "unclear"]]
    for name, answers in zip(PRESENTATIONS, pool.classes, strict=True):
        shares = np.bincount(answers, minlength=WAYS) / len(answers)
        table.append([name, str(len(answers)), *(f"{share:.3f}" for share in shares)])
    told = "Logistic regression on pixels, trained on other drawings. The rates are real; the audit is not told them."
    return Section("The scorer", told, table, [])


STEPS: Final[list[Step]] = [
    world_section, coverage_section, discovery_section, dose_section, gate_section, refusal_section,
    permutation_section, drift_section, published_section, tone_section,
]  # fmt: skip


def _published(forced: Pool, mix: Floats, prompts: int, rng: np.random.Generator) -> tuple[float, float, float]:
    def mean(pictures: int, formula: Callable[[Counts, int], float]) -> float:
        return float(np.mean([formula(forced.serve(mix, pictures, rng)[0], NO_PERSON) for _ in range(prompts)]))

    return (
        mean(HEIM_PICTURES, heim_imbalance),
        mean(DALL_EVAL_PICTURES, dall_eval_deviation),
        mean(law.PICTURES, heim_imbalance),
    )


def _share(answers: list[Outcome], outcome: Outcome) -> float:
    return answers.count(outcome) / len(answers)


def _covered(row: Covered) -> list[str]:
    return [row.name, f"{row.truth:.2f}", str(row.pictures), row.labels, f"{row.naive:.3f}", f"{row.corrected:.3f}",
            f"{row.width:.3f}"]  # fmt: skip


OPENING = f"""# The audit audited

Written by `{COMMAND}`, which ends with exit code 1 when a promise below is not kept. Pictures
are person-like glyphs whose attributes were planted; their true labels stay in a sidecar. A real scorer reads them,
with real errors; most replicates serve its answers again in a chosen mix. Everything comes from seed {SEED}."""
LIMITS = """## Limits

- Glyphs are not people and the head is not CLIP: proved is the statistics, not that a scorer reads people well.
- Calibration labels are taken to be right; raters who disagree are not simulated.
- Pictures are independent given their filler; a generator whose seeds hang together has wider errors.
- A share of 0 or 1 is covered more often than 95 %: its interval ends there."""


def write_page(found: SelfTest, out: Path) -> Path:
    """Write the page into a folder. Returns the page."""
    kept = [[check.name, f"{check.found:.3f}", f"{check.wanted[0]:.3g} to {check.wanted[1]:.3g}",
             "kept" if check.is_kept else "**broken**"] for check in found.checks]  # fmt: skip
    broken = sum(not check.is_kept for check in found.checks)
    verdict = f"**Passed**: {len(kept)} promises kept." if found.is_passed else f"**Not passed**: {broken} broken."
    parts = [OPENING, verdict, markdown([["promise", "found", "wanted", ""], *kept])]
    for section in found.sections:
        parts += [f"## {section.title}", section.told, markdown(section.table)]
    out.mkdir(parents=True, exist_ok=True)
    page = out / PAGE
    page.write_text("\n\n".join([*parts, LIMITS]) + "\n", encoding="utf-8")
    return page


def as_text(found: SelfTest) -> str:
    """Every promise, for a terminal."""
    rows = [[check.name, f"{check.found:.3f}", f"{check.wanted[0]:.3g} to {check.wanted[1]:.3g}",
             "kept" if check.is_kept else "BROKEN"] for check in found.checks]  # fmt: skip
    return aligned([["promise", "found", "wanted", ""], *rows])


def as_answer(found: SelfTest) -> dict[str, object]:
    """What `--json` prints."""
    return {
        "passed": found.is_passed,
        "seed": SEED,
        "checks": [
            {"name": check.name, "found": check.found, "wanted": list(check.wanted), "kept": check.is_kept}
            for check in found.checks
        ],
    }
