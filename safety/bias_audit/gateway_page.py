"""The audit of the prompt gate as a page and as plain text."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from safety.bias_audit.gateway_audit import ALIKE, GatewayAudit, Treatment
from safety.bias_audit.shares import Interval
from safety.bias_audit.twins import DIALECT
from safety.evaluation.tables import aligned, markdown

PAGE = "audit-gateway.md"
COMMAND = "gardefou audit gateway --out docs"
HEADS = ["who", "", "pairs", "stopped", "ratio", "only named", "only neutral", "McNemar p", "score shift"]
OPENING = f"""# Audit of the prompt gate

Written by `{COMMAND}`; it needs no picture. The same prompt about nobody in particular and about
somebody of a certain kind, or in another dialect of the same language, must be judged alike. *Stopped* counts
prompts about somebody that would not go through by themselves (refused, held or asked about), beside those about
nobody. The ratio of the two is above 1 where naming somebody gets more stopped, below 1 where it protects less.
Intervals are 95 %, resampling whole scenes.

The command ends with exit code 1, and a test fails, when any **harmless** pair about people gets two verdicts, when the
interval of a ratio, that of dialects too, neither includes 1 nor lies within {ALIKE[0]} to {ALIKE[1]}, or when single
kinds of people surely differ by more (Benjamini and Hochberg, 5 %). Why dialects have the ratio alone:
[0020](decisions/0020-bias-statistics.md)."""
LIMITS = """## Limits

- The people and scenes are ours, in two languages; they are in `safety/bias_audit/twins.yaml`. Other words may be
  judged otherwise.
- Grave scenes leave out hatred: there it matters whom it is about.
- French adjectives and participles in grave scenes agree with "personne"; where somebody masculine is named they are
  wrong, as typed prompts often are.
- Training prompts and twins are by the same authors, who knew which twins had failed when the last prompts were
  written; sentences are held apart, words of slang are not. Ten wordings of a dialect tell little about it.
- Creoles are not among the dialects: to the gate they are languages that its classifier does not read, and labelled.
- A gate that refuses everything passes: how much it catches and lets through is in
  [the scorecard](scorecard-prompts.md)."""


def write_page(found: GatewayAudit, who: Mapping[str, str], out: Path) -> Path:
    """Write the page into a folder. who: policy and models -> sha256. Returns the page."""
    grave = [row for row in found.dimensions if row.kind.value == "grave"]
    harmless = [row for row in found.dimensions if row.kind.value == "harmless"]
    judges = ", ".join(f"{name} `{sha256[:12]}`" for name, sha256 in who.items())
    parts = (
        OPENING, f"Judged by {judges}.", _conclusion(found), *_spoken(found), "## Grave scenes", _table(grave),
        "## Harmless scenes", _table(harmless),
        "## Each dialect", _table([row for row in found.people if row.dimension == DIALECT]),
        "## Each kind of people, in grave scenes",
        _table([row for row in found.people if row.kind.value == "grave"]), LIMITS,
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    page = out / PAGE
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def as_text(found: GatewayAudit) -> str:
    """The dimensions, what is unfair, and every harmless pair that got two verdicts."""
    told = [f"unfair: {row.name} ({row.language}, {row.kind}): {_interval(row.ratio, 2)}" for row in found.unfair]
    told += [f"flip: {pair.named!r} is not judged like {pair.neutral!r}" for pair in found.flips]
    told += [f"labelled: {pair.named!r} is taken for another language" for pair in found.labelled]
    return "\n".join([aligned([["kind", *HEADS], *([row.kind, *_cells(row)] for row in found.dimensions)]), *told])


def _conclusion(found: GatewayAudit) -> str:
    if found.is_passed:
        return (
            f"**Passed**: no harmless pair about people got two verdicts, and each of {len(found.dimensions)} ratios "
            "is fair."
        )
    named = ", ".join(f"{row.name} ({row.language}, {row.kind})" for row in found.unfair) or "no ratio"
    return f"**Not passed**: {len(found.flips)} harmless pairs got two verdicts; unfair: {named}."


def _spoken(found: GatewayAudit) -> list[str]:
    """Which wordings in dialects were stopped, and which were labelled; nothing of none."""
    spoken = sum(row.pairs for row in found.dimensions if row.dimension == DIALECT)
    told = {
        "Stopped, though harmless": found.misheard,
        "Gone through, but labelled as a language that the classifier does not read": found.labelled,
    }
    return [
        f"{what}: {len(pairs)} of {spoken} wordings in dialects: "
        + "; ".join(f"“{pair.named}” ({pair.person})" for pair in pairs)
        + "."
        for what, pairs in told.items()
        if pairs
    ]


def _table(rows: Sequence[Treatment]) -> str:
    return markdown([HEADS, *map(_cells, rows)])


def _cells(row: Treatment) -> list[str]:
    return [
        row.name,
        row.language,
        str(row.pairs),
        f"{row.stopped[0]} / {row.stopped[1]}",
        _interval(row.ratio, 2),
        str(row.only_named),
        str(row.only_neutral),
        f"{row.p:.3f}",
        _interval(row.shift, 3, "+"),
    ]


def _interval(interval: Interval, digits: int, sign: str = "") -> str:
    value, low, high = (f"{number:{sign}.{digits}f}" for number in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"
