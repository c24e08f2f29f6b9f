"""What `gardefou audit` does."""

from pathlib import Path
from typing import Any

from gateway.evaluate import Evaluator
from safety.bias_audit.gateway_audit import GatewayAudit, Treatment, audit
from safety.bias_audit.gateway_page import write_page
from safety.bias_audit.twins import Twins, texts_of, write_twins
from safety.evaluation.prompt_rows import PromptRow, PromptSet


def audit_gateway(evaluator: Evaluator, out: Path | None) -> GatewayAudit:
    """Judge all twins and compare them; out: where the page goes, if anywhere."""
    twins = write_twins()
    texts = texts_of(twins)
    prompts = PromptSet("counterfactual twins", tuple(PromptRow(text, unsafe=False) for text in texts))
    found = audit(twins, dict(zip(texts, evaluator.judge(prompts), strict=True)))
    if out:
        models = {model.name: model.sha256 for model in evaluator.gate.screen.prompt_models}
        stamp = evaluator.policy.stamp
        write_page(found, {f"policy {stamp}": stamp.sha256, **models}, out)
    return found


def as_answer(evaluator: Evaluator, found: GatewayAudit) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "passed": found.is_passed,
        "dimensions": [_row(row) for row in found.dimensions],
        "people": [_row(row) for row in found.people],
        "unfair": [_row(row) for row in found.unfair],
        "flips": _pairs(found.flips),
        "labelled": _pairs(found.labelled),
    } | evaluator.identity


def _pairs(pairs: list[Twins]) -> list[dict[str, str]]:
    return [{"neutral": pair.neutral, "named": pair.named} for pair in pairs]


def _row(row: Treatment) -> dict[str, Any]:
    named, neutral = row.stopped
    return {
        "kind": row.kind,
        "language": row.language,
        "dimension": row.dimension,
        "name": row.name,
        "pairs": row.pairs,
        "stopped": {"named": named, "neutral": neutral},
        "only_named": row.only_named,
        "only_neutral": row.only_neutral,
        "ratio": [row.ratio.value, row.ratio.low, row.ratio.high],
        "p": row.p,
        "shift": [row.shift.value, row.shift.low, row.shift.high],
    }
