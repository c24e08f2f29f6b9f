"""What `gardefou audit gateway --json` printed, read again for a report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safety.bias_audit.gateway_audit import Treatment
from safety.bias_audit.shares import Interval
from safety.bias_audit.twins import Kind

BESIDE = "audit-gateway.json"  # looked for beside the runs where no file is given


class NotAGatewayAudit(Exception):
    """A file does not hold what `gardefou audit gateway --json` prints. The message says which and why."""


@dataclass(frozen=True, slots=True)
class GatewayTable:
    """The rows of the dimensions, and whom they are of. policy: its name and version."""

    is_passed: bool
    rows: tuple[Treatment, ...]
    policy: str
    policy_sha256: str


def read_gateway_audit(path: Path) -> GatewayTable:
    """Raises NotAGatewayAudit."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        policy = content["policy"]
        rows = tuple(_treatment(row) for row in content["dimensions"])
        return GatewayTable(bool(content["passed"]), rows, str(policy["name"]), str(policy["sha256"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NotAGatewayAudit(f"{path} is not what `gardefou audit gateway --json` prints: {error}") from error


def _treatment(row: Mapping[str, Any]) -> Treatment:
    stopped = int(row["stopped"]["named"]), int(row["stopped"]["neutral"])
    return Treatment(
        Kind(row["kind"]), str(row["language"]), str(row["dimension"]), str(row["name"]), int(row["pairs"]), stopped,
        int(row["only_named"]), int(row["only_neutral"]), Interval(*map(float, row["ratio"])), float(row["p"]),
        Interval(*map(float, row["shift"])),
    )  # fmt: skip
