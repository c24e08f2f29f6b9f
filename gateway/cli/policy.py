"""`gardefou policy`: the written policies."""

import json
from typing import Annotated

import typer

from gateway.cli.common import FOUND_PROBLEMS, AsJson, settings_of, told_plainly

group = typer.Typer(no_args_is_help=True, help="Policies.")


@group.command("check")
def check_policy(
    names: Annotated[list[str] | None, typer.Argument(help="Names or files; none checks all shipped.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read policies and run their examples."""
    with told_plainly(as_json):
        from gateway.terminal import Checker
        from policies.loader import shipped_policies

        wrong = []
        for name in names or shipped_policies():
            checker = Checker(settings_of(policy=name), record=False)
            examples, found = len(checker.policy.examples), checker.wrong_examples()
            wrong += found
            if not as_json:
                typer.echo(f"{checker.policy.stamp}: {examples - len(found)} of {examples} examples as expected")
    for example in wrong if not as_json else []:
        typer.echo(f"  {example['prompt']!r}: expected {example['expected']}, found {example['found']}")
    if as_json:
        typer.echo(json.dumps({"ok": not wrong, "wrong": wrong}))
    raise typer.Exit(FOUND_PROBLEMS if wrong else 0)
