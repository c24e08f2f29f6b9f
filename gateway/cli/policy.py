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
            examples = checker.policy.examples
            answers = checker.prompts([example.prompt for example in examples])
            found = [
                {"policy": name, "prompt": example.prompt, "expected": example.expect, "found": answer["action"]}
                for example, answer in zip(examples, answers, strict=True)
                if answer["action"] != example.expect
            ]
            wrong += found
            if not as_json:
                typer.echo(
                    f"{checker.policy.stamp}: {len(examples) - len(found)} of {len(examples)} examples as expected"
                )
    for example in wrong if not as_json else []:
        typer.echo(f"  {example['prompt']!r}: expected {example['expected']}, found {example['found']}")
    if as_json:
        typer.echo(json.dumps({"ok": not wrong, "wrong": wrong}))
    raise typer.Exit(FOUND_PROBLEMS if wrong else 0)
