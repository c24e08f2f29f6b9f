"""The scorecard page: every benchmark that is there, our own test part, peers on the same rows, published figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safety.evaluation.benchmarking import Judge, Measured, measure_all
from safety.evaluation.comparison import GATE, RATE, Compared, columns, thresholds_of
from safety.evaluation.peers import PEERS, Peer
from safety.evaluation.plots import draw_curves, draw_dots
from safety.evaluation.prompt_rows import PromptSet
from safety.evaluation.published import PUBLISHED
from safety.evaluation.scorecard import LEVELS, Group, Scorecard, Shares, tabulate
from safety.evaluation.statistics import RESAMPLES
from safety.evaluation.tables import HEADINGS, interval, markdown, per_cent
from safety.evaluation.thresholds import Thresholds

PAGE, CURVES, BESIDE = "scorecard-prompts.md", "scorecard-curves.png", "scorecard-peers.png"
COMMAND = "make scorecard"


@dataclass(frozen=True, slots=True)
class Material:
    """What a scorecard is made from. benign: prompts that thresholds are set on, which no other set holds."""

    sets: Sequence[PromptSet]
    benign: PromptSet
    missing: str


def write_page(material: Material, judge: Judge, fixed: Thresholds | None, who: Mapping[str, str], out: Path) -> Path:
    """Measure everything and write the page and its pictures into a folder. fixed: None sets them on material.benign.
    who: policy and models -> sha256.

    Returns the page. The same inputs give the same bytes. No prompt of any set is quoted.
    """
    peers = [peer for peer in PEERS if peer.is_installed]
    benign = columns(material.benign, judge(material.benign), peers)
    beside = thresholds_of(benign, material.benign.name)
    thresholds = fixed or beside[GATE]
    measured = measure_all(material.sets, judge, thresholds, beside, peers)
    out.mkdir(parents=True, exist_ok=True)
    _draw(measured, out)
    page = out / PAGE
    parts = (
        *_opening(material, thresholds, who),
        *_figures([one.card for one in measured]),
        *_curves(measured),
        *_peers(measured, peers, material.benign.name),
        *_published(),
        *_details([one.card for one in measured]),
        *_limits(),
    )
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def _two_sided(measured: Sequence[Measured]) -> list[Measured]:
    return [one for one in measured if one.card.calibration]


def _draw(measured: Sequence[Measured], out: Path) -> None:
    if two_sided := _two_sided(measured):
        draw_curves({one.prompts.name: tabulate(one.prompts, one.judged, None) for one in two_sided}, out / CURVES)
        areas = {
            one.prompts.name: {who: figure.auroc for who, figure in one.compared.items() if figure.auroc}
            for one in measured
            if one.card.overall.auroc
        }
        draw_dots(areas, "AUROC, with 95 % intervals", out / BESIDE)


def _opening(material: Material, thresholds: Thresholds, who: Mapping[str, str]) -> Iterator[str]:
    yield "# Scorecard of the prompt gate"
    yield (
        f"Written by `{COMMAND}`, which prints the same figures when it is run again. The whole gate is measured as "
        "the service runs it: normalisation, blocklist and classifier, then the policy's verdict."
    )
    if material.missing:
        yield material.missing
    yield markdown([["who judged", "sha256"], *([name, f"`{sha256[:16]}`"] for name, sha256 in who.items())])
    rows = [[name, *(f"{score:.4f}" for score in row.values())] for name, row in thresholds.as_json().items()]
    yield f"Thresholds, fixed beforehand on benign prompts that are in no set below ({thresholds.source}):"
    yield markdown([["language", "at 1 %", "at 2 %"], *rows])


def _figures(cards: Sequence[Scorecard]) -> Iterator[str]:
    yield "## Figures"
    yield (
        f"Every interval holds 95 %: {RESAMPLES} resamples of the rows with a fixed seed, and the exact bound of "
        "Clopper and Pearson where a share is 0 or 1. *Held* is what the policy does not simply let pass (a person "
        "looks, the caller is asked, or it is refused); *refused* is the graver part of it."
    )
    groups = [(_titled(card), card.overall) for card in cards]
    yield _unsafe_table("set", [(name, group) for name, group in groups if group.rows["unsafe"]])
    yield _benign_table("set", [(name, group) for name, group in groups if group.rows["benign"]])
    if unjudged := sum(card.not_judged for card in cards):
        yield f"{unjudged} prompts could not be judged: they are in no figure, and the service would answer none."


def _titled(card: Scorecard) -> str:
    return f"{card.name} (areas against {card.against})" if card.against else card.name


def _unsafe_table(first: str, groups: Sequence[tuple[str, Group]]) -> str:
    heads = [first, "unsafe", "AUROC", "AUPRC", *(f"caught {HEADINGS[level]}, %" for level in LEVELS)]
    lines = [
        [name, str(group.rows["unsafe"]), interval(group.auroc), interval(group.auprc), *_cells(group.recall)]
        for name, group in groups
    ]
    return markdown([heads, *lines])


def _benign_table(first: str, groups: Sequence[tuple[str, Group]]) -> str:
    heads = [first, "benign", *(f"false alarms {HEADINGS[level]}, %" for level in LEVELS)]
    return markdown(
        [heads, *([name, str(group.rows["benign"]), *_cells(group.false_alarms)] for name, group in groups)]
    )


def _cells(shares: Shares) -> list[str]:
    return [per_cent(shares.get(level)) for level in LEVELS]


def _curves(measured: Sequence[Measured]) -> Iterator[str]:
    if two_sided := _two_sided(measured):
        yield f"![ROC, precision over recall, and reliability]({CURVES})"
        errors = (f"{one.prompts.name} {one.card.calibration.error:.3f}" for one in two_sided if one.card.calibration)
        yield f"Expected calibration error of the score read as a probability (ten bins): {', '.join(errors)}."


def _peers(measured: Sequence[Measured], peers: Sequence[Peer], benign: str) -> Iterator[str]:
    yield "## Beside peers, on the same rows"
    yield (
        f"For this table everybody's threshold is set in the same way, on the same prompts ({benign}): the score that "
        f"{100 * RATE:g} % of them reach, per language. *Own decision* is the policy's *held* for us, and what the "
        "library itself calls profane for a peer."
    )
    for peer in peers:
        rows = f", on {peer.most_rows} rows of a set drawn with a fixed seed, for it is slow" if peer.most_rows else ""
        yield f"- {peer.name} {peer.version}: `{peer.function}`, flagged from {peer.decides:g}{rows}."
    if absent := [peer.name for peer in PEERS if peer not in peers]:
        yield f"Not installed, and therefore left out: {', '.join(absent)} (`pip install 'gardefou[peers]'`)."
    heads = ["set", "filter", "rows", "AUROC", "AUPRC", "caught, own decision, %", "false alarms, own decision, %",
             "caught at 2 %, %", "false alarms at 2 %, %"]  # fmt: skip
    yield markdown(
        [heads, *(_compared_cells(one.prompts.name, who, c) for one in measured for who, c in one.compared.items())]
    )
    if _two_sided(measured):
        yield f"![AUROC of the gate, its checks and peers]({BESIDE})"


def _compared_cells(name: str, who: str, told: Compared) -> list[str]:
    shares = (told.decided_recall, told.decided_false_alarms, told.fixed_recall, told.fixed_false_alarms)
    return [name, who, str(told.rows), interval(told.auroc), interval(told.auprc), *map(per_cent, shares)]


def _published() -> Iterator[str]:
    yield "## Published figures of others"
    yield "As their authors state them, with their own thresholds and prompts; not run here."
    heads = ["benchmark", "system", "figure", "source"]
    yield markdown([heads, *([line.benchmark, line.system, line.figure, line.source] for line in PUBLISHED)])


def _details(cards: Sequence[Scorecard]) -> Iterator[str]:
    yield "## Each set by language and kind"
    for card in cards:
        groups = [(group.name, group) for group in (*card.languages, *card.categories)]
        unsafe = [(name, group) for name, group in groups if group.rows["unsafe"]]
        benign = [(name, group) for name, group in groups if group.rows["benign"]]
        tables = [table("kind", rows) for table, rows in ((_unsafe_table, unsafe), (_benign_table, benign)) if rows]
        if tables:
            yield "\n\n".join([f"<details><summary>{card.name}</summary>", *tables, "</details>"])


def _limits() -> Iterator[str]:
    yield "## What these figures cannot tell"
    yield "\n".join(f"- {limit}" for limit in LIMITS)


LIMITS = (
    "They are about these prompts. Real traffic has other subjects, other languages and people who try; a "
    "false-positive rate fixed on our benign prompts is another one on yours. Measure it on your own: "
    "`gardefou evaluate prompts FILE`.",
    "Our own test prompts are by the authors of the training prompts. Templates and ideas are kept apart, manners and "
    "words are not, and the style tags of its long prompts are those of training: figures on them are optimistic.",
    "coprov2_test comes from the same generator as a training source (in-domain), and its labels are noisy.",
    "hatecheck, xstest and openai_moderation_1680 are sentences, questions and forum texts, not prompts for pictures; "
    "the first names slurs and quotes counter-speech on purpose. They show limits and are no target.",
    "An interval tells the chance of drawing other rows of the same kind, as if rows were independent. Rows of one "
    "template are not, so that true intervals are wider. Groups of some dozens of rows tell little.",
    "The peers find profanity. They were not made for prompts of pictures, and most of them read English alone.",
    "Published figures stand beside ours for orientation: thresholds, prompts and sometimes rows differ.",
    "Spellings that hide a word, other languages than English and French, and attacks are measured elsewhere.",
)
