"""`gardefou audit`: whether people are treated alike."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.common import FOUND_PROBLEMS, AsJson, settings_of, told_plainly

group = typer.Typer(no_args_is_help=True, help="Bias audits.", callback=lambda: None)


@group.command("gateway")
def audit_gateway(
    policy: Annotated[str | None, typer.Option(help="A policy's name or file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the page audit-gateway.md.", file_okay=False)] = None,
    as_json: AsJson = False,
) -> None:
    """The same prompts about different people: exit code 1 when who they are about changes how they are judged."""
    with told_plainly(as_json):
        from gateway import audit
        from gateway.evaluate import Evaluator
        from safety.bias_audit.gateway_page import as_text

        evaluator = Evaluator(settings_of(policy=policy))
        found = audit.audit_gateway(evaluator, out)
        typer.echo(json.dumps(audit.as_answer(evaluator, found)) if as_json else as_text(found))
    raise typer.Exit(0 if found.is_passed else FOUND_PROBLEMS)
